/**
 * Drivers that find regions: `nd_e820`, `nfit`, `virtio_pmem` (20.4, OBS-5).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import type { KernelLog } from "../kernel/KernelLog.ts"
import * as E820 from "../resources/E820.ts"
import type { Iomem } from "../resources/Iomem.ts"
import * as ResourceTree from "../resources/ResourceTree.ts"
import type { Bus, Description } from "./NvdimmState.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type ProviderName = "nd_e820" | "nfit" | "virtio_pmem"

/**
 * What firmware and the hypervisor say, in their order (OBS-17). `node` names the node of an address, for e820 ranges.
 *
 * @category models
 * @since 0.1.0
 */
export interface Firmware {
  readonly nfit: ReadonlyArray<Description>
  readonly virtioPmem: ReadonlyArray<Description>
  readonly node: (address: number) => number
}

const { Desc, Flag } = ResourceTree

/** One region per type-12 resource, ascending (20.4, 20.7). */
const legacy = ({ node }: Firmware, iomem: ResourceTree.Resource): ReadonlyArray<Description> =>
  E820.found(iomem).map(({ end, start }) => ({
    start,
    size: end + 1 - start,
    node: node(start),
    targetNode: node(start),
    mappings: [],
    labelArea: false
  }))

/** `acpi_nfit_insert_resource()`: the range appears in `/proc/iomem` unless firmware listed it already. */
const insert = (iomem: Iomem["Service"], { size, start }: Description): boolean =>
  ResourceTree.intersects(iomem.tree(), start, size, Flag.memory, Desc.persistentMemory) === "INTERSECTS" ||
  Result.isSuccess(iomem.insert({ start, size, name: "Persistent Memory", desc: Desc.persistentMemory }))

/** A mapping that is not page-aligned prevents its region (20.4). */
const isMapped = ({ mappings }: Description, pageSize: number): boolean =>
  mappings.every(({ size, start }) => Alignment.isAligned(start, pageSize) && Alignment.isAligned(size, pageSize))

/**
 * The regions a provider registers when it is loaded, in the order of their numbers.
 *
 * @category operations
 * @since 0.1.0
 */
export const regions = (
  provider: ProviderName,
  firmware: Firmware,
  { iomem, log, pageSize }: {
    readonly iomem: Iomem["Service"]
    readonly log: KernelLog["Service"]
    readonly pageSize: number
  }
): ReadonlyArray<Description> => {
  if (provider === "nd_e820") return legacy(firmware, iomem.tree())
  if (provider === "virtio_pmem") return firmware.virtioPmem
  for (const { mappings, readOnly } of firmware.nfit) {
    if (readOnly !== true) continue
    for (const { dimm } of mappings) {
      const text = `nfit ACPI0012:00: Error found in NVDIMM nmem${dimm} flags: not_armed`
      log.emit({ _tag: "Line", level: "err", text })
    }
  }
  return firmware.nfit.filter((description) => insert(iomem, description) && isMapped(description, pageSize))
}

/**
 * What unloading a provider takes out of `/proc/iomem`: ranges it had put there itself.
 *
 * @category operations
 * @since 0.1.0
 */
export const withdraw = (
  provider: ProviderName,
  regions: ReadonlyArray<{ readonly description: Description }>,
  iomem: Iomem["Service"]
): void => {
  if (provider !== "nfit") return
  for (const { description: { size, start } } of regions) {
    iomem.remove({ start, size, name: "Persistent Memory" })
  }
}

/**
 * Whether a provider's regions map unclaimed namespaces with struct pages (ND_REGION_PAGEMAP, 20.4).
 *
 * @category queries
 * @since 0.1.0
 */
export const hasPagemap = (provider: ProviderName): boolean => provider !== "nfit"

/**
 * The buses of the regions a provider found, one for each of them: NFIT and e820 register one bus for all their regions, every
 * virtio-pmem device one of its own. `first` is the number of the next bus.
 *
 * The devices named as parents are those of the reference machine (OBS-1, OBS-22).
 *
 * @category queries
 * @since 0.1.0
 */
export const buses = (provider: ProviderName, count: number, first: number): ReadonlyArray<Bus> => {
  if (provider !== "virtio_pmem") {
    const bus = provider === "nfit"
      ? { number: first, provider: "ACPI.NFIT", parent: "LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00" }
      : { number: first, provider: "e820", parent: "platform/e820_pmem" }
    return Array.from({ length: count }, () => bus)
  }
  return Array.from({ length: count }, (_, i) => ({
    number: first + i,
    provider: "virtio-pmem",
    // slots 0 and 1 are the host bridge and its ISA bridge
    parent: `pci0000:00/0000:00:${(i + 2).toString(16).padStart(2, "0")}.0/virtio${i}`
  }))
}
