/**
 * What has to be written into struct pages, before anybody writes it: one description for boot, hotplug and device memory
 * (spec 05).
 *
 * Work is derived from the machine by the functions of this module; whoever executes it adds no number of its own.
 *
 * @since 0.1.0
 */
import * as Architecture from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { Image } from "../memmap/Image.ts"
import { PageFlag, type Zone } from "../memmap/StructPage.ts"
import type { Config } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import type * as Altmap from "../vmemmap/Altmap.ts"
import * as CompoundVmemmap from "../vmemmap/CompoundVmemmap.ts"

/**
 * Struct pages of `[start, end)` (pfns) to be given `image`. `written` of them are really stores: of shared compounds only
 * the first pages are.
 *
 * @category models
 * @since 0.1.0
 */
export interface Part extends PfnRange.PfnRange {
  readonly image: Image
  readonly written: number
}

/**
 * `locked` parts are written under the hotplug lock, `unlocked` ones after it was dropped; `never` are pfns nobody writes
 * (INI-10). All in the order in which they are done.
 *
 * @category models
 * @since 0.1.0
 */
export interface InitWork {
  readonly locked: ReadonlyArray<Part>
  readonly unlocked: ReadonlyArray<Part>
  readonly never: ReadonlyArray<PfnRange.PfnRange>
}

/**
 * `page_ref_count()` of a free device page (INI-2).
 *
 * @category models
 * @since 0.1.0
 */
export type DeviceType = "private" | "coherent" | "fsdax" | "generic" | "p2pdma"

/**
 * One range of a pagemap. `pagemap` is its number; `altmap` is present for the first range of a pagemap that has one, as it
 * is after the memmap was populated. `isEarly` tells whether a pfn lies in an early section.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeviceRange {
  readonly range: PfnRange.PfnRange
  readonly type: DeviceType
  readonly node: number
  readonly pagemap: number
  readonly order: number
  readonly altmap: Altmap.Altmap | null
  readonly isEarly: (pfn: number) => boolean
}

const self = { _tag: "Self" } as const

/** INI-1 with PG_reserved. */
const reserved = (node: number, zone: Zone): Image => ({
  _tag: "Single",
  node,
  zone,
  flags: PageFlag.reserved,
  refcount: 1,
  links: self
})

const part = (range: PfnRange.PfnRange, image: Image): ReadonlyArray<Part> =>
  range.end > range.start ? [{ ...range, image, written: range.end - range.start }] : []

const refcount = ({ release }: Config, type: DeviceType): number =>
  type === "private" || type === "coherent" || (type !== "generic" && has(release, "zone-device-refcount-zero")) ? 0 : 1

/** The pfn of the first page that belongs to the user: after the altmap's (ALT-1, MRP-9). */
const first = ({ altmap, range }: DeviceRange): number =>
  altmap === null ? range.start : altmap.basePfn + altmap.reserve + altmap.free

/** Where the pages begin that are written under the lock: what the driver keeps for itself never is (INI-4, INI-10). */
const unreserved = ({ altmap, range }: DeviceRange): number =>
  altmap !== null && range.start === altmap.basePfn ? range.start + altmap.reserve : range.start

/** INI-4: the pages of the altmap describe themselves and are initialised while it is taken into use. */
const altmapPart = (request: DeviceRange): ReadonlyArray<Part> =>
  request.altmap === null
    ? []
    : part({ start: unreserved(request), end: first(request) }, reserved(request.node, "Device"))

const pages = (
  kernel: Config,
  device: DeviceRange,
  range: PfnRange.PfnRange,
  isFixed: boolean
): ReadonlyArray<Part> => {
  const { altmap, node, order, pagemap, type } = device
  const count = refcount(kernel, type)
  if (order === 0) {
    return part(range, {
      _tag: "Single",
      node,
      zone: "Device",
      flags: PageFlag.reserved,
      refcount: count,
      links: { _tag: "Pagemap", pagemap, data: 0n }
    })
  }
  const size = 2 ** order
  const shared = !isFixed && CompoundVmemmap.isShared(kernel, order, altmap !== null)
  const written = CompoundVmemmap.initialisedPerCompound(kernel, order, shared)
  const head = first(device)
  // Every compound whose head lies in the range, whole: the last may stick out of it (CMP-5).
  const heads = Math.ceil((range.end - head) / size) - Math.ceil((range.start - head) / size)
  if (heads <= 0) return []
  const start = head + Math.ceil((range.start - head) / size) * size
  const end = start + heads * size
  return [{
    start,
    // Only what is written lies beyond the range: its pageblocks end with it (INI-8).
    end: Math.min(end, Math.max(device.range.end, end - size + written)),
    image: {
      _tag: "Compound",
      node,
      zone: "Device",
      head,
      order,
      written,
      refcount: count,
      pagemap,
      metadata: order > 1 || has(kernel.release, "compound-metadata-first-tail")
    },
    written: heads * written
  }]
}

/** The range cut where sections stop or start being early. */
const byEarly = (
  kernel: Config,
  range: PfnRange.PfnRange,
  isEarly: DeviceRange["isEarly"]
): ReadonlyArray<{ readonly range: PfnRange.PfnRange; readonly early: boolean }> => {
  // RAM and device memory meet in the first and the last section of a range, if anywhere.
  const section = Architecture.pagesPerSection(kernel.arch)
  const cuts = [
    range.start,
    Math.min(range.end, Math.ceil((range.start + 1) / section) * section),
    Math.max(range.start, Math.floor((range.end - 1) / section) * section),
    range.end
  ].toSorted((a, b) => a - b)
  return cuts.slice(1).flatMap((end, i) => {
    const start = cuts[i] ?? end
    return end > start ? [{ range: { start, end }, early: isEarly(start) }] : []
  })
}

/**
 * ZONE_DEVICE: the altmap's own pages under the lock, the rest outside, the reserve never (INI-7 … INI-11). Up to 4.19
 * everything but the reserve is written under the lock first, and what belongs to users again (INI-12).
 *
 * @category constructors
 * @since 0.1.0
 */
export const device = (kernel: Config, request: DeviceRange): InitWork => {
  const { altmap, isEarly, node, range } = request
  const rest = { start: first(request), end: range.end }
  const isFixed = request.order > 0 && has(kernel.release, "dedup-early-section-fix")
  const unlocked = isFixed
    ? byEarly(kernel, rest, isEarly).flatMap(({ early, range }) => pages(kernel, request, range, early))
    : pages(kernel, request, rest, false)
  const never = altmap === null || altmap.reserve === 0
    ? []
    : [PfnRange.fromLength(altmap.basePfn, altmap.reserve)]
  return has(kernel.release, "single-pass-init")
    ? { locked: altmapPart(request), unlocked, never }
    : { locked: part({ start: unreserved(request), end: range.end }, reserved(node, "Device")), unlocked, never }
}

/**
 * Memory that goes online: initialised when its zone is known, under the lock (INI-4 HOTPLUG, HOT-7). `isOwn`: these pages hold
 * the memmap of their block (HOT-14).
 *
 * @category constructors
 * @since 0.1.0
 */
export const hotplug = (
  { release }: Config,
  range: PfnRange.PfnRange,
  { isOwn, node, zone }: { readonly node: number; readonly zone: Zone; readonly isOwn: boolean }
): InitWork => {
  const isOffline = has(release, "hotplug-page-offline")
  const flags = (isOffline ? 0 : PageFlag.reserved) | (isOwn ? PageFlag.ownerPriv1 : 0)
  const image: Image = { _tag: "Single", node, zone, flags, refcount: 1, links: self }
  return {
    locked: part(range, isOffline && !isOwn ? { ...image, isOffline } : image),
    unlocked: [],
    never: []
  }
}

/**
 * Boot RAM of a zone, and the holes in its sections: reserved pages linked to the zone above the hole (INI-5). No lock: one
 * thread runs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const boot = (
  ram: ReadonlyArray<PfnRange.PfnRange>,
  holes: ReadonlyArray<PfnRange.PfnRange>,
  node: number,
  zone: Zone
): InitWork => ({
  locked: [],
  unlocked: [
    ...ram.flatMap((range) => part(range, { _tag: "InUse", node, zone })),
    ...holes.flatMap((range) => part(range, reserved(node, zone)))
  ],
  never: []
})

/**
 * Struct pages written, under the lock and outside.
 *
 * @category queries
 * @since 0.1.0
 */
export const written = (parts: ReadonlyArray<Part>): number => parts.reduce((sum, part) => sum + part.written, 0)

/** Struct pages written in `[from, to)` of a part: those of whole compounds by their heads. */
const storesOf = (part: Part, start: number, end: number): number => {
  const { image } = part
  const from = Math.max(part.start, start)
  const to = Math.min(part.end, end)
  if (from >= to) return 0
  if (image._tag !== "Compound") return to - from
  const size = 2 ** image.order
  return (Math.ceil((to - image.head) / size) - Math.ceil((from - image.head) / size)) * image.written
}

/**
 * Struct pages that the parts write in a range. Ranges side by side, cut at compounds, add up.
 *
 * @category queries
 * @since 0.1.0
 */
export const stores = (parts: ReadonlyArray<Part>, { end, start }: PfnRange.PfnRange): number => {
  let total = 0
  for (const part of parts) total += storesOf(part, start, end)
  return total
}

/**
 * What of the parts lies in a range.
 *
 * @category combinators
 * @since 0.1.0
 */
export const cut = (parts: ReadonlyArray<Part>, { end, start }: PfnRange.PfnRange): ReadonlyArray<Part> =>
  parts.filter((part) => part.start < end && start < part.end).map((part) => ({
    ...part,
    start: Math.max(part.start, start),
    end: Math.min(part.end, end),
    written: storesOf(part, start, end)
  }))

/**
 * Up to which pfn so many stores get, beginning at `from`; only whole compounds count.
 *
 * @category queries
 * @since 0.1.0
 */
export const reach = (parts: ReadonlyArray<Part>, from: number, most: number): number => {
  let left = most
  let at = from
  for (const part of parts) {
    if (part.end <= from) continue
    const start = Math.max(part.start, from)
    const all = storesOf(part, start, part.end)
    if (left < all) {
      if (part.image._tag !== "Compound") return start + Math.floor(left)
      // Tails before the first head belong to a compound that is counted where it begins.
      const { head, order, written } = part.image
      return head + (Math.ceil((start - head) / 2 ** order) + Math.floor(left / written)) * 2 ** order
    }
    left -= all
    at = part.end
  }
  return at
}

/**
 * The same work done by nobody under the lock: each struct page once, in the background (ASY-4, ASY-7).
 *
 * @category constructors
 * @since 0.1.0
 */
export const background = (kernel: Config, request: DeviceRange): InitWork => {
  const { never, unlocked } = device(kernel, request)
  return { locked: [], unlocked: [...altmapPart(request), ...unlocked], never }
}
