/**
 * A device-dax mapping in an address space: its page table entries, and the faults that bring them (24.4).
 *
 * Entries are kept as runs: cost grows with runs of a device's ranges, not with pages.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Semaphore from "effect/Semaphore"
import * as Alignment from "../geometry/Alignment.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import { read, Steps, write } from "../kernel/Steps.ts"
import type { Device } from "./DaxDriver.ts"
import * as DaxFault from "./DaxFault.ts"

/**
 * A bound device as its mappings see it. Faults hold a permit of `srcu` while they run; whoever kills the device takes all.
 * `awaitPages` is the waiting of `AwaitPages`. `marked` are the pages whose struct page, or head, has the file's mapping.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound {
  readonly device: Device
  readonly pagemap: Pagemap.Pagemap
  readonly arch: Architecture
  readonly srcu: Semaphore.Semaphore
  readonly marked: ExtentMap.ExtentMap<true>
  readonly awaitPages: (pagemap: Pagemap.Pagemap, pfns: PfnRange.PfnRange) => Effect.Effect<void, KernelError>
  readonly isAlive: () => boolean
}

/**
 * How touching addresses ended: `entries` new entries of `level` (0 if all were there), with mapping and index set in
 * `marked` struct pages; or SIGBUS at `address`, after the entries before it.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | {
    readonly _tag: "Mapped"
    readonly level: DaxFault.Level | null
    readonly entries: number
    readonly marked: number
  }
  | {
    readonly _tag: "Sigbus"
    readonly address: number
    readonly level: DaxFault.Level
    readonly reason: DaxFault.Reason
  }

/**
 * - `fault`: an access to one virtual address; `touch`: to every one of a range, in order
 * - `runs`: the pfns behind a virtual range, in its order; `null` where any entry is missing
 * - `maySplit`: whether `madvise()` may split the mapping at an address
 * - `zap`: takes all entries away
 *
 * @category models
 * @since 0.1.0
 */
export interface DaxMapping {
  readonly area: DaxFault.Area
  readonly bound: Bound
  readonly fault: (address: number) => Effect.Effect<Outcome>
  readonly touch: (range: PfnRange.PfnRange) => Effect.Effect<Outcome>
  readonly runs: (range: PfnRange.PfnRange) => ReadonlyArray<PfnRange.PfnRange> | null
  readonly maySplit: (address: number) => boolean
  readonly zap: () => void
}

/**
 * A mapping without entries.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (bound: Bound, area: DaxFault.Area): DaxMapping => {
  const { arch, device, marked, pagemap } = bound
  const page = arch.pageSize
  /** By virtual page number: how far the pfn is from it. */
  const entries = ExtentMap.empty<number>()

  /** Entries like the one at `address` that can be had at once, to the end of the range they lie in. */
  const like = (
    { address, pages, pfn }: { readonly address: number; readonly pages: number; readonly pfn: number },
    to: number,
    limit: number
  ): number => {
    const size = pages * page
    const range = device.ranges().find(({ end, start }) => pfn * page >= start && pfn * page < end)
    const bytes = Math.min(area.end - address, (range?.end ?? 0) - pfn * page, Alignment.up(to - address, size))
    return Math.max(1, Math.min(limit, Math.floor(bytes / size)))
  }

  const insert = (first: number, pfn: number, pages: number, perEntry: number): number => {
    const free = ExtentMap.gaps(marked, pfn, pfn + pages).reduce((sum, { end, start }) => sum + end - start, 0)
    ExtentMap.set(marked, pfn, pfn + pages, true)
    ExtentMap.set(entries, first, first + pages, pfn - first)
    return free / perEntry * DaxFault.marked(perEntry, pagemap.order > 0)
  }

  /** `dev_dax_huge_fault()`: one run of entries, inside the read section that killing the device waits for. */
  const step = Effect.fnUntraced(function*(address: number, to: number) {
    const { at, limit } = yield* Steps
    if (at !== null) yield* at(read("dax.fault", `dax:${device.name}`))
    if (!bound.isAlive()) return { _tag: "Sigbus", level: "pud", reason: "dead" } as const
    const found = DaxFault.fault(arch, { align: device.align, ranges: device.ranges() }, area, address)
    if (found._tag === "Sigbus") return found
    const count = like(found, to, limit)
    const ready = yield* Effect.result(bound.awaitPages(pagemap, PfnRange.fromLength(found.pfn, found.pages * count)))
    if (ready._tag === "Failure") {
      return { _tag: "Sigbus", level: found.level, reason: "not initialised" } as const
    }
    if (at !== null) yield* at(write("dax.insert-entry", `page:${found.pfn}`))
    return {
      _tag: "Mapped",
      level: found.level,
      count,
      next: found.address + count * found.pages * page,
      marked: insert(found.address / page, found.pfn, found.pages * count, found.pages)
    } as const
  })

  const touch = Effect.fnUntraced(function*({ end, start }: PfnRange.PfnRange) {
    let level: DaxFault.Level | null = null
    let count = 0
    let fresh = 0
    for (let address = Alignment.down(start, page); address < end;) {
      const present = ExtentMap.find(entries, address / page)
      if (present !== undefined) {
        address = present.end * page
        continue
      }
      const done: Effect.Success<ReturnType<typeof step>> = yield* bound.srcu.withPermits(1)(step(address, end))
      if (done._tag === "Sigbus") return { ...done, address } satisfies Outcome
      level = done.level
      count += done.count
      fresh += done.marked
      address = done.next
    }
    return { _tag: "Mapped", level, entries: count, marked: fresh } satisfies Outcome
  })

  return {
    area,
    bound,
    fault: (address) => touch({ start: address, end: address + 1 }),
    touch,
    runs: ({ end, start }) => {
      const from = Math.floor(start / page)
      const to = Math.ceil(end / page)
      return ExtentMap.gaps(entries, from, to).length > 0
        ? null
        : ExtentMap.slice(entries, from, to).map((run) => ({ start: run.start + run.value, end: run.end + run.value }))
    },
    maySplit: (address) => Alignment.isAligned(address, device.align),
    zap: () => ExtentMap.remove(entries, area.start / page, area.end / page)
  }
}
