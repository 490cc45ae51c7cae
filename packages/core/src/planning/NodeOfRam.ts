/**
 * Whether sources say which NUMA node RAM is on: `/proc/iomem` never does (20.2), boot logs with an SRAT and `lsmem` do.
 *
 * @since 0.1.0
 */
import { MiB } from "../geometry/Units.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"

/**
 * What is assumed about RAM whose node no source says; nothing where all of it has one.
 *
 * @category queries
 * @since 0.1.0
 */
export const assumed = ({ ranges = [] }: MachineSpec.MachineSpec): ReadonlyArray<string> => {
  const ram = ranges.filter(({ kind }) => kind === "ram")
  // firmware's slivers below the first megabyte are on no node's list
  const least = ram.every(({ node }) => node === undefined) ? 0 : MiB
  const unsaid = ram.filter(({ node, size }) => node === undefined && size >= least).length
  return unsaid === 0
    ? []
    : [
      `${
        unsaid === ram.length ? "all RAM" : "RAM of no named node"
      } is taken to be on node 0: no source says its node; give 'lsmem -J' or the boot log as well`
    ]
}
