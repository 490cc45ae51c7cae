/**
 * Device memory that has struct pages: the ranges drivers mapped, and where their memmap lives (MRP, ALT-9, 22.3).
 *
 * @since 0.1.0
 */
import type * as PfnRange from "../geometry/PfnRange.ts"
import type { BootMemory } from "../machine/BootMemory.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as Current from "../planning/Current.ts"
import * as Target from "../planning/Target.ts"
import type { MachineView } from "./MachineView.ts"

/**
 * A mapped range in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeviceMap extends PfnRange.PfnRange {
  readonly name: string
  readonly mode: string
  readonly map: "mem" | "dev"
  readonly node: number | null
}

/**
 * A device and what is configured on it, with what its struct pages cost.
 *
 * @category models
 * @since 0.1.0
 */
export interface Device {
  readonly name: string
  readonly kind: MachineSpec.DeviceKind
  readonly start: number | null
  readonly size: number
  readonly current: Current.Current | null
}

/**
 * The devices of a machine as they are now.
 *
 * @category conversions
 * @since 0.1.0
 */
export const devices = ({ spec }: MachineView, boot: BootMemory): ReadonlyArray<Device> => {
  const { arch, release, structPage } = boot.kernel
  const kernel: Target.Kernel = {
    arch,
    release,
    structPage,
    blockSize: boot.blockSize,
    ram: MachineSpec.ram(spec),
    assumptions: []
  }
  return (spec.devices ?? []).map((device) => ({
    name: device.name,
    kind: device.kind,
    start: device.start ?? null,
    size: device.size,
    current: Current.fromDevice(device, Target.fromDevice(device, arch.pageSize).target, kernel)
  }))
}

/**
 * Whether its mode has struct pages.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isMapped = ({ mode }: Current.Namespace): boolean => mode === "fsdax" || mode === "devdax"

/**
 * The ranges with struct pages among them. A namespace that is disabled, or whose place or size nobody says, is not one.
 *
 * @category conversions
 * @since 0.1.0
 */
export const maps = (all: ReadonlyArray<Device>, { spec }: MachineView): ReadonlyArray<DeviceMap> => {
  const nodes = new Map((spec.devices ?? []).map((device) => [device.name, device.node]))
  return all.flatMap(({ current, name }) =>
    (current?.namespaces ?? []).filter((one) => isMapped(one) && !one.disabled).flatMap((one) =>
      one.start === null || one.size === null || one.map === "none" ? [] : [{
        start: one.start,
        end: one.start + one.size,
        name: one.name,
        mode: one.mode,
        map: one.map,
        node: nodes.get(name) ?? null
      }]
    )
  )
}
