/**
 * The machine of a recording: `input` of a kernel recording as a machine description (OBS-1, OBS-17, OBS-30).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as PfnRange from "../geometry/PfnRange.ts"
import { GiB, MiB } from "../geometry/Units.ts"
import * as MachineError from "../machine/MachineError.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as FirmwareTable from "./FirmwareTable.ts"

const Memory = Schema.Struct({ addr: Schema.Natural, size: Schema.Natural, node: Schema.optionalKey(Schema.Natural) })

/**
 * The fields of `input` that describe the machine; the others are passed over.
 *
 * @category models
 * @since 0.1.0
 */
export const Input = Schema.Struct({
  arch: Schema.Literal("x86_64"),
  machine: Schema.String,
  kernelPackage: Schema.String,
  ram: Schema.Struct({
    below4G: Schema.Natural,
    above4G: Schema.Natural,
    nodes: Schema.NonEmptyArray(Schema.Natural)
  }),
  pmem: Schema.Array(
    Schema.Struct({
      ...Memory.fields,
      labelArea: Schema.Natural,
      unarmed: Schema.optionalKey(Schema.Boolean)
    })
  ),
  virtioPmem: Schema.Array(Memory),
  dimms: Schema.Array(Memory),
  smp: Schema.Natural,
  cmdline: Schema.String
})
/** @since 0.1.0 */
export interface Input extends Schema.Schema.Type<typeof Input> {}

const decode = Schema.decodeUnknownResult(Input)

/**
 * Memory of one proximity domain, in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Slice extends PfnRange.PfnRange {
  readonly domain: number
}

/**
 * RAM by proximity domain: the domains take consecutive slices of it, the part below 4 GiB first.
 *
 * @category queries
 * @since 0.1.0
 */
export const slices = ({ ram }: Input): ReadonlyArray<Slice> => {
  let offset = 0
  return ram.nodes.flatMap((size, domain) => {
    const taken = PfnRange.fromLength(offset, size)
    offset += size
    const hole = 4 * GiB - ram.below4G
    return [
      { domain, start: taken.start, end: Math.min(taken.end, ram.below4G) },
      { domain, start: Math.max(taken.start, ram.below4G) + hole, end: taken.end + hole }
    ].filter(({ end, start }) => end > start)
  })
}

/** Where the PCI window ends that begins with the end of low RAM (20.7). */
const windowEnd = 0xfec00000

/** The firmware map of the reference machine (OBS-1), every part of RAM with its domain. */
const rangesOf = (input: Input, node: (domain: number) => number): ReadonlyArray<MachineSpec.Range> => {
  const { above4G, below4G } = input.ram
  const tail = below4G + above4G > 64 * GiB ? 0x22000 : 0x21000
  const parts = slices(input)
  const inSlices = (kind: "ram" | "reserved", start: number, end: number): ReadonlyArray<MachineSpec.Range> =>
    parts.flatMap(({ domain, ...slice }) => {
      const part = PfnRange.intersection({ start, end }, slice)
      return part.end > part.start
        ? [{ start: part.start, size: PfnRange.length(part), kind, node: node(domain) }]
        : []
    })
  return [
    ...inSlices("ram", 0, 0x9fc00),
    ...inSlices("reserved", 0x9fc00, 0xa0000),
    { start: 0xf0000, size: 0x10000, kind: "reserved" },
    ...inSlices("ram", MiB, below4G - tail),
    ...inSlices("reserved", below4G - tail, below4G),
    { start: below4G, size: windowEnd - below4G, kind: "other", name: "PCI Bus 0000:00" },
    { start: 0xfffc0000, size: 0x40000, kind: "reserved" },
    ...inSlices("ram", 4 * GiB, 4 * GiB + above4G),
    { start: 0xfd00000000, size: 0x300000000, kind: "reserved" }
  ]
}

/** A domain has a CPU of its own as long as there are some and it has RAM; the others are in the first one (OBS-30). */
const hasCpu = ({ ram, smp }: Input, domain: number): boolean =>
  domain === 0 || domain < smp && (ram.nodes[domain] ?? 0) > 0

/**
 * Nodes number the domains in the order they are met: CPUs, RAM, NVDIMMs, the hotplug range of the last domain (OBS-30). Plugged DIMMs
 * name none.
 */
const nodeNumbers = (input: Input, pmem: Input["pmem"]): ReadonlyMap<number, number> => {
  const domains = input.ram.nodes.map((_, domain) => domain)
  const met = new Set([
    ...domains.filter((domain) => hasCpu(input, domain)),
    ...slices(input).map(({ domain }) => domain),
    ...pmem.map(({ node }) => node ?? 0),
    domains.length - 1
  ])
  return new Map([...met].map((domain, node) => [domain, node]))
}

/** A device of a node that is not online at boot is driven from the first online one (the distances are all equal). */
const onlineNode = (input: Input, node: (domain: number) => number, domain: number): number =>
  (input.ram.nodes[domain] ?? 0) > 0 || hasCpu(input, domain) ? node(domain) : 0

const cpusOf = (input: Input, domain: number): number => {
  if (domain !== 0) return hasCpu(input, domain) ? 1 : 0
  return input.smp - input.ram.nodes.filter((_, other) => other !== 0 && hasCpu(input, other)).length
}

const kernelOf = ({ kernelPackage }: Input): string | undefined => / ([0-9]+\.[0-9]+\.[0-9]+)-/.exec(kernelPackage)?.[1]

/**
 * The machine a recording was made on, under a hypervisor: firmware ranges by node, NVDIMMs in the order of the firmware table
 * and virtio-pmem as `region0`, `region1`, … by driver, DIMMs, command line. Ranges that `memmap=` turns into persistent memory are
 * not listed as devices: they follow from the command line.
 *
 * Fails when `input` is not that of a kernel recording, or has more devices than there is a known order for.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromInput = (input: unknown): Result.Result<MachineSpec.MachineSpec, MachineError.MachineError> =>
  Result.gen(function*() {
    const decoded = yield* Result.mapError(decode(input), ({ message }) =>
      new MachineError.MachineError({
        at: "input",
        rule: "OBS-1",
        problem: message.slice(0, 400),
        remedy: "give the input of a recording with a kernel: ram, pmem, virtioPmem, dimms, cmdline"
      }))
    const order = FirmwareTable.order({
      pmem: decoded.pmem.length,
      dimms: decoded.dimms.length,
      virtioPmem: decoded.virtioPmem.length
    })
    if (order === null) {
      return yield* MachineError.fail({
        at: "input.pmem",
        rule: "OBS-17",
        problem: `the firmware's order of ${decoded.pmem.length} NVDIMMs is not known`,
        remedy: "give at most seven devices"
      })
    }
    const kernel = kernelOf(decoded)
    if (kernel === undefined) {
      return yield* MachineError.fail({
        at: "input.kernelPackage",
        rule: "OBS-1",
        problem: `'${decoded.kernelPackage.slice(0, 80)}' names no kernel release`,
        remedy: "it ends with a version such as 6.1.176-1"
      })
    }
    const pmem = order.flatMap((slot) => {
      const found = decoded.pmem[slot]
      return found === undefined ? [] : [{ ...found, slot }]
    })
    const numbers = nodeNumbers(decoded, pmem)
    const node = (domain: number): number => numbers.get(domain) ?? 0
    // what no table names joins the node of the lowest RAM
    const lowest = node(slices(decoded)[0]?.domain ?? 0)
    return {
      kernel,
      arch: decoded.arch,
      hypervisor: true,
      cmdline: decoded.cmdline,
      ranges: rangesOf(decoded, node),
      nodes: [...numbers].map(([domain, number]) => ({
        node: number,
        total: decoded.ram.nodes[domain] ?? 0,
        cpus: cpusOf(decoded, domain)
      })),
      devices: [
        ...pmem.map(({ addr, labelArea, node: domain = 0, size, slot, unarmed }, index): MachineSpec.Device => ({
          name: `region${index}`,
          kind: "pmem",
          start: addr,
          size,
          node: onlineNode(decoded, node, domain),
          targetNode: node(domain),
          labels: false,
          labelArea,
          slot,
          ...(unarmed === undefined ? {} : { unarmed })
        })),
        ...decoded.virtioPmem.map(({ addr, size }, index): MachineSpec.Device => ({
          name: `region${pmem.length + index}`,
          kind: "virtio-pmem",
          start: addr,
          size
        }))
      ],
      dimms: decoded.dimms.map(({ addr, node: domain = 0, size }, index) => ({
        start: addr,
        size,
        node: numbers.get(domain) ?? lowest,
        slot: pmem.length + index
      }))
    }
  })
