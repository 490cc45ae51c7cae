/**
 * The `daxregion` object and its `devices`, as `daxctl list -R`, `ndctl list -X` and `cxl list -X` all print them (27.1,
 * OBS-21).
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { subsectionSize } from "../geometry/Architecture.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as HumanAmount from "./HumanAmount.ts"

/**
 * One range of a device: `daxctl list -M`.
 *
 * @category models
 * @since 0.1.0
 */
export const Mapping = Schema.Struct({
  start: HumanAmount.Amount,
  /** Inclusive. */
  end: HumanAmount.Amount
})

/**
 * A device-dax instance, `daxX.Y`.
 *
 * @category models
 * @since 0.1.0
 */
export const Instance = Schema.Struct({
  chardev: Schema.NonEmptyString,
  size: HumanAmount.Amount,
  target_node: Schema.optionalKey(Schema.Int),
  align: Schema.optionalKey(HumanAmount.Amount),
  mode: Schema.optionalKey(Schema.Literals(["devdax", "system-ram", "unknown"])),
  online_memblocks: Schema.optionalKey(Schema.Natural),
  total_memblocks: Schema.optionalKey(Schema.Natural),
  movable: Schema.optionalKey(Schema.Boolean),
  state: Schema.optionalKey(Schema.String),
  mappings: Schema.optionalKey(Schema.Array(Mapping))
})
/** @since 0.1.0 */
export interface Instance extends Schema.Schema.Type<typeof Instance> {}

/**
 * A dax region, `path` and `available_size` only in `daxctl list -R`.
 *
 * @category models
 * @since 0.1.0
 */
export const DaxRegion = Schema.Struct({
  id: Schema.Int,
  size: Schema.optionalKey(HumanAmount.Amount),
  available_size: Schema.optionalKey(HumanAmount.Amount),
  align: Schema.optionalKey(HumanAmount.Amount),
  path: Schema.optionalKey(Schema.String),
  devices: Schema.optionalKey(Schema.Array(Instance))
})
/** @since 0.1.0 */
export interface DaxRegion extends Schema.Schema.Type<typeof DaxRegion> {}

/**
 * Whether the memory belongs to a libnvdimm namespace, whose info block takes space the instance does not show.
 *
 * @category queries
 * @since 0.1.0
 */
export const isOfNamespace = (region: DaxRegion): boolean => /\/ndbus[0-9]+\//.test(region.path ?? "")

/**
 * Physical pieces of an instance in the order printed; empty when `-M` was not given.
 *
 * @category queries
 * @since 0.1.0
 */
export const pieces = (instance: Instance): ReadonlyArray<{ readonly start: number; readonly size: number }> =>
  (instance.mappings ?? [])
    .map(({ end, start }) => ({ start: start.least, size: end.least + 1 - start.least }))
    .filter(({ size }) => size > 0)

/**
 * What the instance says about memory blocks, apart from its size.
 *
 * @category conversions
 * @since 0.1.0
 */
export const blocks = (
  instance: Instance
): Pick<MachineSpec.Configured, "totalBlocks" | "onlineBlocks" | "movable"> => ({
  ...(instance.total_memblocks === undefined ? {} : { totalBlocks: instance.total_memblocks }),
  ...(instance.online_memblocks === undefined ? {} : { onlineBlocks: instance.online_memblocks }),
  ...(instance.movable === undefined ? {} : { movable: instance.movable })
})

/**
 * An instance of a dynamic region: no metadata of its own, so `size` and `usable` are the same. Instances of size 0 (fresh,
 * 24.1) are no configuration: `undefined`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const configured = (instance: Instance): MachineSpec.Configured | undefined => {
  const align = instance.align === undefined ? undefined : HumanAmount.powerOfTwo(instance.align, 1)
  const size = HumanAmount.resolve(instance.size, Math.max(align ?? 4096, subsectionSize))
  if (size.bytes === 0) return undefined
  const parts = pieces(instance)
  return {
    name: instance.chardev,
    mode: instance.mode === "system-ram" ? "system-ram" : "devdax",
    ...(align === undefined ? {} : { align }),
    ...(parts.length === 1 && parts[0] !== undefined ? { start: parts[0].start } : {}),
    ...(parts.length > 1 ? { pieces: parts } : {}),
    size: size.bytes,
    usable: size.bytes,
    ...(size.exact ? {} : { approximate: true }),
    chardev: instance.chardev,
    ...(instance.state === "disabled" ? { disabled: true } : {}),
    ...blocks(instance)
  }
}
