/**
 * System RAM of the reference model: added, onlined, offlined, removed (spec 07, 08).
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import type { PfnRange } from "@vmemmap/core/geometry/PfnRange"
import { has } from "@vmemmap/core/release/KernelRelease"
import * as Sections from "./Sections.ts"
import {
  addPages,
  type Block,
  type Errno,
  grow,
  isContiguous,
  isLinked,
  isOnline,
  pfns,
  type ReferenceModel,
  touchesRam,
  warnOnce,
  type Zone,
  zoneOf
} from "./State.ts"
import * as VirtualMemmap from "./VirtualMemmap.ts"

/**
 * A call of `add_memory()`, in pfns.
 *
 * @category models
 * @since 0.1.0
 */
export interface Addition extends PfnRange {
  readonly node: number
  readonly selfHosted: boolean
}

/**
 * How memory is asked to go online (HOT-5).
 *
 * @category models
 * @since 0.1.0
 */
export type OnlineType = "online" | "online_kernel" | "online_movable"

const pagesPerBlock = ({ boot, kernel }: ReferenceModel): number => boot.blockSize / kernel.arch.pageSize

/** The owner of a self-hosted memmap: no pagemap. */
const nobody = -1

/** HOT-12, for a kernel that was told to: how the memory is cut into parts with an altmap of their own. */
const isEligible = ({ boot, kernel }: ReferenceModel, pages: number): boolean => {
  const { arch, release, structPage } = kernel
  const block = boot.blockSize / arch.pageSize
  const memmap = block * structPage
  const isOneBlock = pages === block || has(release, "memmap-on-memory-split")
  const rest = block - memmap / arch.pageSize
  return has(release, "memmap-on-memory") && isOneBlock && memmap % arch.pmdSize === 0 &&
    rest % 2 ** arch.pageblockOrder === 0 && rest > 0
}

const altmapAt = ({ boot, kernel }: ReferenceModel, base: number, alloc: number): VirtualMemmap.Altmap => {
  const block = boot.blockSize / kernel.arch.pageSize
  const exact = block * kernel.structPage / kernel.arch.pageSize
  const free = has(kernel.release, "memmap-on-memory-relaxed") ? exact : block
  return { owner: nobody, base, reserve: 0, free, alloc, align: 0 }
}

/** Sections, then block devices; when these fail the sections go again with the same altmap (HOT-2). */
const addPart = (
  model: ReferenceModel,
  { end, start }: PfnRange,
  node: number,
  altmap: VirtualMemmap.Altmap | null
): Errno | null => {
  const { blocks, kernel, memmap, sections } = model
  const per = pagesPerBlock(model)
  const error = addPages(model, { start, end }, { altmap, node, order: 0 })
  if (error !== null) {
    if (Architecture.isX86(kernel.arch)) warnOnce(model, "add_pages")
    return error
  }
  const alloc = altmap?.alloc ?? 0
  for (let block = start / per; block < end / per; block++) {
    if (VirtualMemmap.allocate(memmap)) {
      blocks.set(block, { node, own: alloc, alloc, zone: null })
      continue
    }
    for (let made = start / per; made < block; made++) blocks.delete(made)
    Sections.remove(sections, start, end - start, altmap)
    return "ENOMEM"
  }
  return null
}

/**
 * `add_memory()` up to the blocks being offline: the error, or `null` (HOT-1, HOT-2).
 *
 * @category operations
 * @since 0.1.0
 */
export const addMemory = (model: ReferenceModel, { end, node, selfHosted, start }: Addition): Errno | null => {
  const { added, blocks, boot, kernel, sections } = model
  const per = pagesPerBlock(model)
  if (end <= start || end * kernel.arch.pageSize > 2 ** kernel.arch.physicalBits) return "E2BIG"
  if (touchesRam(model, { start, end })) return "EEXIST"
  if (start % per !== 0 || end % per !== 0) return "EINVAL"
  if (!boot.possibleNodes.includes(node)) {
    model.warnings.push("add_memory_resource")
    return "EINVAL"
  }
  const isSelfHosted = selfHosted && isEligible(model, end - start)
  if (selfHosted && !isSelfHosted && !has(kernel.release, "memmap-on-memory-relaxed")) return "EINVAL"
  const step = isSelfHosted ? per : end - start
  for (let at = start; at < end; at += step) {
    const error = addPart(model, { start: at, end: at + step }, node, isSelfHosted ? altmapAt(model, at, 0) : null)
    if (error === null) continue
    for (let undone = start; undone < at; undone += step) {
      const alloc = blocks.get(undone / per)?.alloc ?? 0
      blocks.delete(undone / per)
      Sections.remove(sections, undone, step, altmapAt(model, undone, alloc))
    }
    return error
  }
  added.push({ start, end })
  return null
}

const intersects = ({ end, start }: PfnRange, zone: Zone): boolean => start < zone.end && zone.start < end

/** ZON-1, ZON-2 with the policy contig-zones and without `movable_node`. */
const chooseZone = (model: ReferenceModel, node: number, range: PfnRange, type: OnlineType): string => {
  const kernel = ["DMA", "DMA32"].find((name) => intersects(range, zoneOf(model, node, name))) ?? "Normal"
  if (type !== "online") return type === "online_kernel" ? kernel : "Movable"
  return intersects(range, zoneOf(model, node, "Movable")) && !intersects(range, zoneOf(model, node, kernel))
    ? "Movable"
    : kernel
}

/** Marks every section that a range touches. */
const markSections = (model: ReferenceModel, { end, start }: PfnRange, online: boolean): void => {
  for (const { pfn } of Sections.chunks(model.sections, start, end - start)) {
    const section = Sections.at(model.sections, Math.floor(pfn / Architecture.pagesPerSection(model.kernel.arch)))
    if (online) section.flags.add("online")
    else section.flags.delete("online")
  }
}

const wholeSections = ({ kernel }: ReferenceModel, { end, start }: PfnRange): PfnRange => {
  const per = Architecture.pagesPerSection(kernel.arch)
  return { start: Math.ceil(start / per) * per, end: Math.max(Math.ceil(start / per), Math.floor(end / per)) * per }
}

/** HOT-7 step 4: blocks of order `min(largest, ctz(pfn))`. */
const freeBlocks = function*({ kernel }: ReferenceModel, { end, start }: PfnRange) {
  for (let pfn = start; pfn < end;) {
    let order = 0
    while (order < kernel.arch.largestOrder && pfn % 2 ** (order + 1) === 0) order++
    yield { pfn, order }
    pfn += 2 ** order
  }
}

const onlineBlock = (model: ReferenceModel, number: number, block: Block, type: OnlineType): void => {
  const { memmap } = model
  const per = pagesPerBlock(model)
  const whole = { start: number * per, end: (number + 1) * per }
  const own = { start: whole.start, end: whole.start + block.own }
  const rest = { start: own.end, end: whole.end }
  const name = chooseZone(model, block.node, whole, type)
  const zone = zoneOf(model, block.node, name)
  const page = { _tag: "Page", node: block.node, zone: name, links: "self", buddyOrder: null } as const
  // From 6.11 on a page type says what PG_reserved said before (INI-4).
  const reserved = has(model.kernel.release, "hotplug-page-offline") ? [] : ["reserved" as const]
  const reserve = (range: PfnRange, flags: ReadonlyArray<"self-hosted">) => {
    grow(zone, range)
    for (const pfn of pfns(range)) {
      VirtualMemmap.write(memmap, pfn, { ...page, flags: [...reserved, ...flags], refcount: 1 })
    }
    zone.contiguous = isContiguous(model, zone)
  }
  if (block.own > 0) {
    reserve(own, ["self-hosted"])
    Sections.setPageblocks(model.sections, own.start, own.end, "Unmovable")
    markSections(model, wholeSections(model, own), true)
  }
  reserve(rest, [])
  Sections.setPageblocks(model.sections, rest.start, rest.end, "Movable")
  for (const { order, pfn } of freeBlocks(model, rest)) {
    for (const tail of pfns({ start: pfn, end: pfn + 2 ** order })) {
      VirtualMemmap.write(memmap, tail, { ...page, flags: [], refcount: 0 })
    }
    VirtualMemmap.write(memmap, pfn, { ...page, flags: [], refcount: 0, links: "listed", buddyOrder: order })
  }
  markSections(model, rest, true)
  zone.present += per
  zone.managed += per - block.own
  block.zone = name
}

/** An online page of the zone, as its struct page says (ZON-6). */
const belongsTo = (model: ReferenceModel, zone: Zone, pfn: number): boolean =>
  isOnline(model, pfn) && isLinked(model, zone, pfn)

/** `shrink_zone_span()`. */
const shrink = (model: ReferenceModel, zone: Zone, { end, start }: PfnRange): void => {
  const step = Architecture.pagesPerSubsection(model.kernel.arch)
  const set = (from: number, to: number) => {
    zone.start = from
    zone.end = to
  }
  if (zone.start === start) {
    let pfn = end
    while (pfn < zone.end && !belongsTo(model, zone, pfn)) pfn += step
    if (pfn < zone.end) set(pfn, zone.end)
    else set(0, 0)
  } else if (zone.end === end) {
    let pfn = start - 1
    while (pfn >= zone.start && !belongsTo(model, zone, pfn)) pfn -= step
    if (pfn >= zone.start) set(zone.start, pfn + 1)
    else set(0, 0)
  }
}

const offlineBlock = (model: ReferenceModel, number: number, block: Block, name: string): void => {
  const { kernel, memmap, sections } = model
  const per = pagesPerBlock(model)
  const own = { start: number * per, end: number * per + block.own }
  const rest = { start: own.end, end: (number + 1) * per }
  const zone = zoneOf(model, block.node, name)
  markSections(model, rest, false)
  for (const { pfn } of freeBlocks(model, rest)) {
    VirtualMemmap.write(memmap, pfn, {
      _tag: "Page",
      node: block.node,
      zone: name,
      flags: [],
      refcount: 0,
      links: "poisoned",
      buddyOrder: null
    })
  }
  // Nobody undoes the isolation of pages that went offline (HOT-8).
  Sections.setPageblocks(sections, rest.start, rest.end, "Isolate")
  zone.present -= per
  zone.managed -= per - block.own
  const leave = (range: PfnRange) => {
    if (kernel.poison) Sections.poison(sections, range.start, range.end - range.start)
    shrink(model, zone, range)
    zone.contiguous = isContiguous(model, zone)
  }
  leave(rest)
  if (block.own > 0) {
    markSections(model, wholeSections(model, own), false)
    leave(own)
  }
  block.zone = null
}

const numbers = (model: ReferenceModel, { end, start }: PfnRange): ReadonlyArray<number> => {
  const per = pagesPerBlock(model)
  return [...model.blocks.keys()].filter((block) => block * per >= start && block * per < end).toSorted((a, b) => a - b)
}

/**
 * Onlines the offline blocks of a range, one after the other.
 *
 * @category operations
 * @since 0.1.0
 */
export const online = (model: ReferenceModel, range: PfnRange, type: OnlineType): Errno | null => {
  const found = numbers(model, range)
  for (const number of found) {
    const block = model.blocks.get(number)
    if (block !== undefined && block.zone === null) onlineBlock(model, number, block, type)
  }
  return found.length === 0 ? "ENODEV" : null
}

/**
 * Offlines the online blocks of a range, one after the other; none of their pages is in use.
 *
 * @category operations
 * @since 0.1.0
 */
export const offline = (model: ReferenceModel, range: PfnRange): Errno | null => {
  const found = numbers(model, range)
  for (const number of found) {
    const block = model.blocks.get(number)
    if (block !== undefined && block.zone !== null) offlineBlock(model, number, block, block.zone)
  }
  return found.length === 0 ? "ENODEV" : null
}

/**
 * `remove_memory()` of what was added in one piece (HOT-9).
 *
 * @category operations
 * @since 0.1.0
 */
export const removeMemory = (model: ReferenceModel, range: PfnRange): Errno | null => {
  const { added, blocks, kernel, sections } = model
  const per = pagesPerBlock(model)
  const found = numbers(model, range)
  if (found.some((number) => blocks.get(number)?.zone !== null)) return "EBUSY"
  const hosting = found.some((number) => (blocks.get(number)?.own ?? 0) > 0)
  if (hosting && found.length > 1 && !has(kernel.release, "memmap-on-memory-split")) return "EINVAL"
  for (const number of found) {
    const alloc = blocks.get(number)?.alloc ?? 0
    blocks.delete(number)
    Sections.remove(sections, number * per, per, alloc > 0 ? altmapAt(model, number * per, alloc) : null)
  }
  const at = added.findIndex(({ end, start }) => start === range.start && end === range.end)
  if (at >= 0) added.splice(at, 1)
  return null
}
