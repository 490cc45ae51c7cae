/**
 * `nd_region`: a region comes up with its namespaces and seeds, and goes down again (21.3).
 *
 * @since 0.1.0
 */
import type { Architecture } from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as Labels from "./Labels.ts"
import { type Namespace, noSeeds, type Region } from "./NvdimmState.ts"
import * as Seeds from "./Seeds.ts"

/**
 * Registers the namespaces of a region: one per label, in the order of DIMM offsets, or one of size 0; without labels the only
 * one. The first is the namespace seed (OBS-15).
 *
 * @category operations
 * @since 0.1.0
 */
export const registerNamespaces = (region: Region): ReadonlyArray<Namespace> => {
  const isLabelled = region.space.labels === "initialised"
  const labels = isLabelled ? Labels.sorted(region) : []
  region.space = { ...region.space, allocations: PfnRange.normalise(labels.map(({ range }) => range)) }
  const namespaces = labels.length > 0
    ? labels.map((label) => Seeds.createNamespace(region, "pmem", label))
    : [Seeds.createNamespace(region, isLabelled ? "pmem" : "io")]
  region.enabled = true
  region.counts = { active: namespaces.length, total: namespaces.length }
  region.seeds = { ...noSeeds, namespace: namespaces[0] ?? null }
  return namespaces
}

/**
 * The seeds of btt, pfn and dax devices, after the namespaces were probed: a device that was found on media has the lower
 * number (OBS-15).
 *
 * @category operations
 * @since 0.1.0
 */
export const registerSeeds = (region: Region, arch: Architecture): void => {
  region.seeds = {
    ...region.seeds,
    btt: Seeds.createBtt(region),
    pfn: Seeds.createPfn(region, "pfn", arch),
    dax: Seeds.createPfn(region, "dax", arch)
  }
}

/**
 * Takes everything off the bus, once nothing is bound any more; labels stay on the DIMMs.
 *
 * @category operations
 * @since 0.1.0
 */
export const unregister = (region: Region): void => {
  Labels.save(region)
  for (const all of [region.btts, region.pfns, region.daxes, region.namespaces]) {
    for (const device of all.values()) Seeds.unregister(device)
  }
  region.seeds = noSeeds
  region.counts = null
  region.enabled = false
}
