/**
 * Which memory a physical page is, by the names recordings give: `ram`, `ramN` of NUMA node N where there are several,
 * `pmemN`, `vpmemN`, `dimmN`.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as RecordedMachine from "./RecordedMachine.ts"

/**
 * Names by pfn.
 *
 * @category models
 * @since 0.1.0
 */
export type MemoryNames = ExtentMap.ExtentMap<string>

/**
 * What memory is called that nothing is known of.
 *
 * @category constants
 * @since 0.1.0
 */
export const none = "none"

/** Parts in bytes; where two overlap the first one names the memory. */
const make = (
  parts: ReadonlyArray<PfnRange.PfnRange & { readonly name: string }>,
  pageSize: number
): MemoryNames => {
  const names = ExtentMap.empty<string>()
  for (const { end, name, start } of parts.toReversed()) {
    const range = { start: Math.floor(start / pageSize), end: Math.ceil(end / pageSize) }
    if (range.end > range.start) ExtentMap.set(names, range.start, range.end, name)
  }
  return names
}

const numbered = (
  name: string,
  list: ReadonlyArray<{ readonly start?: number; readonly size: number }>
): ReadonlyArray<PfnRange.PfnRange & { readonly name: string }> =>
  list.flatMap(({ size, start }, index) =>
    start === undefined ? [] : [{ ...PfnRange.fromLength(start, size), name: `${name}${index}` }]
  )

/**
 * Names of the machine of a recording: memory devices by their place in `input`, RAM by proximity domain, whatever the firmware
 * keeps of it included.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofRecording = (input: RecordedMachine.Input, pageSize: number): MemoryNames => {
  const at = <A extends { readonly addr: number; readonly size: number }>(list: ReadonlyArray<A>) =>
    list.map(({ addr, size }) => ({ start: addr, size }))
  const isOne = input.ram.nodes.length === 1
  return make([
    ...numbered("pmem", at(input.pmem)),
    ...numbered("vpmem", at(input.virtioPmem)),
    ...numbered("dimm", at(input.dimms)),
    ...RecordedMachine.slices(input).map(({ domain, end, start }) => ({
      start,
      end,
      name: isOne ? "ram" : `ram${domain}`
    }))
  ], pageSize)
}

/** What firmware keeps of a node's memory is RAM all the same; reserved ranges of no node are none. */
const isRam = ({ kind, node }: MachineSpec.Range): boolean =>
  kind === "ram" || (kind === "reserved" && node !== undefined)

/**
 * Names of a machine by its description: devices of a kind in the order they are described (`daxN`: device memory without an
 * info block), RAM by node.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofMachine = (spec: MachineSpec.MachineSpec, pageSize: number): MemoryNames => {
  const ofKind = (...kinds: ReadonlyArray<MachineSpec.DeviceKind>) =>
    (spec.devices ?? []).filter(({ kind }) => kinds.includes(kind))
  const ram = (spec.ranges ?? []).filter(isRam)
  const isOne = new Set(ram.filter(({ kind }) => kind === "ram").map(({ node = 0 }) => node)).size < 2
  return make([
    ...numbered("pmem", ofKind("pmem", "legacy")),
    ...numbered("vpmem", ofKind("virtio-pmem")),
    ...numbered("dimm", spec.dimms ?? []),
    ...numbered("dax", ofKind("dax")),
    ...ram.map(({ node = 0, size, start }) => ({
      ...PfnRange.fromLength(start, size),
      name: isOne ? "ram" : `ram${node}`
    }))
  ], pageSize)
}

/**
 * The name of the memory that a pfn belongs to.
 *
 * @category queries
 * @since 0.1.0
 */
export const nameOf = (names: MemoryNames, pfn: number): string => ExtentMap.find(names, pfn)?.value ?? none

/**
 * The pfns at which the name changes.
 *
 * @category queries
 * @since 0.1.0
 */
export const edges = (names: MemoryNames): ReadonlyArray<number> => [
  ...new Set(names.extents.flatMap(({ end, start }) => [start, end]))
]
