/**
 * Which zone a range joins when it is onlined: `zone_for_pfn_range()` (ZON-1, ZON-2), the auto-movable policy (HOT-16), and
 * the spans boot gives the zones it starts from (ZON-11).
 *
 * Spans are half-open pfn ranges; an empty zone has no span and intersects nothing.
 *
 * @since 0.1.0
 */
import { type Architecture, isX86 } from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as BootZones from "./BootZones.ts"

/**
 * Zones that memory can be onlined to, lowest first.
 *
 * @category models
 * @since 0.1.0
 */
export type Zone = "DMA" | "DMA32" | "Normal" | "Movable"

/**
 * The span of a populated zone, in pfns.
 *
 * @category models
 * @since 0.1.0
 */
export interface Span extends PfnRange.PfnRange {
  readonly zone: Zone
}

/**
 * The word written to a block's `state` (HOT-5).
 *
 * @category models
 * @since 0.1.0
 */
export type OnlineType = "online" | "online_kernel" | "online_movable"

/**
 * Pages of a memory group by the kind of zone they were onlined to (HOT-15). A static group is one device of `maxPages`; a
 * dynamic one grows in units of `unitPages`.
 *
 * @category models
 * @since 0.1.0
 */
export type Group =
  & { readonly kernel: number; readonly movable: number }
  & ({ readonly kind: "static"; readonly maxPages: number } | { readonly kind: "dynamic"; readonly unitPages: number })

/**
 * What the auto-movable policy weighs, in pages: `kernel` are boot-time present pages of kernel zones without CMA,
 * `movable` present pages of ZONE_MOVABLE with CMA, `groups` the dynamic groups other than the one being onlined.
 *
 * @category models
 * @since 0.1.0
 */
export interface Balance {
  readonly kernel: number
  readonly movable: number
  /** `auto_movable_ratio` in percent. */
  readonly ratio: number
  readonly groups?: ReadonlyArray<{ readonly kernel: number; readonly movable: number }> | undefined
}

/**
 * `auto_movable_ratio` unless set otherwise (HOT-16).
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultRatio = 301

/**
 * Spans of the boot zones of one node with the RAM ranges `ram` (bytes), ascending; empty zones are left out (ZON-11). On
 * x86_64 pfn 0 is no RAM (OBS-1).
 *
 * @category constructors
 * @since 0.1.0
 */
export const bootSpans = (arch: Architecture, ram: ReadonlyArray<PfnRange.PfnRange>): ReadonlyArray<Span> => {
  const first = isX86(arch) ? 1 : 0
  const pages = ram.map((range) => ({
    start: Math.max(first, Math.ceil(range.start / arch.pageSize)),
    end: Math.floor(range.end / arch.pageSize)
  })).filter((range) => range.end > range.start)
  const zones = pages.length === 0 ? [] : BootZones.make(arch, [{ node: 0, ram: pages }])[0]?.zones ?? []
  return zones.flatMap(({ name, spanned, start }) =>
    name === "Device" || spanned === 0 ? [] : [{ zone: name, start, end: start + spanned }]
  )
}

const intersects = (spans: ReadonlyArray<Span>, zone: Zone, range: PfnRange.PfnRange): boolean =>
  spans.some((span) => span.zone === zone && PfnRange.overlaps(span, range))

/**
 * `default_kernel_zone_for_pfn()`: the lowest zone below Normal whose span intersects the range, else Normal (ZON-1).
 *
 * @category queries
 * @since 0.1.0
 */
export const defaultKernelZone = (spans: ReadonlyArray<Span>, range: PfnRange.PfnRange): Zone =>
  (["DMA", "DMA32"] as const).find((zone) => intersects(spans, zone, range)) ?? "Normal"

/**
 * `auto_movable_can_online_movable()`: whether `pages` more may be Movable, all of them (HOT-16).
 *
 * @category queries
 * @since 0.1.0
 */
export const canBeMovable = (balance: Balance, pages: number, current?: Group): boolean => {
  const { groups = [], ratio } = balance
  const committed = groups.reduce((sum, g) => sum + Math.max(0, Math.floor(100 * g.movable / ratio) - g.kernel), 0)
  if (groups.length > 0 && balance.kernel <= committed) return false
  const ofGroup = current?.kind === "dynamic" ? current.kernel : 0
  const kernel = balance.kernel - committed + ofGroup
  const movable = balance.movable - groups.reduce((sum, g) => sum + g.movable, 0)
  return movable + pages <= Math.floor(ratio * kernel / 100)
}

/**
 * What decides the zone of a range that is about to be onlined.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly type: OnlineType
  readonly range: PfnRange.PfnRange
  readonly spans: ReadonlyArray<Span>
  /** Booted with `movable_node`. */
  readonly movableNode?: boolean | undefined
  /** Present with `memory_hotplug.online_policy=auto-movable`; absent with contig-zones. */
  readonly autoMovable?: { readonly balance: Balance; readonly group?: Group | undefined } | undefined
}

const auto = (request: Request, { balance, group }: NonNullable<Request["autoMovable"]>): boolean => {
  if (group === undefined) return canBeMovable(balance, PfnRange.length(request.range))
  // A device that already has kernel-zone pages stays in one kind of zone.
  if (group.kind === "static") return group.kernel === 0 && canBeMovable(balance, group.maxPages - group.movable, group)
  return canBeMovable(balance, Math.max(PfnRange.length(request.range), group.unitPages), group)
}

/**
 * `zone_for_pfn_range()` (ZON-1, ZON-2, HOT-16).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (request: Request): Zone => {
  const { range, spans, type } = request
  const kernel = defaultKernelZone(spans, range)
  if (type === "online_kernel") return kernel
  if (type === "online_movable") return "Movable"
  if (request.autoMovable !== undefined) return auto(request, request.autoMovable) ? "Movable" : kernel
  const inKernel = intersects(spans, kernel, range)
  const inMovable = intersects(spans, "Movable", range)
  if (inKernel !== inMovable) return inKernel ? kernel : "Movable"
  return request.movableNode === true ? "Movable" : kernel
}

/**
 * The zone by the word written to `state`, for a byte range next to the given boot RAM (bytes), policy contig-zones,
 * nothing onlined yet. Spans are those of a node that holds all of the RAM.
 *
 * @category constructors
 * @since 0.1.0
 */
export const forRange = (
  kernel: { readonly arch: Architecture; readonly ram: ReadonlyArray<PfnRange.PfnRange> },
  range: PfnRange.PfnRange
): Readonly<Record<OnlineType, Zone>> => {
  const { arch, ram } = kernel
  const spans = bootSpans(arch, ram)
  const pages = { start: Math.floor(range.start / arch.pageSize), end: Math.ceil(range.end / arch.pageSize) }
  const zone = (type: OnlineType) => make({ type, range: pages, spans })
  return { online: zone("online"), online_kernel: zone("online_kernel"), online_movable: zone("online_movable") }
}
