/**
 * RAM by node and order: the page allocator as far as a memmap needs it (VMM-5).
 *
 * Free memory is kept as extents of pfns in areas: boot RAM, then whatever was onlined to a kernel zone. Areas are used in
 * that order and from their low end, so memory that came last is taken last. Blocks are aligned to their size. Cost grows
 * with free extents, not with pages.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Alignment from "../geometry/Alignment.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Faults } from "./Faults.ts"
import { Shortage } from "./Shortage.ts"

/**
 * Memory the allocator may hand out, in pfns.
 *
 * @category models
 * @since 0.1.0
 */
export interface Area extends PfnRange.PfnRange {
  readonly node: number
}

/**
 * `count` neighbouring blocks from pfn `start` on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Taken {
  readonly node: number
  readonly start: number
  readonly count: number
}

/**
 * Blocks of `2^order` pages, on `node` if it has any, else on the nearest node that has.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly node: number
  readonly order: number
  readonly count: number
  /** What for: the books are kept by it. */
  readonly purpose: string
}

/**
 * - `take` hands out as many of the wanted blocks as there are, ascending in the order they were found
 * - `give` takes pages back
 * - `small` stands for an object of the slab allocator: `false` when there is no memory for it
 * - `add` and `withdraw` are onlining and offlining; `withdraw` answers `false`, and does nothing, when a page is in use
 * - `room` tells how many blocks of an order could be taken now, on all nodes, and `free` the free pages of one
 *
 * @category services
 * @since 0.1.0
 */
export class FrameAllocator extends Context.Service<FrameAllocator, {
  readonly take: (request: Request) => ReadonlyArray<Taken>
  readonly give: (start: number, pages: number, purpose: string) => void
  readonly small: (purpose: string) => boolean
  readonly add: (area: Area) => void
  readonly withdraw: (range: PfnRange.PfnRange) => boolean
  readonly room: (order: number) => number
  readonly free: (node: number) => number
}>()("@vmemmap/core/frames/FrameAllocator") {}

/**
 * All of the wanted blocks, or none: `null`, with what was found given back.
 *
 * @category combinators
 * @since 0.1.0
 */
export const takeAll = (frames: FrameAllocator["Service"], request: Request): ReadonlyArray<Taken> | null => {
  const taken = frames.take(request)
  if (taken.reduce((sum, block) => sum + block.count, 0) === request.count) return taken
  for (const { count, start } of taken) frames.give(start, count * 2 ** request.order, request.purpose)
  return null
}

interface Pool extends Area {
  end: number
  readonly free: ExtentMap.ExtentMap<true>
}

/** Aligned blocks of `size` pages in a free extent, and where the first one begins. */
const fit = ({ end, start }: PfnRange.PfnRange, size: number): { readonly start: number; readonly count: number } => {
  const first = Alignment.up(start, size)
  return { start: first, count: Math.max(0, Math.floor((end - first) / size)) }
}

/**
 * An allocator over boot RAM. `keep` pages stay out of reach (watermarks, HOT-24).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(boot: ReadonlyArray<Area>, keep = 0) {
  const log = yield* KernelLog
  const faults = yield* Faults
  const shortage = yield* Shortage
  const pools: Array<Pool> = []
  let available = -keep

  const add = (area: Area): void => {
    const last = pools.at(-1)
    available += area.end - area.start
    if (last !== undefined && last.node === area.node && last.end === area.start) {
      last.end = area.end
      ExtentMap.set(last.free, area.start, area.end, true)
      return
    }
    const pool: Pool = { ...area, free: ExtentMap.empty() }
    ExtentMap.set(pool.free, area.start, area.end, true)
    pools.push(pool)
  }
  for (const area of boot.toSorted((a, b) => b.start - a.start)) add(area)

  const account = (node: number, purpose: string, amount: number): void =>
    log.emit({ _tag: "Account", book: "ram", where: String(node), purpose, amount })

  const search = ({ node, order, purpose }: Request, wanted: number): Array<Taken> => {
    const size = 2 ** order
    const taken: Array<Taken> = []
    let missing = Math.min(wanted, Math.floor(Math.max(0, available) / size))
    for (const pool of byDistance(pools, node)) {
      for (const extent of pool.free.extents.slice()) {
        if (missing === 0) return taken
        const { count, start } = fit(extent, size)
        const blocks = Math.min(count, missing)
        if (blocks === 0) continue
        ExtentMap.remove(pool.free, start, start + blocks * size)
        account(pool.node, purpose, blocks * size)
        available -= blocks * size
        missing -= blocks
        taken.push({ node: pool.node, start, count: blocks })
      }
    }
    return taken
  }

  const poolOf = (pfn: number): Pool | undefined => pools.find((pool) => pool.start <= pfn && pfn < pool.end)

  return FrameAllocator.of({
    add,
    take: (request) => {
      const wanted = faults.pass(request.count)
      const taken = search(request, wanted)
      const missing = wanted - taken.reduce((sum, { count }) => sum + count, 0)
      return missing > 0 && shortage({ ...request, missing }) ? [...taken, ...search(request, missing)] : taken
    },
    give: (start, pages, purpose) => {
      const pool = poolOf(start)
      if (pool === undefined) return
      ExtentMap.set(pool.free, start, start + pages, true)
      available += pages
      account(pool.node, purpose, -pages)
    },
    small: () => faults.pass(1) === 1 && available > 0,
    withdraw: ({ end, start }) => {
      const pool = poolOf(start)
      if (pool === undefined || pool.end < end) return false
      if (ExtentMap.gaps(pool.free, start, end).length > 0) return false
      pools.splice(pools.indexOf(pool), 1, ...cut(pool, start, end))
      available -= end - start
      return true
    },
    room: (order) => {
      const size = 2 ** order
      const blocks = pools.reduce(
        (sum, pool) => sum + pool.free.extents.reduce((n, extent) => n + fit(extent, size).count, 0),
        0
      )
      return Math.min(blocks, Math.floor(Math.max(0, available) / size))
    },
    free: (node) =>
      pools.filter((pool) => pool.node === node)
        .reduce((sum, pool) => sum + PfnRange.total(pool.free.extents), 0)
  })
})

/** The node itself, then the others by distance; of two equally far the lower one (SPW-10). */
const byDistance = (pools: ReadonlyArray<Pool>, node: number): ReadonlyArray<Pool> =>
  pools.every((pool) => pool.node === node)
    ? pools
    : pools.toSorted((a, b) => Math.abs(a.node - node) - Math.abs(b.node - node) || a.node - b.node)

/** What is left of a pool without `[start, end)`, which is free. */
const cut = (pool: Pool, start: number, end: number): ReadonlyArray<Pool> => {
  const part = (from: number, to: number): ReadonlyArray<Pool> =>
    to <= from
      ? []
      : [{ node: pool.node, start: from, end: to, free: { extents: ExtentMap.slice(pool.free, from, to) } }]
  return [...part(pool.start, start), ...part(end, pool.end)]
}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  boot: ReadonlyArray<Area>,
  keep = 0
): Layer.Layer<FrameAllocator, never, KernelLog | Faults> => Layer.effect(FrameAllocator, make(boot, keep))
