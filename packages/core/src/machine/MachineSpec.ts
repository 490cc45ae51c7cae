/**
 * A machine as far as it is known before anything is changed: firmware ranges, nodes, devices.
 *
 * Every reader of `inputs/` produces one; YAML and JSON descriptions written by hand decode to one directly. What a source
 * did not say is absent, never guessed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Alignment from "../geometry/Alignment.ts"
import * as MemParse from "../geometry/MemParse.ts"
import * as Pfn from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { MiB } from "../geometry/Units.ts"

const SizeFromText = Schema.String.pipe(
  Schema.decodeTo(
    Pfn.Bytes,
    SchemaTransformation.transformEffect({
      decode: (text, options) =>
        Result.match(MemParse.parse(text), {
          onSuccess: (bytes) => Effect.succeed(bytes),
          onFailure: (error) => Effect.fail(new SchemaIssue.InvalidValue({ message: error.message }, text, options))
        }),
      encode: (bytes) => Effect.succeed(String(bytes))
    })
  )
)

/**
 * Bytes as an integer, or as text with a binary suffix (`128GiB`, `1500G`, `0x100000000`).
 *
 * @category fields
 * @since 0.1.0
 */
export const Size = Schema.Union([Pfn.Bytes, SizeFromText])

/**
 * Kinds of firmware range that matter to a planner; `name` keeps the source's own word.
 *
 * @category models
 * @since 0.1.0
 */
export const RangeKind = Schema.Literals([
  "ram",
  "reserved",
  "pmem",
  "legacy-pmem",
  "soft-reserved",
  "cxl-window",
  "other"
])
/** @since 0.1.0 */
export type RangeKind = typeof RangeKind.Type

/**
 * One physical range `[start, start + size)` of the firmware map or of `/proc/iomem`'s top level.
 *
 * @category models
 * @since 0.1.0
 */
export const Range = Schema.Struct({
  start: Size,
  size: Size,
  kind: RangeKind,
  name: Schema.optionalKey(Schema.String),
  node: Schema.optionalKey(Schema.Natural),
  /** `true`: RAM whose memory blocks are offline. */
  offline: Schema.optionalKey(Schema.Boolean)
})
/** @since 0.1.0 */
export interface Range extends Schema.Schema.Type<typeof Range> {}

/**
 * A NUMA node and its RAM.
 *
 * @category models
 * @since 0.1.0
 */
export const Node = Schema.Struct({
  node: Schema.Natural,
  /** Bytes of RAM. */
  total: Schema.optionalKey(Size),
  /** Bytes that could be allocated now: MemAvailable, or free memory. */
  available: Schema.optionalKey(Size),
  /** Processors. Where no node says, every node with RAM has some. */
  cpus: Schema.optionalKey(Schema.Natural)
})
/** @since 0.1.0 */
export interface Node extends Schema.Schema.Type<typeof Node> {}

/**
 * What firmware calls the device, hence which driver binds it and whether labels exist.
 *
 * - `pmem`: NFIT or CXL persistent memory, a libnvdimm region with mappings
 * - `legacy`: e820 type 12 (`memmap=nn!ss`), native memory mode when unclaimed
 * - `virtio-pmem`: native memory mode, top-level resource
 * - `dax`: volatile device memory given to device-dax without an info block (soft reserved, CXL ram)
 *
 * @category models
 * @since 0.1.0
 */
export const DeviceKind = Schema.Literals(["pmem", "legacy", "virtio-pmem", "dax"])
/** @since 0.1.0 */
export type DeviceKind = typeof DeviceKind.Type

/**
 * A namespace, or a device-dax instance of a `dax` device, as it is configured now.
 *
 * @category models
 * @since 0.1.0
 */
export const Configured = Schema.Struct({
  name: Schema.NonEmptyString,
  mode: Schema.Literals(["raw", "sector", "fsdax", "devdax", "system-ram"]),
  map: Schema.optionalKey(Schema.Literals(["mem", "dev", "none"])),
  align: Schema.optionalKey(Size),
  sectorSize: Schema.optionalKey(Schema.Natural),
  start: Schema.optionalKey(Size),
  /** Raw bytes of the namespace, metadata included. */
  size: Schema.optionalKey(Size),
  /** Bytes the user gets, as `ndctl list` prints them. */
  usable: Schema.optionalKey(Size),
  /** `true` when `usable` was read from a rounded human string. */
  approximate: Schema.optionalKey(Schema.Boolean),
  uuid: Schema.optionalKey(Schema.String),
  blockdev: Schema.optionalKey(Schema.String),
  chardev: Schema.optionalKey(Schema.String),
  disabled: Schema.optionalKey(Schema.Boolean),
  /** Memory blocks of a `system-ram` instance, and how many of them are online. */
  totalBlocks: Schema.optionalKey(Schema.Natural),
  onlineBlocks: Schema.optionalKey(Schema.Natural),
  /** `true`: all online blocks are in ZONE_MOVABLE; `false`: all are in a kernel zone. */
  movable: Schema.optionalKey(Schema.Boolean),
  /** Physical pieces in the order of the instance's offsets, when it has more than one. */
  pieces: Schema.optionalKey(Schema.Array(Schema.Struct({ start: Size, size: Size })))
})
/** @since 0.1.0 */
export interface Configured extends Schema.Schema.Type<typeof Configured> {}

/**
 * A range of device memory one can plan for: a region, an e820 range, a CXL region, a dax region.
 *
 * @category models
 * @since 0.1.0
 */
export const Device = Schema.Struct({
  name: Schema.NonEmptyString,
  kind: DeviceKind,
  start: Schema.optionalKey(Size),
  size: Size,
  /** NUMA node whose RAM pays for a memmap in RAM. */
  node: Schema.optionalKey(Schema.Int),
  /** Node the memory joins as System RAM. */
  targetNode: Schema.optionalKey(Schema.Int),
  /** Region alignment in bytes; 16 MiB unless said otherwise. */
  align: Schema.optionalKey(Size),
  /** Interleave ways (mappings of the region). */
  ways: Schema.optionalKey(Schema.Natural),
  labels: Schema.optionalKey(Schema.Boolean),
  /** Bytes of the label area, which need not be initialised; 0: there is none. */
  labelArea: Schema.optionalKey(Size),
  /** Where an NVDIMM is plugged: numbers follow it, or addresses where no slot is said. */
  slot: Schema.optionalKey(Schema.Natural),
  /** `true`: an NVDIMM that cannot keep what is written, hence read-only. */
  unarmed: Schema.optionalKey(Schema.Boolean),
  /** Bytes still free for new namespaces. */
  available: Schema.optionalKey(Size),
  /** Largest namespace that can be created in one piece. */
  maxExtent: Schema.optionalKey(Size),
  /** 64-bit interleave-set identifier, exact, as decimal or hex text. */
  isetId: Schema.optionalKey(Schema.String),
  /** `true` when `size` or a free amount was read from a rounded human string, or is only what could be seen of it. */
  approximate: Schema.optionalKey(Schema.Boolean),
  disabled: Schema.optionalKey(Schema.Boolean),
  configured: Schema.optionalKey(Schema.Array(Configured))
})
/** @since 0.1.0 */
export interface Device extends Schema.Schema.Type<typeof Device> {}

/**
 * An ACPI memory device that is plugged when the machine boots: never part of boot RAM.
 *
 * @category models
 * @since 0.1.0
 */
export const Dimm = Schema.Struct({
  start: Size,
  size: Size,
  node: Schema.optionalKey(Schema.Natural),
  /** Where it is plugged: its name follows it, or the order of the list where no slot is said. */
  slot: Schema.optionalKey(Schema.Natural)
})
/** @since 0.1.0 */
export interface Dimm extends Schema.Schema.Type<typeof Dimm> {}

/**
 * The machine. Every field may be absent: not said, not zero.
 *
 * @category models
 * @since 0.1.0
 */
export const MachineSpec = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  /** As `KernelRelease.parse` reads it. */
  kernel: Schema.optionalKey(Schema.String),
  /** As `Architecture.fromName` reads it. */
  arch: Schema.optionalKey(Schema.String),
  structPage: Schema.optionalKey(Schema.Natural),
  hypervisor: Schema.optionalKey(Schema.Boolean),
  /** Memory block size in bytes, when the machine says it. */
  blockSize: Schema.optionalKey(Size),
  cmdline: Schema.optionalKey(Schema.String),
  ranges: Schema.optionalKey(Schema.Array(Range)),
  /** Nodes that firmware names; one without RAM is possible, not online. */
  nodes: Schema.optionalKey(Schema.Array(Node)),
  devices: Schema.optionalKey(Schema.Array(Device)),
  dimms: Schema.optionalKey(Schema.Array(Dimm)),
  /** The kernel was built to poison struct pages that are not initialised (CONFIG_DEBUG_VM). */
  debugPoison: Schema.optionalKey(Schema.Boolean)
})
/** @since 0.1.0 */
export interface MachineSpec extends Schema.Schema.Type<typeof MachineSpec> {}

/**
 * The memory block size advised by CXL windows: `2^ctz(start | end)` of each, where that is 256 MiB or more; the smallest
 * wins, and without any there is no advice (GEO-15).
 *
 * @category queries
 * @since 0.1.0
 */
export const smallestAdvice = (spec: MachineSpec): number | undefined => {
  const advice = (spec.ranges ?? []).filter((r) => r.kind === "cxl-window")
    .map((r) => Math.min(...[r.start, r.start + r.size].filter((n) => n > 0).map(Alignment.largestPowerDividing)))
    .filter((size) => size >= 256 * MiB)
  return advice.length === 0 ? undefined : Math.min(...advice)
}

/**
 * Boot RAM of the machine as half-open byte ranges, ascending.
 *
 * @category queries
 * @since 0.1.0
 */
export const ram = (spec: MachineSpec): ReadonlyArray<PfnRange.PfnRange> =>
  (spec.ranges ?? []).filter((r) => r.kind === "ram").map((r) => PfnRange.fromLength(r.start, r.size))
    .toSorted((a, b) => a.start - b.start)

/**
 * Whether a region has labels: it says so itself, or it is divided, which nothing else can do (OBS-13).
 *
 * @category predicates
 * @since 0.1.0
 */
export const hasLabels = ({ configured = [], kind, labels, size }: Device): boolean =>
  kind === "pmem" &&
  (labels === true || configured.length > 1 || configured.some((one) => one.size !== undefined && one.size < size))

/**
 * The machine with every namespace and instance of its devices configured in another way.
 *
 * @category transforming
 * @since 0.1.0
 */
export const mapConfigured = (machine: MachineSpec, f: (one: Configured) => Configured): MachineSpec => ({
  ...machine,
  devices: (machine.devices ?? []).map((device) => ({ ...device, configured: (device.configured ?? []).map(f) }))
})

/**
 * Namespaces in the order of the numbers their names end with, which is that of their making.
 *
 * @category queries
 * @since 0.1.0
 */
export const byNumber = (configured: ReadonlyArray<Configured>): ReadonlyArray<Configured> => {
  const number = ({ name }: Configured) => Number(/([0-9]+)$/.exec(name)?.[1] ?? "0")
  return configured.toSorted((a, b) => number(a) - number(b))
}
