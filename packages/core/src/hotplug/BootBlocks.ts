/**
 * The memory blocks boot registers: one for every slot with RAM (GEO-17), in runs of like blocks.
 *
 * @since 0.1.0
 */
import type { Extent } from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as Zones from "../zones/Zones.ts"

/**
 * RAM of a node, in pfns.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ram extends PfnRange.PfnRange {
  readonly node: number
}

/**
 * What boot knows of a block: the nodes with RAM in it, its zone (`null`: more than one of them, or of one node's zones), and
 * whether pages are missing (HOT-5).
 *
 * @category models
 * @since 0.1.0
 */
export interface BootBlock {
  readonly nodes: ReadonlyArray<number>
  readonly zone: Zones.Name | null
  readonly hasHoles: boolean
}

interface Part extends PfnRange.PfnRange {
  readonly node: number
  readonly zones: ReadonlyArray<Zones.Name>
  /** Pages of each block. */
  readonly pages: number
}

/** The part of `edges` inside `(start, end)`, with both ends, ascending. */
const cuts = (start: number, end: number, edges: ReadonlyArray<number>): ReadonlyArray<number> =>
  [...new Set([start, ...edges.filter((edge) => edge > start && edge < end), end])].toSorted((a, b) => a - b)

/** A range of RAM cut where its blocks stop being full or the zones they touch change. */
const partsOf = (ram: Ram, zones: ReadonlyArray<Zones.Zone>, perBlock: number): ReadonlyArray<Part> => {
  const own = zones.filter((zone) => zone.node === ram.node && zone.present > 0)
  const edges = [ram, ...own].flatMap(({ end, start }) =>
    [start, end].flatMap((pfn) => [Math.floor(pfn / perBlock), Math.ceil(pfn / perBlock)])
  )
  const all = cuts(Math.floor(ram.start / perBlock), Math.ceil(ram.end / perBlock), edges)
  return all.slice(1).map((end, i) => {
    const start = all[i] ?? end
    const pfns = { start: start * perBlock, end: end * perBlock }
    return {
      start,
      end,
      node: ram.node,
      zones: own.filter((zone) => PfnRange.overlaps(zone, pfns)).map(({ name }) => name),
      pages: PfnRange.length(PfnRange.intersection(ram, pfns)) / (end - start)
    }
  })
}

/** Blocks with RAM of several ranges are partly filled by each, so they stand alone: their parts add up. */
const join = (parts: ReadonlyArray<Part>): ReadonlyArray<ReadonlyArray<Part>> => {
  const joined: Array<Array<Part>> = []
  for (const part of parts.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1)
    if (last !== undefined && last[0]?.start === part.start) last.push(part)
    else joined.push([part])
  }
  return joined
}

/**
 * `memory_dev_init()` over the RAM of the machine: ranges of block numbers, ascending. `zones` are the ones boot made of it,
 * by whose spans, not contents, a block's zone is told (HOT-17).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  ram: ReadonlyArray<Ram>,
  zones: ReadonlyArray<Zones.Zone>,
  perBlock: number
): ReadonlyArray<Extent<BootBlock>> =>
  join(ram.flatMap((range) => partsOf(range, zones, perBlock))).flatMap((parts) => {
    const first = parts[0]
    if (first === undefined) return []
    const nodes = [...new Set(parts.map(({ node }) => node))].toSorted((a, b) => a - b)
    const names = new Set(parts.flatMap((part) => part.zones))
    const [zone = null] = nodes.length === 1 && names.size === 1 ? names : []
    const pages = parts.reduce((sum, part) => sum + part.pages, 0)
    return [{ start: first.start, end: first.end, value: { nodes, zone, hasHoles: pages < perBlock } }]
  })
