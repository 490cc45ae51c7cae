/**
 * Which NUMA node RAM is on, as far as sources say: `/proc/iomem` never does (20.2), boot logs with an SRAT and `lsmem` do.
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

/**
 * Nodes that are known to have RAM, ascending.
 *
 * @category queries
 * @since 0.1.0
 */
export const known = ({ nodes = [], ranges = [] }: MachineSpec.MachineSpec): ReadonlyArray<number> => {
  const stated = nodes.filter(({ total }) => total !== 0).map(({ node }) => node)
  const mapped = ranges.flatMap(({ kind, node }) => kind === "ram" && node !== undefined ? [node] : [])
  return [...new Set([...stated, ...mapped])].toSorted((a, b) => a - b)
}

/**
 * Bytes of RAM that a node can have at most; `Infinity` where its ranges are not known.
 *
 * @category queries
 * @since 0.1.0
 */
export const atMost = ({ ranges = [] }: MachineSpec.MachineSpec, node: number): number => {
  const own = ranges.filter((range) => range.kind === "ram" && range.node === node)
  return own.length === 0 ? Infinity : own.reduce((sum, { size }) => sum + size, 0)
}
