/** A booted machine with libnvdimm and device-dax, from a description; and the bus it ends in. */
import { Effect, Layer, Result } from "effect"
import * as DaxDevices from "../../src/devices/DaxDevices.ts"
import * as DeviceDax from "../../src/devices/DeviceDax.ts"
import { Kmem } from "../../src/devices/Kmem.ts"
import * as Media from "../../src/devices/Media.ts"
import * as Memregion from "../../src/devices/Memregion.ts"
import * as NvdimmBus from "../../src/devices/NvdimmBus.ts"
import type * as NvdimmState from "../../src/devices/NvdimmState.ts"
import type * as Providers from "../../src/devices/Providers.ts"
import type * as KernelLog from "../../src/kernel/KernelLog.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"

const description = (device: MachineSpec.Device, dimm: number): NvdimmState.Description => ({
  start: device.start ?? 0,
  size: device.size,
  node: device.node ?? (device.kind === "virtio-pmem" ? -1 : 0),
  targetNode: device.targetNode ?? 0,
  mappings: device.kind === "pmem" ? [{ dimm, start: 0, size: device.size, position: 0 }] : [],
  labelArea: (device.labelArea ?? 0) > 0,
  readOnly: device.unarmed
})

export const firmware = (spec: MachineSpec.MachineSpec): Providers.Firmware => {
  const ofKind = (kind: MachineSpec.DeviceKind) => (spec.devices ?? []).filter((device) => device.kind === kind)
  const pmem = ofKind("pmem")
  // nmem numbers follow the DIMM handles, hence the addresses (OBS-17)
  const dimm = (device: MachineSpec.Device) => pmem.filter((other) => (other.start ?? 0) < (device.start ?? 0)).length
  return {
    nfit: pmem.map((device) => description(device, dimm(device))),
    virtioPmem: ofKind("virtio-pmem").map((device) => description(device, 0)),
    node: () => 0
  }
}

/** Nothing becomes System RAM here. */
const kmem = Layer.mock(Kmem)({ slowNodes: () => [] })

/** Everything a test of the bus needs; nothing is loaded. */
export const layer = (
  spec: MachineSpec.MachineSpec,
  from: Providers.Firmware = firmware(spec),
  replace: Partial<Machine.Parts> = {}
) =>
  NvdimmBus.layer(from).pipe(
    Layer.provideMerge(DaxDevices.layer),
    Layer.provideMerge(kmem),
    Layer.provideMerge(DeviceDax.layer),
    Layer.provideMerge(Layer.mergeAll(Media.layer, Memregion.layer)),
    Layer.provideMerge(Machine.layer(spec, replace))
  )

/** A 2 GiB machine with NVDIMMs (or `memmap=` ranges on its command line). */
export const machine = (
  pmem: ReadonlyArray<{ readonly start: number; readonly size: number; readonly labelArea?: number }>,
  cmdline = ""
): MachineSpec.MachineSpec => ({
  kernel: "6.1.176",
  arch: "x86_64",
  cmdline,
  ranges: [
    { start: 0, size: 0x9fc00, kind: "ram", node: 0 },
    { start: 0x100000, size: 2 ** 31 - 0x100000, kind: "ram", node: 0 },
    { start: 2 ** 32, size: 2 ** 31, kind: "ram", node: 0 }
  ],
  devices: pmem.map(({ labelArea = 131072, size, start }, index) => ({
    name: `region${index}`,
    kind: "pmem" as const,
    start,
    size,
    node: 0,
    targetNode: 0,
    labelArea
  }))
})

/** Every driver of the recorded kernels, in the order they were loaded. */
export const loadAll = Effect.fnUntraced(function*(bus: NvdimmBus.NvdimmBus["Service"]) {
  for (const driver of ["nd_pmem", "dax_pmem", "nd_e820", "nfit", "virtio_pmem"] as const) yield* bus.load(driver)
})

/** Kernel lines emitted so far, WARNs as `WARN function`. */
export const lines = (events: ReadonlyArray<KernelLog.Event>): ReadonlyArray<string> =>
  events.flatMap((event) => event._tag === "Line" ? [event.text] : event._tag === "Warn" ? [`WARN ${event.where}`] : [])

export const errnoOf = (result: Result.Result<unknown, { readonly errno: string }>): string =>
  Result.isSuccess(result) ? "" : result.failure.errno
