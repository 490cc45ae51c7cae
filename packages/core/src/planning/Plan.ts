/**
 * The plan of a machine: every device with its alternatives, what is configured now, one recommendation, and what the nodes
 * would have to pay.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Alternatives from "./Alternatives.ts"
import * as Current from "./Current.ts"
import * as PlanOption from "./PlanOption.ts"
import * as Target from "./Target.ts"
import * as Warnings from "./Warnings.ts"

/**
 * @category models
 * @since 0.1.0
 */
export const Recommended = Schema.Struct({
  ...PlanOption.Choice.fields,
  usable: Schema.Natural,
  ram: Schema.Natural,
  device: Schema.Natural,
  pageTables: Schema.Natural,
  reason: Schema.String,
  command: Schema.String
})
/** @since 0.1.0 */
export interface Recommended extends Schema.Schema.Type<typeof Recommended> {}

/**
 * `start` is null when no source says it; the plan then assumes an address aligned to everything that matters.
 *
 * @category models
 * @since 0.1.0
 */
export const DevicePlan = Schema.Struct({
  name: Schema.String,
  start: Schema.NullOr(Schema.Natural),
  size: Schema.Natural,
  node: Schema.Int,
  targetNode: Schema.Int,
  current: Schema.NullOr(Current.Current),
  options: Schema.Array(PlanOption.PlanOption),
  recommended: Schema.NullOr(Recommended),
  warnings: Schema.Array(PlanOption.Note)
})
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
  node: Schema.Int,
  ram: Schema.Natural,
  pageTables: Schema.Natural,
  available: Schema.NullOr(Schema.Natural),
  fits: Schema.NullOr(Schema.Boolean)
})
/** @since 0.1.0 */
export interface NodeTotal extends Schema.Schema.Type<typeof NodeTotal> {}

/**
 * @category models
 * @since 0.1.0
 */
export const Totals = Schema.Struct({
  size: Schema.Natural,
  usable: Schema.Natural,
  ram: Schema.Natural,
  device: Schema.Natural,
  pageTables: Schema.Natural,
  lost: Schema.Natural,
  nodes: Schema.Array(NodeTotal)
})
/** @since 0.1.0 */
export interface Totals extends Schema.Schema.Type<typeof Totals> {}

/**
 * What `vmemmap plan --json` prints for one machine.
 *
 * @category models
 * @since 0.1.0
 */
export const Plan = Schema.Struct({
  name: Schema.NullOr(Schema.String),
  kernel: Schema.String,
  arch: Schema.String,
  structPage: Schema.Natural,
  blockSize: Schema.Natural,
  devices: Schema.Array(DevicePlan),
  totals: Totals,
  assumptions: Schema.Array(Schema.String)
})
/** @since 0.1.0 */
export interface Plan extends Schema.Schema.Type<typeof Plan> {}

const planDevice = (
  device: MachineSpec.Device,
  spec: MachineSpec.MachineSpec,
  kernel: Target.Kernel,
  filter: Alternatives.Filter
): DevicePlan => {
  const { startKnown, target } = Target.fromDevice(device, kernel.arch.pageSize)
  const options = Alternatives.all(target, kernel, filter)
  const current = Current.fromDevice(device, target, kernel)
  const mode = Current.modeOf(device)
  const recommendation = Alternatives.recommend(options, target, {
    mode: filter.mode ?? mode,
    inUse: filter.mode === undefined && mode !== undefined && mode !== "raw",
    available: availableOn(spec, target.node)
  })
  const chosen = recommendation?.option ?? null
  return {
    name: device.name,
    start: startKnown ? target.start : null,
    size: device.size,
    node: target.node,
    targetNode: target.targetNode,
    current,
    options,
    recommended: recommendation === null ? null : summary(recommendation, target, device),
    warnings: Warnings.forDevice(target, kernel, chosen, options)
  }
}

const summary = (
  { option, reason }: Alternatives.Recommendation,
  target: Target.Target,
  { available, configured = [] }: MachineSpec.Device
): Recommended => ({
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
  reason,
  command: Alternatives.command(
    option,
    target,
    available === 0 && configured.length === 1 ? configured[0]?.name : undefined
  )
})

const availableOn = (spec: MachineSpec.MachineSpec, node: number): number | undefined =>
  (spec.nodes ?? []).find((n) => n.node === node)?.available

const payingNode = (device: Chosen): number =>
  device.recommended?.mode === "system-ram" ? device.targetNode : device.node

/** What a total needs to know of a device. */
type Chosen = Pick<DevicePlan, "size" | "node" | "targetNode" | "recommended">

/**
 * Only the totals of {@link make}, without the alternatives and warnings: for fleets.
 *
 * @category constructors
 * @since 0.1.0
 */
export const totals = (
  spec: MachineSpec.MachineSpec,
  kernel: Target.Kernel,
  filter: Alternatives.Filter = {}
): Totals =>
  totalsOf(
    (spec.devices ?? []).map((device): Chosen => {
      const { target } = Target.fromDevice(device, kernel.arch.pageSize)
      const best = Alternatives.best(target, kernel, filter, {
        mode: filter.mode ?? Current.modeOf(device),
        available: availableOn(spec, target.node)
      })
      return {
        size: device.size,
        node: target.node,
        targetNode: target.targetNode,
        recommended: best === null ? null : summary(best, target, device)
      }
    }),
    spec
  )

/** Bytes over the recommended options; what pays for a node without RAM of its own is left to the reader. */
const totalsOf = (devices: ReadonlyArray<Chosen>, spec: MachineSpec.MachineSpec): Totals => {
  const sum = (pick: (r: Recommended) => number) =>
    devices.reduce((n, d) => n + (d.recommended === null ? 0 : pick(d.recommended)), 0)
  const nodes = [...new Set(devices.map(payingNode))].toSorted((a, b) => a - b)
  const planned = devices.filter((d) => d.recommended !== null)
  const usable = sum((r) => r.usable)
  const size = planned.reduce((n, d) => n + d.size, 0)
  return {
    size: devices.reduce((n, d) => n + d.size, 0),
    usable,
    ram: sum((r) => r.ram),
    device: sum((r) => r.device),
    pageTables: sum((r) => r.pageTables),
    lost: size - usable,
    nodes: nodes.map((node) => {
      const mine = planned.filter((d) => payingNode(d) === node)
      const ram = mine.reduce((n, d) => n + (d.recommended?.ram ?? 0), 0)
      const pageTables = mine.reduce((n, d) => n + (d.recommended?.pageTables ?? 0), 0)
      const available = availableOn(spec, node) ?? null
      return { node, ram, pageTables, available, fits: available === null ? null : ram + pageTables <= available }
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
  const devices = (spec.devices ?? []).map((device) => planDevice(device, spec, kernel, filter))
  const unknown = devices.filter((d) => d.start === null).map((d) => d.name)
  return {
    name: spec.name ?? null,
    kernel: kernel.release.name,
    arch: kernel.arch.name,
    structPage: kernel.structPage,
    blockSize: kernel.blockSize,
    devices,
    totals: totalsOf(devices, spec),
    assumptions: unknown.length === 0
      ? kernel.assumptions
      : [
        ...kernel.assumptions,
        `start of ${unknown.join(", ")} not known, taken as a multiple of 1 GiB (add /proc/iomem as a second source)`
      ]
  }
}
