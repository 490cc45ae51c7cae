/**
 * A namespace as `ndctl list` prints it (27.1, OBS-21), and what it says about the machine.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as DaxRegion from "./DaxRegion.ts"
import * as HumanAmount from "./HumanAmount.ts"

/**
 * `memory` and `dax` are the words of ndctl before 60 for `fsdax` and `devdax`.
 *
 * @category models
 * @since 0.1.0
 */
export const NdctlNamespace = Schema.Struct({
  dev: Schema.String.check(Schema.isPattern(/^namespace[0-9]{1,9}\.[0-9]{1,9}$/, { expected: "namespaceX.Y" })),
  mode: Schema.Literals(["raw", "sector", "fsdax", "devdax", "memory", "dax"]),
  map: Schema.optionalKey(Schema.Literals(["mem", "dev", "none"])),
  size: Schema.optionalKey(HumanAmount.Amount),
  uuid: Schema.optionalKey(Schema.String),
  raw_uuid: Schema.optionalKey(Schema.String),
  align: Schema.optionalKey(HumanAmount.Amount),
  sector_size: Schema.optionalKey(Schema.Natural),
  blockdev: Schema.optionalKey(Schema.String),
  chardev: Schema.optionalKey(Schema.String),
  daxregion: Schema.optionalKey(DaxRegion.DaxRegion),
  resource: Schema.optionalKey(HumanAmount.Amount),
  state: Schema.optionalKey(Schema.String),
  numa_node: Schema.optionalKey(Schema.Int),
  target_node: Schema.optionalKey(Schema.Int)
})
/** @since 0.1.0 */
export interface NdctlNamespace extends Schema.Schema.Type<typeof NdctlNamespace> {}

/**
 * An fsdax namespace without info block: mapped by the region itself, hence no uuid and no align (27.1).
 *
 * @category queries
 * @since 0.1.0
 */
export const isNative = (namespace: NdctlNamespace): boolean =>
  (namespace.mode === "fsdax" || namespace.mode === "memory") && namespace.uuid === undefined &&
  namespace.align === undefined && namespace.size !== undefined

/**
 * Whether `size` is the raw size: raw and native namespaces have no metadata.
 *
 * @category queries
 * @since 0.1.0
 */
export const isRawSized = (namespace: NdctlNamespace): boolean =>
  namespace.size !== undefined && (namespace.mode === "raw" || isNative(namespace))

/**
 * Whether it could exist only in a region with labels: its own uuid under the instance's, a uuid of a raw namespace, or an
 * id other than 0.
 *
 * @category queries
 * @since 0.1.0
 */
export const hasLabel = (namespace: NdctlNamespace): boolean =>
  namespace.raw_uuid !== undefined || (namespace.mode === "raw" && namespace.uuid !== undefined) ||
  !namespace.dev.endsWith(".0")

/**
 * Id of the region the namespace lies in.
 *
 * @category queries
 * @since 0.1.0
 */
export const regionId = (namespace: NdctlNamespace): string => /^namespace([0-9]+)/.exec(namespace.dev)?.[1] ?? ""

const modeOf = (
  namespace: NdctlNamespace,
  instance: DaxRegion.Instance | undefined
): MachineSpec.Configured["mode"] => {
  if (instance?.mode === "system-ram") return "system-ram"
  if (namespace.mode === "memory") return "fsdax"
  return namespace.mode === "dax" ? "devdax" : namespace.mode
}

/**
 * The namespace as configuration; `undefined` for the idle one of size 0.
 *
 * `granule` is what raw sizes are multiples of (the region's align where there are labels); sizes of pfn and dax instances
 * are multiples of their own align. A human string that leaves more than one candidate is marked approximate.
 *
 * @category conversions
 * @since 0.1.0
 */
export const configured = (namespace: NdctlNamespace, granule: number): MachineSpec.Configured | undefined => {
  const instance = namespace.daxregion?.devices?.[0]
  const align = namespace.align === undefined ? undefined : HumanAmount.powerOfTwo(namespace.align, 1)
  const unit = align ?? (namespace.mode === "sector" ? 512 : granule)
  const size = namespace.size === undefined ? undefined : HumanAmount.resolve(namespace.size, Math.max(unit, 1))
  if (size?.bytes === 0) return undefined
  const chardev = instance?.chardev ?? namespace.chardev
  return {
    name: namespace.dev,
    mode: modeOf(namespace, instance),
    ...(namespace.map === undefined ? {} : { map: namespace.map }),
    ...(align === undefined ? {} : { align }),
    ...(namespace.sector_size === undefined ? {} : { sectorSize: namespace.sector_size }),
    ...(namespace.resource === undefined ? {} : { start: namespace.resource.least }),
    ...(size !== undefined && isRawSized(namespace) ? { size: size.bytes } : {}),
    ...(size === undefined ? {} : { usable: size.bytes }),
    ...(size?.exact === false ? { approximate: true } : {}),
    ...(namespace.uuid === undefined ? {} : { uuid: namespace.uuid }),
    ...(namespace.blockdev === undefined ? {} : { blockdev: namespace.blockdev }),
    ...(chardev === undefined ? {} : { chardev }),
    ...(namespace.state === "disabled" ? { disabled: true } : {}),
    ...(instance === undefined ? {} : DaxRegion.blocks(instance))
  }
}
