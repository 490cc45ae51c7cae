/**
 * Struct pages that boot leaves for later (spec 06): which ones, what the allocator gets of them when it runs short
 * before, and how the rest is divided among threads.
 *
 * Everything is in pfns and pages; who runs it keeps a {@link Pending} and replaces its `firstDeferred`. Cost grows
 * with ranges and zones, never with pages.
 *
 * Not modelled: what large reservations add to the part up front in 4.13 – 4.16 (DEF-4), that kernels before 5.8 also
 * count pages in holes of a section, and that 4.17 – 5.1 grow each free range by itself. {@link reservedEarly} says what of the
 * deferred part is reserved; a machine that boots initialises that with the rest (DEF-5).
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { GiB } from "../geometry/Units.ts"
import type { Config } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import type * as BootZones from "../zones/BootZones.ts"

/**
 * What the arithmetic asks of a kernel.
 *
 * @category models
 * @since 0.1.0
 */
export type BootKernel = Pick<Config, "arch" | "release">

/**
 * A node with RAM: its ranges, ascending and disjoint, and its zones, ascending.
 *
 * @category models
 * @since 0.1.0
 */
export interface BootNode extends BootZones.NodeZones {
  readonly ram: ReadonlyArray<PfnRange.PfnRange>
}

/**
 * `earlyPageExtension`: somebody uses page extension before deferral would end, so nothing is deferred (DEF-2).
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly earlyPageExtension?: boolean
}

/**
 * The RAM of a node before and after its `first_deferred_pfn`, which is `null` where the kernel has ULONG_MAX: nothing
 * is deferred (DEF-1). `end` is where the node and its highest zone end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deferral {
  readonly node: number
  readonly end: number
  readonly firstDeferred: number | null
  readonly upFront: ReadonlyArray<PfnRange.PfnRange>
  readonly deferred: ReadonlyArray<PfnRange.PfnRange>
}

/** RAM of a zone as boot comes to it; `at` is the place of its node. */
interface Visit {
  readonly at: number
  readonly zoneEnd: number
  readonly range: PfnRange.PfnRange
}

const visits = ({ release }: BootKernel, nodes: ReadonlyArray<BootNode>): ReadonlyArray<Visit> => {
  const byNode = nodes.flatMap(({ ram, zones }, at) =>
    ram.flatMap((range) =>
      zones.flatMap(({ spanned, start }) => {
        const zone = PfnRange.fromLength(start, spanned)
        const part = PfnRange.intersection(range, zone)
        return part.end > part.start ? [{ at, zoneEnd: zone.end, range: part }] : []
      })
    )
  )
  return has(release, "boot-memmap-by-address") ? byNode.toSorted((a, b) => a.range.start - b.range.start) : byNode
}

/** Pages that are initialised before deferral may begin (DEF-2, DEF-4). */
const threshold = ({ arch, release }: BootKernel, spanned: number): number =>
  has(release, "deferred-section-up-front")
    ? Architecture.pagesPerSection(arch)
    : Math.max(2 * GiB / arch.pageSize, has(release, "deferred-scaled-up-front") ? Math.floor(spanned / 256) : 0)

/**
 * What boot initialises up front and what it defers, by node (DEF-1 … DEF-4).
 *
 * `nodes` are all nodes with RAM, ascending: pages are counted by zone as boot comes to them (INI-5), and where ranges
 * of two nodes alternate, each begins again from zero.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  kernel: BootKernel,
  nodes: ReadonlyArray<BootNode>,
  { earlyPageExtension = false }: Options = {}
): ReadonlyArray<Deferral> => {
  const section = Architecture.pagesPerSection(kernel.arch)
  const found = nodes.map(({ node, ram }) => {
    const end = ram.at(-1)?.end ?? 0
    const limit = threshold(kernel, end - (ram[0]?.start ?? 0))
    const upFront: Array<PfnRange.PfnRange> = []
    const deferred: Array<PfnRange.PfnRange> = []
    return { node, end, limit, first: Infinity, upFront, deferred }
  })
  let zoneEnd = 0
  let count = 0
  for (const visit of visits(kernel, nodes)) {
    const own = found[visit.at]
    if (own === undefined) continue
    const { end, start } = visit.range
    if (visit.zoneEnd !== zoneEnd) {
      zoneEnd = visit.zoneEnd
      count = 0
    }
    if (!earlyPageExtension && zoneEnd >= own.end) {
      const boundary = Alignment.up(Math.max(start, start + own.limit - count), section)
      if (boundary < end) own.first = Math.min(own.first, boundary)
      count += end - start
    }
    const stop = Math.max(start, Math.min(end, own.first))
    if (stop > start) own.upFront.push({ start, end: stop })
    if (end > stop) own.deferred.push({ start: stop, end })
  }
  return found.map(({ deferred, end, first, node, upFront }) => ({
    node,
    end,
    firstDeferred: first === Infinity ? null : first,
    upFront: PfnRange.normalise(upFront),
    deferred
  }))
}

/**
 * The deferred pages of a node as they stand: `free` are the ranges boot has not reserved, ascending and none empty;
 * what is below `firstDeferred` is done.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pending extends Pick<Deferral, "node" | "end" | "firstDeferred"> {
  readonly free: ReadonlyArray<PfnRange.PfnRange>
}

/**
 * The deferred part without what boot has reserved.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pending = (
  { deferred, end, firstDeferred, node }: Deferral,
  reserved: ReadonlyArray<PfnRange.PfnRange> = []
): Pending => ({ node, end, firstDeferred, free: deferred.flatMap((range) => PfnRange.subtract(range, reserved)) })

/**
 * Reserved pages of the deferred part: initialised one by one before all others, with PG_reserved (DEF-5, INI-6).
 *
 * @category queries
 * @since 0.1.0
 */
export const reservedEarly = (
  { deferred }: Deferral,
  reserved: ReadonlyArray<PfnRange.PfnRange>
): ReadonlyArray<PfnRange.PfnRange> => {
  const all = PfnRange.normalise(reserved)
  return deferred.flatMap((range) =>
    all.map((part) => PfnRange.intersection(range, part)).filter(({ end, start }) => end > start)
  )
}

/** The parts of free ranges in `[start, end)`. */
const within = (
  free: ReadonlyArray<PfnRange.PfnRange>,
  start: number,
  end: number
): ReadonlyArray<PfnRange.PfnRange> =>
  free.filter((range) => range.end > start && range.start < end)
    .map((range) => PfnRange.intersection(range, { start, end }))

/**
 * An allocation of `2^order` pages that found too little. `isHighest`: in the node's highest zone; the default. `seen`:
 * the `first_deferred_pfn` it read before it waited for the lock; without it, nobody came before.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly order: number
  readonly isHighest?: boolean
  readonly seen?: number | null
}

/**
 * What one call initialised and freed, the new `first_deferred_pfn`, and whether the allocator is told to try again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Growth {
  readonly initialised: ReadonlyArray<PfnRange.PfnRange>
  readonly firstDeferred: number | null
  readonly retry: boolean
}

/**
 * `deferred_grow_zone()` (DEF-6, DEF-7). Kernels before 4.17 do not grow.
 *
 * No step reaches over the end of a section, so the call ends with the first section at whose end enough free pages
 * were met, or with the zone; the end of a free range alone does not end it. What is left begins with the next free
 * page, from 6.18 on with the next section.
 *
 * @category queries
 * @since 0.1.0
 */
export const grow = (
  { arch, release }: BootKernel,
  { end, firstDeferred, free }: Pending,
  { isHighest = true, order, seen = firstDeferred }: Request
): Growth => {
  const unchanged = (retry: boolean): Growth => ({ initialised: [], firstDeferred, retry })
  if (!isHighest || !has(release, "deferred-section-up-front")) return unchanged(false)
  if (seen !== firstDeferred) return unchanged(true)
  if (firstDeferred === null) return unchanged(false)
  const byZone = has(release, "deferred-by-zone")
  const left = within(free, firstDeferred, end)
  if (left.length === 0) return { initialised: [], firstDeferred: null, retry: !byZone }
  const section = Architecture.pagesPerSection(arch)
  let needed = Alignment.up(2 ** order, section)
  let stop = Alignment.up(end, section)
  for (const range of left) {
    if (PfnRange.length(range) >= needed) {
      stop = Alignment.up(range.start + needed, section)
      break
    }
    needed -= PfnRange.length(range)
  }
  return {
    initialised: within(left, firstDeferred, stop),
    firstDeferred: byZone ? stop : within(left, stop, end)[0]?.start ?? null,
    retry: true
  }
}

/**
 * `[start, end)` divided among `works` threads, the calling one included, that take `chunk` pages at a time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job extends PfnRange.PfnRange {
  readonly works: number
  readonly chunk: number
}

/**
 * How many threads may initialise a node with `cpus` CPUs: as many; one before 5.8 and, up to 6.10, on other
 * architectures than x86 (DEF-10).
 *
 * @category queries
 * @since 0.1.0
 */
export const maxThreads = ({ arch, release }: BootKernel, cpus: number): number =>
  has(release, "deferred-padata") && (Architecture.isX86(arch) || has(release, "deferred-padata-any-arch"))
    ? Math.max(cpus, 1)
    : 1

const jobOf = (kernel: BootKernel, range: PfnRange.PfnRange, cpus: number): Job => {
  const section = Architecture.pagesPerSection(kernel.arch)
  const size = PfnRange.length(range)
  const works = Math.min(Math.max(Math.floor(size / section), 1), maxThreads(kernel, cpus))
  const chunk = works === 1 ? size : Alignment.up(Math.max(Math.floor(size / (4 * works)), section), section)
  return { ...range, works, chunk }
}

/**
 * The jobs of `pgdatinitN`, one after the other, for a node with `cpus` CPUs (DEF-10): one for each free range, which
 * takes along what else is free in the section it ends in. Before 5.8 one for all, from 6.18 on one for the rest of the
 * zone, free or not.
 *
 * @category queries
 * @since 0.1.0
 */
export const jobs = (
  kernel: BootKernel,
  { end, firstDeferred, free }: Pending,
  cpus: number
): ReadonlyArray<Job> => {
  if (firstDeferred === null) return []
  const section = Architecture.pagesPerSection(kernel.arch)
  if (has(kernel.release, "deferred-by-zone")) {
    const rest = { start: firstDeferred, end: Alignment.up(end, section) }
    return rest.end > rest.start ? [jobOf(kernel, rest, cpus)] : []
  }
  const left = within(free, firstDeferred, end)
  const [first] = left
  if (first === undefined) return []
  if (!has(kernel.release, "deferred-padata")) {
    return [jobOf(kernel, { start: first.start, end: left.at(-1)?.end ?? first.end }, cpus)]
  }
  const found: Array<Job> = []
  let next = firstDeferred
  for (const range of left) {
    if (range.end <= next) continue
    const start = Math.max(range.start, next)
    next = Alignment.up(range.end, section)
    found.push(jobOf(kernel, { start, end: next }, cpus))
  }
  return found
}

/**
 * In how many chunks a job is done. All but the first and the last have `chunk` pages and begin at a multiple of it.
 *
 * @category queries
 * @since 0.1.0
 */
export const chunkCount = ({ chunk, end, start, works }: Job): number =>
  works === 1 ? 1 : Alignment.slotsTouched(start, end, chunk)

/**
 * The `n`-th chunk of a job, from 0 on, in the order in which they are taken; `undefined` when there are not so many.
 *
 * @category queries
 * @since 0.1.0
 */
export const chunkAt = (job: Job, n: number): PfnRange.PfnRange | undefined => {
  if (n < 0 || n >= chunkCount(job)) return undefined
  const { chunk, end, start, works } = job
  return works === 1
    ? { start, end }
    : PfnRange.intersection({ start, end }, PfnRange.fromLength(Alignment.down(start, chunk) + n * chunk, chunk))
}

/**
 * Whether `pgdatinitN` holds the node's resize lock, interrupts disabled, from its first page to its last: 4.17 – 5.7
 * (DEF-11).
 *
 * @category queries
 * @since 0.1.0
 */
export const isLocked = ({ release }: BootKernel): boolean =>
  has(release, "deferred-section-up-front") && !has(release, "deferred-unlocked")

/**
 * The nodes that print `node N deferred pages initialised` (up to 5.7 `node N initialised, K pages`): those with
 * deferred pages when the threads begin; growing may have left none (DEF-9, DEF-15). The kernel prints them in any
 * order.
 *
 * @category queries
 * @since 0.1.0
 */
export const prints = (
  nodes: ReadonlyArray<Pick<Deferral, "node" | "firstDeferred">>
): ReadonlyArray<number> => nodes.filter(({ firstDeferred }) => firstDeferred !== null).map(({ node }) => node)
