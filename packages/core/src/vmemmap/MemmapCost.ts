/**
 * What the memmap of a range of device memory costs: bytes of RAM, bytes of the device, page-table pages, struct pages
 * mapped and written. Closed formulas over section geometry; nothing is walked. Spec 01, 03, 04, 05, 28.
 *
 * Sections that boot RAM already populated (early sections) lend their memmap to partial ranges for free (SEC-10c). Page
 * tables are counted as CMP-7 does: tables of the range on its own, as if it began on a table boundary; tables that boot
 * RAM happens to share already are not deducted.
 *
 * @since 0.1.0
 */
import * as Num from "effect/Number"
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { has } from "../release/KernelRelease.ts"
import * as Altmap from "./Altmap.ts"
import * as CompoundVmemmap from "./CompoundVmemmap.ts"

/**
 * `range` in bytes. `altmap` is present with map=dev; `order` is vmemmap_shift. `ram` are the boot RAM ranges in bytes,
 * ascending.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request extends CompoundVmemmap.Kernel {
  readonly range: PfnRange.PfnRange
  readonly altmap: Altmap.Altmap | null
  readonly order: number
  readonly ram: ReadonlyArray<PfnRange.PfnRange>
}

/**
 * Bytes, except `structPages` and the altmap (pages). `exhausted` is set when the altmap is too small: the kernel fails
 * with ENOMEM at that block (ALT-3, 22.6).
 *
 * @category models
 * @since 0.1.0
 */
export interface MemmapCost {
  readonly ram: number
  readonly device: number
  readonly pageTables: number
  readonly structPages: { readonly mapped: number; readonly initialised: number }
  readonly altmap: Altmap.Altmap | null
  /** Tail vmemmap pages are shared. */
  readonly shared: boolean
  readonly exhausted: boolean
}

/** The range cut at section boundaries: at most one partial piece at either end. */
interface Pieces {
  readonly full: PfnRange.PfnRange
  readonly partial: ReadonlyArray<PfnRange.PfnRange>
}

const isEarly = (request: Request, piece: PfnRange.PfnRange): boolean => {
  const section = request.arch.sectionSize
  const start = Alignment.down(piece.start, section)
  return request.ram.some((ram) => PfnRange.overlaps(ram, { start, end: start + section }))
}

const cut = (request: Request): Pieces => {
  const { arch, range } = request
  const full = PfnRange.shrinkTo(range, arch.sectionSize)
  const partial = full.end > full.start
    ? [{ start: range.start, end: full.start }, { start: full.end, end: range.end }]
    : Alignment.slotsTouched(range.start, range.end, arch.sectionSize) === 1
    ? [range]
    : [{ start: range.start, end: full.start }, { start: full.start, end: range.end }]
  return {
    full,
    partial: partial.filter((piece) => piece.end > piece.start && !isEarly(request, piece))
  }
}

/** Where the memmap of a piece lies, in bytes from the start of the vmemmap. */
const vmemmapOf = ({ arch, structPage }: Request, piece: PfnRange.PfnRange): PfnRange.PfnRange => ({
  start: piece.start / arch.pageSize * structPage,
  end: piece.end / arch.pageSize * structPage
})

/** Slots of `unit` bytes that the memmap of a piece touches in the vmemmap. */
const slots = (request: Request, piece: PfnRange.PfnRange, unit: number): number => {
  const { end, start } = vmemmapOf(request, piece)
  return Alignment.slotsTouched(start, end, unit)
}

/**
 * Blocks of the range that hold struct pages of boot RAM as well: they are mapped already and cost nothing (ALT-11, VMM-3).
 */
const bootedBlocks = (request: Request): number => {
  const { arch, ram, range } = request
  const own = vmemmapOf(request, range)
  const first = Alignment.down(own.start, arch.vmemmapBlock)
  const last = Alignment.up(own.end, arch.vmemmapBlock)
  const booted = PfnRange.normalise(ram.map((piece) => {
    const { end, start } = vmemmapOf(request, {
      start: Alignment.down(piece.start, arch.sectionSize),
      end: Alignment.up(piece.end, arch.sectionSize)
    })
    return {
      start: Math.max(first, Alignment.down(start, arch.vmemmapBlock)),
      end: Math.min(last, Alignment.up(end, arch.vmemmapBlock))
    }
  }))
  return Num.sumAll(booted.map(PfnRange.length)) / arch.vmemmapBlock
}

/** PMD tables per CMP-7: the memmap of all new pieces, laid end to end. */
const pmdTables = (request: Request, pieces: Pieces): number => {
  const { arch, structPage } = request
  const bytes = Num.sumAll([pieces.full, ...pieces.partial].map(PfnRange.length)) / arch.pageSize * structPage
  return Math.ceil(bytes / (arch.pmdTable.entries * arch.pmdSize)) * arch.pmdTable.bytes
}

/** PTE tables: one per PMD slot in which base pages are mapped. */
const pteTables = (request: Request, pieces: ReadonlyArray<PfnRange.PfnRange>): number =>
  Num.sumAll(pieces.map((piece) => slots(request, piece, request.arch.pmdSize))) * request.arch.pteTable.bytes

/** Blocks taken in order from the altmap, the rest counted for RAM. */
interface Backing {
  readonly altmap: Altmap.Altmap | null
  readonly ram: number
  readonly device: number
  readonly exhausted: boolean
}

const none: Backing = { altmap: null, ram: 0, device: 0, exhausted: false }

const fromRam = (backing: Backing, bytes: number): Backing => ({ ...backing, ram: backing.ram + bytes })

const fromAltmap = (backing: Backing, pageSize: number, blockBytes: number, count: number): Backing => {
  if (backing.altmap === null) return fromRam(backing, blockBytes * count)
  const { altmap, failedAt } = Altmap.take(backing.altmap, blockBytes / pageSize, count)
  return {
    altmap,
    ram: backing.ram,
    device: backing.device + (failedAt ?? count) * blockBytes,
    exhausted: backing.exhausted || failedAt !== null
  }
}

/** GEO-9, GEO-10, ALT-9 … ALT-11: who backs the blocks and base pages of a plain (not shared) memmap. */
const plainBacking = (request: Request, pieces: Pieces): Backing => {
  const { altmap, arch } = request
  const start: Backing = { ...none, altmap }
  const page = arch.pageSize
  const pagesOf = (piece: PfnRange.PfnRange) => slots(request, piece, page)
  switch (arch.vmemmap) {
    case "none": {
      const sections = Num.sumAll(
        [pieces.full, ...pieces.partial].map((p) => slots(request, p, arch.sectionSize / page * request.structPage))
      )
      return fromRam(start, sections * Architecture.memmapPerSection(arch, request.structPage))
    }
    case "blocks": {
      const block = arch.vmemmapBlock
      const { end, start: first } = vmemmapOf(request, request.range)
      const inner = Math.max(0, Math.floor(end / block) - Math.ceil(first / block))
      const blocks = slots(request, request.range, block) - bootedBlocks(request)
      const device = fromAltmap(start, page, block, altmap !== null && arch.altmap === "inner-blocks" ? inner : 0)
      // ppc64 falls back to RAM when the altmap is exhausted (ALT-11).
      return fromRam({ ...device, exhausted: false }, blocks * block - device.device)
    }
    case "base": {
      const pages = Num.sumAll([...pieces.partial, pieces.full].map(pagesOf))
      return altmap !== null && arch.altmap === "everything"
        ? fromAltmap(start, page, page, pages)
        : fromRam(start, pages * page)
    }
    case "pmd": {
      const blocks = slots(request, pieces.full, arch.pmdSize)
      const partial = Num.sumAll(pieces.partial.map(pagesOf)) * page
      if (altmap === null || arch.altmap === "ignored") return fromRam(start, blocks * arch.pmdSize + partial)
      if (arch.altmap === "everything") {
        // Sections are populated in ascending order: head, full sections, tail.
        const [head, tail] = [
          pieces.partial.filter((p) => p.start < pieces.full.start),
          pieces.partial.filter((p) => p.start >= pieces.full.start)
        ]
        const withHead = fromAltmap(start, page, page, Num.sumAll(head.map(pagesOf)))
        return fromAltmap(fromAltmap(withHead, page, arch.pmdSize, blocks), page, page, Num.sumAll(tail.map(pagesOf)))
      }
      return fromRam(fromAltmap(start, page, arch.pmdSize, blocks), partial)
    }
  }
}

const initialised = (request: Request, shared: boolean): number => {
  const { altmap, arch, order, range } = request
  const pages = PfnRange.length(range) / arch.pageSize
  if (order === 0) return pages - (altmap?.reserve ?? 0)
  const offset = altmap === null ? 0 : altmap.reserve + altmap.free
  const compounds = Math.ceil((pages - offset) / 2 ** order)
  const each = CompoundVmemmap.initialisedPerCompound(request, order, shared)
  const early = shared && has(request.release, "dedup-early-section-fix") ? earlyCompounds(request) : 0
  return (altmap?.free ?? 0) + (compounds - early) * each + early * 2 ** order
}

/** Compounds whose head lies in an early section (INI-9): only the first and last section can be early. */
const earlyCompounds = (request: Request): number => {
  const { arch, order, range } = request
  const compound = 2 ** order * arch.pageSize
  const full = PfnRange.shrinkTo(range, arch.sectionSize)
  const headsBefore = (address: number) => Math.ceil((address - range.start) / compound)
  const pieces = [{ start: range.start, end: Math.min(full.start, range.end) }, { start: full.end, end: range.end }]
  return Num.sumAll(
    pieces.filter((p) => p.end > p.start && isEarly(request, p)).map((p) => headsBefore(p.end) - headsBefore(p.start))
  )
}

/**
 * The cost of mapping `range` with struct pages.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (request: Request): MemmapCost => {
  const { altmap, arch, order, range } = request
  const shared = CompoundVmemmap.isShared(request, order, altmap !== null)
  const pieces = cut(request)
  const news = [pieces.full, ...pieces.partial].filter((piece) => piece.end > piece.start)
  const structPages = {
    mapped: PfnRange.length(range) / arch.pageSize,
    initialised: initialised(request, shared)
  }
  if (shared) {
    const unique = CompoundVmemmap.uniquePages(request, range, news, order)
    return {
      ram: unique * arch.pageSize,
      device: 0,
      pageTables: pmdTables(request, pieces) + pteTables(request, [hull(news)]),
      structPages,
      altmap,
      shared,
      exhausted: false
    }
  }
  const backing = plainBacking(request, pieces)
  const basePages = arch.vmemmap === "base" ? [hull(news)] : arch.vmemmap === "pmd" ? pieces.partial : []
  return {
    ram: backing.ram,
    device: backing.device,
    pageTables: pmdTables(request, pieces) + pteTables(request, basePages),
    structPages,
    altmap: backing.altmap,
    shared,
    exhausted: backing.exhausted
  }
}

const hull = (pieces: ReadonlyArray<PfnRange.PfnRange>): PfnRange.PfnRange =>
  pieces.length === 0
    ? { start: 0, end: 0 }
    : { start: Math.min(...pieces.map((p) => p.start)), end: Math.max(...pieces.map((p) => p.end)) }
