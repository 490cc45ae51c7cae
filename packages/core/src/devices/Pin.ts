/**
 * Long-term pinning of device memory: `pin_user_pages(FOLL_LONGTERM)` and what RDMA makes of it (24.5).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Alignment from "../geometry/Alignment.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as Pagemap from "../hotplug/Pagemap.ts"
import * as KernelError from "../kernel/KernelError.ts"
import * as Steps from "../kernel/Steps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import type { DaxMapping } from "./DaxMapping.ts"
import * as PinCost from "./PinCost.ts"

/**
 * Pinned pages: `runs` of pfns in the order of the buffer, and what pinning and unpinning them costs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pinned {
  readonly pages: number
  readonly order: number
  readonly runs: ReadonlyArray<PinCost.Run>
  readonly pin: PinCost.Atomics
  readonly unpin: PinCost.Atomics
}

/**
 * A registered RDMA memory region: how many pin calls it took, its scatter list in pfns, and the largest page size the
 * hardware can map it with (0: none of those it supports).
 *
 * @category models
 * @since 0.1.0
 */
export interface Registration extends Pinned {
  readonly batches: number
  readonly scatter: ReadonlyArray<PfnRange.PfnRange>
  readonly pageSize: number
}

/**
 * Ranges are virtual bytes of a mapping. What is pinned stays so until the scope ends; a failure pins nothing. Missing
 * entries are faulted in first; EFAULT where that ends in SIGBUS or the device is being unbound.
 *
 * - `longTerm`: pins every page of a range
 * - `register`: `ib_reg_mr()`: pins in batches; `supported` are the page sizes of the hardware
 *
 * @category services
 * @since 0.1.0
 */
export class Pin extends Context.Service<Pin, {
  readonly longTerm: (
    mapping: DaxMapping,
    range: PfnRange.PfnRange
  ) => Effect.Effect<Pinned, KernelError.KernelError, Scope.Scope>
  readonly register: (
    mapping: DaxMapping,
    range: PfnRange.PfnRange,
    supported: ReadonlyArray<number>
  ) => Effect.Effect<Registration, KernelError.KernelError, Scope.Scope>
}>()("@vmemmap/core/devices/Pin") {}

/** What pinning a base page adds to its refcount: GUP_PIN_COUNTING_BIAS. */
const bias = 1024

const fault = (problem: string): Result.Result<never, KernelError.KernelError> =>
  KernelError.fail({
    errno: "EFAULT",
    rule: "24.5",
    step: "pin_user_pages",
    problem,
    remedy: "pin bytes of a mapping whose device is bound"
  })

/** The runs of `pagemap`'s ranges, each with the head its compounds are counted from. */
const withBase = (pagemap: Pagemap.Pagemap, runs: ReadonlyArray<PfnRange.PfnRange>): ReadonlyArray<PinCost.Run> =>
  runs.flatMap((run) =>
    pagemap.ranges.flatMap((range, i) => {
      const { end, start } = PfnRange.intersection(run, range)
      return end > start ? [{ start, end, base: Pagemap.first(pagemap, i) }] : []
    })
  )

/** A run cut so that each piece holds as many pages of every compound it touches: whole compounds, with that number. */
const perCompound = ({ base, end, start }: PinCost.Run, order: number) => {
  const size = 2 ** order
  const down = (pfn: number) => base + Alignment.down(pfn - base, size)
  const up = (pfn: number) => base + Alignment.up(pfn - base, size)
  const edges = [...new Set([start, Math.min(up(start), end), Math.max(down(end), start), end])].toSorted((a, b) =>
    a - b
  )
  return edges.slice(1).map((to, i) => {
    const from = edges[i] ?? to
    return { start: down(from), end: up(to), pages: Math.min(size, to - from) }
  })
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const { arch } = yield* Kernel
  const memmap = yield* Memmap
  const page = arch.pageSize
  const perBatch = PinCost.batch(page)

  const count = (runs: ReadonlyArray<PinCost.Run>, order: number, sign: 1 | -1): void => {
    for (const run of runs) {
      if (order === 0) {
        memmap.count(run.start, run.end, { references: sign * bias, pins: 0 })
        continue
      }
      for (const { end, pages, start } of perCompound(run, order)) {
        memmap.count(start, end, { references: sign * pages, pins: sign * pages })
      }
    }
  }

  /** Takes the references of all pages; of none when the device is being unbound meanwhile. */
  const take = function*(
    { bound, ...mapping }: DaxMapping,
    range: PfnRange.PfnRange,
    limit: number
  ): Steps.Op<Result.Result<ReadonlyArray<PinCost.Run>, KernelError.KernelError>> {
    const { pagemap } = bound
    const taken: Array<PinCost.Run> = []
    for (let { start } = range; start < range.end;) {
      const end = limit === Infinity ? range.end : Math.min(range.end, start + limit * perBatch * page)
      yield Steps.write("page.pin", `pagemap:${pagemap.id}`)
      const runs = mapping.runs({ start, end })
      const pieces = withBase(pagemap, runs ?? [])
      if (runs === null || pages(pieces) < pages(runs) || !pagemap.references.tryGet()) {
        put(pagemap, taken)
        return fault(`${bound.device.name} is being unbound, or has bytes its driver never mapped`)
      }
      pagemap.references.get(pages(pieces) - 1)
      count(pieces, pagemap.order, 1)
      taken.push(...pieces)
      start = end
    }
    return Result.succeed(taken)
  }

  const pages = (runs: ReadonlyArray<PfnRange.PfnRange>): number =>
    runs.reduce((sum, run) => sum + PfnRange.length(run), 0)

  const put = (pagemap: Pagemap.Pagemap, runs: ReadonlyArray<PinCost.Run>): void => {
    count(runs, pagemap.order, -1)
    if (runs.length > 0) pagemap.references.put(pages(runs))
  }

  const longTerm = Effect.fnUntraced(function*(mapping: DaxMapping, { end, start }: PfnRange.PfnRange) {
    const { area, bound } = mapping
    const range = { start: Alignment.down(start, page), end: Alignment.up(end, page) }
    if (range.end <= range.start || !PfnRange.contains(area, range)) {
      return yield* Effect.fromResult(fault(`${hex(start)} to ${hex(end - 1)} is not inside the mapping`))
    }
    const touched = yield* mapping.touch(range)
    if (touched._tag === "Sigbus") {
      return yield* Effect.fromResult(fault(`SIGBUS at ${hex(touched.address)}: ${touched.reason}`))
    }
    const runs = yield* Effect.acquireRelease(
      Effect.flatMap(Steps.run((limit) => take(mapping, range, limit)), Effect.fromResult),
      (taken) =>
        Steps.run(function*() {
          yield Steps.write("page.unpin", `pagemap:${bound.pagemap.id}`)
          put(bound.pagemap, taken)
        })
    )
    const { order } = bound.pagemap
    return {
      pages: pages(runs),
      order,
      runs,
      pin: PinCost.pin(runs, order),
      unpin: PinCost.unpin(runs, order)
    } satisfies Pinned
  })

  return Pin.of({
    longTerm,
    register: (mapping, range, supported) =>
      Effect.map(longTerm(mapping, range), (pinned) => {
        const scatter = PinCost.scatter(pinned.runs)
        return {
          ...pinned,
          batches: Math.ceil(pinned.pages / perBatch),
          scatter,
          pageSize: PinCost.bestPageSize(supported, range, scatter, page)
        }
      })
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Pin, never, Kernel | Memmap> = Layer.effect(Pin, make)
