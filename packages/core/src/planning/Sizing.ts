/**
 * The inverse question: which size must be requested to get a number of usable bytes (28.6).
 *
 * Usable bytes never shrink when a request grows by whole granules from a fixed start, so the least legal request is found
 * by bisection: about fifty evaluations whatever the size. Only an altmap too small for its own range (ALT-3, where partial
 * sections take pages from it) comes and goes with the size, by sections: such requests are stepped over.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Alignment from "../geometry/Alignment.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import { addressLimit } from "../geometry/Pfn.ts"
import * as Capacity from "./Capacity.ts"
import type { Choice, PlanOption } from "./PlanOption.ts"
import type { Kernel, Target } from "./Target.ts"

/**
 * `request` and `usable` in bytes. `nextLower` is the next smaller legal request, which does not suffice; `null` when the
 * request is already the smallest there is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sizing {
  readonly want: number
  readonly granule: number
  readonly request: number
  readonly usable: number
  readonly option: PlanOption
  readonly nextLower: { readonly request: number; readonly usable: number; readonly refused: string | null } | null
}

/**
 * No request below the address limit gives that much.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unreachable extends Schema.TaggedError<Unreachable>("@vmemmap/core/Sizing/Unreachable")("Unreachable", {
  want: Schema.Natural,
  reason: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `no request gives ${HumanSize.format(this.want)}: ${this.reason}; ${this.remedy}`
  }
}

/**
 * Bytes a request must be a multiple of: the least common multiple of the region alignment and alignment × ways, and never
 * less than the unit the layout rounds to (27.2, OBS-25 rows 7 and 8).
 *
 * @category queries
 * @since 0.1.0
 */
export const granule = (choice: Choice, target: Target, { arch }: Kernel): number => {
  const align = choice.mode === "fsdax" || choice.mode === "devdax" || choice.mode === "system-ram"
    ? Math.max(choice.align ?? arch.compatAlign, arch.compatAlign)
    : arch.pageSize
  return target.kind === "dax"
    ? align
    : Alignment.leastCommonMultiple(target.regionAlign, align * target.ways)
}

/**
 * The least request for at least `want` usable bytes at `target.start`; `target.size` is ignored.
 *
 * @category constructors
 * @since 0.1.0
 */
export const find = (
  want: number,
  choice: Choice,
  target: Target,
  kernel: Kernel
): Result.Result<Sizing, Unreachable> => {
  const unit = granule(choice, target, kernel)
  const limit = Math.min(addressLimit, 2 ** kernel.arch.physicalBits) - target.start
  const at = (units: number): PlanOption => Capacity.plan(choice, { ...target, size: units * unit }, kernel)
  const near = Math.ceil(2 * kernel.arch.sectionSize / unit)
  const stepOver = (units: number, step: 1 | -1): number => {
    let legal = units
    for (let i = 0; i < near && at(legal).error?.rule === "ALT-3"; i++) legal += step
    return legal
  }
  const most = stepOver(Math.floor(limit / unit), -1)
  const best = at(most)
  if (most < 1 || best.error !== null || best.usable < want) {
    return Result.fail(
      new Unreachable({
        want,
        reason: best.error === null ? "the address space ends first" : best.error.message,
        remedy: best.error === null ? "ask for less, or start lower" : best.error.remedy
      })
    )
  }
  let low = 0
  let high = most
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const above = stepOver(middle, 1)
    const option = at(above)
    if (above > most || (option.error === null && option.usable >= want)) high = middle
    else low = middle
  }
  high = stepOver(high, 1)
  const option = at(high)
  low = high - 1
  const lower = low === 0 ? null : at(low)
  return Result.succeed({
    want,
    granule: unit,
    request: high * unit,
    usable: option.usable,
    option,
    nextLower: lower === null
      ? null
      : { request: low * unit, usable: lower.usable, refused: lower.error === null ? null : lower.error.message }
  })
}

/**
 * The least request that gives exactly `usable` bytes; `undefined` when the least that suffices gives more, or none does.
 *
 * @category queries
 * @since 0.1.0
 */
export const exactly = (usable: number, choice: Choice, target: Target, kernel: Kernel): Sizing | undefined => {
  const found = find(usable, choice, target, kernel)
  return Result.isSuccess(found) && found.success.usable === usable ? found.success : undefined
}

/**
 * The smallest request at or below `target.size` that gives just as many usable bytes; `null` when there is none smaller.
 *
 * @category queries
 * @since 0.1.0
 */
export const smallerEqual = (choice: Choice, target: Target, kernel: Kernel): number | null => {
  const now = Capacity.plan(choice, target, kernel)
  if (now.error !== null || now.usable === 0) return null
  const least = exactly(now.usable, choice, target, kernel)
  return least !== undefined && least.request < target.size ? least.request : null
}
