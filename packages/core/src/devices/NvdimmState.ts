/**
 * What libnvdimm knows while it runs: regions, namespaces, and the btt, pfn and dax devices that claim them (21.1).
 *
 * Records change in place, by the functions of `Seeds`, `NamespaceAttributes` and `InstanceAttributes` and by probes; nothing
 * here waits or fails.
 *
 * @since 0.1.0
 */
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { PfnRange } from "../geometry/PfnRange.ts"
import * as PfnRanges from "../geometry/PfnRange.ts"
import * as ResourceTree from "../resources/ResourceTree.ts"
import * as Namespaces from "./Namespace.ts"
import type * as NamespaceClaim from "./NamespaceClaim.ts"
import type { PmemDisk } from "./PmemDisk.ts"
import * as Regions from "./Region.ts"

/**
 * Drivers that bind namespaces and what claims them: `nd_pmem` namespaces, pfn and btt devices, `dax_pmem` dax devices.
 *
 * @category models
 * @since 0.1.0
 */
export type DriverName = "nd_pmem" | "dax_pmem"

/**
 * A device's driver. Closing `scope` gives back everything the probe acquired; `disk` is the block device it made, if any.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound {
  readonly driver: DriverName
  readonly scope: Scope.Closeable
  readonly disk: PmemDisk | null
}

/**
 * What a device of the bus has whatever it is. `lock` is `device_lock()`: held while it is probed, unbound or written to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Common {
  readonly region: Region
  readonly id: number
  readonly name: string
  readonly lock: Semaphore.Semaphore
  bound: Bound | null
  /** `false` once the device is gone from the bus. */
  registered: boolean
}

/**
 * A namespace. `type` `io` is label-less and as large as its region; `pmem` is label-backed, `range` its DIMM offsets, `null`
 * while its size is 0. `lbasize` 0: no sector size selected.
 *
 * @category models
 * @since 0.1.0
 */
export interface Namespace extends Common {
  readonly _tag: "Namespace"
  readonly type: "io" | "pmem"
  range: PfnRange | null
  uuid: string | null
  altName: string
  lbasize: number
  claim: Instance | null
  claimClass: NamespaceClaim.Class
  forceRaw: boolean
}

/**
 * A pfn or dax device. `block` are the bytes of its info block while it is bound, relative to the namespace.
 *
 * @category models
 * @since 0.1.0
 */
export interface PfnInstance extends Common {
  readonly _tag: "Instance"
  readonly kind: "pfn" | "dax"
  namespace: Namespace | null
  uuid: string | null
  /** As sysfs writes it: `ram` is map=mem, `pmem` map=dev. */
  mode: "none" | "ram" | "pmem"
  /** Bytes. */
  align: number
  /** Where the data lies: physical bytes, half-open; `null` while unbound. */
  data: PfnRange | null
}

/**
 * A btt device. `lbasize` 0: no sector size selected; `size` are the bytes of the disk, `null` while unbound.
 *
 * @category models
 * @since 0.1.0
 */
export interface BttInstance extends Common {
  readonly _tag: "Instance"
  readonly kind: "btt"
  namespace: Namespace | null
  uuid: string | null
  lbasize: number
  size: number | null
}

/** @since 0.1.0 */
export type Instance = PfnInstance | BttInstance

/** @since 0.1.0 */
export type Device = Namespace | Instance

/**
 * A DIMM's part of a region: bytes of the DIMM, and its place in the interleave set.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mapping {
  readonly dimm: number
  readonly start: number
  readonly size: number
  readonly position: number
}

/**
 * A label: what is kept of a labelled namespace while its region is disabled. `claimClass` is stored from version 1.2 on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Label {
  readonly uuid: string
  readonly range: PfnRange
  readonly altName: string
  readonly lbasize: number
  readonly claimClass: NamespaceClaim.Class
}

/**
 * A region as firmware describes it. Bytes; `node` is -1 where firmware names none. `labelArea`: its DIMMs can hold labels.
 *
 * @category models
 * @since 0.1.0
 */
export interface Description {
  readonly start: number
  readonly size: number
  readonly node: number
  readonly targetNode: number
  readonly mappings: ReadonlyArray<Mapping>
  readonly labelArea: boolean
  readonly readOnly?: boolean | undefined
  /** DIMMs locked by a passphrase: nothing binds (EACCES). */
  readonly locked?: boolean | undefined
  /** The cookie of the interleave set, where it is known rather than computed. */
  readonly setCookie?: bigint | undefined
}

/**
 * The bus a region is on. `number` is that of `ndbusN`, `provider` as the bus names it, `parent` the device below `/sys/devices`
 * that registered it, as on the reference machine (OBS-22).
 *
 * @category models
 * @since 0.1.0
 */
export interface Bus {
  readonly number: number
  readonly provider: string
  readonly parent: string
}

/**
 * A region. `space` is its arithmetic: alignment, labels, allocations. `labels` are those on the DIMMs, `null` where there is
 * no index; `version` that of the index last written. `seeds`, namespaces and instances are there while it is enabled.
 *
 * @category models
 * @since 0.1.0
 */
export interface Region {
  readonly id: number
  readonly name: string
  readonly bus: Bus
  readonly description: Description
  readonly lock: Semaphore.Semaphore
  space: Regions.Region
  labels: ReadonlyArray<Label> | null
  version: "1.1" | "1.2" | null
  enabled: boolean
  /** Namespaces that came up when the region was enabled, and how many there were. */
  counts: { readonly active: number; readonly total: number } | null
  readonly namespaces: Map<number, Namespace>
  readonly btts: Map<number, BttInstance>
  readonly pfns: Map<number, PfnInstance>
  readonly daxes: Map<number, PfnInstance>
  seeds: Seeds
}

/**
 * The unconfigured device of each kind that waits for its first use (21.3).
 *
 * @category models
 * @since 0.1.0
 */
export interface Seeds {
  readonly namespace: Namespace | null
  readonly btt: BttInstance | null
  readonly pfn: PfnInstance | null
  readonly dax: PfnInstance | null
}

/**
 * No seeds: those of a disabled region.
 *
 * @category constants
 * @since 0.1.0
 */
export const noSeeds: Seeds = { namespace: null, btt: null, pfn: null, dax: null }

/**
 * A region before it is enabled. `pagemap`: unclaimed namespaces are mapped with struct pages (e820, virtio).
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeRegion = (
  id: number,
  description: Description,
  options: { readonly pagemap: boolean; readonly pageSize: number; readonly bus: Bus }
): Region => {
  const { mappings, readOnly, size, start } = description
  const name = `region${id}`
  return {
    id,
    name,
    bus: options.bus,
    description,
    lock: Semaphore.makeUnsafe(1),
    space: {
      name,
      start,
      size,
      align: Regions.defaultAlign(size, mappings.length, options.pageSize),
      mappings: mappings.length,
      mappingStart: mappings[0]?.start ?? 0,
      labels: description.labelArea ? "empty" : "none",
      pagemap: options.pagemap,
      readOnly,
      allocations: []
    },
    labels: null,
    version: null,
    enabled: false,
    counts: null,
    namespaces: new Map(),
    btts: new Map(),
    pfns: new Map(),
    daxes: new Map(),
    seeds: noSeeds
  }
}

/**
 * The physical bytes of a namespace, half-open; empty at the region's start while its size is 0.
 *
 * @category queries
 * @since 0.1.0
 */
export const resource = ({ range, region, type }: Namespace): PfnRange =>
  type === "io"
    ? PfnRanges.fromLength(region.space.start, region.space.size)
    : range === null
    ? { start: region.space.start, end: region.space.start }
    : PfnRanges.fromLength(
      Regions.physical(region.space, range.start),
      PfnRanges.length(range) * Regions.ways(region.space)
    )

/**
 * Bytes of a namespace.
 *
 * @category queries
 * @since 0.1.0
 */
export const capacity = (namespace: Namespace): number => PfnRanges.length(resource(namespace))

/**
 * `pmem_should_map_pages()`: whether a driver of `device` maps the namespace's own bytes with struct pages. Never for pfn and
 * btt devices, which decide by themselves (21.2).
 *
 * @category queries
 * @since 0.1.0
 */
export const shouldMapPages = (device: Device, namespace: Namespace, iomem: ResourceTree.Resource): boolean => {
  if (device._tag === "Instance" && device.kind !== "dax") return false
  const { end, start } = resource(namespace)
  if (end <= start || !namespace.region.space.pagemap) return false
  const ram = ResourceTree.Flag.memory | ResourceTree.Flag.systemRam
  const mixed = ResourceTree.intersects(iomem, start, end - start, ram) === "MIXED"
  return Namespaces.isNative({ pagemap: true, forceRaw: namespace.forceRaw, mixed })
}

/**
 * The namespace, btt, pfn or dax device of that name in the region.
 *
 * @category queries
 * @since 0.1.0
 */
export const device = (region: Region, name: string): Device | undefined => {
  const { btts, daxes, namespaces, pfns } = region
  const [, kind = "", id] = /^([a-z]+)\d+\.(\d+)$/.exec(name) ?? []
  const found = { namespace: namespaces, btt: btts, pfn: pfns, dax: daxes }[kind]?.get(Number(id))
  return found?.name === name ? found : undefined
}

/**
 * Everything on the bus of an enabled region, in the order in which it was created within its kind.
 *
 * @category queries
 * @since 0.1.0
 */
export const devices = (region: Region): ReadonlyArray<Device> => [
  ...region.namespaces.values(),
  ...region.btts.values(),
  ...region.pfns.values(),
  ...region.daxes.values()
]
