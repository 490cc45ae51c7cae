/**
 * Where ZONE_MOVABLE begins in each node when `kernelcore=` or `movablecore=` asks for it:
 * `find_zone_movable_pfns_for_nodes()` (ZON-12).
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as ZoneLimits from "./ZoneLimits.ts"

/**
 * A value of `kernelcore=` or `movablecore=`: bytes, or per cent of the RAM.
 *
 * @category models
 * @since 0.1.0
 */
export type Amount =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "percent"; readonly percent: number }

/**
 * What the command line says about ZONE_MOVABLE. With `movableNode` the other two are ignored.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly kernelcore?: Amount | undefined
  readonly movablecore?: Amount | undefined
  readonly movableNode?: boolean | undefined
}

/**
 * Boot RAM of a node in pfns: ascending and disjoint, not empty.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeRam {
  readonly node: number
  readonly ram: ReadonlyArray<PfnRange.PfnRange>
}

const pagesOf = (amount: Amount | undefined, total: number, pageSize: number): number =>
  amount === undefined
    ? 0
    : amount.kind === "bytes"
    ? Math.floor(amount.bytes / pageSize)
    : Math.floor(total * amount.percent / 100)

/** Pages to be kept for the kernel; 0 when there is to be no ZONE_MOVABLE. */
const required = (total: number, options: Options, pageSize: number, largestBlock: number): number => {
  if (options.movableNode === true) return 0
  const kernel = pagesOf(options.kernelcore, total, pageSize)
  const movable = pagesOf(options.movablecore, total, pageSize)
  const wanted = movable === 0
    ? kernel
    : Math.max(kernel, total - Math.min(total, Alignment.up(movable, largestBlock)))
  return wanted >= total ? 0 : wanted
}

/** How far the kernel's share of one node reaches, from where it reached before, and how many pages that took. */
const spend = (
  { ram }: NodeRam,
  before: number,
  share: number,
  usable: number
): { readonly reached: number; readonly spent: number } => {
  let reached = before
  let spent = 0
  let left = share
  for (const range of ram) {
    const start = Math.max(range.start, reached)
    if (start >= range.end) continue
    // Pages below the zone that lends to Movable are the kernel's anyway; all of them count.
    const below = Math.max(0, Math.min(range.end, usable) - start)
    left -= Math.min(below, left)
    spent += below
    if (range.end <= usable) {
      reached = range.end
      continue
    }
    const from = Math.max(start, usable)
    const taken = Math.min(range.end - from, left)
    reached = from + taken
    spent += taken
    left -= taken
    if (left === 0) break
  }
  return { reached, spent }
}

/**
 * The first pfn of ZONE_MOVABLE by node; a node without one has none. `zone` is the highest populated kernel zone: only it
 * gives memory away.
 *
 * @category constructors
 * @since 0.1.0
 */
export const starts = (
  arch: Architecture,
  nodes: ReadonlyArray<NodeRam>,
  options: Options,
  zone: ZoneLimits.ZoneLimit
): ReadonlyMap<number, number> => {
  const total = nodes.reduce((sum, { ram }) => ram.reduce((s, range) => s + PfnRange.length(range), sum), 0)
  const largestBlock = 2 ** arch.largestOrder
  let wanted = required(total, options, arch.pageSize, largestBlock)
  if (wanted === 0) return new Map()
  const reached = new Map<number, number>()
  let usableNodes = nodes.length
  do {
    let share = Math.floor(wanted / usableNodes)
    for (const node of nodes) {
      if (wanted < share) share = Math.floor(wanted / usableNodes)
      const taken = spend(node, reached.get(node.node) ?? 0, share, zone.start)
      reached.set(node.node, taken.reached)
      wanted -= Math.min(wanted, taken.spent)
    }
    usableNodes--
  } while (usableNodes > 0 && wanted > usableNodes)
  return new Map(nodes.flatMap(({ node, ram }) => {
    const start = Alignment.up(reached.get(node) ?? 0, largestBlock)
    return start === 0 || start >= (ram.at(-1)?.end ?? 0) ? [] : [[node, start] as const]
  }))
}
