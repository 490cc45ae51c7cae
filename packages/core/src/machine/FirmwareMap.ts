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
 * RAM ranges of the map by node, page-rounded and ascending; node 0 where none is named. Neighbours of different nodes stay
 * apart, because one region should not span two.
 *
 * @category queries
 * @since 0.1.0
 */
export const ramByNode = (
  machine: MachineSpec.MachineSpec,
  map: E820.Table,
  pageSize: number
): ReadonlyArray<NodeRange> => {
  const ranges = (machine.ranges ?? []).filter((range) => range.kind === "ram")
  const usable = E820.ram(map, pageSize)
  return [...new Set(ranges.map((range) => range.node ?? 0))].flatMap((node) => {
    const own = ranges.filter((r) => (r.node ?? 0) === node).map((r) => PfnRange.fromLength(r.start, r.size))
    return PfnRange.normalise(own).flatMap((range) =>
      usable.filter((u) => PfnRange.overlaps(u, range))
        .map((u) => ({ ...PfnRange.intersection(u, range), node }))
    )
  }).toSorted((x, y) => x.start - y.start)
}
