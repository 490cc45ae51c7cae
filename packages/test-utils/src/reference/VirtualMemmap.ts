/**
 * The memmap of the reference model: one entry per vmemmap page, one slot per struct page (VMM-1 … VMM-7, ALT-1 … ALT-10,
 * CMP-1 … CMP-5).
 *
 * Nothing is clever here. Every page is mapped, shared, written and freed one at a time, in the order in which the kernel
 * does it, so it is only fit for small machines.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import type { Config } from "@vmemmap/core/release/Kernel"
import { has } from "@vmemmap/core/release/KernelRelease"

/**
 * Physical memory behind a leaf: RAM, or `pfn` of a device's altmap. `references` counts the leaves that map it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Block {
  readonly bytes: number
  /** The pagemap whose altmap it came from; `null` is RAM. */
  readonly device: number | null
  readonly pfn: number | null
  references: number
}

/**
 * What a struct page holds. `head` is the pfn of a tail's head, `order` is what the first tail knows of its compound.
 *
 * @category models
 * @since 0.1.0
 */
export type Content =
  | { readonly _tag: "Poisoned" }
  | { readonly _tag: "InUse"; readonly node: number; readonly zone: string }
  | {
    readonly _tag: "Page"
    readonly node: number
    readonly zone: string
    readonly flags: ReadonlyArray<"reserved" | "head" | "self-hosted">
    readonly refcount: number
    readonly links: "self" | "listed" | "poisoned" | { readonly pagemap: number } | {
      readonly head: number
      readonly order: number | null
    }
    readonly buddyOrder: number | null
  }

/**
 * One page of the virtual memmap: the leaf that maps it and the struct pages in it. Shared leaves share `slots`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly block: Block
  readonly slots: Array<Content | undefined>
}

/**
 * A `vmem_altmap`, all in pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Altmap {
  readonly owner: number
  readonly base: number
  readonly reserve: number
  readonly free: number
  alloc: number
  align: number
}

/**
 * The part of one section to be populated. `compound` carries vmemmap_shift and the first pfn of the range in progress.
 *
 * @category models
 * @since 0.1.0
 */
export interface Chunk {
  readonly pfn: number
  readonly count: number
  readonly altmap: Altmap | null
  readonly compound: { readonly order: number; readonly start: number } | null
}

/**
 * The memmap. `failAfter` allocations succeed before one fails; `null`: none fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface VirtualMemmap {
  readonly kernel: Config
  readonly entries: Map<number, Entry>
  readonly pte: Set<number>
  readonly pmd: Set<number>
  /** Pages of a PMD leaf that describe nothing (VMM-4: filled with 0xfd). */
  readonly spare: Set<number>
  /** What devices hold in the pages their altmaps lent, by pfn: it outlives the mapping. */
  readonly media: Map<number, Entry["slots"]>
  failAfter: number | null
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (kernel: Config): VirtualMemmap => ({
  kernel,
  entries: new Map(),
  pte: new Set(),
  pmd: new Set(),
  spare: new Set(),
  media: new Map(),
  failAfter: null
})

/**
 * One allocation of RAM, of any size: whether it succeeds.
 *
 * @category operations
 * @since 0.1.0
 */
export const allocate = (memmap: VirtualMemmap): boolean => {
  if (memmap.failAfter === null) return true
  if (memmap.failAfter > 0) {
    memmap.failAfter--
    return true
  }
  memmap.failAfter = null
  return false
}

/** ALT-3: a block of `pages`, aligned to the largest power of two that divides its size; its pfn, or `null`. */
const allocateFromAltmap = (altmap: Altmap, pages: number): number | null => {
  let alignment = 1
  while (pages % (alignment * 2) === 0) alignment *= 2
  const next = altmap.base + altmap.reserve + altmap.alloc + altmap.align
  const pad = (alignment - next % alignment) % alignment
  if (pages + pad > altmap.free - (altmap.alloc + altmap.align)) return null
  altmap.alloc += pages
  altmap.align += pad
  return next + pad
}

const blockOf = (memmap: VirtualMemmap, bytes: number, altmap: Altmap | null): Block | null => {
  if (altmap === null) return allocate(memmap) ? { bytes, device: null, pfn: null, references: 0 } : null
  const pfn = allocateFromAltmap(altmap, bytes / memmap.kernel.arch.pageSize)
  return pfn === null ? null : { bytes, device: altmap.owner, pfn, references: 0 }
}

/** Fresh RAM holds nothing of interest, a device's page what was last written to it. */
const slotsOf = ({ media }: VirtualMemmap, { pfn }: Block, index: number): Entry["slots"] => {
  if (pfn === null) return []
  const slots = media.get(pfn + index) ?? []
  media.set(pfn + index, slots)
  return slots
}

const pteSpan = ({ arch }: Config): number => arch.pteTable.entries * arch.pageSize

/** VMM-2: the tables on the way to a virtual address, allocated where they are missing. */
const ensureTables = (memmap: VirtualMemmap, address: number, basePage: boolean): boolean => {
  const { kernel, pmd, pte } = memmap
  const pmdSlot = Math.floor(address / (kernel.arch.pmdTable.entries * kernel.arch.pmdSize))
  if (!pmd.has(pmdSlot)) {
    if (!allocate(memmap)) return false
    pmd.add(pmdSlot)
  }
  const pteSlot = Math.floor(address / pteSpan(kernel))
  if (basePage && !pte.has(pteSlot)) {
    if (!allocate(memmap)) return false
    pte.add(pteSlot)
  }
  return true
}

/** VMM-2 for one page: a present entry stays as it is. `shared` is mapped instead of a new page. */
const mapBasePage = (
  memmap: VirtualMemmap,
  address: number,
  altmap: Altmap | null,
  shared: Entry | null
): Entry | null => {
  const { entries, kernel } = memmap
  const { pageSize } = kernel.arch
  const page = Math.floor(address / pageSize)
  if (!ensureTables(memmap, address, (entries.get(page)?.block.bytes ?? pageSize) === pageSize)) return null
  memmap.spare.delete(page)
  const present = entries.get(page)
  if (present !== undefined) return present
  const block = shared?.block ?? blockOf(memmap, pageSize, altmap)
  if (block === null) return null
  block.references++
  const entry = shared ?? { block, slots: slotsOf(memmap, block, 0) }
  entries.set(page, entry)
  return entry
}

const mapBasePages = (
  memmap: VirtualMemmap,
  start: number,
  end: number,
  altmap: Altmap | null,
  shared: Entry | null
): boolean => {
  const { pageSize } = memmap.kernel.arch
  for (let address = Math.floor(start / pageSize) * pageSize; address < end; address += pageSize) {
    if (mapBasePage(memmap, address, altmap, shared) === null) return false
  }
  return true
}

/** VMM-3: one PMD entry after the other. */
const mapBlocks = (memmap: VirtualMemmap, start: number, end: number, altmap: Altmap | null): boolean => {
  const { entries, kernel } = memmap
  const { pageSize, pmdSize } = kernel.arch
  for (let address = start; address < end; address = Math.floor(address / pmdSize + 1) * pmdSize) {
    const next = Math.min(end, Math.floor(address / pmdSize + 1) * pmdSize)
    if (!ensureTables(memmap, address, false)) return false
    if (!memmap.pte.has(Math.floor(address / pmdSize))) {
      const first = Math.floor(address / pmdSize) * pmdSize / pageSize
      const block = entries.get(first)?.block ?? blockOf(memmap, pmdSize, altmap)
      if (block !== null) {
        for (let i = 0; i < pmdSize / pageSize; i++) {
          if (entries.has(first + i)) continue
          entries.set(first + i, { block, slots: slotsOf(memmap, block, i) })
          memmap.spare.add(first + i)
        }
        block.references = 1
        for (let page = address / pageSize; page < next / pageSize; page++) memmap.spare.delete(page)
        continue
      }
      // ALT-10: only arm64 before 6.2 goes on with base pages of the altmap.
      if (altmap !== null && (Architecture.isX86(kernel.arch) || has(kernel.release, "vmemmap-generic-pmd"))) {
        return false
      }
    }
    if (!mapBasePages(memmap, address, next, Architecture.isX86(kernel.arch) ? null : altmap, null)) return false
  }
  return true
}

/**
 * Whether compounds of `2^order` pages share their tail pages (CMP-1).
 *
 * @category queries
 * @since 0.1.0
 */
export const sharesTails = ({ arch, release, structPage }: Config, order: number, altmap: boolean): boolean => {
  if (altmap || order === 0 || !has(release, "vmemmap-dedup")) return false
  if (Math.log2(structPage) % 1 !== 0) return false
  if (!Architecture.isX86(arch) && !has(release, "dedup-any-arch")) return false
  return !has(release, "dedup-above-reserve") || 2 ** order * structPage / arch.pageSize > 2
}

/** CMP-2: continuation of a compound begun in an earlier chunk, or head page, tail page and repetitions of it. */
const mapCompounds = (
  memmap: VirtualMemmap,
  { count, pfn }: Chunk,
  { order, start: first }: { readonly order: number; readonly start: number }
): boolean => {
  const { arch, structPage } = memmap.kernel
  const [start, end] = [pfn * structPage, (pfn + count) * structPage]
  const size = 2 ** order
  if (size > Architecture.pagesPerSubsection(arch) && (pfn - first) % size !== 0) {
    const tail = memmap.entries.get(start / arch.pageSize - 1)
    return tail !== undefined && mapBasePages(memmap, start, end, null, tail)
  }
  const step = Math.min(count, size) * structPage
  for (let address = start; address < end; address += step) {
    if (mapBasePage(memmap, address, null, null) === null) return false
    const tail = mapBasePage(memmap, address + arch.pageSize, null, null)
    if (tail === null) return false
    if (!mapBasePages(memmap, address + 2 * arch.pageSize, address + step, null, tail)) return false
  }
  return true
}

/**
 * `__populate_section_memmap()`; `false` when memory ran out, with what was mapped left in place.
 *
 * @category operations
 * @since 0.1.0
 */
export const populate = (memmap: VirtualMemmap, chunk: Chunk): boolean => {
  const { arch, structPage } = memmap.kernel
  const { altmap, compound, count, pfn } = chunk
  if (compound !== null && sharesTails(memmap.kernel, compound.order, altmap !== null)) {
    return mapCompounds(memmap, chunk, compound)
  }
  const [start, end] = [pfn * structPage, (pfn + count) * structPage]
  const isFull = count === Architecture.pagesPerSection(arch)
  const source = arch.altmap === "everything" || (arch.altmap === "full-sections" && isFull) ? altmap : null
  return arch.vmemmap === "pmd" && isFull
    ? mapBlocks(memmap, start, end, source)
    : mapBasePages(memmap, start, end, source, null)
}

/**
 * Unmaps the memmap of `[pfn, pfn + count)`, credits the altmap, frees empty tables (VMM-7). A page in which `isAlive` finds
 * another struct page stays (GEO-11).
 *
 * @category operations
 * @since 0.1.0
 */
export const depopulate = (
  memmap: VirtualMemmap,
  { altmap, count, pfn }: Pick<Chunk, "altmap" | "count" | "pfn">,
  isAlive: (pfn: number) => boolean
): void => {
  const { entries, kernel, pmd, pte } = memmap
  const { pageSize, pmdSize, pmdTable } = kernel.arch
  const { structPage } = kernel
  const first = Math.floor(pfn * structPage / pageSize)
  const last = Math.ceil((pfn + count) * structPage / pageSize)
  for (let page = first; page < last; page++) {
    const entry = entries.get(page)
    if (entry === undefined) continue
    const inside = Array.from(
      { length: Math.ceil(pageSize / structPage) },
      (_, i) => Math.floor(page * pageSize / structPage) + i
    )
    if (inside.some((other) => (other < pfn || other >= pfn + count) && isAlive(other))) {
      for (const own of inside) if (own >= pfn && own < pfn + count) write(memmap, own, undefined)
      continue
    }
    const blockPages = entry.block.bytes / pageSize
    if (blockPages > 1) {
      if (entry.block.device === null) { for (const own of inside) write(memmap, own, undefined) }
      const head = Math.floor(page / blockPages) * blockPages
      const all = Array.from({ length: blockPages }, (_, i) => head + i)
      memmap.spare.add(page)
      if (!all.every((other) => memmap.spare.has(other))) continue
      for (const other of all) {
        memmap.spare.delete(other)
        entries.delete(other)
      }
    } else {
      entries.delete(page)
      if (--entry.block.references > 0) continue
    }
    if (entry.block.device !== null && altmap !== null) altmap.alloc -= blockPages
  }
  for (const slot of pte) {
    const pages = kernel.arch.pteTable.entries
    const isNear = slot * pages < last && (slot + 1) * pages > first
    if (isNear && Array.from({ length: pages }, (_, i) => entries.has(slot * pages + i)).every((there) => !there)) {
      pte.delete(slot)
    }
  }
  for (const slot of pmd) {
    const span = pmdTable.entries * pmdSize / pageSize
    if (![...entries.keys()].some((page) => Math.floor(page / span) === slot)) pmd.delete(slot)
  }
}

const slotOf = ({ arch, structPage }: Config, pfn: number): number =>
  Math.floor((pfn * structPage % arch.pageSize) / structPage)

/**
 * Stores to the struct page of `pfn`, wherever its memory is.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = ({ entries, kernel }: VirtualMemmap, pfn: number, content: Content | undefined): void => {
  const entry = entries.get(Math.floor(pfn * kernel.structPage / kernel.arch.pageSize))
  if (entry !== undefined) entry.slots[slotOf(kernel, pfn)] = content
}

/**
 * The struct page of `pfn` as it is found through the mapping: `"unmapped"`, `"unwritten"`, or what it holds.
 *
 * @category queries
 * @since 0.1.0
 */
export const read = ({ entries, kernel, spare }: VirtualMemmap, pfn: number): Content | "unmapped" | "unwritten" => {
  const page = Math.floor(pfn * kernel.structPage / kernel.arch.pageSize)
  const entry = entries.get(page)
  return entry === undefined || spare.has(page) ? "unmapped" : entry.slots[slotOf(kernel, pfn)] ?? "unwritten"
}
