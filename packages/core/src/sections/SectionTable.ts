/**
 * The mem_section table: flag words, usages and subsection maps, packed (SEC-1 … SEC-6, GEO-7).
 *
 * One record of a few 32-bit words per section, in chunks that exist only where sections do; chunks whose sections are all
 * alike are shared. Queries are plain functions over the table that allocate nothing.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Architecture from "../geometry/Architecture.ts"
import { addressLimit } from "../geometry/Pfn.ts"
import { Kernel } from "../release/Kernel.ts"
import * as SubsectionBitmap from "./SubsectionBitmap.ts"

/**
 * Low bits of `section_mem_map` (SEC-1).
 *
 * @category constants
 * @since 0.1.0
 */
export const Flag = { present: 1, hasMemMap: 2, online: 4, early: 8, taintZoneDevice: 16 } as const

/** All of {@link Flag}. */
const flagMask = 31

/**
 * Who allocated the section's `usage`: nobody, the slab allocator, or boot memory (`PageReserved(usage)`, SEC-14).
 *
 * @category constants
 * @since 0.1.0
 */
export const Usage = { none: 0, slab: 1 << 8, boot: 2 << 8 } as const

const usageMask = 3 << 8
const nodeShift = 16
const chunkSections = 256

/**
 * The table. Its fields are the packed representation; use the functions of this module.
 *
 * @category models
 * @since 0.1.0
 */
export interface Table {
  readonly pagesPerSection: number
  readonly pagesPerSubsection: number
  readonly subsections: number
  /** NR_MEM_SECTIONS, as far as addresses go here. */
  readonly limit: number
  readonly perPage: number
  readonly perSubsection: number
  /** One more than the last pfn the table covers. */
  readonly end: number
  /** What `pfn_valid()` answers, kept whenever a record changes. */
  readonly valid: SubsectionBitmap.SubsectionBitmap
  /** log2 of the words of one record: the flag word, then the subsection map. */
  readonly shift: number
  /** Index of each chunk's first word. */
  readonly roots: Int32Array
  words: Uint32Array
  /** Words in use. */
  used: number
  /** Chunks whose sections are all alike, by flag word and map; never written in place. */
  readonly uniform: Map<string, number>
  readonly shared: Set<number>
  readonly free: Array<number>
  /** `__highest_present_section_nr`; −1 when there is none. */
  highest: number
}

/**
 * The table of the running kernel.
 *
 * @category services
 * @since 0.1.0
 */
export class SectionTable extends Context.Service<SectionTable, Table>()("@vmemmap/core/sections/SectionTable") {}

/**
 * An empty table for an architecture.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (arch: Architecture.Architecture): Table => {
  const subsections = arch.sectionSize / Architecture.subsectionSize
  const limit = Math.min(Architecture.sectionCount(arch), addressLimit / arch.sectionSize)
  const shift = Math.ceil(Math.log2(1 + Math.ceil(subsections / 32)))
  const table: Table = {
    pagesPerSection: Architecture.pagesPerSection(arch),
    pagesPerSubsection: Architecture.pagesPerSubsection(arch),
    subsections,
    limit,
    perPage: 1 / Architecture.pagesPerSection(arch),
    perSubsection: 1 / Architecture.pagesPerSubsection(arch),
    end: limit * Architecture.pagesPerSection(arch),
    valid: SubsectionBitmap.make(limit * subsections),
    shift,
    roots: new Int32Array(Math.ceil(limit / chunkSections)),
    words: new Uint32Array(16 * chunkSections << shift),
    used: chunkSections << shift,
    uniform: new Map([["0 false", 0]]),
    shared: new Set([0]),
    free: [],
    highest: -1
  }
  return table
}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<SectionTable, never, Kernel> = Layer.effect(
  SectionTable,
  Effect.map(Effect.service(Kernel), ({ arch }) => make(arch))
)

/**
 * `pfn_to_section_nr()` (GEO-1).
 *
 * @category geometry
 * @since 0.1.0
 */
export const sectionOf = (table: Table, pfn: number): number => Math.floor(pfn * table.perPage)

/** Index of a section's flag word. */
const at = (table: Table, section: number): number =>
  (table.roots[section >>> 8] ?? 0) + ((section & 255) << table.shift)

const word = (table: Table, section: number): number => table.words[at(table, section)] ?? 0

/**
 * The low bits of a section's word, as in {@link Flag}; 0 for a section that does not exist.
 *
 * @category queries
 * @since 0.1.0
 */
export const flags = (table: Table, section: number): number =>
  section >= 0 && section < table.limit ? word(table, section) & flagMask : 0

/**
 * Who allocated a section's usage, as in {@link Usage}.
 *
 * @category queries
 * @since 0.1.0
 */
export const usage = (table: Table, section: number): number => word(table, section) & usageMask

/**
 * The node recorded for a section.
 *
 * @category queries
 * @since 0.1.0
 */
export const node = (table: Table, section: number): number => word(table, section) >>> nodeShift

/**
 * Whether all of a section's subsection bits in `[from, to)` are clear, all set, or neither.
 *
 * @category queries
 * @since 0.1.0
 */
export const bits = (table: Table, section: number, from: number, to: number): "none" | "all" | "some" => {
  const map = at(table, section) + 1
  let clear = true
  let set = true
  for (let i = from; i < to; i++) {
    if (((table.words[map + (i >>> 5)] ?? 0) >>> (i & 31) & 1) === 1) clear = false
    else set = false
  }
  return clear ? "none" : set ? "all" : "some"
}

/**
 * The subsection map of a section as hex text, highest subsection first, as wide as the map (SEC-4).
 *
 * @category queries
 * @since 0.1.0
 */
export const mapText = (table: Table, section: number): string => {
  const map = at(table, section) + 1
  let text = ""
  for (let i = 0; i < table.subsections; i += 32) {
    text = (table.words[map + i / 32] ?? 0).toString(16).padStart(8, "0") + text
  }
  return text.slice(-Math.ceil(table.subsections / 4))
}

/**
 * `pfn_valid()`: the section has a memmap and is early, or has the pfn's subsection (SEC-6). Valid is neither initialised
 * nor usable.
 *
 * @category queries
 * @since 0.1.0
 */
export const pfnValid = (table: Table, pfn: number): boolean =>
  pfn < table.end && pfn >= 0 && SubsectionBitmap.get(table.valid, (pfn * table.perSubsection) | 0)

/**
 * `pfn_section_valid()` alone: the pfn's subsection bit, whatever the flags say.
 *
 * @category queries
 * @since 0.1.0
 */
export const hasSubsection = (table: Table, pfn: number): boolean => {
  const section = sectionOf(table, pfn)
  if (!(section >= 0 && section < table.limit)) return false
  const subsection = Math.floor((pfn - section * table.pagesPerSection) * table.perSubsection)
  return bits(table, section, subsection, subsection + 1) === "all"
}

/** A chunk of its own for `root`, to write in. */
const own = (table: Table, root: number): number => {
  const base = table.roots[root] ?? 0
  if (!table.shared.has(base)) return base
  const fresh = allocate(table)
  table.words.copyWithin(fresh, base, base + (chunkSections << table.shift))
  table.roots[root] = fresh
  return fresh
}

const allocate = (table: Table): number => {
  const reused = table.free.pop()
  if (reused !== undefined) return reused
  const size = chunkSections << table.shift
  const base = table.used
  if (base + size > table.words.length) {
    const words = new Uint32Array(table.words.length * 2)
    words.set(table.words)
    table.words = words
  }
  table.used = base + size
  return base
}

/** The shared chunk whose sections all have this word, and all or none of the subsections. */
const uniformChunk = (table: Table, word: number, full: boolean): number => {
  const key = `${word} ${full}`
  const known = table.uniform.get(key)
  if (known !== undefined) return known
  const base = allocate(table)
  for (let i = 0; i < chunkSections; i++) setRecord(table, base + (i << table.shift), word, full)
  table.uniform.set(key, base)
  table.shared.add(base)
  return base
}

const setRecord = (table: Table, at: number, word: number, full: boolean): void => {
  table.words[at] = word
  for (let i = 0; i < table.subsections; i += 32) {
    const width = Math.min(32, table.subsections - i)
    table.words[at + 1 + i / 32] = !full ? 0 : width === 32 ? 0xffffffff : 2 ** width - 1
  }
}

/**
 * What a section is, apart from a partial map.
 *
 * @category models
 * @since 0.1.0
 */
export interface Record {
  readonly flags: number
  readonly usage: number
  readonly node: number
}

const pack = ({ flags, node, usage }: Record): number => (node * 2 ** nodeShift + (flags | usage)) >>> 0

/**
 * A section's flags, usage and node.
 *
 * @category queries
 * @since 0.1.0
 */
export const record = (table: Table, section: number): Record => ({
  flags: flags(table, section),
  usage: usage(table, section),
  node: node(table, section)
})

/** Brings `pfn_valid()`'s bits of a section up to date with its record (SEC-6). */
const publish = (table: Table, section: number): void => {
  const { subsections, valid } = table
  const base = section * subsections
  const flags = word(table, section)
  if ((flags & Flag.hasMemMap) === 0 || (flags & Flag.early) !== 0) {
    SubsectionBitmap.set(valid, base, base + subsections, (flags & Flag.hasMemMap) !== 0)
    return
  }
  const map = at(table, section) + 1
  for (let i = 0; i < subsections; i += 32) {
    SubsectionBitmap.write(valid, base + i, Math.min(32, subsections - i), table.words[map + i / 32] ?? 0)
  }
}

/**
 * Makes `count` sections from `first` alike, with all or none of their subsections.
 *
 * @category operations
 * @since 0.1.0
 */
export const fill = (table: Table, first: number, count: number, record: Record, full: boolean): void => {
  const word = pack(record)
  for (let section = first; section < first + count;) {
    const root = section >>> 8
    const end = Math.min(first + count, (root + 1) * chunkSections)
    if (end - section === chunkSections) {
      const old = table.roots[root] ?? 0
      table.roots[root] = uniformChunk(table, word, full)
      if (!table.shared.has(old)) table.free.push(old)
    } else {
      const base = own(table, root)
      for (let s = section; s < end; s++) setRecord(table, base + ((s & 255) << table.shift), word, full)
    }
    section = end
  }
  const isValid = (record.flags & Flag.hasMemMap) !== 0 && (full || (record.flags & Flag.early) !== 0)
  SubsectionBitmap.set(table.valid, first * table.subsections, (first + count) * table.subsections, isValid)
}

/**
 * Replaces the flags, usage and node of one section; its map stays.
 *
 * @category operations
 * @since 0.1.0
 */
export const set = (table: Table, section: number, record: Record): void => {
  const base = own(table, section >>> 8)
  table.words[base + ((section & 255) << table.shift)] = pack(record)
  publish(table, section)
}

/**
 * Sets (or clears) the subsection bits `[from, to)` of one section.
 *
 * @category operations
 * @since 0.1.0
 */
export const setBits = (table: Table, section: number, from: number, to: number, on: boolean): void => {
  const map = own(table, section >>> 8) + ((section & 255) << table.shift) + 1
  for (let i = from; i < to; i++) {
    const bit = 2 ** (i & 31)
    const old = table.words[map + (i >>> 5)] ?? 0
    table.words[map + (i >>> 5)] = on ? (old | bit) >>> 0 : (old & ~bit) >>> 0
  }
  publish(table, section)
}

/**
 * How many sections from `first` on, at most `most`, have the same record and the same map as it.
 *
 * @category queries
 * @since 0.1.0
 */
export const alike = (table: Table, first: number, most: number): number => {
  const { roots, shared, shift, words } = table
  const from = at(table, first)
  const limit = first + most
  const isLike = (other: number): boolean => {
    for (let i = 0; i < 1 << shift; i++) if (words[from + i] !== words[other + i]) return false
    return true
  }
  let like = -1
  for (let section = first + 1; section < limit;) {
    const chunk = roots[section >>> 8] ?? 0
    const end = Math.min(limit, ((section >>> 8) + 1) * chunkSections)
    // One section of a shared chunk speaks for all, and for those of the next that is the same.
    if (shared.has(chunk)) {
      if (chunk !== like && !isLike(chunk)) return section - first
      like = chunk
      section = end
      continue
    }
    for (; section < end; section++) if (!isLike(chunk + ((section & 255) << shift))) return section - first
  }
  return most
}
