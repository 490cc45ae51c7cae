/**
 * What the attributes of regions, namespaces, btt, pfn and dax devices read (OBS-13, OBS-14, OBS-16).
 *
 * @since 0.1.0
 */
import type { Architecture } from "../geometry/Architecture.ts"
import { length } from "../geometry/PfnRange.ts"
import type { Iomem } from "../resources/Iomem.ts"
import * as Btt from "./Btt.ts"
import * as Namespaces from "./Namespace.ts"
import { sectorSizes } from "./NamespaceAttributes.ts"
import type { Device, Instance, Namespace, Region } from "./NvdimmState.ts"
import * as NvdimmState from "./NvdimmState.ts"
import * as Regions from "./Region.ts"
import * as SysfsText from "./SysfsText.ts"

/**
 * The attributes of a device by name. `null`: it exists, reading it fails.
 *
 * @category models
 * @since 0.1.0
 */
export type Attributes = Readonly<Record<string, string | number | null>>

/** 4: io, 5: pmem. */
const nstype = ({ space }: Region): number => space.labels === "initialised" ? 5 : 4

const present = (name: string, value: string | number | undefined): Attributes =>
  value === undefined ? {} : { [name]: value }

/** `target_node` is not there when there is none (20.7). */
const nodes = ({ description: { node, targetNode } }: Region): Attributes => ({
  numa_node: node,
  ...present("target_node", targetNode < 0 ? undefined : targetNode)
})

/**
 * @category queries
 * @since 0.1.0
 */
export const region = (region: Region): Attributes => {
  const { counts, description, seeds, space } = region
  return {
    size: space.size,
    ...present("available_size", Regions.availableSize(space)),
    max_available_extent: Regions.maxExtent(space),
    align: space.align,
    resource: space.start,
    ...nodes(region),
    mappings: space.mappings,
    ...Object.fromEntries(description.mappings.map((mapping, i) => [
      `mapping${i}`,
      `nmem${mapping.dimm},${mapping.start},${mapping.size},${mapping.position}`
    ])),
    init_namespaces: counts === null ? null : `${counts.active}/${counts.total}`,
    read_only: space.readOnly === true ? 1 : 0,
    pfn_seed: seeds.pfn?.name ?? "",
    dax_seed: seeds.dax?.name ?? "",
    btt_seed: seeds.btt?.name ?? "",
    namespace_seed: seeds.namespace?.name ?? "",
    nstype: nstype(region)
  }
}

/**
 * The mode a namespace reads: its holder's, else whether it is mapped with struct pages (21.2).
 *
 * @category queries
 * @since 0.1.0
 */
export const mode = (namespace: Namespace, iomem: Iomem["Service"]): "raw" | "safe" | "memory" | "dax" => {
  const { claim } = namespace
  if (claim === null) {
    const isMapped = NvdimmState.shouldMapPages(namespace, namespace, iomem.tree())
    return Namespaces.sysfsMode[isMapped ? "fsdax" : "raw"]
  }
  const kinds = { btt: "sector", pfn: "fsdax", dax: "devdax" } as const
  return Namespaces.sysfsMode[kinds[claim.kind]]
}

const namespace = (device: Namespace, iomem: Iomem["Service"]): Attributes => {
  const { altName, bound, claim, claimClass, forceRaw, lbasize, region, type, uuid } = device
  const { end, start } = NvdimmState.resource(device)
  return {
    size: end - start,
    resource: end > start ? start : null,
    mode: mode(device, iomem),
    force_raw: forceRaw ? 1 : 0,
    holder: claim?.name ?? "",
    holder_class: claimClass === "none" ? "" : claimClass === "btt2" ? "btt" : claimClass,
    nstype: nstype(region),
    ...(type === "pmem"
      ? { uuid: uuid ?? "", alt_name: altName, sector_size: SysfsText.choice(sectorSizes, lbasize) }
      : {}),
    ...nodes(region),
    ...present("driver", bound?.driver)
  }
}

const instance = (device: Instance, arch: Architecture): Attributes => {
  const { bound, region, uuid } = device
  const common = {
    namespace: device.namespace?.name ?? "",
    uuid: uuid ?? "",
    ...nodes(region),
    ...present("driver", bound?.driver)
  }
  if (device.kind === "btt") {
    const sector_size = SysfsText.choice(Btt.sectorSizes, device.lbasize)
    return { size: device.size, sector_size, log_zero_flags: "Y", ...common }
  }
  const { align, data, mode } = device
  return {
    mode,
    align,
    supported_alignments: arch.daxAligns.join(" "),
    resource: data === null ? null : data.start,
    size: data === null ? null : length(data),
    ...common
  }
}

/**
 * The attributes of a namespace, btt, pfn or dax device.
 *
 * @category queries
 * @since 0.1.0
 */
export const device = (device: Device, iomem: Iomem["Service"], arch: Architecture): Attributes =>
  device._tag === "Namespace" ? namespace(device, iomem) : instance(device, arch)

/**
 * Everything under `/sys/bus/nd/devices` that is a region or belongs to one, by name.
 *
 * @category queries
 * @since 0.1.0
 */
export const all = (
  regions: ReadonlyArray<Region>,
  iomem: Iomem["Service"],
  arch: Architecture
): Readonly<Record<string, Attributes>> =>
  Object.fromEntries([
    ...regions.map((r) => [r.name, region(r)] as const),
    ...regions.flatMap(NvdimmState.devices).map((d) => [d.name, device(d, iomem, arch)] as const)
  ])
