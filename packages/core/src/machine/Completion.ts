/**
 * A description that can boot: what it leaves open is assumed, and said.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { GiB, MiB } from "../geometry/Units.ts"
import type * as MachineSpec from "./MachineSpec.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Completion {
  readonly spec: MachineSpec.MachineSpec
  readonly assumptions: ReadonlyArray<string>
}

/** Everything that has a place. */
const taken = ({ devices = [], dimms = [], ranges = [] }: MachineSpec.MachineSpec): ReadonlyArray<PfnRange.PfnRange> =>
  [...ranges, ...dimms, ...devices].flatMap(({ size, start }) =>
    start === undefined ? [] : [PfnRange.fromLength(start, size)]
  )

/** A PC's memory with the hole below 1 MiB, in as many pieces as what is already there makes it. */
const someRam = (size: number, occupied: ReadonlyArray<PfnRange.PfnRange>): ReadonlyArray<MachineSpec.Range> => {
  const low: ReadonlyArray<MachineSpec.Range> = [
    { start: 0, size: 0x9fc00, kind: "ram" },
    { start: 0x9fc00, size: 0x400, kind: "reserved" },
    { start: 0xf0000, size: 0x10000, kind: "reserved" }
  ]
  const ranges = low.filter(({ size, start }) =>
    !occupied.some((other) => PfnRange.overlaps(other, PfnRange.fromLength(start, size)))
  )
  let left = size - MiB
  for (const free of PfnRange.subtract({ start: MiB, end: 2 ** 52 }, occupied)) {
    const piece = Math.min(left, PfnRange.length(free))
    if (piece > 0) ranges.push({ start: free.start, size: piece, kind: "ram" })
    left -= piece
  }
  return ranges
}

/** What a kernel needs, and 64 bytes for each page of 4 KiB of its devices: any namespace can have its memmap in RAM. */
const assumedRam = ({ devices = [] }: MachineSpec.MachineSpec): number =>
  2 * GiB + Alignment.up(devices.reduce((sum, { size }) => sum + size, 0) / 64, GiB)

const byNumber = new Intl.Collator("en", { numeric: true })

/**
 * Regions of firmware that lists no addresses follow one another, in the order of their numbers, from the first whole GiB above
 * everything else.
 */
const placed = (spec: MachineSpec.MachineSpec): Completion => {
  const { devices } = spec
  if (devices === undefined) return { spec, assumptions: [] }
  let next = Math.max(4 * GiB, ...taken(spec).map(({ end }) => end))
  const starts = new Map<MachineSpec.Device, number>()
  const assumptions: Array<string> = []
  for (const device of devices.toSorted((a, b) => byNumber.compare(a.name, b.name))) {
    if (device.start !== undefined) continue
    const start = Alignment.up(next, GiB)
    next = start + device.size
    starts.set(device, start)
    assumptions.push(`${device.name} begins at 0x${start.toString(16)}: no source says where it is`)
  }
  const complete = devices.map((device) => {
    const start = starts.get(device)
    return start === undefined ? device : { ...device, start }
  })
  return { spec: { ...spec, devices: complete }, assumptions }
}

/**
 * The description with boot RAM and with places for all of its devices.
 *
 * @category conversions
 * @since 0.1.0
 */
export const make = (spec: MachineSpec.MachineSpec): Completion => {
  if ((spec.ranges ?? []).some(({ kind }) => kind === "ram")) return placed(spec)
  const ram = assumedRam(spec)
  const complete = placed({ ...spec, ranges: [...(spec.ranges ?? []), ...someRam(ram, taken(spec))] })
  const assumption = `boot RAM of ${ram / GiB} GiB on node 0: no source names any; /proc/iomem does`
  return { ...complete, assumptions: [assumption, ...complete.assumptions] }
}
