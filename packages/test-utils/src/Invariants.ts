/**
 * LCK-11: what holds of a machine at every step, whatever runs.
 *
 * Plain functions over the state of a machine; they read and change nothing. Cost grows with sections and extents.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "@vmemmap/core/geometry/ExtentMap"
import { hex } from "@vmemmap/core/geometry/Pfn"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import * as Pagemap from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { Locks } from "@vmemmap/core/kernel/Locks"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import { PageFlag } from "@vmemmap/core/memmap/StructPage"
import { Kernel } from "@vmemmap/core/release/Kernel"
import { has } from "@vmemmap/core/release/KernelRelease"
import { PagemapIndex } from "@vmemmap/core/sections/PagemapIndex"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import * as PageTables from "@vmemmap/core/vmemmap/PageTables"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import { Zones } from "@vmemmap/core/zones/Zones"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * An invariant that does not hold: `LCK-11.3`, and what was found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Violation {
  readonly rule: string
  readonly problem: string
}

/**
 * The state the invariants are about.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly kernel: Kernel["Service"]
  readonly table: SectionTable.Table
  readonly index: PagemapIndex["Service"]
  readonly memmap: Memmap["Service"]
  readonly vmemmap: Vmemmap["Service"]
  readonly zones: Zones["Service"]
  readonly pagemaps: Pagemaps["Service"]
}

/**
 * What a reader of the state knows of operations under way. `adding` are pfns being added: in a valid section their bits are
 * set before they have a memmap (SEC-11). `users` counts the references users hold, by pagemap name; without it only the
 * lifetime references are held against the count. `later` are the names of pagemaps whose pages are being initialised while their
 * users wait for them (spec 13).
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly adding?: ReadonlyArray<PfnRange.PfnRange>
  readonly users?: ReadonlyMap<string, number>
  readonly later?: ReadonlySet<string>
}

/**
 * The state of the machine in context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const state: Effect.Effect<
  State,
  never,
  Kernel | SectionTable.SectionTable | PagemapIndex | Memmap | Vmemmap | Zones | Pagemaps
> = Effect.gen(function*() {
  return {
    kernel: yield* Kernel,
    table: yield* SectionTable.SectionTable,
    index: yield* PagemapIndex,
    memmap: yield* Memmap,
    vmemmap: yield* Vmemmap,
    zones: yield* Zones,
    pagemaps: yield* Pagemaps
  }
})

type Check = (state: State, options: Options) => ReadonlyArray<string>

const { Flag, Usage } = SectionTable

const sections = ({ table }: State): ReadonlyArray<number> => {
  const out: Array<number> = []
  for (let section = 0; section <= table.highest; section++) {
    if (SectionTable.flags(table, section) !== 0) out.push(section)
  }
  return out
}

/** The pfns of a section that must have a memmap: all of an early one, else those whose bits are set. */
const described = ({ table }: State, section: number): ReadonlyArray<PfnRange.PfnRange> => {
  const start = section * table.pagesPerSection
  if ((SectionTable.flags(table, section) & Flag.early) !== 0) {
    return [PfnRange.fromLength(start, table.pagesPerSection)]
  }
  if (SectionTable.bits(table, section, 0, table.subsections) === "all") {
    return [PfnRange.fromLength(start, table.pagesPerSection)]
  }
  const subsections = Array.from({ length: table.subsections }, (_, i) => start + i * table.pagesPerSubsection)
  return PfnRange.normalise(
    subsections.filter((pfn) => SectionTable.hasSubsection(table, pfn))
      .map((pfn) => PfnRange.fromLength(pfn, table.pagesPerSubsection))
  )
}

/** HAS_MEM_MAP ⇒ there is a usage, and what is valid is mapped. */
const mapped: Check = (state, { adding = [] }) => {
  const { kernel, table, vmemmap } = state
  return sections(state).filter((section) => (SectionTable.flags(table, section) & Flag.hasMemMap) !== 0)
    .flatMap((section) => {
      if (SectionTable.usage(table, section) === Usage.none) return [`section ${section} has a memmap but no usage`]
      return described(state, section).flatMap((range) => PfnRange.subtract(range, adding)).flatMap(({ end, start }) =>
        ExtentMap.gaps(vmemmap.tables.leaves, start * kernel.structPage, end * kernel.structPage).slice(0, 1)
          .map((gap) =>
            `pfn ${hex(Math.floor(gap.start / kernel.structPage))} is valid but its struct page is not mapped`
          )
      )
    })
}

/** ONLINE ⇒ HAS_MEM_MAP. */
const online: Check = (state) =>
  sections(state).filter((section) => {
    const flags = SectionTable.flags(state.table, section)
    return (flags & Flag.online) !== 0 && (flags & Flag.hasMemMap) === 0
  }).map((section) => `section ${section} is online without a memmap`)

/** Physical pages behind the leaves, each with how many leaves point to it; runs of pages with one leaf are one extent. */
const references = ({ tables }: Vmemmap["Service"]) => {
  const own = ExtentMap.empty<number>()
  const shared = new Map<number, number>()
  const problems: Array<string> = []
  const claim = (start: number, pages: number, leaf: number) => {
    if (ExtentMap.overlaps(own, start, start + pages)) {
      problems.push(`physical pages from ${hex(start)} on are mapped by two runs of leaves`)
    }
    ExtentMap.set(own, start, start + pages, leaf)
  }
  for (const { end, start, value } of tables.leaves.extents) {
    if (value._tag === "Linear") {
      claim(
        PageTables.frameOf(value, start, tables.pageSize),
        Math.ceil((end - start) / value.leaf) * value.leaf / tables.pageSize,
        value.leaf
      )
      continue
    }
    for (let at = start; at < end; at += value.leaf) {
      const frame = PageTables.frameOf(value, at, tables.pageSize)
      shared.set(frame, (shared.get(frame) ?? 0) + 1)
    }
  }
  return { own, shared, problems }
}

/** Every vmemmap page has as many references as leaves that map it; none is mapped by leaves of two sizes. */
const counted: Check = ({ vmemmap }) => {
  const { own, problems, shared } = references(vmemmap)
  const { tables } = vmemmap
  for (const frame of shared.keys()) {
    const single = ExtentMap.find(own, frame)
    if (single === undefined) continue
    if (single.value !== tables.pageSize) problems.push(`page ${hex(frame)} is mapped by leaves of two sizes`)
    else shared.set(frame, (shared.get(frame) ?? 0) + 1)
  }
  for (const [frame, count] of tables.references) {
    // A page of tails that compounds of one order share holds one reference of its own (CMP-12).
    const found = (shared.get(frame) ?? (ExtentMap.find(own, frame) === undefined ? 0 : 1)) +
      (tables.tails.has(frame) ? 1 : 0)
    if (found !== count) problems.push(`page ${hex(frame)} counts ${count} references, ${found} leaves map it`)
  }
  return problems
}

/** `reserve + alloc + align ≤ reserve + free`; device leaves lie in the altmap; alloc is what they add up to. */
const altmaps: Check = ({ pagemaps, vmemmap }) => {
  const { tables } = vmemmap
  return pagemaps.all().flatMap(({ altmap, id, name }) => {
    if (altmap === null) return []
    const { align, alloc, basePfn, free, reserve } = altmap.current
    const own = tables.leaves.extents.filter(({ value }) => value.device === id)
    const frames = own.map(({ end, start, value }) => {
      const frame = PageTables.frameOf(value, start, tables.pageSize)
      return PfnRange.fromLength(frame, (end - start) / tables.pageSize)
    })
    const window = { start: basePfn + reserve, end: basePfn + reserve + free }
    const used = frames.reduce((sum, range) => sum + PfnRange.length(range), 0)
    return [
      ...(alloc + align > free ? [`altmap of ${name}: ${alloc} + ${align} pages of ${free} are taken`] : []),
      ...frames.filter((range) => !PfnRange.contains(window, range))
        .map(({ start }) => `altmap of ${name}: page ${hex(start)} behind the memmap belongs to the user`),
      ...(used === alloc ? [] : [`altmap of ${name}: ${alloc} pages are taken, ${used} hold a memmap`])
    ]
  })
}

/**
 * Pages handed to users were initialised since their memmap was populated, and only once. Excepted are compounds in early
 * sections as long as the kernel itself forgets most of their pages (SPW-7, BUG-14).
 */
const initialised: Check = (state, { later }) => {
  const { kernel, memmap, pagemaps, table } = state
  const once = has(kernel.release, "single-pass-init")
  const isEarly = (pfn: number) => (SectionTable.flags(table, SectionTable.sectionOf(table, pfn)) & Flag.early) !== 0
  return pagemaps.all().filter(({ isLive, name }) => isLive() && later?.has(name) !== true).flatMap((pagemap) =>
    pagemap.ranges.flatMap(({ end }, i) => {
      const start = Pagemap.first(pagemap, i)
      const found = memmap.contents(start, end)
      const again = pagemap.order > 0 || !once
        ? undefined
        : found.find((extent) => extent.value.times !== 1 && !isEarly(extent.start))
      const forgets = pagemap.order > 0 && !has(kernel.release, "dedup-early-section-fix")
      const poisoned = found.find((extent) =>
        extent.value.image._tag === "Poisoned" && memmap.home(extent.start) === extent.start &&
        !(forgets && isEarly(extent.start))
      )
      const covered = found.reduce((sum, extent) => sum + extent.end - extent.start, 0)
      return [
        ...(poisoned === undefined ? [] : [`page ${hex(poisoned.start)} of ${pagemap.name} was never initialised`]),
        ...(again === undefined
          ? []
          : [`page ${hex(again.start)} of ${pagemap.name} was initialised ${again.value.times} times`]),
        ...(pagemap.order === 0 && covered < end - start ? [`pages of ${pagemap.name} were never initialised`] : [])
      ]
    })
  )
}

interface Member extends PfnRange.PfnRange {
  readonly zone: string
}

/** Online pages by what their struct pages say of their zone; reserved holes are nobody's. */
const members = (state: State): ReadonlyArray<Member> => {
  const { memmap, table } = state
  return sections(state).filter((section) => (SectionTable.flags(table, section) & Flag.online) !== 0)
    .flatMap((section) =>
      memmap.contents(section * table.pagesPerSection, (section + 1) * table.pagesPerSection).flatMap(
        ({ end, start, value: { image } }): ReadonlyArray<Member> =>
          image._tag === "InUse" || image._tag === "Free" ||
            (image._tag === "Single" && (image.flags & PageFlag.ownerPriv1) !== 0) ?
            [{ start, end, zone: `${image.node}/${image.zone}` }] :
            []
      )
    )
}

/** A zone's span contains its online pages. */
const spanned: Check = (state) => {
  const spans = new Map(state.zones.all().map((zone) => [`${zone.node}/${zone.name}`, zone]))
  return members(state).filter((range) => {
    const zone = spans.get(range.zone)
    return zone === undefined || !PfnRange.contains(zone, range)
  }).map(({ start, zone }) => `online page ${hex(start)} lies outside the span of zone ${zone}`)
}

/** References are lifetime references and users'; what nobody maps is found by nobody. */
const referenced: Check = ({ index, pagemaps }, { users }) => {
  const known = new Set(pagemaps.all().map(({ id }) => id))
  return [
    ...pagemaps.all().flatMap((pagemap) => {
      const { isLive, name, ranges, references, type } = pagemap
      const lifetime = !isLive() || type === "private" || type === "coherent"
        ? 0
        : ranges.reduce((sum, _, i) => sum + Pagemap.length(pagemap, i), 0)
      const count = references.count() - lifetime
      const expected = users === undefined ? Math.max(0, count) : users.get(name) ?? 0
      return count === expected ? [] : [`${name} counts ${count} references of users, ${expected} are held`]
    }),
    ...index.extents.filter(({ value }) => value.isLive() && !known.has(value.id))
      .map(({ start }) => `pfn ${hex(start)} leads to a pagemap that is not mapped`)
  ]
}

/** Present pages are the online ones. */
const present: Check = (state) => {
  const counts = new Map<string, number>()
  for (const range of members(state)) counts.set(range.zone, (counts.get(range.zone) ?? 0) + PfnRange.length(range))
  return state.zones.all().flatMap(({ name, node, present }) => {
    const found = counts.get(`${node}/${name}`) ?? 0
    return found === present ? [] : [`zone ${node}/${name} has ${present} pages present, ${found} are online`]
  })
}

/** Invariants that hold between any two steps, and those that hold when no operation is under way. */
const always: ReadonlyArray<readonly [string, Check]> = [
  ["LCK-11.1", mapped],
  ["LCK-11.2", online],
  ["LCK-11.3", counted],
  ["LCK-11.4", altmaps],
  ["LCK-11.5", initialised],
  ["LCK-11.6", spanned]
]

const atRest: ReadonlyArray<readonly [string, Check]> = [...always, ["LCK-11.7", referenced], ["LCK-11.8", present]]

const run = (checks: typeof always, state: State, options: Options): ReadonlyArray<Violation> =>
  checks.flatMap(([rule, check]) => check(state, options).map((problem) => ({ rule, problem })))

/**
 * Violations between two steps of an operation.
 *
 * @category checks
 * @since 0.1.0
 */
export const between = (state: State, options: Options = {}): ReadonlyArray<Violation> => run(always, state, options)

/**
 * Violations when no operation is under way.
 *
 * @category checks
 * @since 0.1.0
 */
export const rest = (state: State, options: Options = {}): ReadonlyArray<Violation> => run(atRest, state, options)

/**
 * LCK-11.9: whether the hotplug lock can be had now, as it must while a teardown waits for its last reference. The attempt
 * is given up if not.
 *
 * @category checks
 * @since 0.1.0
 */
export const lockIsFree: Effect.Effect<boolean, never, Locks> = Effect.gen(function*() {
  const locks = yield* Locks
  const attempt = yield* Effect.forkChild(locks.memHotplug(Effect.void), { startImmediately: true })
  for (let i = 0; i < 8 && attempt.pollUnsafe() === undefined; i++) yield* Effect.yieldNow
  const isFree = attempt.pollUnsafe() !== undefined
  yield* Fiber.interrupt(attempt)
  return isFree
})
