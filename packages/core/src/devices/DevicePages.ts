/**
 * Pages of device memory a driver hands out one by one, and what becomes of them when they move to RAM (25.7).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import * as KernelError from "../kernel/KernelError.ts"
import type { Memmap } from "../memmap/Memmap.ts"

/**
 * Where an allocated page is now: still on the device, moved to a page of RAM, or lost because there was no RAM to move it to.
 *
 * @category models
 * @since 0.1.0
 */
export type Location = { readonly _tag: "Device" } | { readonly _tag: "Ram"; readonly pfn: number } | {
  readonly _tag: "Lost"
}

/**
 * The pages of one driver.
 *
 * - `add` puts the pages of a mapped pagemap on the free list in ascending order, so the next one taken is the highest
 * - `allocate` takes pages from the free list, newest first; they are freed, wherever they are then, when the scope ends.
 *   ENOMEM when fewer are free, or their pagemap is being torn down
 * - `migrate` moves a page to RAM of its own: ENOMEM when there is none, EFAULT for a page that is not allocated
 * - `drop` takes a pagemap's pages away, so that it can be torn down: allocated ones move to RAM; what finds none is lost
 * - `pageFree` puts one page on the free list
 * - `locate` tells where an allocated page is
 * - `word` is its `zone_device_data`: the next free page of a free one (0: the last), 0 of an allocated one
 * - `free` counts free pages
 *
 * @category models
 * @since 0.1.0
 */
export interface DevicePages {
  readonly add: (pagemap: Pagemap.Pagemap) => void
  readonly allocate: (
    count: number
  ) => Effect.Effect<ReadonlyArray<PfnRange.PfnRange>, KernelError.KernelError, Scope.Scope>
  readonly migrate: (pfn: number) => Effect.Effect<number, KernelError.KernelError>
  readonly drop: (pagemap: Pagemap.Pagemap) => void
  readonly pageFree: (pfn: number) => void
  readonly locate: (pfn: number) => Location | undefined
  readonly word: (pfn: number) => number
  readonly free: () => number
}

const purpose = "migrated page"

const refuse = (errno: "ENOMEM" | "EFAULT", step: string, problem: string, remedy: string) =>
  KernelError.fail({ errno, rule: "25.7", step, problem, remedy })

/**
 * A driver without pages. `node` is where RAM for migrated pages is looked for first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ frames, memmap, node }: {
  readonly frames: FrameAllocator["Service"]
  readonly memmap: Memmap["Service"]
  readonly node: number
}): DevicePages => {
  const pagemaps: Array<Pagemap.Pagemap> = []
  /** Free pages; the last run is the top of the list, and its last page the first to go. */
  const list: Array<PfnRange.PfnRange> = []
  const used = ExtentMap.empty<Location["_tag"]>()
  /** Of pages in RAM: how far their page is from the device's. */
  const moved = ExtentMap.empty<number>()

  const pagemapOf = (pfn: number): Pagemap.Pagemap | undefined =>
    pagemaps.find(({ ranges }) => ranges.some(({ end, start }) => pfn >= start && pfn < end))

  const free = (): number => list.reduce((sum, run) => sum + PfnRange.length(run), 0)

  const push = (run: PfnRange.PfnRange): void => {
    const top = list.at(-1)
    if (top !== undefined && top.end === run.start) list[list.length - 1] = { start: top.start, end: run.end }
    else list.push(run)
  }

  /** References of device pages: on the pages, and one each on their pagemap. */
  const refer = (run: PfnRange.PfnRange, pagemap: Pagemap.Pagemap): void => {
    memmap.count(run.start, run.end, { references: 1, pins: 0 })
    pagemap.references.get(PfnRange.length(run))
  }

  /** `free_zone_device_page()`: count 0, `page_free`, and the pagemap's reference. */
  const release = (run: PfnRange.PfnRange): void => {
    memmap.count(run.start, run.end, { references: -1, pins: 0 })
    push(run)
    pagemapOf(run.start)?.references.put(PfnRange.length(run))
  }

  const take = (count: number): Result.Result<ReadonlyArray<PfnRange.PfnRange>, KernelError.KernelError> => {
    if (!Number.isSafeInteger(count) || count < 0 || count > free()) {
      return refuse("ENOMEM", "allocate", `${count} pages wanted, ${free()} free`, "free pages, or add memory")
    }
    if (list.some(({ start }) => pagemapOf(start)?.isLive() !== true)) {
      return refuse("ENOMEM", "zone_device_page_init", "the pagemap is being torn down", "map the memory again")
    }
    const taken: Array<PfnRange.PfnRange> = []
    for (let missing = count; missing > 0;) {
      const top = list.pop()
      if (top === undefined) break
      const length = Math.min(missing, PfnRange.length(top))
      const run = { start: top.end - length, end: top.end }
      if (run.start > top.start) list.push({ start: top.start, end: run.start })
      const pagemap = pagemapOf(run.start)
      if (pagemap !== undefined) refer(run, pagemap)
      ExtentMap.set(used, run.start, run.end, "Device")
      taken.push(run)
      missing -= length
    }
    return Result.succeed(taken)
  }

  const give = (runs: ReadonlyArray<PfnRange.PfnRange>): void => {
    for (const run of runs.toReversed()) {
      for (const { end, start, value } of ExtentMap.slice(used, run.start, run.end)) {
        if (value === "Device") release({ start, end })
      }
      for (const { end, start, value } of ExtentMap.slice(moved, run.start, run.end)) {
        frames.give(start + value, end - start, purpose)
      }
      ExtentMap.remove(used, run.start, run.end)
      ExtentMap.remove(moved, run.start, run.end)
    }
  }

  /** Moves device pages to as much RAM as there is, lowest first, and frees them; how many found a place. */
  const move = ({ end, start }: PfnRange.PfnRange): number => {
    let pfn = start
    for (const run of frames.take({ node, order: 0, count: end - start, purpose })) {
      ExtentMap.set(moved, pfn, pfn + run.count, run.start - pfn)
      pfn += run.count
    }
    if (pfn > start) {
      ExtentMap.set(used, start, pfn, "Ram")
      release({ start, end: pfn })
    }
    return pfn - start
  }

  const locate = (pfn: number): Location | undefined => {
    const _tag = ExtentMap.find(used, pfn)?.value
    if (_tag === undefined) return undefined
    return _tag === "Ram" ? { _tag, pfn: pfn + (ExtentMap.find(moved, pfn)?.value ?? 0) } : { _tag }
  }

  return {
    add: (pagemap) => {
      pagemaps.push(pagemap)
      for (const range of pagemap.ranges) push(range)
    },
    allocate: (count) =>
      Effect.acquireRelease(
        Effect.suspend(() => Effect.fromResult(take(count))),
        (runs) => Effect.sync(() => give(runs))
      ),
    migrate: (pfn) =>
      Effect.suspend(() => {
        const now = locate(pfn)?._tag
        if (now === undefined || now === "Lost") {
          return Effect.fromResult(
            refuse("EFAULT", "migrate_to_ram", `page ${hex(pfn)} is not allocated`, "touch an allocated page")
          )
        }
        if (now === "Device" && move({ start: pfn, end: pfn + 1 }) === 0) {
          return Effect.fromResult(
            refuse("ENOMEM", "migrate_to_ram", `no RAM to move page ${hex(pfn)} to`, "free memory on the node")
          )
        }
        return Effect.succeed(pfn + (ExtentMap.find(moved, pfn)?.value ?? 0))
      }),
    drop: (pagemap) => {
      for (const range of pagemap.ranges) {
        for (const { end, start, value } of ExtentMap.slice(used, range.start, range.end)) {
          if (value !== "Device") continue
          const left = { start: start + move({ start, end }), end }
          if (left.start === end) continue
          ExtentMap.set(used, left.start, left.end, "Lost")
          release(left)
        }
      }
      pagemaps.splice(pagemaps.indexOf(pagemap), 1)
      list.splice(0, list.length, ...list.flatMap((run) => PfnRange.subtract(run, pagemap.ranges)))
    },
    pageFree: (pfn) => push({ start: pfn, end: pfn + 1 }),
    locate,
    word: (pfn) => {
      const i = list.findIndex((run) => pfn >= run.start && pfn < run.end)
      const run = list[i]
      if (run === undefined) return 0
      const below = list[i - 1]
      return pfn > run.start ? pfn - 1 : below === undefined ? 0 : below.end - 1
    },
    free
  }
}
