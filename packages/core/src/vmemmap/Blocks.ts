/**
 * The plain memmap: every struct page its own memory, in blocks as large as the architecture maps them (VMM-1 … VMM-5,
 * GEO-9, GEO-10, ALT-9 … ALT-11).
 *
 * @since 0.1.0
 */
import type { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelLog } from "../kernel/KernelLog.ts"
import type { Memmap } from "../memmap/Memmap.ts"
import type { Config } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import * as Altmap from "./Altmap.ts"
import type * as Offnode from "./Offnode.ts"
import * as PageTables from "./PageTables.ts"
import type { Piece } from "./Piece.ts"
import type { TableFrames } from "./TableFrames.ts"

/**
 * What populating works on.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly kernel: Config
  readonly frames: FrameAllocator["Service"]
  readonly log: KernelLog["Service"]
  readonly memmap: Memmap["Service"]
  readonly tables: PageTables.PageTables
  readonly pte: TableFrames
  readonly pmd: TableFrames
  readonly verify: Offnode.Verify
}

const virtualOf = ({ kernel }: State, { end, start }: PfnRange.PfnRange): PfnRange.PfnRange => ({
  start: start * kernel.structPage,
  end: end * kernel.structPage
})

/**
 * Tables for leaves of `leaf` bytes in `[start, end)`: all that are missing, or `false`.
 *
 * @category operations
 * @since 0.1.0
 */
export const takeTables = (state: State, node: number, { end, start }: PfnRange.PfnRange, leaf: number): boolean => {
  const missing = PageTables.missing(state.tables, start, end, leaf < state.tables.pmdSize)
  if (!state.pmd.take(node, missing.pmd)) return false
  if (state.pte.take(node, missing.pte)) return true
  state.pmd.give(node, missing.pmd)
  return false
}

/** Whose memory backs a run of leaves. */
type Source = "ram" | "altmap"

/**
 * Blocks of `leaf` bytes from RAM for `[start, end)`, virtual bytes; what was mapped stays when it falls short.
 *
 * @category operations
 * @since 0.1.0
 */
export const fromRam = (state: State, node: number, range: PfnRange.PfnRange, leaf: number): boolean =>
  takeTables(state, node, range, leaf) && mapRam(state, node, range, leaf)

/** The same once its tables are there. */
const mapRam = (state: State, node: number, { end, start }: PfnRange.PfnRange, leaf: number): boolean => {
  const size = leaf / state.tables.pageSize
  const count = (end - start) / leaf
  // Memory without a virtual memmap comes in plain pages, whatever a section needs.
  const isBlock = Alignment.isPowerOfTwo(size)
  const taken = state.frames.take({
    node,
    order: isBlock ? Math.log2(size) : 0,
    count: isBlock ? count : count * size,
    purpose: "memmap"
  })
  let at = start
  for (const block of taken) {
    if (leaf === state.tables.pageSize) state.verify(node, block.node, at)
    const next = at + (isBlock ? block.count * leaf : block.count * state.tables.pageSize)
    PageTables.map(state.tables, at, next, {
      _tag: "Linear",
      leaf: isBlock ? leaf : state.tables.pageSize,
      anchor: at,
      frame: block.start,
      device: null
    })
    at = next
  }
  return settle(state, node, { start, end }, at, leaf)
}

/** Tables that were taken for leaves that could not be had go back. */
const settle = (state: State, node: number, { end, start }: PfnRange.PfnRange, at: number, leaf: number): boolean => {
  if (at === end) return true
  const before = PageTables.missing(state.tables, start, end, leaf < state.tables.pmdSize)
  state.pte.give(node, before.pte)
  state.pmd.give(node, before.pmd)
  return false
}

/** Blocks of `leaf` bytes from the altmap (ALT-3). */
const fromAltmap = (state: State, piece: Piece, range: PfnRange.PfnRange, leaf: number): boolean =>
  takeTables(state, piece.node, range, leaf) && mapAltmap(state, piece, range, leaf)

const mapAltmap = (state: State, piece: Piece, { end, start }: PfnRange.PfnRange, leaf: number): boolean => {
  if (piece.altmap === null) return settle(state, piece.node, { start, end }, start, leaf)
  const before = piece.altmap.current
  const pages = leaf / state.tables.pageSize
  const version = Altmap.versionOf(state.kernel.release)
  const { altmap, failedAt } = Altmap.take(before, pages, (end - start) / leaf, version)
  const count = failedAt ?? (end - start) / leaf
  piece.altmap.current = altmap
  if (count > 0) {
    const frame = Altmap.blockPfn(before, pages, version)
    if (frame < before.basePfn + before.reserve) overwrites(state, before, frame)
    PageTables.map(state.tables, start, start + count * leaf, {
      _tag: "Linear",
      leaf,
      anchor: start,
      frame,
      device: piece.owner
    })
    account(state, piece.owner, count * pages)
    keep(state, start, start + count * leaf, frame, state.memmap.load)
  }
  return settle(state, piece.node, { start, end }, start + count * leaf, leaf)
}

/** Struct pages that begin in `[start, end)`, virtual bytes backed from pfn `frame` on, and their slot there. */
export const keep = (
  { kernel: { structPage }, tables }: State,
  start: number,
  end: number,
  frame: number,
  act: Memmap["Service"]["load"]
): void => {
  // Only whole struct pages per page have a slot of their own.
  if (tables.pageSize % structPage !== 0) return
  act(start / structPage, end / structPage, frame * (tables.pageSize / structPage))
}

/** Up to the merged version the reserve was not added: the memmap could begin in it (ALT-15). */
const overwrites = ({ log }: State, { basePfn, reserve }: Altmap.Altmap, frame: number): void =>
  log.emit({
    _tag: "Hazard",
    rule: "ALT-15",
    text: `the memmap overwrites ${basePfn + reserve - frame} pages its driver keeps for itself`
  })

const account = ({ log }: State, owner: number, amount: number): void =>
  log.emit({ _tag: "Account", book: "device", where: String(owner), purpose: "memmap", amount })

/**
 * Pages of an altmap come back: `vmem_altmap_free()` (ALT-4); in its first version they were dropped (ALT-15). A caller that
 * forgot the altmap hands device pages to the page allocator, which the log says (BUG-18).
 *
 * @category operations
 * @since 0.1.0
 */
export const credit = (state: State, piece: Piece, device: number, pages: number): void => {
  if (piece.altmap === null) {
    state.log.emit({
      _tag: "Hazard",
      rule: "BUG-18",
      text: `${pages} device pages of pagemap ${device} freed into the page allocator`
    })
    return
  }
  if (!isFirstVersion(state)) {
    piece.altmap.current = { ...piece.altmap.current, alloc: piece.altmap.current.alloc - pages }
  }
  account(state, device, -pages)
}

/**
 * Whether the altmap is the one first posted, which also lost the page tables of the memmap it was given for (ALT-15).
 *
 * @category queries
 * @since 0.1.0
 */
export const isFirstVersion = ({ kernel }: State): boolean => Altmap.versionOf(kernel.release) === "rfc-2015"

/** Base pages where the PMD slot already holds a table of them (VMM-3), or where blocks ran out. */
const basePages = (state: State, piece: Piece, range: PfnRange.PfnRange, source: Source): boolean => {
  const page = state.tables.pageSize
  const wanted = { start: Alignment.down(range.start, page), end: Alignment.up(range.end, page) }
  return ExtentMap.gaps(state.tables.leaves, wanted.start, wanted.end).every((gap) =>
    source === "altmap" ? fromAltmap(state, piece, gap, page) : fromRam(state, piece.node, gap, page)
  )
}

/**
 * The memmap of a piece in base pages from RAM.
 *
 * @category operations
 * @since 0.1.0
 */
export const basePagesOf = (state: State, piece: Piece): boolean =>
  basePages(state, piece, virtualOf(state, piece), "ram")

/** Blocks from RAM for `range`, and base pages for the part of `virtual` in each block that cannot be had (VMM-3). */
const ramBlocks = (state: State, piece: Piece, range: PfnRange.PfnRange, virtual: PfnRange.PfnRange): boolean => {
  const size = state.tables.pmdSize
  for (let rest = range; rest.end > rest.start;) {
    // Base pages are for want of a block; without the table that would hold it there is nothing to fall back on.
    if (!takeTables(state, piece.node, rest, size)) return false
    if (mapRam(state, piece.node, rest, size)) return true
    const start = ExtentMap.gaps(state.tables.leaves, rest.start, rest.end)[0]?.start ?? rest.end
    const slot = { start: Math.max(start, virtual.start), end: Math.min(start + size, virtual.end) }
    if (!basePages(state, piece, slot, "ram")) return false
    rest = { start: start + size, end: rest.end }
  }
  return true
}

/** PMD blocks; base pages where a table of them is in the way or there is no block (VMM-3, ALT-10). */
const pmdBlocks = (state: State, piece: Piece, virtual: PfnRange.PfnRange): boolean => {
  const { kernel, tables } = state
  const size = tables.pmdSize
  const hasTable = (slot: number) => ExtentMap.find(tables.pte, slot / size) !== undefined
  const source: Source = piece.altmap !== null && kernel.arch.altmap !== "ignored" ? "altmap" : "ram"
  const small: Source = kernel.arch.altmap === "everything" ? source : "ram"
  const start = Alignment.down(virtual.start, size)
  const end = Alignment.up(virtual.end, size)
  const first = hasTable(start)
  const last = end - size > start && hasTable(end - size)
  const inner = { start: first ? start + size : start, end: last ? end - size : end }
  if (first && !basePages(state, piece, { start: virtual.start, end: Math.min(inner.start, virtual.end) }, small)) {
    return false
  }
  for (const gap of ExtentMap.gaps(tables.leaves, inner.start, Math.max(inner.start, inner.end))) {
    if (source === "ram") {
      if (!ramBlocks(state, piece, gap, virtual)) return false
      continue
    }
    if (!takeTables(state, piece.node, gap, size)) return false
    const isDone = mapAltmap(state, piece, gap, size) ||
      (kernel.arch.altmap === "everything" && !has(kernel.release, "vmemmap-generic-pmd") &&
        basePages(state, piece, PfnRange.intersection(gap, virtual), "altmap"))
    if (!isDone) return false
  }
  return !last || basePages(state, piece, { start: end - size, end: virtual.end }, small)
}

/** Blocks shared by sections: inner ones from the altmap while it lasts, the rest from RAM (ALT-11). */
const sharedBlocks = (state: State, piece: Piece, virtual: PfnRange.PfnRange): boolean => {
  const { kernel, tables } = state
  const { vmemmapBlock } = kernel.arch
  const range = { start: Alignment.down(virtual.start, vmemmapBlock), end: Alignment.up(virtual.end, vmemmapBlock) }
  const useAltmap = piece.altmap !== null && kernel.arch.altmap === "inner-blocks"
  const own = useAltmap && piece.device !== null ? virtualOf(state, piece.device) : null
  for (const gap of ExtentMap.gaps(tables.leaves, range.start, range.end)) {
    const inner = own === null ? { start: gap.end, end: gap.end } : {
      start: Math.min(gap.end, Math.max(gap.start, Alignment.up(own.start, vmemmapBlock))),
      end: Math.min(gap.end, Alignment.down(own.end, vmemmapBlock))
    }
    const cut = inner.end > inner.start ? inner : { start: gap.end, end: gap.end }
    const before = { start: gap.start, end: cut.start }
    const after = { start: cut.end, end: gap.end }
    if (before.end > before.start && !fromRam(state, piece.node, before, vmemmapBlock)) return false
    if (cut.end > cut.start && !fromAltmap(state, piece, cut, vmemmapBlock)) {
      const rest = ExtentMap.gaps(tables.leaves, cut.start, cut.end)
      if (!rest.every((left) => fromRam(state, piece.node, left, vmemmapBlock))) return false
    }
    if (after.end > after.start && !fromRam(state, piece.node, after, vmemmapBlock)) return false
  }
  return true
}

const isWhole = ({ kernel }: State, { end, start }: PfnRange.PfnRange): boolean => {
  const pages = Architecture.pagesPerSection(kernel.arch)
  return start % pages === 0 && end % pages === 0
}

/**
 * Populates a piece; `false` when memory ran out, with what was mapped so far left for the caller to remove.
 *
 * @category operations
 * @since 0.1.0
 */
export const populate = (state: State, piece: Piece): boolean => {
  const { arch } = state.kernel
  if (piece.altmap !== null && isFirstVersion(state) && arch.altmap !== "full-sections") {
    state.log.emit({ _tag: "Warn", where: "vmemmap_populate", rule: "ALT-15", text: `${arch.name} takes no altmap` })
    return false
  }
  const virtual = virtualOf(state, piece)
  const fromDevice: Source = piece.altmap !== null && arch.altmap === "everything" ? "altmap" : "ram"
  switch (arch.vmemmap) {
    case "none":
      return ExtentMap.gaps(state.tables.leaves, virtual.start, virtual.end)
        .every((gap) => fromRam(state, piece.node, gap, gap.end - gap.start))
    case "base":
      return basePages(state, piece, virtual, fromDevice)
    case "pmd":
      return isWhole(state, piece) ? pmdBlocks(state, piece, virtual) : basePages(state, piece, virtual, fromDevice)
    case "blocks":
      // ppc64 has a routine of its own, the others share the one of whole sections.
      return arch.altmap === "inner-blocks" ? sharedBlocks(state, piece, virtual) : pmdBlocks(state, piece, virtual)
  }
}

/**
 * How many whole sections of a run surely find their memory: the run can be populated at once as far as that.
 *
 * @category queries
 * @since 0.1.0
 */
export const room = (state: State, piece: Piece): number => {
  const { arch, structPage } = state.kernel
  const sections = (piece.end - piece.start) / Architecture.pagesPerSection(arch)
  const perSection = Architecture.memmapPerSection(arch, structPage)
  const leaf = arch.vmemmap === "pmd" ? arch.pmdSize : arch.vmemmap === "blocks" ? arch.vmemmapBlock : arch.pageSize
  const tables = Math.ceil(sections * perSection / arch.pmdSize) + 2
  if (state.frames.room(0) < tables) return 0
  const blocks = piece.altmap !== null && arch.altmap !== "ignored"
    ? Math.floor(Altmap.left(piece.altmap.current) * arch.pageSize / leaf) - 1
    : state.frames.room(Math.log2(leaf / arch.pageSize)) - Math.ceil(tables * arch.pageSize / leaf) - 1
  return Math.max(0, Math.min(sections, Math.floor(blocks * leaf / perSection)))
}
