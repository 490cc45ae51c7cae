/**
 * A firmware memory map under construction, as the lines of a boot log change it: ranges of one kind each, later lines
 * convert or remove parts of earlier ones.
 *
 * @since 0.1.0
 */
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"

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
    const part = { start: Math.max(entry.start, range.start), end: Math.min(entry.end, range.end) }
    return to === undefined ? rest : [...rest, { ...part, type: to }].toSorted((a, b) => a.start - b.start)
  })

/**
 * Cuts the range at node borders and names the node of each part; parts on no known node stay without.
 *
 * @category conversions
 * @since 0.1.0
 */
export const byNode = (
  range: PfnRange.PfnRange,
  nodes: ReadonlyArray<PfnRange.PfnRange & { readonly node: number }>
): ReadonlyArray<PfnRange.PfnRange & { readonly node: number | undefined }> => {
  const touching = nodes.filter((node) => PfnRange.overlaps(node, range)).toSorted((a, b) => a.start - b.start)
  const cuts = touching.flatMap((part, index) => {
    const next = touching[index + 1]
    return next === undefined || next.node === part.node
      ? []
      : [{ end: Math.min(Math.max(next.start, range.start), range.end), node: part.node }]
  })
  const out: Array<PfnRange.PfnRange & { readonly node: number | undefined }> = []
  let start = range.start
  for (const cut of [...cuts, { end: range.end, node: touching.at(-1)?.node }]) {
    if (cut.end > start) out.push({ start, end: cut.end, node: cut.node })
    start = Math.max(start, cut.end)
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
        name: `${what}@0x${start.toString(16)}`,
        kind: device,
        start,
        size,
        ...(node === undefined ? {} : { node })
      }]
  })
