/**
 * The zones boot makes of RAM, by node (ZON-11, ZON-12), and the struct pages it gives to the gaps between (OBS-8).
 *
 * Everything is in pfns and pages. Cost grows with RAM ranges and nodes.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as MovableCore from "./MovableCore.ts"
import * as ZoneLimits from "./ZoneLimits.ts"
import type * as Zones from "./Zones.ts"

/**
 * A zone of a node: `spanned` pages from `start` on, of which `present` are RAM. An empty zone has 0 everywhere; one whose
 * span is all hole has `present` 0 and a `start` that `/proc/zoneinfo` does not show.
 *
 * @category models
 * @since 0.1.0
 */
export interface BootZone {
  readonly name: Zones.Name
  readonly start: number
  readonly spanned: number
  readonly present: number
}

/**
 * All zones of a node that the architecture has, in the order of `/proc/zoneinfo`: kernel zones, Movable, Device.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeZones {
  readonly node: number
  readonly zones: ReadonlyArray<BootZone>
}

const empty = (name: Zones.Name): BootZone => ({ name, start: 0, spanned: 0, present: 0 })

const firstOf = (ram: ReadonlyArray<PfnRange.PfnRange>): number => ram[0]?.start ?? 0

const lastOf = (ram: ReadonlyArray<PfnRange.PfnRange>): number => ram.at(-1)?.end ?? 0

const zoneOf = (name: Zones.Name, ram: ReadonlyArray<PfnRange.PfnRange>, start: number, end: number): BootZone =>
  end <= start ? empty(name) : {
    name,
    start,
    spanned: end - start,
    present: ram.reduce(
      (sum, range) => sum + Math.max(0, PfnRange.length(PfnRange.intersection(range, { start, end }))),
      0
    )
  }

const zonesOf = (
  limits: ReadonlyArray<ZoneLimits.ZoneLimit>,
  ram: ReadonlyArray<PfnRange.PfnRange>,
  movable: number
): ReadonlyArray<BootZone> => [
  ...limits.map(({ end, start, zone }) =>
    zoneOf(zone, ram, Math.max(firstOf(ram), start), Math.min(lastOf(ram), end, movable))
  ),
  zoneOf("Movable", ram, movable, lastOf(ram)),
  empty("Device")
]

/**
 * `free_area_init()`: the zones of every node with RAM. `nodes` ascend; their ranges are pfns, ascending and disjoint.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  arch: Architecture.Architecture,
  nodes: ReadonlyArray<MovableCore.NodeRam>,
  options: MovableCore.Options = {}
): ReadonlyArray<NodeZones> => {
  const limits = ZoneLimits.make(arch)
  const first = Math.min(...nodes.map(({ ram }) => firstOf(ram)))
  const last = Math.max(...nodes.map(({ ram }) => lastOf(ram)))
  const lending = limits.findLast(({ end, start }) => Math.min(end, last) > Math.max(start, first))
  const movable = lending === undefined ? new Map<number, number>() : MovableCore.starts(arch, nodes, options, lending)
  return nodes.map(({ node, ram }) => ({ node, zones: zonesOf(limits, ram, movable.get(node) ?? Infinity) }))
}

/**
 * A gap next to RAM some of whose pages lie in boot sections: those get struct pages, reserved, with the node and zone of
 * the RAM above the gap (the last gap: of the RAM below).
 *
 * @category models
 * @since 0.1.0
 */
export interface Hole {
  readonly node: number
  readonly zone: Zones.Name
  /** Pages in boot sections: K of `On node N, zone Z: K pages in unavailable ranges`. */
  readonly pages: number
  /** The whole gap. */
  readonly range: PfnRange.PfnRange
  /** The parts of it in boot sections: at most the end of one section and the beginning of another. */
  readonly inside: ReadonlyArray<PfnRange.PfnRange>
}

const insideOf = (gap: PfnRange.PfnRange, perSection: number): ReadonlyArray<PfnRange.PfnRange> =>
  PfnRange.normalise([
    { start: gap.start, end: Math.min(gap.end, Alignment.up(gap.start, perSection)) },
    { start: Math.max(gap.start, Alignment.down(gap.end, perSection)), end: gap.end }
  ])

/**
 * `init_unavailable_range()` for every gap, ascending: before, between and after the RAM ranges of all nodes (OBS-8). `zones`
 * are those {@link make} made of the same nodes.
 *
 * @category queries
 * @since 0.1.0
 */
export const holes = (
  arch: Architecture.Architecture,
  nodes: ReadonlyArray<MovableCore.NodeRam>,
  zones: ReadonlyArray<NodeZones>
): ReadonlyArray<Hole> => {
  const perSection = Architecture.pagesPerSection(arch)
  const populated = new Map(
    zones.map((node) => [node.node, node.zones.filter(({ present }) => present > 0)] as const)
  )
  const found: Array<Hole> = []
  const add = (node: number, zone: BootZone | undefined, range: PfnRange.PfnRange) => {
    const inside = insideOf(range, perSection)
    const pages = inside.reduce((sum, part) => sum + PfnRange.length(part), 0)
    if (zone !== undefined && pages > 0) found.push({ node, zone: zone.name, pages, range, inside })
  }
  let end = 0
  let top = 0
  const ranges = nodes.flatMap(({ node, ram }) => ram.map((range) => ({ ...range, node })))
    .toSorted((a, b) => a.start - b.start)
  for (const { node, ...range } of ranges) {
    const zone = populated.get(node)?.find((z) => range.start < z.start + z.spanned)
    if (range.start > end) add(node, zone, { start: end, end: range.start })
    end = range.end
    top = node
  }
  // The kernel names the highest populated zone of the last range's node here.
  add(top, populated.get(top)?.at(-1), { start: end, end: Alignment.up(end, perSection) })
  return found
}
