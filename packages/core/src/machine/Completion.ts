/**
 * A description that can boot: what it leaves open is assumed, and said.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
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

/** A PC's memory with the hole below 1 MiB. */
const someRam = (size: number): ReadonlyArray<MachineSpec.Range> => [
  { start: 0, size: 0x9fc00, kind: "ram" },
  { start: 0x9fc00, size: 0x400, kind: "reserved" },
  { start: 0xf0000, size: 0x10000, kind: "reserved" },
  { start: MiB, size: size - MiB, kind: "ram" }
]

const assumedRam = 2 * GiB

/** Ends of everything that has a place. */
const ends = ({ devices = [], dimms = [], ranges = [] }: MachineSpec.MachineSpec): ReadonlyArray<number> => [
  ...ranges.map(({ size, start }) => start + size),
  ...dimms.map(({ size, start }) => start + size),
  ...devices.flatMap(({ size, start }) => start === undefined ? [] : [start + size])
]

const byNumber = new Intl.Collator("en", { numeric: true })

/**
 * Regions of firmware that lists no addresses follow one another, in the order of their numbers, from the first whole GiB above
 * everything else.
 */
const placed = (spec: MachineSpec.MachineSpec): Completion => {
  const { devices } = spec
  if (devices === undefined) return { spec, assumptions: [] }
  let next = Math.max(4 * GiB, ...ends(spec))
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
  const hasRam = (spec.ranges ?? []).some(({ kind }) => kind === "ram")
  const withRam = hasRam ? spec : { ...spec, ranges: [...(spec.ranges ?? []), ...someRam(assumedRam)] }
  const { assumptions, spec: complete } = placed(withRam)
  return {
    spec: complete,
    assumptions: hasRam ? assumptions : ["boot RAM of 2 GiB on node 0: no source names any", ...assumptions]
  }
}
