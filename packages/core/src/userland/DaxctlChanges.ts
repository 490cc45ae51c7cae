/**
 * Dax devices are made, resized and destroyed, as daxctl 76 does it (24.3, OBS-28).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { hex } from "../geometry/Pfn.ts"
import type { Modules } from "../sysfs/Modules.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import type * as DaxctlInput from "./DaxctlInput.ts"
import * as DaxctlModes from "./DaxctlModes.ts"
import * as DaxTree from "./DaxTree.ts"
import * as ToolFailure from "./ToolFailure.ts"

/**
 * What `-s`, `-a` and `--input` ask for, in bytes; `undefined` where nothing usable is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  readonly size: number | undefined
  readonly align: number | undefined
  readonly mappings: ReadonlyArray<DaxctlInput.Mapping>
}

/** Any refusal is ENXIO. */
const change = (
  { say, tree }: DaxctlModes.Run,
  { name, path }: DaxTree.Device,
  attribute: "size" | "align" | "mapping",
  text: string
) =>
  SysfsTree.write(tree, `${path}/${attribute}`, `${text}\n`).pipe(
    Effect.catch(() => {
      say(`libdaxctl: daxctl_dev_set_${attribute}: ${name}: failed to set ${attribute}`)
      return ToolFailure.fail("ENXIO")
    })
  )

const word = (value: number): string => value === 0 ? "0" : hex(value)

/**
 * Writes `align` where it is positive.
 *
 * @category operations
 * @since 0.1.0
 */
export const setAlign = (run: DaxctlModes.Run, device: DaxTree.Device, align: number | undefined) =>
  align === undefined || align <= 0 ? Effect.void : change(run, device, "align", word(align))

/**
 * Writes `size`.
 *
 * @category operations
 * @since 0.1.0
 */
export const setSize = (run: DaxctlModes.Run, device: DaxTree.Device, size: number) =>
  change(run, device, "size", word(size))

const find = Effect.fnUntraced(function*({ tree }: DaxctlModes.Run, { id, path }: DaxTree.Region, wanted: string) {
  return (yield* DaxTree.region(tree, path, id)).devices.find(({ name }) => name === wanted)
})

/** The new device: the one the region calls its seed. */
const make = Effect.fnUntraced(function*(run: DaxctlModes.Run, region: DaxTree.Region) {
  yield* SysfsTree.write(run.tree, `${region.path}/dax_region/create`, "1")
  const seed = yield* SysfsTree.read(run.tree, `${region.path}/dax_region/seed`)
  return yield* find(run, region, seed.trimEnd())
})

/**
 * Makes a device of a dynamic region, binds it in devdax mode and answers it. Without a size it gets all there is.
 * ENOSPC where the region makes none or has nothing left, which is what a static region says too.
 *
 * @category operations
 * @since 0.1.0
 */
export const create = Effect.fnUntraced(function*(
  run: DaxctlModes.Run,
  region: DaxTree.Region,
  { align, mappings, size }: Wanted
): Effect.fn.Return<DaxTree.Device, ToolFailure.ToolFailure, Modules> {
  const device = yield* Effect.orElseSucceed(make(run, region), () => undefined)
  const wanted = size ?? (yield* DaxTree.number(run.tree, `${region.path}/dax_region/available_size`)) ?? 0
  if (device === undefined || wanted <= 0) return yield* ToolFailure.fail("ENOSPC")
  yield* setAlign(run, device, align)
  let allocated = 0
  for (const { end, start } of mappings) {
    yield* change(run, device, "mapping", `${word(start)}-${word(end)}`)
    allocated += end - start + 1
  }
  if (mappings.length > 0 && allocated !== wanted) {
    run.say(`${device.name}: allocated ${allocated} but specified size ${wanted}`)
  } else yield* setSize(run, device, wanted)
  yield* DaxctlModes.enableOrSay(run, device)
  return (yield* find(run, region, device.name)) ?? device
})

/**
 * Takes a device's bytes and deletes it. ENXIO while it has a driver and there is no `-f`. The kernel never deletes device 0 of
 * a region: EBUSY, though its bytes are gone.
 *
 * @category operations
 * @since 0.1.0
 */
export const destroy = Effect.fnUntraced(function*(
  run: DaxctlModes.Run,
  device: DaxTree.Device
): Effect.fn.Return<0, ToolFailure.ToolFailure> {
  const { name, path } = device
  if (DaxTree.driverOf(run.tree, device) !== undefined && !run.force) {
    run.say(`${name} is active, specify --force for deletion`)
    return yield* ToolFailure.fail("ENXIO")
  }
  yield* DaxctlModes.disable(run, device)
  yield* setSize(run, device, 0)
  yield* ToolFailure.fromKernel(
    SysfsTree.write(run.tree, `${path.slice(0, path.lastIndexOf("/"))}/dax_region/delete`, name)
  )
  return 0
})
