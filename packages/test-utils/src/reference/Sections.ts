/**
 * The sections of the reference model: one object per section, one boolean per subsection (SEC-1 … SEC-17).
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import type { Config } from "@vmemmap/core/release/Kernel"
import * as VirtualMemmap from "./VirtualMemmap.ts"

/**
 * What a pageblock is for; a fresh usage says `Unmovable`.
 *
 * @category models
 * @since 0.1.0
 */
export type MigrateType = "Movable" | "Unmovable" | "Isolate"

/**
 * `flags` by name (SEC-1); an empty set is a zero word.
 *
 * @category models
 * @since 0.1.0
 */
export interface Section {
  readonly flags: Set<"present" | "map" | "online" | "early" | "taint">
  usage: "none" | "slab" | "boot"
  readonly subsections: Array<boolean>
  /** Migratetypes by first pfn of a pageblock, as far as the usage was told; the others are zero. */
  readonly pageblocks: Map<number, MigrateType>
  node: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Sections {
  readonly kernel: Config
  readonly memmap: VirtualMemmap.VirtualMemmap
  readonly table: Map<number, Section>
  readonly roots: Set<number>
  readonly warn: (where: string, once: boolean) => void
}

/**
 * A part of one section: whose memmap it is, and what it is made from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Chunk extends VirtualMemmap.Chunk {
  readonly node: number
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (memmap: VirtualMemmap.VirtualMemmap, warn: (where: string, once: boolean) => void): Sections => ({
  kernel: memmap.kernel,
  memmap,
  table: new Map(),
  roots: new Set(),
  warn
})

/**
 * The section with this number, made if need be.
 *
 * @category queries
 * @since 0.1.0
 */
export const at = ({ kernel, table }: Sections, number: number): Section => {
  const there = table.get(number)
  if (there !== undefined) return there
  const subsections = Array.from({ length: kernel.arch.sectionSize / Architecture.subsectionSize }, () => false)
  const section: Section = { flags: new Set(), usage: "none", subsections, pageblocks: new Map(), node: 0 }
  table.set(number, section)
  return section
}

const numberOf = ({ kernel }: Sections, pfn: number): number =>
  Math.floor(pfn / Architecture.pagesPerSection(kernel.arch))

/** `subsection_map_index()` (SEC-4). */
const indexOf = ({ kernel }: Sections, pfn: number): number =>
  Math.floor((pfn % Architecture.pagesPerSection(kernel.arch)) / Architecture.pagesPerSubsection(kernel.arch))

/** SEC-4: every index from that of the first page to that of the last. */
const indices = (sections: Sections, pfn: number, count: number): ReadonlyArray<number> => {
  const out: Array<number> = []
  for (let i = indexOf(sections, pfn); i <= indexOf(sections, pfn + count - 1); i++) out.push(i)
  return out
}

/**
 * `pfn_valid()` (SEC-6).
 *
 * @category queries
 * @since 0.1.0
 */
export const isValid = (sections: Sections, pfn: number): boolean => {
  const section = sections.table.get(numberOf(sections, pfn))
  if (section === undefined || !section.flags.has("map")) return false
  return section.flags.has("early") || (section.usage !== "none" && hasSubsection(sections, pfn))
}

/**
 * The subsection bit of a pfn.
 *
 * @category queries
 * @since 0.1.0
 */
export const hasSubsection = (sections: Sections, pfn: number): boolean =>
  sections.table.get(numberOf(sections, pfn))?.subsections[indexOf(sections, pfn)] === true

/**
 * A range cut at section boundaries, ascending.
 *
 * @category queries
 * @since 0.1.0
 */
export const chunks = (
  { kernel }: Sections,
  pfn: number,
  count: number
): ReadonlyArray<{ readonly pfn: number; readonly count: number }> => {
  const per = Architecture.pagesPerSection(kernel.arch)
  const out: Array<{ pfn: number; count: number }> = []
  for (let at = pfn; at < pfn + count;) {
    const next = Math.min(pfn + count, (Math.floor(at / per) + 1) * per)
    out.push({ pfn: at, count: next - at })
    at = next
  }
  return out
}

/**
 * The sections of a node's boot RAM (SEC-5), each with a whole memmap.
 *
 * @category operations
 * @since 0.1.0
 */
export const boot = (
  sections: Sections,
  node: number,
  ram: ReadonlyArray<{ readonly start: number; readonly end: number }>
): void => {
  const { kernel, memmap, roots } = sections
  const per = Architecture.pagesPerSection(kernel.arch)
  const fresh = new Set<number>()
  for (const { end, start } of ram) {
    for (const chunk of chunks(sections, start, end - start)) {
      const number = numberOf(sections, chunk.pfn)
      const section = at(sections, number)
      if (section.flags.size === 0) {
        for (const flag of ["present", "map", "online", "early"] as const) section.flags.add(flag)
        section.usage = "boot"
        section.node = node
        fresh.add(number)
      }
      for (const i of indices(sections, chunk.pfn, chunk.count)) section.subsections[i] = true
    }
  }
  for (const number of fresh) {
    roots.add(Math.floor(number / (kernel.arch.pageSize / kernel.sectionEntry)))
    VirtualMemmap.populate(memmap, { pfn: number * per, count: per, altmap: null, compound: null })
  }
}

/** `section_deactivate()` in the order of SEC-13. */
const deactivate = (sections: Sections, { altmap, count, pfn }: Omit<Chunk, "compound" | "node">): void => {
  const { kernel, memmap, warn } = sections
  const per = Architecture.pagesPerSection(kernel.arch)
  const section = at(sections, numberOf(sections, pfn))
  const isEarly = section.flags.has("early")
  const bits = indices(sections, pfn, count)
  if (section.usage === "none" || bits.some((i) => section.subsections[i] !== true)) {
    warn("section_deactivate", false)
    return
  }
  for (const i of bits) section.subsections[i] = false
  const isEmpty = section.subsections.every((bit) => !bit)
  if (isEmpty) {
    section.flags.delete("map")
    if (section.usage === "slab") {
      section.usage = "none"
      section.pageblocks.clear()
    }
  }
  const isAlive = (other: number) => hasSubsection(sections, other)
  if (!isEarly) VirtualMemmap.depopulate(memmap, { pfn, count, altmap }, isAlive)
  else if (isEmpty) {
    VirtualMemmap.depopulate(memmap, { pfn: Math.floor(pfn / per) * per, count: per, altmap: null }, isAlive)
  }
  if (isEmpty) section.flags.clear()
}

/**
 * `sparse_add_section()` in the order of SEC-10: the error, or `null`.
 *
 * @category operations
 * @since 0.1.0
 */
export const add = (sections: Sections, chunk: Chunk): "ENOMEM" | "EEXIST" | null => {
  const { kernel, memmap, roots } = sections
  const { count, node, pfn } = chunk
  const number = numberOf(sections, pfn)
  const root = Math.floor(number / (kernel.arch.pageSize / kernel.sectionEntry))
  if (!roots.has(root)) {
    if (!VirtualMemmap.allocate(memmap)) return "ENOMEM"
    roots.add(root)
  }
  const section = at(sections, number)
  const isNew = section.usage === "none"
  if (isNew) {
    if (!VirtualMemmap.allocate(memmap)) return "ENOMEM"
    section.usage = "slab"
  }
  const bits = indices(sections, pfn, count)
  if (bits.some((i) => section.subsections[i])) {
    if (isNew) section.usage = "none"
    return "EEXIST"
  }
  for (const i of bits) section.subsections[i] = true
  const reuses = count < Architecture.pagesPerSection(kernel.arch) && section.flags.has("early")
  if (!reuses && !VirtualMemmap.populate(memmap, chunk)) {
    deactivate(sections, chunk)
    return "ENOMEM"
  }
  if (kernel.poison) poison(sections, pfn, count)
  section.node = node
  section.flags.add("present").add("map")
  return null
}

/**
 * Sets the migratetype of every pageblock that begins in a range (INI-4, INI-8).
 *
 * @category operations
 * @since 0.1.0
 */
export const setPageblocks = (sections: Sections, start: number, end: number, type: MigrateType): void => {
  for (let pfn = start; pfn < end; pfn++) {
    if (pfn % 2 ** sections.kernel.arch.pageblockOrder === 0) {
      at(sections, numberOf(sections, pfn)).pageblocks.set(pfn, type)
    }
  }
}

/**
 * Fills the struct pages of a range with 0xff.
 *
 * @category operations
 * @since 0.1.0
 */
export const poison = ({ memmap }: Sections, pfn: number, count: number): void => {
  for (let p = pfn; p < pfn + count; p++) VirtualMemmap.write(memmap, p, { _tag: "Poisoned" })
}

/**
 * `__remove_pages()`: every chunk whose section is valid (HOT-10).
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = (sections: Sections, pfn: number, count: number, altmap: VirtualMemmap.Altmap | null): void => {
  for (const chunk of chunks(sections, pfn, count)) {
    if (sections.table.get(numberOf(sections, chunk.pfn))?.flags.has("map") === true) {
      deactivate(sections, { ...chunk, altmap })
    } else sections.warn("__remove_pages", true)
  }
}
