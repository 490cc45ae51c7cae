/**
 * Labels on DIMMs: what survives of namespaces while their region is disabled (21.7, OBS-13, OBS-14).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as KernelError from "../kernel/KernelError.ts"
import type { Label, Namespace, Region } from "./NvdimmState.ts"

type Answer = Result.Result<void, KernelError.KernelError>

const writable = (region: Region): Answer => {
  if (!region.description.labelArea) {
    return KernelError.fail({
      errno: "ENXIO",
      rule: "OBS-13",
      problem: `the DIMMs of ${region.name} have no label area`,
      remedy: "its only namespace has the size of the region"
    })
  }
  return region.enabled
    ? KernelError.fail({
      errno: "EBUSY",
      rule: "OBS-26",
      problem: `${region.name} is active`,
      remedy: "disable the region first"
    })
    : Result.succeed(undefined)
}

/**
 * Writes an empty index: from then on the region is labelled, until reboot.
 *
 * @category operations
 * @since 0.1.0
 */
export const format = (region: Region, version: "1.1" | "1.2"): void => {
  region.labels = []
  region.version = version
  region.space = { ...region.space, labels: "initialised" }
}

/**
 * `ndctl init-labels`: an empty index. ENXIO without a label area, EBUSY while the region is enabled.
 *
 * @category operations
 * @since 0.1.0
 */
export const init = (region: Region, version: "1.1" | "1.2" = "1.1"): Answer =>
  Result.map(writable(region), () => format(region, version))

/**
 * `ndctl zero-labels`: no index, no labels. A region that was labelled stays so until reboot, with everything free (OBS-13).
 *
 * @category operations
 * @since 0.1.0
 */
export const zero = (region: Region): Answer =>
  Result.map(writable(region), () => {
    region.labels = null
    region.version = null
  })

/** The label of a namespace; version 1.1 cannot store its class (21.7). */
const labelOf = ({ altName, claimClass, lbasize, range, region, uuid }: Namespace): ReadonlyArray<Label> =>
  range === null || uuid === null
    ? []
    : [{ uuid, range, altName, lbasize, claimClass: region.version === "1.2" ? claimClass : "none" }]

/**
 * What the namespaces of an enabled region leave on its DIMMs; nothing where there is no index.
 *
 * @category operations
 * @since 0.1.0
 */
export const save = (region: Region): void => {
  if (region.labels === null) return
  region.labels = [...region.namespaces.values()].flatMap(labelOf)
}

/**
 * Labels in the order in which namespaces are made of them: by DIMM offset (OBS-15).
 *
 * @category queries
 * @since 0.1.0
 */
export const sorted = (region: Region): ReadonlyArray<Label> =>
  (region.labels ?? []).toSorted((a, b) => a.range.start - b.range.start)
