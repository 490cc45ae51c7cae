/**
 * The auto-movable policy on the machine as it is: may the next blocks be Movable (HOT-16)?
 *
 * @since 0.1.0
 */
import * as ZoneChoice from "../zones/ZoneChoice.ts"
import type * as Zones from "../zones/Zones.ts"
import { type MemoryBlocks, nodeOf, type Run } from "./MemoryBlocks.ts"
import type * as MemoryGroups from "./MemoryGroups.ts"

/**
 * What the decision depends on; `run` are like offline blocks.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly run: Run
  readonly parameters: { readonly autoMovableRatio: number; readonly autoMovableNumaAware: boolean }
  readonly zones: ReadonlyArray<Zones.Zone>
  readonly blocks: Pick<MemoryBlocks["Service"], "runs" | "pages">
  readonly groups: Pick<MemoryGroups.MemoryGroups["Service"], "all" | "find">
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, n) => total + n, 0)

/**
 * Present pages that boot put into kernel zones and that are still there, and present pages of Movable; of one node, or of
 * all. What was added later is known by its blocks, the rest is early.
 */
const present = ({ blocks, zones }: Request, node: number | null) => {
  const own = zones.filter((zone) => zone.name !== "Device" && (node === null || zone.node === node))
  const pages = (isMovable: boolean) =>
    sum(own.flatMap((zone) => (zone.name === "Movable") === isMovable ? [zone.present] : []))
  const added = blocks.runs().flatMap(({ end, start, value }) =>
    !value.isBoot && value.state === "online" && value.zone !== "Movable" && (node === null || nodeOf(value) === node)
      ? [(end - start) * blocks.pages]
      : []
  )
  return { kernel: pages(false) - sum(added), movable: pages(true) }
}

const balance = (request: Request, group: MemoryGroups.Group | undefined, node: number | null): ZoneChoice.Balance => ({
  ...present(request, node),
  ratio: request.parameters.autoMovableRatio,
  groups: request.groups.all().filter((other) =>
    other.kind === "dynamic" && other.id !== group?.id && (node === null || other.node === node)
  )
})

/**
 * The unit of a dynamic group that a run begins in, by block number; `null` where blocks stand alone.
 *
 * @category queries
 * @since 0.1.0
 */
export const unitOf = (
  { blocks, groups, run }: Pick<Request, "blocks" | "groups" | "run">
): { readonly start: number; readonly end: number } | null => {
  const group = run.value.group === null ? undefined : groups.find(run.value.group)
  if (group?.kind !== "dynamic" || group.unitPages === blocks.pages) return null
  const size = group.unitPages / blocks.pages
  const start = Math.floor(run.start / size) * size
  return { start, end: start + size }
}

/** What of the unit is online already. */
const unit = (request: Request) => {
  const own = unitOf(request)
  if (own === null) return null
  const { pages, runs } = request.blocks
  const online = runs(own).filter(({ value }) => value.state === "online")
  return {
    end: own.end,
    pages: (own.end - own.start) * pages,
    movable: sum(online.map(({ end, start }) => (end - start) * pages)),
    hasKernel: online.some(({ value }) => value.zone !== "Movable")
  }
}

/** The greatest of `1 … most` for which `isTrue` holds; it holds for 1 and, once it does not, never again. */
const last = (most: number, isTrue: (n: number) => boolean): number => {
  let low = 1
  let high = most
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (isTrue(middle)) low = middle
    else high = middle - 1
  }
  return low
}

/**
 * `auto_movable_zone_for_pfn()`: whether the first block of the run joins Movable, and how many blocks from there on share
 * its fate when they are onlined one after the other.
 *
 * @category queries
 * @since 0.1.0
 */
export const choose = (request: Request): { readonly isMovable: boolean; readonly count: number } => {
  const { blocks, groups, parameters, run } = request
  const group = run.value.group === null ? undefined : groups.find(run.value.group)
  const own = unit(request)
  const most = Math.min(run.end, own?.end ?? Infinity) - run.start
  const balances = [balance(request, group, null)]
  if (parameters.autoMovableNumaAware) balances.push(balance(request, group, nodeOf(run.value)))

  const wanted = (before: number): number => {
    if (group?.kind === "static") return group.maxPages - group.movable - before
    return own === null ? blocks.pages : own.pages - own.movable - before
  }
  /** Whether block `n` of the run, from 1, would be Movable, those before it being so. */
  const isMovable = (n: number): boolean => {
    const before = (n - 1) * blocks.pages
    return balances.every((one) =>
      ZoneChoice.canBeMovable({ ...one, movable: one.movable + before }, wanted(before), group)
    )
  }
  const isRefused = parameters.autoMovableRatio === 0 || own?.hasKernel === true ||
    (group?.kind === "static" && group.kernel > 0)
  if (!isRefused && isMovable(1)) return { isMovable: true, count: last(most, isMovable) }
  // Kernel memory of boot, or of a dynamic group of single blocks, makes room for Movable memory after it.
  const makesRoom = run.value.isBoot || (group?.kind === "dynamic" && own === null)
  return { isMovable: false, count: makesRoom ? 1 : most }
}
