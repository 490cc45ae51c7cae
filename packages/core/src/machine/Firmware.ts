/**
 * The device memory firmware and hypervisor announce, as their drivers read it (20.4, OBS-17).
 *
 * @since 0.1.0
 */
import type * as Hmem from "../devices/Hmem.ts"
import type * as NvdimmState from "../devices/NvdimmState.ts"
import type * as Providers from "../devices/Providers.ts"
import type * as BootMemory from "./BootMemory.ts"
import * as MachineSpec from "./MachineSpec.ts"

const ofKind = (spec: MachineSpec.MachineSpec, kind: MachineSpec.DeviceKind) =>
  (spec.devices ?? []).filter((device) => device.kind === kind)

/**
 * `phys_to_target_node()` of an e820 range: what is said of the device, else the block that has the address, else none (20.7). For
 * a device of which no node is said it is that of the RAM below it.
 */
const nodeOf = (spec: MachineSpec.MachineSpec, { blocks, kernel, nodes }: BootMemory.BootMemory) => {
  const legacy = ofKind(spec, "legacy")
  const ramBelow = (address: number): number =>
    nodes.flatMap(({ node, ram }) => ram.map(({ start }) => ({ start, node })))
      .filter(({ start }) => start * kernel.arch.pageSize <= address)
      .toSorted((a, b) => b.start - a.start)[0]?.node ?? nodes[0]?.node ?? 0
  return (address: number): number => {
    const block = blocks.find(({ end, start }) => start <= address && address < end)
    const device = legacy.find(({ size, start = 0 }) => start <= address && address < start + size)
    if (device === undefined) return block?.node ?? -1
    return device.targetNode ?? device.node ?? block?.node ?? ramBelow(address)
  }
}

/**
 * `numa_node` of a device: the nearest node that has RAM (SPW-2). Without a word on distances that is the nearest by number,
 * the lower of two.
 *
 * @category queries
 * @since 0.1.0
 */
export const nearest = ({ nodes }: BootMemory.BootMemory, node: number): number =>
  nodes.map((own) => own.node)
    .toSorted((a, b) => Math.abs(a - node) - Math.abs(b - node) || a - b)[0] ?? node

/**
 * NVDIMMs and virtio-pmem devices in the order firmware lists them; each NVDIMM of a set has an equal share.
 *
 * @category conversions
 * @since 0.1.0
 */
export const providers = (spec: MachineSpec.MachineSpec, memory: BootMemory.BootMemory): Providers.Firmware => {
  const pmem = ofKind(spec, "pmem")
  // nmem numbers follow the DIMM handles, hence the slots (OBS-17).
  const handles = pmem.toSorted((a, b) => (a.slot ?? 0) - (b.slot ?? 0) || (a.start ?? 0) - (b.start ?? 0))
  const firstDimm = new Map(
    handles.map((device, i) => [device, handles.slice(0, i).reduce((sum, { ways = 1 }) => sum + Math.max(1, ways), 0)])
  )
  const describe = (device: MachineSpec.Device): NvdimmState.Description => {
    const { isetId, labelArea = 0, node, size, start = 0, unarmed } = device
    const ways = device.kind === "pmem" ? Math.max(1, device.ways ?? 1) : 0
    const own = node ?? device.targetNode ?? 0
    return {
      start,
      size,
      node: device.kind === "virtio-pmem" ? -1 : nearest(memory, own),
      targetNode: device.targetNode ?? own,
      mappings: Array.from({ length: ways }, (_, position) => ({
        dimm: (firstDimm.get(device) ?? 0) + position,
        start: 0,
        size: size / ways,
        position
      })),
      labelArea: labelArea > 0 || MachineSpec.hasLabels(device),
      readOnly: unarmed,
      ...(isetId !== undefined && /^(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})$/.test(isetId)
        ? { setCookie: BigInt(isetId) }
        : {})
    }
  }
  return {
    nfit: pmem.map(describe),
    virtioPmem: ofKind(spec, "virtio-pmem").map(describe),
    node: nodeOf(spec, memory)
  }
}

/**
 * Volatile device memory that goes to device-dax without an info block: soft reserved ranges, CXL ram.
 *
 * @category conversions
 * @since 0.1.0
 */
export const dynamicDax = (
  spec: MachineSpec.MachineSpec,
  memory: BootMemory.BootMemory
): ReadonlyArray<Hmem.Range> =>
  ofKind(spec, "dax").flatMap(({ node, size, start, targetNode }) =>
    start === undefined ? [] : [{
      start,
      end: start + size,
      node: nearest(memory, node ?? targetNode ?? 0),
      targetNode: targetNode ?? node ?? 0
    }]
  )
