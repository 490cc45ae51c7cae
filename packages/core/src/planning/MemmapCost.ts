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
import * as Altmap from "../vmemmap/Altmap.ts"
import * as CompoundVmemmap from "../vmemmap/CompoundVmemmap.ts"
import * as CompoundCost from "./CompoundCost.ts"

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
 * Slots of `unit` bytes, inside those the range touches, that hold struct pages of boot RAM as well: they are mapped already
 * and cost nothing (ALT-11, VMM-3).
 */
const booted = (request: Request, unit: number): ReadonlyArray<PfnRange.PfnRange> => {
  const { arch, ram, range } = request
  const own = vmemmapOf(request, range)
  const first = Alignment.down(own.start, unit)
  const last = Alignment.up(own.end, unit)
  return PfnRange.normalise(ram.map((piece) => {
    const { end, start } = vmemmapOf(request, {
      start: Alignment.down(piece.start, arch.sectionSize),
      end: Alignment.up(piece.end, arch.sectionSize)
    })
    return {
      start: Math.max(first, Alignment.down(start, unit)),
      end: Math.min(last, Alignment.up(end, unit))
    }
  }))
}

/** How the memmap is mapped where whole sections get PMD blocks: ranges of base pages, and of blocks. */
interface PmdPlan {
  readonly head: ReadonlyArray<PfnRange.PfnRange>
  readonly blocks: ReadonlyArray<PfnRange.PfnRange>
  readonly tail: ReadonlyArray<PfnRange.PfnRange>
}

/**
 * Partial sections in base pages, whole ones in blocks. Where a struct page is not 64 bytes a block sticks out of its
 * section: the slot it shares with a partial section below is mapped with base pages, one it shares with boot RAM or with a
 * whole section is mapped already (VMM-3, VMM-4).
 */
const pmdPlan = (request: Request, { full, partial }: Pieces): PmdPlan => {
  const { pmdSize } = request.arch
  const whole = vmemmapOf(request, full)
  const mapped = booted(request, pmdSize)
  const left = (range: PfnRange.PfnRange) => range.end > range.start ? PfnRange.subtract(range, mapped) : []
  if (full.end === full.start) {
    return { head: partial.flatMap((piece) => left(vmemmapOf(request, piece))), blocks: [], tail: [] }
  }
  const head = partial.find((piece) => piece.start < full.start)
  const tail = partial.find((piece) => piece.start >= full.end)
  const boundary = head === undefined ? Alignment.down(whole.start, pmdSize) : Alignment.up(whole.start, pmdSize)
  const end = Alignment.up(whole.end, pmdSize)
  const last = tail === undefined ? { start: end, end } : vmemmapOf(request, tail)
  return {
    head: head === undefined ? [] : left({ start: vmemmapOf(request, head).start, end: Math.min(boundary, whole.end) }),
    blocks: left({ start: boundary, end }),
    tail: left({ start: Math.max(last.start, end), end: last.end })
  }
}

const unplanned: PmdPlan = { head: [], blocks: [], tail: [] }

/** PMD tables per CMP-7: the memmap of all new pieces, laid end to end. */
const pmdTables = ({ arch, structPage }: Request, news: ReadonlyArray<PfnRange.PfnRange>): number => {
  const bytes = PfnRange.total(news) / arch.pageSize * structPage
  return Math.ceil(bytes / (arch.pmdTable.entries * arch.pmdSize)) * arch.pmdTable.bytes
}

/** PTE tables: one per PMD slot in which base pages are mapped; ranges of the vmemmap. */
const pteTables = ({ arch }: Request, ranges: ReadonlyArray<PfnRange.PfnRange>): number =>
  Num.sumAll(ranges.map(({ end, start }) => Alignment.slotsTouched(start, end, arch.pmdSize))) * arch.pteTable.bytes

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
const plainBacking = (request: Request, pieces: Pieces, plan: PmdPlan): Backing => {
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
      const taken = PfnRange.total(booted(request, block)) / block
      const blocks = slots(request, request.range, block) - taken
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
      const bytes = (ranges: ReadonlyArray<PfnRange.PfnRange>) =>
        Num.sumAll(ranges.map((range) => Alignment.slotsTouched(range.start, range.end, page))) * page
      const blocks = PfnRange.total(plan.blocks) / arch.pmdSize
      if (altmap === null || arch.altmap === "ignored") {
        return fromRam(start, blocks * arch.pmdSize + bytes(plan.head) + bytes(plan.tail))
      }
      if (arch.altmap === "everything") {
        // Sections are populated in ascending order: head, full sections, tail.
        const withHead = fromAltmap(start, page, page, bytes(plan.head) / page)
        return fromAltmap(fromAltmap(withHead, page, arch.pmdSize, blocks), page, page, bytes(plan.tail) / page)
      }
      return fromRam(fromAltmap(start, page, arch.pmdSize, blocks), bytes(plan.head) + bytes(plan.tail))
    }
  }
}

const initialised = (request: Request, shared: boolean): number => {
  const { altmap, arch, order, range } = request
  const pages = PfnRange.length(range) / arch.pageSize
  // Before 4.20 a first pass wrote every page of the range but the driver's own (INI-12).
  if (!has(request.release, "single-pass-init")) return pages - (altmap?.reserve ?? 0)
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
export const make = (asked: Request): MemmapCost => {
  const { altmap, arch, order, range } = asked
  // What was carved out of RAM is RAM no longer.
  const isCarved = asked.ram.some((ram) => PfnRange.overlaps(ram, range))
  const request = isCarved ? { ...asked, ram: asked.ram.flatMap((ram) => PfnRange.subtract(ram, [range])) } : asked
  const shared = CompoundVmemmap.isShared(request, order, altmap !== null)
  const pieces = cut(request)
  const news = [pieces.full, ...pieces.partial].filter((piece) => piece.end > piece.start)
  const structPages = {
    mapped: PfnRange.length(range) / arch.pageSize,
    initialised: initialised(request, shared)
  }
  if (shared) {
    const unique = arch.name === "ppc64-radix" && has(request.release, "dedup-ppc64-radix")
      ? absolutePages(request, order)
      : CompoundCost.uniquePages(request, range, news, order)
    return {
      ram: unique * arch.pageSize,
      device: 0,
      pageTables: pmdTables(request, news) + pteTables(request, [vmemmapOf(request, hull(news))]),
      structPages,
      altmap,
      shared,
      exhausted: false
    }
  }
  const plan = arch.vmemmap === "pmd" ? pmdPlan(request, pieces) : unplanned
  const backing = plainBacking(request, pieces, plan)
  const basePages = arch.vmemmap === "base" ? [vmemmapOf(request, hull(news))] : [...plan.head, ...plan.tail]
  return {
    ram: backing.ram,
    device: backing.device,
    pageTables: pmdTables(request, news) + pteTables(request, basePages),
    structPages,
    altmap: backing.altmap,
    shared,
    exhausted: backing.exhausted
  }
}

/** CMP-9: what boot RAM's blocks do not cover already. */
const absolutePages = (request: Request, order: number): number => {
  const { arch, range } = request
  const taken = booted(request, arch.vmemmapBlock)
  const { end, start } = vmemmapOf(request, range)
  const pages = { start: Alignment.down(start, arch.pageSize), end: Alignment.up(end, arch.pageSize) }
  const gaps = PfnRange.subtract(pages, taken)
  return 2 ** order * request.structPage / arch.pageSize <= CompoundVmemmap.pagesKept(request.release)
    ? PfnRange.total(gaps) / arch.pageSize
    : CompoundCost.uniquePagesAbsolute(
      request,
      gaps,
      order,
      (virtual) => taken.some((block) => block.start <= virtual && virtual < block.end)
    )
}

const hull = (pieces: ReadonlyArray<PfnRange.PfnRange>): PfnRange.PfnRange =>
  pieces.length === 0
    ? { start: 0, end: 0 }
    : { start: Math.min(...pieces.map((p) => p.start)), end: Math.max(...pieces.map((p) => p.end)) }
