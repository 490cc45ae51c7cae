/**
 * What the model expects of a machine: what boot makes of the RAM it was given, and what memory added since adds to it.
 *
 * Pages, unless said otherwise. Cost grows with ranges, nodes and runs of blocks, never with pages or sections.
 *
 * @since 0.1.0
 */
import * as Num from "effect/Number"
import * as Result from "effect/Result"
import * as Architecture from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as BootMemory from "../machine/BootMemory.ts"
import type { MachineError } from "../machine/MachineError.ts"
import * as MemmapCost from "../planning/MemmapCost.ts"
import type * as Zones from "../zones/Zones.ts"
import * as DeviceMaps from "./DeviceMaps.ts"
import type { BlockRun, MachineView } from "./MachineView.ts"

/**
 * A zone as it should be now. `start` is `undefined` where `/proc/zoneinfo` shows none. `boot` is what of `present` was there at
 * boot, and `memmap` the pages its boot memmap is booked with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Zone {
  readonly node: number
  readonly name: Zones.Name
  readonly start: number | undefined
  readonly spanned: number
  readonly present: number
  readonly boot: number
  readonly memmap: number
}

/**
 * Sections that follow one another: `first` to `last`, of RAM from boot on or added later.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sections {
  readonly first: number
  readonly last: number
  readonly kind: "boot" | "added"
  readonly node: number | null
}

/**
 * What the memmap of RAM costs in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface RamMemmap {
  readonly ram: number
  readonly pageTables: number
}

/**
 * What should be found: `boot` is what boot makes of the machine, the rest what it is now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Expectation {
  readonly boot: BootMemory.BootMemory
  readonly zones: ReadonlyArray<Zone>
  readonly sections: ReadonlyArray<Sections>
  readonly memmap: RamMemmap
  /** Runs of memory blocks that boot RAM is in, by number, last included. */
  readonly bootBlocks: ReadonlyArray<{ readonly first: number; readonly last: number }>
  readonly devices: ReadonlyArray<DeviceMaps.Device>
  /** What of the devices has struct pages. */
  readonly maps: ReadonlyArray<DeviceMaps.DeviceMap>
}

/**
 * Pages a boot memmap is booked with: those of the span, or of what is present where holes make up more than a sixteenth
 * (`calc_memmap_size()`, OBS-32).
 *
 * @category formulas
 * @since 0.1.0
 */
export const memmapPages = (
  zone: { readonly spanned: number; readonly present: number },
  structPage: number,
  pageSize: number
): number => {
  const { present, spanned } = zone
  const pages = spanned > present + Math.floor(present / 16) ? present : spanned
  return Math.ceil(pages * structPage / pageSize)
}

/** Half-open slots of `unit` that ranges touch, joined. */
const slots = (ranges: ReadonlyArray<PfnRange.PfnRange>, unit: number): ReadonlyArray<PfnRange.PfnRange> =>
  PfnRange.normalise(
    ranges.filter(({ end, start }) => end > start)
      .map(({ end, start }) => ({ start: Math.floor(start / unit), end: Math.ceil(end / unit) }))
  )

const bootSections = ({ kernel, nodes }: BootMemory.BootMemory): ReadonlyArray<Sections> => {
  const perSection = Architecture.pagesPerSection(kernel.arch)
  let taken = 0
  return nodes.flatMap(({ node, ram }) => slots(ram, perSection).map((run) => ({ ...run, node })))
    .toSorted((a, b) => a.start - b.start).flatMap(({ end, node, start }) => {
      // a section that two nodes share is the lower one's
      const first = Math.max(start, taken)
      taken = Math.max(taken, end)
      return end > first ? [{ first, last: end - 1, kind: "boot" as const, node }] : []
    })
}

const addedSections = (
  view: MachineView,
  boot: ReadonlyArray<Sections>,
  sectionSize: number
): ReadonlyArray<Sections> => {
  const early = boot.map(({ first, last }) => ({ start: first, end: last + 1 }))
  return slots(view.added, sectionSize).flatMap((run) => PfnRange.subtract(run, early)).map(({ end, start }) => ({
    first: start,
    last: end - 1,
    kind: "added" as const,
    node: null
  }))
}

/** Sections are mapped whole; tables that several runs share are counted once where a table maps PMDs (GEO-12). */
const costOf = (runs: ReadonlyArray<Sections>, kernel: BootMemory.BootKernel): RamMemmap => {
  const { arch, release, structPage } = kernel
  const ranges = PfnRange.normalise(
    runs.map(({ first, last }) => ({ start: first * arch.sectionSize, end: (last + 1) * arch.sectionSize }))
  )
  const costs = ranges.map((range) =>
    MemmapCost.make({ arch, release, structPage, range, altmap: null, order: 0, ram: [] })
  )
  const ram = Num.sumAll(costs.map((cost) => cost.ram))
  if (arch.vmemmap !== "pmd") return { ram, pageTables: Num.sumAll(costs.map((cost) => cost.pageTables)) }
  const reach = arch.pmdTable.entries * arch.pmdSize / structPage * arch.pageSize
  return { ram, pageTables: Num.sumAll(slots(ranges, reach).map(PfnRange.length)) * arch.pmdTable.bytes }
}

/** Parts of runs of blocks, in pages, outside and inside boot sections. */
interface Split {
  readonly run: BlockRun
  readonly added: ReadonlyArray<PfnRange.PfnRange>
  readonly boot: ReadonlyArray<PfnRange.PfnRange>
}

const splitBlocks = (
  { blocks }: MachineView,
  boot: ReadonlyArray<{ readonly first: number; readonly last: number }>,
  pageSize: number
): ReadonlyArray<Split> => {
  if (blocks === undefined) return []
  const per = blocks.size / pageSize
  const early = boot.map(({ first, last }) => ({ start: first, end: last + 1 }))
  const inPages = ({ end, start }: PfnRange.PfnRange) => ({ start: start * per, end: end * per })
  return blocks.runs.map((run) => {
    const own = { start: run.first, end: run.last + 1 }
    return {
      run,
      added: PfnRange.subtract(own, early).map(inPages),
      boot: early.map((each) => PfnRange.intersection(own, each)).filter(({ end, start }) => end > start).map(inPages)
    }
  })
}

/** The zones of a node that came with memory added since boot. */
const emptyZones = ({ nodes }: BootMemory.BootMemory): BootMemory.BootNode["zones"] =>
  (nodes[0]?.zones ?? []).map(({ name }) => ({ name, start: 0, spanned: 0, present: 0 }))

/** Index of the first of ascending ranges that ends above a pfn. */
const firstAbove = (ranges: ReadonlyArray<PfnRange.PfnRange>, pfn: number): number => {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((ranges[middle]?.end ?? 0) > pfn) high = middle
    else low = middle + 1
  }
  return low
}

/** Pages of the ranges that are RAM of the node from boot on. */
const ramIn = (node: BootMemory.BootNode | undefined, ranges: ReadonlyArray<PfnRange.PfnRange>): number => {
  const ram = node?.ram ?? []
  let pages = 0
  for (const range of ranges) {
    for (let i = firstAbove(ram, range.start), at = ram[i]; at !== undefined && at.start < range.end; at = ram[++i]) {
      pages += PfnRange.length(PfnRange.intersection(at, range))
    }
  }
  return pages
}

/** A zone after its blocks went offline, moved to another zone, or joined it. */
const nowOf = (
  zone: Zone,
  node: BootMemory.BootNode | undefined,
  splits: ReadonlyArray<Split>
): Zone => {
  const span = PfnRange.fromLength(zone.start ?? 0, zone.start === undefined ? 0 : zone.spanned)
  let { present } = zone
  let from = zone.start ?? Infinity
  let to = zone.start === undefined ? -Infinity : span.end
  const join = (ranges: ReadonlyArray<PfnRange.PfnRange>, pages: number) => {
    present += pages
    for (const { end, start } of pages > 0 ? ranges : []) {
      from = Math.min(from, start)
      to = Math.max(to, end)
    }
  }
  for (const { added, boot, run } of splits) {
    const inside = boot.map((range) => PfnRange.intersection(range, span)).filter(({ end, start }) => end > start)
    const outside = boot.flatMap((range) => PfnRange.subtract(range, [span]))
    const isOnline = run.state === "online"
    const isHere = isOnline && run.zone === zone.name && (run.node ?? 0) === zone.node
    if (isHere) join(added, PfnRange.total(added))
    if (isHere) join(outside, ramIn(node, outside))
    // `none` is a block that boot left to several zones
    else if (!isOnline || (run.zone !== "none" && run.zone !== zone.name)) present -= ramIn(node, inside)
  }
  return {
    ...zone,
    start: present > 0 ? from : undefined,
    spanned: to > from ? to - from : zone.spanned,
    present
  }
}

/**
 * ZONE_DEVICE spans what is mapped now, and has no present pages (ZON-9, ZON-11). A device that names no node is on the only one there
 * is.
 */
const withDevices = (zone: Zone, maps: ReadonlyArray<DeviceMaps.DeviceMap>, nodes: number, pageSize: number): Zone => {
  const own = maps.filter(({ node }) => node === null || node < 0 ? nodes === 1 : node === zone.node)
  if (zone.name !== "Device" || own.length === 0) return zone
  const start = Math.min(...own.map((map) => map.start)) / pageSize
  return { ...zone, start, spanned: Math.max(...own.map(({ end }) => end)) / pageSize - start }
}

/**
 * Boots the machine and adds what its memory blocks say has come and gone since: online blocks to the zone they name (ZON-3,
 * ZON-9), offline blocks of boot RAM taken off.
 *
 * Fails where the description cannot boot.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (view: MachineView): Result.Result<Expectation, MachineError | KernelError> =>
  Result.map(BootMemory.make(view.spec), (boot) => {
    const { arch, structPage } = boot.kernel
    const sections = bootSections(boot)
    const added = addedSections(view, sections, arch.sectionSize)
    const perBlock = (view.blocks?.size ?? boot.blockSize) / arch.sectionSize
    const bootBlocks = slots(sections.map(({ first, last }) => ({ start: first, end: last + 1 })), perBlock)
      .map(({ end, start }) => ({ first: start, last: end - 1 }))
    const splits = splitBlocks(view, bootBlocks, arch.pageSize)
    const byNode = Map.groupBy(splits, ({ run }) => run.node)
    const late = [...new Set(splits.flatMap(({ run }) => run.node ?? []))]
      .filter((node) => boot.nodes.every((own) => own.node !== node))
      .map((node): BootMemory.BootNode => ({ node, ram: [], zones: emptyZones(boot) }))
    const devices = DeviceMaps.devices(view, boot)
    const maps = DeviceMaps.maps(devices, view)
    const nodes = [...boot.nodes, ...late]
    const zones = nodes.flatMap((node) =>
      node.zones.map(({ name, present, spanned, start }) =>
        nowOf(
          {
            node: node.node,
            name,
            start: present > 0 ? start : undefined,
            spanned,
            present,
            boot: present,
            memmap: memmapPages({ spanned, present }, structPage, arch.pageSize)
          },
          node,
          [...byNode.get(node.node) ?? [], ...byNode.get(null) ?? []]
        )
      )
    ).map((zone) => withDevices(zone, maps, nodes.length, arch.pageSize)).toSorted((a, b) => a.node - b.node)
    return {
      boot,
      zones,
      sections: [...sections, ...added],
      memmap: costOf([...sections, ...added], boot.kernel),
      bootBlocks,
      devices,
      maps
    }
  })
