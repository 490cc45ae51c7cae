/**
 * The raw size of a namespace that is listed without its region: what its usable bytes imply (28.6 read backwards).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Current from "../planning/Current.ts"
import * as Sizing from "../planning/Sizing.ts"
import * as Target from "../planning/Target.ts"
import * as KernelRelease from "../release/KernelRelease.ts"

/** Region alignments worth trying: the default, then the least that x86_64 maps (21.1). */
const granules = [16 * 1024 ** 2, 2 * 1024 ** 2]

/**
 * Raw bytes of a pfn, dax or btt namespace laid out by the baseline kernel on x86_64, from an address aligned to everything
 * that matters. `undefined` when no multiple of a usual region alignment gives the usable bytes (a rounded size, another
 * architecture, an old layout).
 *
 * @category queries
 * @since 0.1.0
 */
export const infer = (configured: MachineSpec.Configured): number | undefined => {
  const { approximate, usable } = configured
  if (usable === undefined || usable === 0 || approximate === true) return undefined
  const release = KernelRelease.parse(KernelRelease.baseline)
  if (Result.isFailure(release)) return undefined
  const kernel = Target.kernelOf({}, release.success)
  for (const align of granules) {
    const { target } = Target.fromDevice({ name: configured.name, kind: "pmem", size: align, align })
    const least = Sizing.exactly(usable, Current.choiceOf(configured), target, kernel)
    if (least !== undefined) return least.request
  }
  return undefined
}
