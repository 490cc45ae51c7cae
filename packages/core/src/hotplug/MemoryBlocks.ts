/**
 * Memory blocks: the units in which System RAM goes online and offline (GEO-16, GEO-17, HOT-4, HOT-5).
 *
 * Kept as extents of like blocks, by block number: cost grows with extents, not with blocks.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { Faults } from "../frames/Faults.ts"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import { hex } from "../geometry/Pfn.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import * as KernelError from "../kernel/KernelError.ts"
import { type Op, write } from "../kernel/Steps.ts"
import { Kernel } from "../release/Kernel.ts"
import * as Zones from "../zones/Zones.ts"
import * as BootBlocks from "./BootBlocks.ts"

/**
 * What a block is.
 *
 * - `nodes`: the nodes it is linked to; a block of several belongs to the last of them
 * - `zone`: where its pages are online; `null` when offline, or when they lie in several zones
 * - `isBoot`: its sections are early
 * - `group`: the memory group it was added with
 * - `memmap`: `pages` at its start hold its own memmap, of which `alloc` are really used; `null`: the memmap is in RAM
 *   (HOT-13)
 *
 * @category models
 * @since 0.1.0
 */
export interface Block extends BootBlocks.BootBlock {
  readonly state: "online" | "going-offline" | "offline"
  readonly isBoot: boolean
  readonly group: number | null
  readonly memmap: { readonly pages: number; readonly alloc: number } | null
}

/**
 * A run of like blocks, by block number.
 *
 * @category models
 * @since 0.1.0
 */
export type Run = ExtentMap.Extent<Block>

/**
 * Ranges are block numbers, half-open; `size` is a block in bytes, `pages` in pages.
 *
 * - `boot` registers the blocks of boot RAM (pfns by node), after the zones were filled
 * - `create` and `remove` are block devices coming and going: `create` fails with EEXIST or ENOMEM, and then has created
 *   none. `limit` blocks pass between two steps
 * - `update` changes what blocks of a range are
 * - `runs` lists the blocks of a range; without one, all
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryBlocks extends Context.Service<MemoryBlocks, {
  readonly size: number
  readonly pages: number
  readonly boot: (ram: ReadonlyArray<BootBlocks.Ram>) => void
  readonly create: (
    range: PfnRange,
    block: Block,
    limit: number
  ) => Op<Result.Result<void, KernelError.KernelError>>
  readonly remove: (range: PfnRange) => void
  readonly update: (range: PfnRange, change: Partial<Block>) => void
  readonly runs: (range?: PfnRange) => ReadonlyArray<Run>
}>()("@vmemmap/core/hotplug/MemoryBlocks") {}

/**
 * The node a block belongs to (`mem->nid`).
 *
 * @category queries
 * @since 0.1.0
 */
export const nodeOf = ({ nodes }: Pick<Block, "nodes">): number => nodes.at(-1) ?? 0

/**
 * The pages of a run, in pfns: `own` hold its memmap (none, for most blocks), `rest` are for others. `pages` is the size of a
 * block. Only runs of one block have pages of their own.
 *
 * @category queries
 * @since 0.1.0
 */
export const pagesOf = (
  { end, start, value }: Run,
  pages: number
): { readonly own: PfnRange; readonly rest: PfnRange } => {
  const first = start * pages
  const kept = first + (value.memmap?.pages ?? 0)
  return { own: { start: first, end: kept }, rest: { start: kept, end: end * pages } }
}

const everything: PfnRange = { start: 0, end: Infinity }

/**
 * Without blocks. `size` is GEO-15's, a multiple of the section.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(size: number) {
  const { arch } = yield* Kernel
  const zones = yield* Zones.Zones
  const frames = yield* FrameAllocator
  const faults = yield* Faults
  const pages = size / arch.pageSize
  const blocks = ExtentMap.empty<Block>()
  /** One object for all blocks that are alike, so that their extents join. */
  const values = new Map<string, Block>()

  const alike = (block: Block): Block => {
    const { group, hasHoles, isBoot, memmap, nodes, state, zone } = block
    const key = [state, zone, nodes, isBoot, hasHoles, group, memmap?.pages, memmap?.alloc].join(" ")
    const known = values.get(key) ?? block
    values.set(key, known)
    return known
  }

  const set = ({ end, start }: PfnRange, block: Block) => ExtentMap.set(blocks, start, end, alike(block))

  const create = function*(
    range: PfnRange,
    block: Block,
    limit: number
  ): Op<Result.Result<void, KernelError.KernelError>> {
    const existing = ExtentMap.slice(blocks, range.start, range.end)[0]
    const end = existing?.start ?? range.end
    const atOnce = faults.isArmed() ? 1 : limit
    for (let at = range.start; at < end;) {
      const next = Math.min(end, at + atOnce)
      yield write("block.create", `block:${at}`)
      if (!frames.small("memory-block")) {
        ExtentMap.remove(blocks, range.start, at)
        return KernelError.fail({
          errno: "ENOMEM",
          rule: "HOT-2",
          step: "create_memory_block_devices",
          problem: `no memory for the device of memory block ${at}`,
          remedy: "free memory first"
        })
      }
      set({ start: at, end: next }, block)
      at = next
    }
    if (existing === undefined) return Result.succeed(undefined)
    ExtentMap.remove(blocks, range.start, end)
    return KernelError.fail({
      errno: "EEXIST",
      rule: "HOT-2",
      step: "create_memory_block_devices",
      problem: `memory block ${existing.start} (${hex(existing.start * size)}) exists`,
      remedy: "remove what is there first, or use other bytes"
    })
  }

  return MemoryBlocks.of({
    size,
    pages,
    boot: (ram) => {
      for (const { value, ...range } of BootBlocks.make(ram, zones.all(), pages)) {
        set(range, { ...value, state: "online", isBoot: true, group: null, memmap: null })
      }
    },
    create,
    remove: ({ end, start }) => ExtentMap.remove(blocks, start, end),
    update: ({ end, start }, change) => {
      for (const { value, ...range } of ExtentMap.slice(blocks, start, end)) set(range, { ...value, ...change })
    },
    runs: ({ end, start } = everything) => ExtentMap.slice(blocks, start, end)
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  size: number
): Layer.Layer<MemoryBlocks, never, Kernel | Zones.Zones | FrameAllocator | Faults> =>
  Layer.effect(MemoryBlocks, make(size))
