/**
 * State of the reference model, and what its parts share.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import type { PfnRange } from "@vmemmap/core/geometry/PfnRange"
import type { Config } from "@vmemmap/core/release/Kernel"
import * as Sections from "./Sections.ts"
import * as VirtualMemmap from "./VirtualMemmap.ts"

/**
 * The machine before anything is mapped: RAM by node in pfns, and the spans of its zones.
 *
 * @category models
 * @since 0.1.0
 */
export interface Boot {
  readonly kernel: Config
  readonly nodes: ReadonlyArray<{
    readonly node: number
    readonly ram: ReadonlyArray<PfnRange>
    readonly zones: ReadonlyArray<{ readonly name: string; readonly start: number; readonly spanned: number }>
  }>
  /** Bytes of a memory block. */
  readonly blockSize: number
  /** Nodes that may come online. */
  readonly possibleNodes: ReadonlyArray<number>
}

/**
 * A memory block of hot-added RAM. `own` pages at its start hold its memmap, `alloc` of them taken from its altmap; 0 and 0
 * when the memmap is elsewhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface Block {
  readonly node: number
  readonly own: number
  readonly alloc: number
  /** Where it is online; `null` when it is offline. */
  zone: string | null
}

/**
 * Types of device memory (spec 09).
 *
 * @category models
 * @since 0.1.0
 */
export type DeviceType = "private" | "coherent" | "fsdax" | "generic" | "p2pdma" | "unset"

/**
 * A call of `memremap_pages()`; ranges in pfns. `complete` is false for a driver that forgot its callbacks and its owner.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly name: string
  readonly type: DeviceType
  readonly node: number
  readonly order: number
  readonly ranges: ReadonlyArray<PfnRange>
  readonly altmap: { readonly base: number; readonly reserve: number; readonly free: number } | null
  readonly complete: boolean
}

/**
 * A pagemap since `memremap_pages()` began: `id` numbers the attempts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pagemap {
  readonly id: number
  readonly request: Request
  readonly altmap: VirtualMemmap.Altmap | null
  live: boolean
  /** All references, and how many of them are users'. */
  references: number
  users: number
}

/**
 * A zone: its span in pfns (0 and 0 when empty), and the pages present and managed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Zone {
  readonly node: number
  readonly name: string
  start: number
  end: number
  present: number
  managed: number
  contiguous: boolean
}

/**
 * The whole machine. `warnings` are the kernel functions that WARNed, in order; `linear` are the ranges of the linear map.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReferenceModel {
  readonly boot: Boot
  readonly kernel: Config
  readonly memmap: VirtualMemmap.VirtualMemmap
  readonly sections: Sections.Sections
  readonly zones: Map<string, Zone>
  readonly pagemaps: Map<string, Pagemap>
  /** The pagemap xarray: attempt numbers by pfn. */
  readonly index: Map<number, Pagemap>
  /** Hot-added blocks by number, and the RAM resources that came with them, in pfns. */
  readonly blocks: Map<number, Block>
  readonly added: Array<PfnRange>
  readonly warnings: Array<string>
  /** The last pfn of what was last asked for, by name. */
  readonly asked: Map<string, number>
  /** Added memory, by name. */
  readonly names: Map<string, PfnRange>
  attempts: number
  ramOverlapWarned: boolean
}

/**
 * Error numbers the model can answer with.
 *
 * @category models
 * @since 0.1.0
 */
export type Errno = "EINVAL" | "ENOMEM" | "ENXIO" | "EEXIST" | "EBUSY" | "E2BIG" | "ENODEV"

/**
 * The zone of a node, made if need be.
 *
 * @category queries
 * @since 0.1.0
 */
export const zoneOf = ({ zones }: ReferenceModel, node: number, name: string): Zone => {
  const key = `${node}/${name}`
  const there = zones.get(key)
  if (there !== undefined) return there
  const zone: Zone = { node, name, start: 0, end: 0, present: 0, managed: 0, contiguous: false }
  zones.set(key, zone)
  return zone
}

/**
 * Every pfn of a range.
 *
 * @category queries
 * @since 0.1.0
 */
export const pfns = function*({ end, start }: PfnRange) {
  for (let pfn = start; pfn < end; pfn++) yield pfn
}

/**
 * Whether a range touches System RAM, booted or added.
 *
 * @category queries
 * @since 0.1.0
 */
export const touchesRam = ({ added, boot }: ReferenceModel, { end, start }: PfnRange): boolean =>
  [...boot.nodes.flatMap(({ ram }) => ram), ...added].some((ram) => ram.start < end && start < ram.end)

/**
 * `__add_pages()`: altmap bounds, alignment, then chunk by chunk up to the first error (ALT-5, SEC-8, SEC-12).
 *
 * @category operations
 * @since 0.1.0
 */
export const addPages = (
  model: ReferenceModel,
  { end, start }: PfnRange,
  { altmap, node, order }: {
    readonly altmap: VirtualMemmap.Altmap | null
    readonly node: number
    readonly order: number
  }
): "EINVAL" | "ENOMEM" | "EEXIST" | null => {
  const { kernel, sections, warnings } = model
  if (altmap !== null) {
    if (kernel.arch.altmap === "refused") {
      warnings.push("arch_add_memory")
      return "EINVAL"
    }
    if (altmap.base !== start || altmap.reserve + altmap.free > end - start) {
      warnOnce(model, "__add_pages")
      return "EINVAL"
    }
    altmap.alloc = 0
  }
  const granule = Architecture.addGranule(kernel.arch) / kernel.arch.pageSize
  if (start % granule !== 0 || (end - start) % granule !== 0) {
    warnings.push("check_pfn_span")
    return "EINVAL"
  }
  for (const chunk of Sections.chunks(sections, start, end - start)) {
    const compound = order > 0 ? { order, start } : null
    const error = Sections.add(sections, { ...chunk, node, altmap, compound })
    if (error !== null) return error
  }
  return null
}

/**
 * Widens the span of a zone (ZON-3).
 *
 * @category operations
 * @since 0.1.0
 */
export const grow = (zone: Zone, { end, start }: PfnRange): void => {
  zone.start = zone.end === zone.start ? start : Math.min(zone.start, start)
  zone.end = Math.max(zone.end, end)
}

/**
 * WARN_ON_ONCE.
 *
 * @category operations
 * @since 0.1.0
 */
export const warnOnce = ({ warnings }: ReferenceModel, where: string): void => {
  if (!warnings.includes(where)) warnings.push(where)
}

/**
 * Lets `succeed` allocations succeed and fails the next; `null` lets all succeed.
 *
 * @category operations
 * @since 0.1.0
 */
export const failAfter = ({ memmap }: ReferenceModel, succeed: number | null): void => {
  memmap.failAfter = succeed
}

/**
 * `pfn_valid()`.
 *
 * @category queries
 * @since 0.1.0
 */
export const isValid = ({ sections }: ReferenceModel, pfn: number): boolean => Sections.isValid(sections, pfn)

/**
 * `pfn_to_online_page()` (SEC-7).
 *
 * @category queries
 * @since 0.1.0
 */
export const isOnline = ({ index, kernel, sections }: ReferenceModel, pfn: number): boolean => {
  const section = sections.table.get(Math.floor(pfn / Architecture.pagesPerSection(kernel.arch)))
  if (section === undefined || !section.flags.has("online") || !Sections.hasSubsection(sections, pfn)) return false
  return !section.flags.has("taint") || index.get(pfn)?.live !== true
}

/**
 * Whether the struct page of a pfn names this zone.
 *
 * @category queries
 * @since 0.1.0
 */
export const isLinked = ({ memmap }: ReferenceModel, zone: Zone, pfn: number): boolean => {
  const content = VirtualMemmap.read(memmap, pfn)
  return typeof content !== "string" && content._tag !== "Poisoned" && content.node === zone.node &&
    content.zone === zone.name
}

/**
 * `set_zone_contiguous()`: every pageblock of the span is valid at both ends, begins online, and is the zone's (ZON-8).
 *
 * @category queries
 * @since 0.1.0
 */
export const isContiguous = (model: ReferenceModel, zone: Zone): boolean => {
  const size = 2 ** model.kernel.arch.pageblockOrder
  for (let block = Math.floor(zone.start / size) * size; block < zone.end; block += size) {
    const first = Math.max(zone.start, block)
    const last = Math.min(zone.end, block + size) - 1
    if (!isOnline(model, first) || !isValid(model, last)) return false
    if (!isLinked(model, zone, first) || !isLinked(model, zone, last)) return false
  }
  return true
}
