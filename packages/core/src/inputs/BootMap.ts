/**
 * A firmware memory map under construction, as the lines of a boot log change it: ranges of one kind each, later lines
 * convert or remove parts of earlier ones.
 *
 * @since 0.1.0
 */
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as DeviceMatch from "./DeviceMatch.ts"

/**
 * A half-open byte range and the firmware's word for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry extends PfnRange.PfnRange {
  readonly type: string
}

/**
 * The kind of range of a word the kernel prints for an e820 type (20.3).
 *
 * @category queries
 * @since 0.1.0
 */
export const kindOf = (type: string): MachineSpec.RangeKind => {
  switch (type) {
    case "usable":
    case "System RAM":
      return "ram"
    case "reserved":
    case "device reserved":
    case "unusable":
      return "reserved"
    case "persistent (type 7)":
      return "pmem"
    case "persistent (type 12)":
      return "legacy-pmem"
    case "soft reserved":
      return "soft-reserved"
    default:
      return "other"
  }
}

/**
 * Takes the parts of `range` that are of type `from` out of the map, or gives them the type `to`: what
 * `e820: remove` and `e820: update` report.
 *
 * @category combinators
 * @since 0.1.0
 */
export const convert = (
  map: ReadonlyArray<Entry>,
  range: PfnRange.PfnRange,
  from: string,
  to: string | undefined
): ReadonlyArray<Entry> =>
  map.flatMap((entry) => {
    if (entry.type !== from || !PfnRange.overlaps(entry, range)) return [entry]
    const rest = PfnRange.subtract(entry, [range]).map((part) => ({ ...part, type: entry.type }))
    return to === undefined
      ? rest
      : [...rest, { ...PfnRange.intersection(entry, range), type: to }].toSorted((a, b) => a.start - b.start)
  })

/**
 * A range that belongs to a node.
 *
 * @category models
 * @since 0.1.0
 */
export interface OnNode extends PfnRange.PfnRange {
  readonly node: number
}

/**
 * The ranges ascending and disjoint; where two claim the same bytes, the lower one keeps them.
 *
 * @category combinators
 * @since 0.1.0
 */
export const disjoint = (ranges: ReadonlyArray<OnNode>): ReadonlyArray<OnNode> => {
  const out: Array<OnNode> = []
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const start = Math.max(range.start, out.at(-1)?.end ?? 0)
    if (start < range.end) out.push({ ...range, start })
  }
  return out
}

/** Index of the first of the ascending ranges that ends above `address`. */
const firstEndingAbove = (ranges: ReadonlyArray<OnNode>, address: number): number => {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((ranges[middle]?.end ?? 0) > address) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Cuts `range` where the node changes and names the node of each part. `nodes` come from {@link disjoint}; gaps between them
 * count to the node below, and a range that touches none stays without.
 *
 * @category conversions
 * @since 0.1.0
 */
export const byNode = (
  range: PfnRange.PfnRange,
  nodes: ReadonlyArray<OnNode>
): ReadonlyArray<PfnRange.PfnRange & { readonly node: number | undefined }> => {
  const out: Array<{ start: number; end: number; node: number | undefined }> = []
  for (let index = firstEndingAbove(nodes, range.start); index < nodes.length; index++) {
    const on = nodes[index]
    if (on === undefined || on.start >= range.end) break
    const last = out.at(-1)
    if (last === undefined) out.push({ start: range.start, end: range.end, node: on.node })
    else if (last.node !== on.node) {
      last.end = on.start
      out.push({ start: on.start, end: range.end, node: on.node })
    }
  }
  return out.length === 0 ? [{ ...range, node: undefined }] : out
}

/**
 * The parts of `range` that lie on one of the nodes, which come from {@link disjoint}.
 *
 * @category conversions
 * @since 0.1.0
 */
export const onNodes = (range: PfnRange.PfnRange, nodes: ReadonlyArray<OnNode>): ReadonlyArray<OnNode> => {
  const out: Array<OnNode> = []
  for (let index = firstEndingAbove(nodes, range.start); index < nodes.length; index++) {
    const on = nodes[index]
    if (on === undefined || on.start >= range.end) break
    out.push({ ...PfnRange.intersection(on, range), node: on.node })
  }
  return out
}

/**
 * Devices that firmware ranges stand for, named by address.
 *
 * @category conversions
 * @since 0.1.0
 */
export const devices = (ranges: ReadonlyArray<MachineSpec.Range>): ReadonlyArray<MachineSpec.Device> =>
  ranges.flatMap(({ kind, node, size, start }) => {
    const [what, device] = kind === "pmem"
      ? ["pmem", "pmem"] as const
      : kind === "legacy-pmem"
      ? ["legacy", "legacy"] as const
      : kind === "soft-reserved"
      ? ["soft-reserved", "dax"] as const
      : [undefined, undefined]
    return device === undefined
      ? []
      : [{
        name: DeviceMatch.anonymousName(what, start),
        kind: device,
        start,
        size,
        ...(node === undefined ? {} : { node })
      }]
  })

/**
 * RAM whose node is not known, cut by {@link byNode}.
 *
 * @category conversions
 * @since 0.1.0
 */
export const withNodes = (
  ranges: ReadonlyArray<MachineSpec.Range>,
  nodes: ReadonlyArray<OnNode>
): ReadonlyArray<MachineSpec.Range> =>
  ranges.flatMap((range) =>
    range.kind !== "ram" || range.node !== undefined
      ? [range]
      : byNode(PfnRange.fromLength(range.start, range.size), nodes).map(({ end, node, start }) => ({
        ...range,
        start,
        size: end - start,
        ...(node === undefined ? {} : { node })
      }))
  )
