/**
 * Memory comes and goes: linear map and sections together (`arch_add_memory()`, `__add_pages()`; HOT-3, HOT-10, SEC-12).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Architecture from "../geometry/Architecture.ts"
import { hex } from "../geometry/Pfn.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import * as KernelError from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { type Op, write } from "../kernel/Steps.ts"
import { Kernel } from "../release/Kernel.ts"
import { Sparse } from "../sparse/Sparse.ts"
import type { Piece } from "../vmemmap/Piece.ts"
import { DirectMap } from "./DirectMap.ts"

/**
 * How a range is added: `linear` with a linear map (everything but device-private memory), `ram` when it raises `max_pfn`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly linear: boolean
  readonly ram: boolean
  readonly limit: number
}

/**
 * - `add`: `arch_add_memory()`, or `add_pages()` without a linear map: `begin`, then `extend` over all of it
 * - `begin`: everything but the sections: the checks and the linear map
 * - `extend`: the sections of a part of a range that was begun (ASY-2); what was begun stays where that fails
 * - `remove`: the reverse, sections first; of a range that was extended in parts only `parts` have any
 * - `allowed`: `mhp_range_allowed()` for a byte range (SEC-9)
 * - `maxPfn`: the highest pfn of boot or hot-added RAM ever seen, exclusive (SPW-11)
 *
 * @category services
 * @since 0.1.0
 */
export class ArchMemory extends Context.Service<ArchMemory, {
  readonly add: (range: Piece, options: Options) => Op<Result.Result<void, KernelError.KernelError>>
  readonly begin: (range: Piece, options: Options) => Op<Result.Result<void, KernelError.KernelError>>
  readonly extend: (part: Piece, options: Options) => Op<Result.Result<void, KernelError.KernelError>>
  readonly remove: (range: Piece, options: Options, parts?: ReadonlyArray<PfnRange>) => Op<void>
  readonly allowed: (range: PfnRange) => boolean
  readonly maxPfn: () => number
}>()("@vmemmap/core/hotplug/ArchMemory") {}

const invalid = (rule: string, step: string, problem: string, remedy: string) =>
  KernelError.fail({ errno: "EINVAL", rule, step, problem, remedy })

/**
 * `bootMaxPfn` is the end of boot RAM in pfns.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(bootMaxPfn: number) {
  const { arch } = yield* Kernel
  const sparse = yield* Sparse
  const directMap = yield* DirectMap
  const log = yield* KernelLog
  const page = arch.pageSize
  const unit = Architecture.addGranule(arch) / page
  const isX86 = arch.name.startsWith("x86_64")
  let maxPfn = bootMaxPfn

  const bytes = ({ end, start }: PfnRange): PfnRange => ({ start: start * page, end: end * page })

  const isAddressable = ({ end }: PfnRange): boolean => end <= 2 ** arch.physicalBits

  const unmap = function*(range: Piece): Op<void> {
    yield write("direct-map.unmap", `direct-map:${range.start}`)
    directMap.unmap(bytes(range))
  }

  const warn = (where: string, rule: string, text: string) => log.emit({ _tag: "Warn", where, rule, text })

  /** s390x, before anything else (ALT-11). */
  const refusesAltmap = () => {
    warn("arch_add_memory", "ALT-11", "this architecture takes no altmap")
    return invalid(
      "ALT-11",
      "arch_add_memory",
      `${arch.name} refuses an altmap`,
      "keep the memmap in RAM (map=mem)"
    )
  }

  /** x86, after the linear map, which stays (HOT-3). */
  const outOfRange = ({ end }: PfnRange) => {
    const problem = `pfn ${hex(end - 1)} exceeds the physical addresses of ${arch.name}`
    warn("add_pages", "HOT-3", problem)
    return KernelError.fail({
      errno: "ERANGE",
      rule: "HOT-3",
      step: "add_pages",
      problem,
      remedy: "use a lower address"
    })
  }

  /** Nobody takes back what was added before memory ran out (SEC-12), be it RAM or what the device set aside (22.6). */
  const leaks = ({ altmap, end, start }: Piece) =>
    log.emit({
      _tag: "Hazard",
      rule: altmap === null ? "SEC-12" : "22.6",
      text: `the memmap of pfns ${hex(start)} to ${hex(end - 1)} does not fit into ` +
        `${altmap === null ? "free memory" : "what the device set aside for it"}: sections added before that stay`
    })

  /** The checks of `__add_pages()` (ERR-4). */
  const checkPages = ({ altmap, end, start }: Piece): Result.Result<void, KernelError.KernelError> => {
    if (altmap !== null) {
      const { basePfn, free, reserve } = altmap.current
      if (basePfn !== start || reserve + free > end - start) {
        log.once({ where: "__add_pages", rule: "ALT-5", text: "altmap out of bounds" })
        return invalid(
          "ALT-5",
          "__add_pages",
          "the altmap does not lie at the start of the range",
          "map its whole device"
        )
      }
      altmap.current = { ...altmap.current, alloc: 0 }
    }
    if (start % unit !== 0 || (end - start) % unit !== 0) {
      warn("check_pfn_span", "SEC-8", `Misaligned add_pages start: ${hex(start)} end: ${hex(end - 1)}`)
      return invalid(
        "SEC-8",
        "check_pfn_span",
        `pfns ${hex(start)} to ${hex(end - 1)} are no whole number of ${unit} pages`,
        `start and size must be multiples of ${unit * page} bytes`
      )
    }
    return Result.succeed(undefined)
  }

  /** What becomes of a range whose sections could not be added. */
  const refused = function*(
    range: Piece,
    error: KernelError.KernelError,
    linear: boolean
  ): Op<Result.Result<never, KernelError.KernelError>> {
    if (error.errno === "ENOMEM") leaks(range)
    if (isX86) log.once({ where: "add_pages", rule: "MRP-16", text: error.message })
    else if (linear) yield* unmap(range)
    return Result.fail(error)
  }

  const begin = function*(range: Piece, { linear }: Options): Op<Result.Result<void, KernelError.KernelError>> {
    if (range.altmap !== null && arch.altmap === "refused") return refusesAltmap()
    if (linear) {
      yield write("direct-map.map", `direct-map:${range.start}`)
      directMap.map(bytes(range))
    }
    if (isX86 && !isAddressable(bytes(range))) return outOfRange(range)
    const checked = checkPages(range)
    return Result.isFailure(checked) ? yield* refused(range, checked.failure, linear) : checked
  }

  const extendOr = function*(
    part: Piece,
    limit: number,
    linear: boolean
  ): Op<Result.Result<void, KernelError.KernelError>> {
    const added = yield* sparse.add(part, limit)
    return Result.isFailure(added) ? yield* refused(part, added.failure, linear) : added
  }

  const extend = (part: Piece, { limit }: Options) => extendOr(part, limit, false)

  const add = function*(range: Piece, options: Options): Op<Result.Result<void, KernelError.KernelError>> {
    const begun = yield* begin(range, options)
    const added = Result.isFailure(begun) ? begun : yield* extendOr(range, options.limit, options.linear)
    // x86 does not ask how it went (HOT-3).
    const isRaised = isX86 ? isAddressable(bytes(range)) : Result.isSuccess(added)
    if (options.ram && isRaised) maxPfn = Math.max(maxPfn, range.end)
    return added
  }

  const remove = function*(
    range: Piece,
    { limit, linear }: Options,
    parts: ReadonlyArray<PfnRange> = [range]
  ): Op<void> {
    if (range.start % unit === 0 && range.end % unit === 0) {
      for (const part of parts) yield* sparse.remove({ ...range, ...part }, limit)
    } else {
      warn("__remove_pages", "HOT-10", `Misaligned range ${hex(range.start)} to ${hex(range.end - 1)}`)
    }
    if (linear) yield* unmap(range)
  }

  return ArchMemory.of({
    add,
    begin,
    extend,
    remove,
    allowed: (range) => range.start >= 0 && range.start < range.end && isAddressable(range),
    maxPfn: () => maxPfn
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  bootMaxPfn: number
): Layer.Layer<ArchMemory, never, Kernel | Sparse | DirectMap | KernelLog> => Layer.effect(ArchMemory, make(bootMaxPfn))
