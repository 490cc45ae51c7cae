/**
 * The firmware memory map of a described machine, as the kernel's command line will edit it.
 *
 * @since 0.1.0
 */
import * as PfnRange from "../geometry/PfnRange.ts"
import * as E820 from "../resources/E820.ts"
import type * as MachineSpec from "./MachineSpec.ts"

/**
 * RAM of one node, in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeRange extends PfnRange.PfnRange {
  readonly node: number
}

const kindTypes: Partial<Record<MachineSpec.RangeKind, number>> = {
  ram: E820.Type.ram,
  reserved: E820.Type.reserved,
  pmem: E820.Type.pmem,
  "legacy-pmem": E820.Type.pram,
  "soft-reserved": E820.Type.softReserved
}

/**
 * The map of a machine whose ranges are known; ranges that are not in the firmware map are left out.
 *
 * @category conversions
 * @since 0.1.0
 */
export const table = (machine: MachineSpec.MachineSpec): E820.Table =>
  E820.sanitise((machine.ranges ?? []).flatMap((range) => {
    const type = kindTypes[range.kind]
    return type === undefined ? [] : [{ ...PfnRange.fromLength(range.start, range.size), type }]
  }))

/**
 * What PCI host bridges decode: ranges of kind `other` under the name `/proc/iomem` has for it (20.7).
 *
 * @category queries
 * @since 0.1.0
 */
export const windows = (
  { ranges = [] }: MachineSpec.MachineSpec
): ReadonlyArray<PfnRange.PfnRange & { readonly name: string }> =>
  ranges.flatMap(({ kind, name = "", size, start }) =>
    kind === "other" && name.startsWith("PCI Bus ") ? [{ ...PfnRange.fromLength(start, size), name }] : []
  )

/**
 * Blocks of one node with no other node between them become one, holes included (`numa_cleanup_meminfo()`); ascending,
 * nothing at `end` and above.
 *
 * @category combinators
 * @since 0.1.0
 */
export const joinBlocks = (blocks: ReadonlyArray<NodeRange>, end = Infinity): ReadonlyArray<NodeRange> => {
  const out: Array<NodeRange> = []
  for (const block of blocks.toSorted((a, b) => a.start - b.start)) {
    const cut = { ...block, end: Math.min(block.end, end) }
    if (cut.end <= cut.start) continue
    const last = out.at(-1)
    if (last?.node === cut.node) out[out.length - 1] = { ...last, end: Math.max(last.end, cut.end) }
    else out.push(cut)
  }
  return out
}

/**
 * The addresses firmware gives to each node, whatever is there: RAM, and reserved ranges that name a node. A machine that
 * names no node is node 0.
 *
 * @category queries
 * @since 0.1.0
 */
export const nodeBlocks = (machine: MachineSpec.MachineSpec): ReadonlyArray<NodeRange> => {
  const ranges = (machine.ranges ?? []).filter(({ kind, node }) =>
    kind === "ram" || (kind === "reserved" && node !== undefined)
  )
  return ranges.some(({ node }) => node !== undefined)
    ? joinBlocks(ranges.map(({ node, size, start }) => ({ ...PfnRange.fromLength(start, size), node: node ?? 0 })))
    : [{ node: 0, start: 0, end: Infinity }]
}

/**
 * `usable` RAM cut by node; ascending. Neighbours of different nodes stay apart, because one region should not span two.
 *
 * @category combinators
 * @since 0.1.0
 */
export const cutByNode = (
  blocks: ReadonlyArray<NodeRange>,
  usable: ReadonlyArray<PfnRange.PfnRange>
): ReadonlyArray<NodeRange> =>
  blocks.flatMap(({ node, ...block }) =>
    usable.filter((range) => PfnRange.overlaps(range, block))
      .map((range) => ({ ...PfnRange.intersection(range, block), node }))
  ).toSorted((a, b) => a.start - b.start)

/**
 * RAM ranges of the map by node, page-rounded and ascending; node 0 where none is named.
 *
 * @category queries
 * @since 0.1.0
 */
export const ramByNode = (
  machine: MachineSpec.MachineSpec,
  map: E820.Table,
  pageSize: number
): ReadonlyArray<NodeRange> => cutByNode(nodeBlocks(machine), E820.ram(map, pageSize))
