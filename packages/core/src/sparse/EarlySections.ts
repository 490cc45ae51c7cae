/**
 * The sections of boot RAM: present, online and early, their memmap fully populated whatever their map says (SEC-1, SEC-5).
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { Op } from "../kernel/Steps.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import type { Vmemmap } from "../vmemmap/Vmemmap.ts"
import type { Roots } from "./Roots.ts"

const { Flag, Usage } = SectionTable

/** Sets the bits of every subsection that a range touches (SEC-5). */
const touch = (table: SectionTable.Table, range: PfnRange.PfnRange): void => {
  const { pagesPerSection, pagesPerSubsection } = table
  for (const piece of edges(table, range)) {
    const section = SectionTable.sectionOf(table, piece.start)
    const base = section * pagesPerSection
    const from = Math.floor((piece.start - base) / pagesPerSubsection)
    SectionTable.setBits(table, section, from, Math.ceil((piece.end - base) / pagesPerSubsection), true)
  }
}

const halves = ({ end, start }: PfnRange.PfnRange, boundary: number): ReadonlyArray<PfnRange.PfnRange> => {
  const cut = Math.min(end, boundary)
  return [{ start, end: cut }, { start: cut, end }]
}

/** The parts of a range in sections that it does not fill. */
const edges = ({ pagesPerSection }: SectionTable.Table, range: PfnRange.PfnRange): ReadonlyArray<PfnRange.PfnRange> => {
  const full = PfnRange.shrinkTo(range, pagesPerSection)
  const parts = full.end > full.start
    ? [{ start: range.start, end: full.start }, { start: full.end, end: range.end }]
    : halves(range, Alignment.up(range.start + 1, pagesPerSection))
  return parts.filter(({ end, start }) => end > start)
}

/**
 * Makes early sections of the RAM of one node (pfn ranges, ascending); `false` when there is no memory for their memmap.
 *
 * @category operations
 * @since 0.1.0
 */
export const add = function*(
  table: SectionTable.Table,
  vmemmap: Vmemmap["Service"],
  roots: Roots,
  node: number,
  ram: ReadonlyArray<PfnRange.PfnRange>
): Op<boolean> {
  const { pagesPerSection } = table
  const flags = Flag.present | Flag.hasMemMap | Flag.online | Flag.early
  const touched = PfnRange.normalise(ram.map(({ end, start }) => ({
    start: Math.floor(start / pagesPerSection),
    end: Math.ceil(end / pagesPerSection)
  })))
  for (const { end, start } of touched) {
    // A section that belongs to the node below as well stays with it.
    const first = (SectionTable.flags(table, start) & Flag.early) === 0 ? start : start + 1
    if (first >= end) continue
    if (!roots.ensure(node, first, end)) return false
    SectionTable.fill(table, first, end - first, { flags, usage: Usage.boot, node }, false)
    table.highest = Math.max(table.highest, end - 1)
    const piece = {
      start: first * pagesPerSection,
      end: end * pagesPerSection,
      node,
      altmap: null,
      compound: null,
      owner: -1,
      device: null
    }
    if (!(yield* vmemmap.populate(piece))) return false
  }
  for (const range of ram) {
    const full = PfnRange.shrinkTo(range, pagesPerSection)
    const count = PfnRange.length(full) / pagesPerSection
    if (count > 0) {
      const own = SectionTable.record(table, full.start / pagesPerSection)
      SectionTable.fill(table, full.start / pagesPerSection, count, own, true)
    }
    touch(table, range)
  }
  return true
}
