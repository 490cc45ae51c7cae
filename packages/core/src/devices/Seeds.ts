/**
 * Devices of a region come and go: lowest free numbers, and the seed of each kind that is replaced when it was used (21.3,
 * OBS-15).
 *
 * @since 0.1.0
 */
import * as Semaphore from "effect/Semaphore"
import type { Architecture } from "../geometry/Architecture.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import { lowestFree } from "./Memregion.ts"
import type { BttInstance, Device, Instance, Label, Namespace, PfnInstance, Region } from "./NvdimmState.ts"

const common = (region: Region, kind: string, id: number) => ({
  region,
  id,
  name: `${kind}${region.id}.${id}`,
  lock: Semaphore.makeUnsafe(1),
  bound: null,
  registered: true
})

/**
 * A namespace with the lowest free number: of a label, or of size 0. Regions without labels have one of type `io`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const createNamespace = (region: Region, type: Namespace["type"], label?: Label): Namespace => {
  const id = lowestFree(region.namespaces)
  const range: PfnRange | null = label?.range ?? null
  const namespace: Namespace = {
    _tag: "Namespace",
    ...common(region, "namespace", id),
    type,
    range,
    uuid: label?.uuid ?? null,
    altName: label?.altName ?? "",
    lbasize: label?.lbasize ?? 0,
    claim: null,
    claimClass: label?.claimClass ?? "none",
    forceRaw: false
  }
  region.namespaces.set(id, namespace)
  return namespace
}

/**
 * A btt device, unconfigured.
 *
 * @category constructors
 * @since 0.1.0
 */
export const createBtt = (region: Region): BttInstance => {
  const id = lowestFree(region.btts)
  const btt: BttInstance = {
    _tag: "Instance",
    kind: "btt",
    ...common(region, "btt", id),
    namespace: null,
    uuid: null,
    lbasize: 0,
    size: null
  }
  region.btts.set(id, btt)
  return btt
}

/**
 * A pfn or dax device, unconfigured: align is a PMD where the architecture maps device memory with it, else a page (21.3).
 *
 * @category constructors
 * @since 0.1.0
 */
export const createPfn = (region: Region, kind: PfnInstance["kind"], arch: Architecture): PfnInstance => {
  const all = kind === "pfn" ? region.pfns : region.daxes
  const id = lowestFree(all)
  const pfn: PfnInstance = {
    _tag: "Instance",
    kind,
    ...common(region, kind, id),
    namespace: null,
    uuid: null,
    mode: "none",
    align: arch.daxAligns.includes(arch.pmdSize) ? arch.pmdSize : arch.pageSize,
    data: null
  }
  all.set(id, pfn)
  return pfn
}

/**
 * A device of a kind, unconfigured.
 *
 * @category constructors
 * @since 0.1.0
 */
export const createInstance = (region: Region, kind: Instance["kind"], arch: Architecture): Instance =>
  kind === "btt" ? createBtt(region) : createPfn(region, kind, arch)

/**
 * The device with a name, if it is on the bus.
 *
 * @category queries
 * @since 0.1.0
 */
export const find = (region: Region, name: string): Device | undefined => {
  const id = Number(/\.(\d+)$/.exec(name)?.[1])
  const found = [region.namespaces, region.btts, region.pfns, region.daxes].map((all) => all.get(id))
  return found.find((device) => device?.name === name)
}

/**
 * A claim: `false`, and nothing changes, when the namespace has another holder (21.4).
 *
 * @category claims
 * @since 0.1.0
 */
export const attach = (instance: Instance, namespace: Namespace): boolean => {
  if (namespace.claim !== null) return false
  namespace.claim = instance
  instance.namespace = namespace
  return true
}

/**
 * The end of a claim, if there is one.
 *
 * @category claims
 * @since 0.1.0
 */
export const detach = (instance: Instance): void => {
  if (instance.namespace !== null) instance.namespace.claim = null
  instance.namespace = null
}

/**
 * Takes an unbound device off the bus; its number is free again.
 *
 * @category lifecycle
 * @since 0.1.0
 */
export const unregister = (device: Device): void => {
  const { region } = device
  device.registered = false
  if (device._tag === "Namespace") {
    region.namespaces.delete(device.id)
    return
  }
  detach(device)
  if (device.kind === "btt") region.btts.delete(device.id)
  else if (device.kind === "pfn") region.pfns.delete(device.id)
  else region.daxes.delete(device.id)
}

/** A region without labels keeps its only namespace as seed. */
const advanceNamespace = (region: Region): void => {
  if (region.space.labels !== "initialised") return
  region.seeds = { ...region.seeds, namespace: createNamespace(region, "pmem") }
}

/**
 * `nd_region_advance_seeds()`: `device` was probed with success, or with EOPNOTSUPP. Its kind gets a new seed if it was the
 * seed, and so do namespaces if the namespace it claims was (21.3).
 *
 * @category lifecycle
 * @since 0.1.0
 */
export const advance = (device: Device, arch: Architecture): void => {
  const { region } = device
  const { seeds } = region
  if (device._tag === "Namespace") {
    if (seeds.namespace === device) advanceNamespace(region)
    return
  }
  if (seeds[device.kind] === device) {
    region.seeds = { ...seeds, [device.kind]: createInstance(region, device.kind, arch) }
  }
  if (device.namespace !== null && seeds.namespace === device.namespace) advanceNamespace(region)
}
