/**
 * The plan of a machine: every device with its alternatives, what is configured now, one recommendation, and what the nodes
 * would have to pay.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import type * as Alike from "./Alike.ts"
import * as Alternatives from "./Alternatives.ts"
import * as Current from "./Current.ts"
import * as NodeOfRam from "./NodeOfRam.ts"
import * as PlanOption from "./PlanOption.ts"
import * as Target from "./Target.ts"
import * as Warnings from "./Warnings.ts"

/**
 * The option to take, why, and how.
 *
 * @category models
 * @since 0.1.0
 */
export const Recommended = Schema.Struct({
  ...PlanOption.Choice.fields,
  usable: PlanOption.PlanOption.fields.usable,
  ram: PlanOption.PlanOption.fields.ram,
  device: PlanOption.PlanOption.fields.device,
  pageTables: PlanOption.PlanOption.fields.pageTables,
  reason: Schema.String.annotate({ description: "Why this one." }),
  command: Schema.String.annotate({ description: "What an administrator would type to get it." })
}).annotate({ identifier: "Recommended", description: "The option to take." })
/** @since 0.1.0 */
export interface Recommended extends Schema.Schema.Type<typeof Recommended> {}

/**
 * `start` is null when no source says it; the plan then assumes an address aligned to everything that matters.
 *
 * @category models
 * @since 0.1.0
 */
export const DevicePlan = Schema.Struct({
  name: Schema.String.annotate({ description: "Name of the region, dax device or range." }),
  start: Schema.NullOr(Schema.Natural).annotate({
    description: "Physical address of the first byte; null when no source says it."
  }),
  size: Schema.Natural.annotate({ description: "Raw bytes of the range." }),
  node: Schema.Int.annotate({ description: "NUMA node whose RAM pays for a memmap in RAM." }),
  targetNode: Schema.Int.annotate({ description: "NUMA node the memory joins as system RAM." }),
  current: Schema.NullOr(Current.Current).annotate({ description: "What is configured now; null when nothing is." }),
  options: Schema.Array(PlanOption.PlanOption).annotate({
    description: "Every way to use the range, legal or not, in a fixed order."
  }),
  recommended: Schema.NullOr(Recommended).annotate({
    description: "The option to take; null when nothing is possible."
  }),
  warnings: Schema.Array(PlanOption.Note).annotate({ description: "Where memory would be lost without being told." })
}).annotate({ identifier: "DevicePlan", description: "One range of device memory." })
/** @since 0.1.0 */
export interface DevicePlan extends Schema.Schema.Type<typeof DevicePlan> {}

/**
 * What the recommended options of all devices that a node pays for add up to. `fits` is null when the node's available
 * memory is not known.
 *
 * @category models
 * @since 0.1.0
 */
export const NodeTotal = Schema.Struct({
  node: Schema.Int.annotate({ description: "NUMA node." }),
  ram: Schema.Natural.annotate({ description: "Bytes of struct pages the node pays for." }),
  pageTables: Schema.Natural.annotate({ description: "Bytes of page tables the node pays for." }),
  available: Schema.NullOr(Schema.Natural).annotate({
    description: "Bytes that can be allocated on the node; null when not known."
  }),
  fits: Schema.NullOr(Schema.Boolean).annotate({
    description: "Whether the node can pay; null when its memory is not known."
  })
}).annotate({ identifier: "NodeTotal", description: "What the recommended options cost one node." })
/** @since 0.1.0 */
export interface NodeTotal extends Schema.Schema.Type<typeof NodeTotal> {}

/**
 * Sums over the recommended options. A device on which nothing is possible is lost as a whole: usable + lost = size.
 *
 * @category models
 * @since 0.1.0
 */
export const Totals = Schema.Struct({
  size: Schema.Natural.annotate({ description: "Raw bytes of all devices." }),
  usable: Schema.Natural.annotate({ description: "Usable bytes." }),
  ram: Schema.Natural.annotate({ description: "Bytes of struct pages in RAM." }),
  device: Schema.Natural.annotate({ description: "Bytes of struct pages on devices." }),
  pageTables: Schema.Natural.annotate({ description: "Bytes of page tables, always RAM." }),
  lost: Schema.Natural.annotate({ description: "Raw bytes that are not usable: size - usable." }),
  nodes: Schema.Array(NodeTotal).annotate({ description: "What each paying node pays." })
}).annotate({ identifier: "Totals", description: "Sums over the recommended options of all devices." })
/** @since 0.1.0 */
export interface Totals extends Schema.Schema.Type<typeof Totals> {}

/**
 * What `vmemmap plan --json` prints for one machine.
 *
 * @category models
 * @since 0.1.0
 */
export const Plan = Schema.Struct({
  name: Schema.NullOr(Schema.String).annotate({ description: "Name of the machine; null when no source says it." }),
  kernel: Schema.String.annotate({ description: "Kernel release planned for." }),
  arch: Schema.String.annotate({ description: "Architecture planned for." }),
  structPage: Schema.Natural.annotate({ description: "Bytes of one struct page." }),
  blockSize: Schema.Natural.annotate({ description: "Bytes of one memory block." }),
  devices: Schema.Array(DevicePlan).annotate({ description: "Every range of device memory." }),
  totals: Totals,
  assumptions: Schema.Array(Schema.String).annotate({ description: "What was assumed because no source says it." })
})
/** @since 0.1.0 */
export interface Plan extends Schema.Schema.Type<typeof Plan> {}

const planDevice = (
  device: MachineSpec.Device,
  spec: MachineSpec.MachineSpec,
  kernel: Target.Kernel,
  filter: Alternatives.Filter,
  payer: Payer
): DevicePlan => {
  const { startKnown, target } = Target.fromDevice(device, kernel.arch.pageSize)
  const options = Alternatives.all(target, kernel, filter)
  const current = Current.fromDevice(device, target, kernel)
  const circumstances = circumstancesOf(device, spec, target, filter, payer)
  const chosen = Alternatives.recommend(options, target, circumstances)
  return {
    name: device.name,
    start: startKnown ? target.start : null,
    size: device.size,
    node: target.node,
    targetNode: target.targetNode,
    current,
    options,
    recommended: chosen === null
      ? null
      : { ...summary(chosen, target, device), reason: Alternatives.reason(chosen, target, circumstances) },
    warnings: Warnings.forDevice(device, target, kernel, chosen, options)
  }
}

const summary = (
  option: PlanOption.PlanOption,
  target: Target.Target,
  { available, configured = [] }: MachineSpec.Device
): Omit<Recommended, "reason"> => ({
  mode: option.mode,
  map: option.map,
  align: option.align,
  sectorSize: option.sectorSize,
  native: option.native,
  memmapOnMemory: option.memmapOnMemory,
  usable: option.usable,
  ram: option.ram,
  device: option.device,
  pageTables: option.pageTables,
  command: Alternatives.command(
    option,
    target,
    Alternatives.selector(target, available === 0 && configured.length === 1 ? configured[0]?.name : undefined)
  )
})

const availableOn = (spec: MachineSpec.MachineSpec, node: number): number | undefined =>
  (spec.nodes ?? []).find((n) => n.node === node)?.available

/** The node whose RAM holds the memmap of a device in a mode. */
type Payer = (device: Pick<DevicePlan, "node" | "targetNode">, mode: PlanOption.Mode | undefined) => number

/**
 * The device's node pays, or as System RAM the target node if it has RAM of its own, else the device's again, first on its zonelist
 * (SPW-10); where that is known to have none, the first that has.
 */
const payerOf = (spec: MachineSpec.MachineSpec): Payer => {
  const known = NodeOfRam.known(spec)
  return ({ node, targetNode }, mode) => {
    const first = mode === "system-ram" ? targetNode : node
    return [first, node].find((one) => known.includes(one)) ?? known[0] ?? first
  }
}

/** The mode asked for, else the one in use, and what is available on the node that would pay for it. */
const circumstancesOf = (
  device: MachineSpec.Device,
  spec: MachineSpec.MachineSpec,
  target: Target.Target,
  filter: Alternatives.Filter,
  payer: Payer
): Alternatives.Circumstances => {
  const now = Current.modeOf(device)
  const mode = filter.mode ?? now
  return {
    mode,
    inUse: filter.mode === undefined && now !== undefined && now !== "raw",
    available: availableOn(spec, payer(target, Alternatives.wantedMode(target, { mode })))
  }
}

/** What a total needs to know of a device. */
interface Chosen extends Pick<DevicePlan, "size" | "node" | "targetNode"> {
  readonly recommended: Alike.Recommended | null
}

/**
 * Only the totals of {@link make}, without the alternatives and warnings: for fleets. `best` recommends, and may remember.
 *
 * @category constructors
 * @since 0.1.0
 */
export const totals = (
  spec: MachineSpec.MachineSpec,
  kernel: Target.Kernel,
  filter: Alternatives.Filter = {},
  best: Alike.Best = Alternatives.best
): Totals => {
  const payer = payerOf(spec)
  const chosen = (spec.devices ?? []).map((device): Chosen => {
    const { target } = Target.fromDevice(device, kernel.arch.pageSize)
    const recommended = best(target, kernel, filter, circumstancesOf(device, spec, target, filter, payer))
    return {
      size: device.size,
      node: target.node,
      targetNode: target.targetNode,
      recommended
    }
  })
  return totalsOf(chosen, spec, payer)
}

/** Bytes over the recommended options, and by the node that pays for them. */
const totalsOf = (devices: ReadonlyArray<Chosen>, spec: MachineSpec.MachineSpec, payer: Payer): Totals => {
  const byNode = Map.groupBy(devices, (device) => payer(device, device.recommended?.mode))
  const sum = (pick: (r: NonNullable<Chosen["recommended"]>) => number) =>
    devices.reduce((n, d) => n + (d.recommended === null ? 0 : pick(d.recommended)), 0)
  const usable = sum((r) => r.usable)
  const size = devices.reduce((n, d) => n + d.size, 0)
  return {
    size,
    usable,
    ram: sum((r) => r.ram),
    device: sum((r) => r.device),
    pageTables: sum((r) => r.pageTables),
    lost: size - usable,
    nodes: [...byNode].toSorted(([a], [b]) => a - b).map(([node, mine]) => {
      const ram = mine.reduce((n, d) => n + (d.recommended?.ram ?? 0), 0)
      const pageTables = mine.reduce((n, d) => n + (d.recommended?.pageTables ?? 0), 0)
      const available = availableOn(spec, node) ?? null
      const most = available ?? NodeOfRam.atMost(spec, node)
      const fits = ram + pageTables > most ? false : available === null ? null : true
      return { node, ram, pageTables, available, fits }
    })
  }
}

/**
 * Plans every device of a machine.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  spec: MachineSpec.MachineSpec,
  kernel: Target.Kernel,
  filter: Alternatives.Filter = {}
): Plan => {
  const payer = payerOf(spec)
  const devices = (spec.devices ?? []).map((device) => planDevice(device, spec, kernel, filter, payer))
  const unknown = devices.filter((d) => d.start === null).map((d) => d.name)
  const approximate = (spec.devices ?? []).filter((d) => d.approximate === true).map((d) => d.name)
  return {
    name: spec.name ?? null,
    kernel: kernel.release.name,
    arch: kernel.arch.name,
    structPage: kernel.structPage,
    blockSize: kernel.blockSize,
    devices,
    totals: totalsOf(devices, spec, payer),
    assumptions: [
      ...kernel.assumptions,
      ...(unknown.length === 0
        ? []
        : [
          `start of ${unknown.join(", ")} not known, taken as a multiple of 1 GiB (add /proc/iomem as a second source)`
        ]),
      ...(approximate.length === 0
        ? []
        : [
          `size of ${approximate.join(", ")} follows from rounded or usable sizes (ndctl list -RN, without -u, says it)`
        ])
    ]
  }
}
