/**
 * What a device is configured as now, and whether the formulas agree with the size the machine reports.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Capacity from "./Capacity.ts"
import * as PlanOption from "./PlanOption.ts"
import * as Sizing from "./Sizing.ts"
import type { Kernel, Target } from "./Target.ts"

/**
 * One namespace. `usable` is what the machine reports; `predicted` what the formulas give when the raw size is known, so
 * that a difference tells an old layout (`reserve-128`, whole sections) from a current one.
 *
 * @category models
 * @since 0.1.0
 */
export const Namespace = Schema.Struct({
  name: Schema.String.annotate({ description: "Name of the namespace or dax device." }),
  mode: PlanOption.Mode,
  map: PlanOption.MapLocation,
  align: Schema.NullOr(Schema.Natural).annotate({ description: "Alignment in bytes; null when not known." }),
  start: Schema.NullOr(Schema.Natural).annotate({
    description: "Physical address of the first byte; null when not known."
  }),
  size: Schema.NullOr(Schema.Natural).annotate({
    description: "Raw bytes, as a source says or as the usable bytes imply; null when not known."
  }),
  usable: Schema.NullOr(Schema.Natural).annotate({
    description: "Usable bytes as the machine reports them; null when it does not."
  }),
  predicted: Schema.NullOr(Schema.Natural).annotate({
    description: "Usable bytes as computed; null when the raw size is not known."
  }),
  ram: Schema.NullOr(Schema.Natural).annotate({
    description: "Bytes of struct pages in RAM; null when the raw size is not known."
  }),
  device: Schema.NullOr(Schema.Natural).annotate({
    description: "Bytes of struct pages on the device; null when the raw size is not known."
  }),
  pageTables: Schema.NullOr(Schema.Natural).annotate({
    description: "Bytes of page tables, always RAM; null when the raw size is not known."
  }),
  disabled: Schema.Boolean.annotate({ description: "Configured, but not in use." })
}).annotate({ identifier: "Namespace", description: "One namespace or dax device as it is now." })
/** @since 0.1.0 */
export interface Namespace extends Schema.Schema.Type<typeof Namespace> {}

/**
 * Mode, map and alignment shared by all namespaces (`null` where they differ), and the namespaces.
 *
 * @category models
 * @since 0.1.0
 */
export const Current = Schema.Struct({
  mode: Schema.NullOr(PlanOption.Mode).annotate({ description: "Mode of all namespaces; null where they differ." }),
  map: Schema.NullOr(PlanOption.MapLocation).annotate({
    description: "Memmap location of all namespaces; null where they differ."
  }),
  align: Schema.NullOr(Schema.Natural).annotate({
    description: "Alignment of all namespaces in bytes; null where they differ."
  }),
  usable: Schema.NullOr(Schema.Natural).annotate({
    description: "Usable bytes of all namespaces; null when one does not say."
  }),
  free: Schema.NullOr(Schema.Natural).annotate({ description: "Bytes free for new namespaces; null when not known." }),
  namespaces: Schema.Array(Namespace).annotate({ description: "The namespaces." })
}).annotate({ identifier: "Current", description: "What a device is configured as now." })
/** @since 0.1.0 */
export interface Current extends Schema.Schema.Type<typeof Current> {}

/** Without labels a region is one namespace; with them, when a single one leaves nothing free. */
const isWhole = ({ available, configured, kind, labels }: MachineSpec.Device): boolean =>
  configured?.length === 1 && (kind !== "pmem" || labels === false || available === 0)

/** The raw size: said by the source, or the whole device. */
const rawSize = (configured: MachineSpec.Configured, device: MachineSpec.Device): number | undefined =>
  configured.size ?? (isWhole(device) ? device.size : undefined)

/**
 * The choice a namespace was made by.
 *
 * @category conversions
 * @since 0.1.0
 */
export const choiceOf = (
  { align, map = "none", mode, sectorSize, uuid }: MachineSpec.Configured
): PlanOption.Choice => ({
  mode,
  map,
  align: align ?? null,
  sectorSize: sectorSize ?? null,
  native: mode === "fsdax" && map === "mem" && align === undefined && uuid === undefined,
  memmapOnMemory: false
})

/**
 * The only raw size that gives exactly the usable bytes reported, in granules of the region (28.6 read backwards). `undefined`
 * when none does (an older layout, a rounded size) or when the next larger one gives as many.
 */
const inferredSize = (
  { approximate, usable }: MachineSpec.Configured,
  choice: PlanOption.Choice,
  target: Target,
  kernel: Kernel
): number | undefined => {
  if (usable === undefined || usable === 0 || approximate === true || choice.mode === "system-ram") return undefined
  const least = Sizing.exactly(usable, choice, target, kernel)
  if (least === undefined) return undefined
  const { granule, request } = least
  return Capacity.plan(choice, { ...target, size: request + granule }, kernel).usable > usable ? request : undefined
}

const namespace = (
  configured: MachineSpec.Configured,
  device: MachineSpec.Device,
  target: Target,
  kernel: Kernel
): Namespace => {
  const choice = choiceOf(configured)
  const known = rawSize(configured, device)
  const start = configured.start ?? (known === device.size ? device.start : undefined)
  const placed = { ...target, start: start ?? target.start }
  const size = known ?? inferredSize(configured, choice, placed, kernel)
  const plan = size === undefined ? null : Capacity.plan(choice, { ...placed, size }, kernel)
  const legal = plan !== null && plan.error === null ? plan : null
  return {
    name: configured.name,
    mode: choice.mode,
    map: choice.map,
    align: choice.align,
    start: start ?? null,
    size: size ?? null,
    usable: configured.usable ?? null,
    predicted: known === undefined ? null : legal?.usable ?? null,
    ram: legal?.ram ?? null,
    device: legal?.device ?? null,
    pageTables: legal?.pageTables ?? null,
    disabled: configured.disabled ?? false
  }
}

const common = <A>(values: ReadonlyArray<A>): A | null => {
  const first = values[0]
  return first !== undefined && values.every((v) => v === first) ? first : null
}

/**
 * The mode all namespaces of a device share; `undefined` when they differ or there is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const modeOf = (device: MachineSpec.Device): PlanOption.Mode | undefined =>
  common((device.configured ?? []).map((c) => c.mode)) ?? undefined

/**
 * `null` when nothing is configured on the device, or nothing is known about it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDevice = (device: MachineSpec.Device, target: Target, kernel: Kernel): Current | null => {
  const namespaces = (device.configured ?? []).map((c) => namespace(c, device, target, kernel))
  if (namespaces.length === 0) return null
  return {
    mode: modeOf(device) ?? null,
    map: common(namespaces.map((n) => n.map)),
    align: common(namespaces.map((n) => n.align)),
    usable: namespaces.every((n) => n.usable !== null) ? namespaces.reduce((s, n) => s + (n.usable ?? 0), 0) : null,
    free: device.available ?? null,
    namespaces
  }
}
