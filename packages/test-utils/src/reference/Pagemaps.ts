/**
 * Pagemaps of the reference model: `memremap_pages()` and what follows (spec 09).
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import type { PfnRange } from "@vmemmap/core/geometry/PfnRange"
import { has } from "@vmemmap/core/release/KernelRelease"
import * as Sections from "./Sections.ts"
import {
  addPages,
  type Errno,
  grow,
  isContiguous,
  type Pagemap,
  pfns,
  type ReferenceModel,
  type Request,
  touchesRam,
  warnOnce,
  zoneOf
} from "./State.ts"
import * as VirtualMemmap from "./VirtualMemmap.ts"

/** `pfn_first()` (MRP-9). */
const firstOf = ({ altmap, request }: Pagemap, i: number): number =>
  (request.ranges[i]?.start ?? 0) + (i === 0 && altmap !== null ? altmap.reserve + altmap.free : 0)

/** References held for the lifetime: one per page or compound, none for types that count page by page (MRP-9, 09 types). */
const lifetime = (pagemap: Pagemap, i: number): number => {
  const { order, ranges, type } = pagemap.request
  if (type === "private" || type === "coherent") return 0
  return Math.floor(((ranges[i]?.end ?? 0) - firstOf(pagemap, i)) / 2 ** order)
}

const refuses = ({ complete, ranges, type }: Request): boolean =>
  ranges.length === 0 || (!complete && (type === "private" || type === "coherent"))

/** INI-4: under the lock, what the altmap keeps for itself. INI-7 … INI-9: everything else after it. */
const initialise = (model: ReferenceModel, pagemap: Pagemap, i: number): void => {
  const { kernel, memmap, sections } = model
  const { node, order, ranges, type } = pagemap.request
  const { altmap, id } = pagemap
  const range = ranges[i]
  if (range === undefined) return
  const base = { node, zone: "Device", buddyOrder: null, _tag: "Page" } as const
  if (i === 0 && altmap !== null) {
    for (const pfn of pfns({ start: range.start + altmap.reserve, end: firstOf(pagemap, 0) })) {
      VirtualMemmap.write(memmap, pfn, { ...base, flags: ["reserved"], refcount: 1, links: "self" })
    }
    Sections.setPageblocks(sections, range.start + altmap.reserve, firstOf(pagemap, 0), "Movable")
  }
  Sections.setPageblocks(sections, firstOf(pagemap, i), range.end, "Movable")
  const zeroBased = has(kernel.release, "zone-device-refcount-zero") && (type === "fsdax" || type === "p2pdma")
  const refcount = type === "private" || type === "coherent" || zeroBased ? 0 : 1
  const size = 2 ** order
  const per = Architecture.pagesPerSection(kernel.arch)
  for (let head = firstOf(pagemap, i); head < range.end; head += size) {
    const isEarly = sections.table.get(Math.floor(head / per))?.flags.has("early") === true
    const isShared = VirtualMemmap.sharesTails(kernel, order, i === 0 && altmap !== null)
    const fixed = isEarly && has(kernel.release, "dedup-early-section-fix")
    const written = isShared && !fixed ? Math.min(size, 2 * kernel.arch.pageSize / kernel.structPage) : size
    VirtualMemmap.write(memmap, head, {
      ...base,
      flags: order > 0 ? ["reserved", "head"] : ["reserved"],
      refcount,
      links: { pagemap: id }
    })
    const metadata = order > 1 || has(kernel.release, "compound-metadata-first-tail")
    const tail = { ...base, flags: ["reserved"], refcount: 0, links: { head, order: null } } as const
    for (let t = 1; t < written; t++) {
      VirtualMemmap.write(memmap, head + t, t === 1 && metadata ? { ...tail, links: { head, order } } : tail)
    }
  }
}

/** ZON-3 step 4. */
const taint = ({ kernel, sections }: ReferenceModel, { end, start }: PfnRange): void => {
  const per = Architecture.pagesPerSection(kernel.arch)
  for (const pfn of [start, end]) if (pfn % per !== 0) Sections.at(sections, Math.floor(pfn / per)).flags.add("taint")
}

/** One range of a pagemap, in the order of `pagemap_range()` (spec 09). */
const addRange = (model: ReferenceModel, pagemap: Pagemap, i: number, range: PfnRange): Errno | null => {
  const { index, kernel, warnings } = model
  if (pagemap.altmap !== null && i > 0) {
    warnings.push("pagemap_range")
    return "EINVAL"
  }
  if ([range.start, range.end - 1].some((pfn) => index.get(pfn)?.live === true)) {
    warnings.push("pagemap_range")
    return "ENOMEM"
  }
  if (touchesRam(model, range)) {
    model.ramOverlapWarned ||= warnings.push("pagemap_range") > 0
    return "ENXIO"
  }
  // The xarray may need memory for its nodes; nothing is stored then (step 4).
  if (!VirtualMemmap.allocate(model.memmap)) return "ENOMEM"
  const erase = () => {
    for (const pfn of pfns(range)) index.delete(pfn)
  }
  for (const pfn of pfns(range)) index.set(pfn, pagemap)
  if (range.end <= range.start || range.end * kernel.arch.pageSize > 2 ** kernel.arch.physicalBits) {
    erase()
    return "EINVAL"
  }
  const { node, order } = pagemap.request
  const error = addPages(model, range, { altmap: i === 0 ? pagemap.altmap : null, node, order })
  if (error !== null) {
    // On x86 add_pages() WARNs once per boot, whatever the error (MRP-16).
    if (Architecture.isX86(kernel.arch)) warnOnce(model, "add_pages")
    erase()
    return error
  }
  const zone = zoneOf(model, node, "Device")
  grow(zone, range)
  taint(model, range)
  zone.contiguous = isContiguous(model, zone)
  initialise(model, pagemap, i)
  pagemap.references += lifetime(pagemap, i)
  return null
}

/** `memunmap_pages()` after the last reference is gone: the first `count` ranges (MRP-12, ZON-5). */
const tearDown = (model: ReferenceModel, pagemap: Pagemap, count: number): void => {
  const { index, kernel, sections, warnings } = model
  for (const [i, range] of pagemap.request.ranges.slice(0, count).entries()) {
    if (kernel.poison) Sections.poison(sections, range.start, range.end - range.start)
    Sections.remove(sections, range.start, range.end - range.start, i === 0 ? pagemap.altmap : null)
    for (const pfn of pfns(range)) index.delete(pfn)
  }
  if (pagemap.altmap !== null && pagemap.altmap.alloc !== 0) warnings.push("memunmap_pages")
}

/**
 * `memremap_pages()`: the error, or `null`.
 *
 * @category operations
 * @since 0.1.0
 */
export const memremap = (model: ReferenceModel, request: Request): Errno | null => {
  if (!has(model.kernel.release, "zone-device") || !model.kernel.arch.hotplug) {
    model.warnings.push("memremap_pages")
    return "ENXIO"
  }
  if (refuses(request)) {
    model.warnings.push("memremap_pages")
    return "EINVAL"
  }
  if (request.type === "unset") model.warnings.push("memremap_pages")
  const id = model.attempts++
  // percpu_ref_init() (MRP-1).
  if (!VirtualMemmap.allocate(model.memmap)) return "ENOMEM"
  const pagemap: Pagemap = {
    id,
    request: { ...request, node: Math.max(0, request.node) },
    altmap: request.altmap === null ? null : { ...request.altmap, owner: id, alloc: 0, align: 0 },
    live: true,
    references: 0,
    users: 0
  }
  for (const [i, range] of request.ranges.entries()) {
    const error = addRange(model, pagemap, i, range)
    if (error === null) continue
    pagemap.live = false
    tearDown(model, pagemap, i)
    return error
  }
  model.pagemaps.set(request.name, pagemap)
  return null
}

/**
 * `memunmap_pages()`: whether it is done at once, or waits for users of its pages.
 *
 * @category operations
 * @since 0.1.0
 */
export const memunmap = (model: ReferenceModel, name: string): boolean => {
  const pagemap = model.pagemaps.get(name)
  if (pagemap === undefined) return true
  pagemap.live = false
  pagemap.request.ranges.forEach((_, i) => {
    pagemap.references -= lifetime(pagemap, i)
  })
  return settle(model, name)
}

const settle = (model: ReferenceModel, name: string): boolean => {
  const pagemap = model.pagemaps.get(name)
  if (pagemap === undefined || pagemap.live || pagemap.references > 0) return pagemap === undefined
  tearDown(model, pagemap, pagemap.request.ranges.length)
  model.pagemaps.delete(name)
  return true
}

/**
 * `get_dev_pagemap()`: the name of the pagemap a reference was taken of.
 *
 * @category operations
 * @since 0.1.0
 */
export const get = ({ index }: ReferenceModel, pfn: number): string | null => {
  const pagemap = index.get(pfn)
  if (pagemap?.live !== true) return null
  pagemap.references++
  pagemap.users++
  return pagemap.request.name
}

/**
 * `put_dev_pagemap()`: whether a teardown that was waiting is now done.
 *
 * @category operations
 * @since 0.1.0
 */
export const put = (model: ReferenceModel, name: string): boolean => {
  const pagemap = model.pagemaps.get(name)
  if (pagemap === undefined || pagemap.users === 0) return true
  pagemap.references--
  pagemap.users--
  return pagemap.live || settle(model, name)
}
