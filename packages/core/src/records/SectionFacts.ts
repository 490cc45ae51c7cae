/**
 * The table of sections as a recording shows it (SEC-1, SPW-8).
 *
 * @since 0.1.0
 */
import type { Config } from "../release/Kernel.ts"
import * as PageAddress from "../sections/PageAddress.ts"
import * as SectionTable from "../sections/SectionTable.ts"

/**
 * Neighbouring sections `first` … `last` with the same flags and the same subsections, which are a map in hex, bit i the i-th
 * subsection; `null` without one. `memmapContiguous`: their struct pages lie where pfn and vmemmap say.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly first: number
  readonly last: number
  readonly flags: number
  readonly flagNames: ReadonlyArray<string>
  readonly subsections: string | null
  readonly memmapContiguous: boolean
}

/** By bit. */
const names = ["present", "has_mem_map", "online", "early", "zone_device", "bit5"]

const flagBits = 0x3fn

/** Whether the section's word leads to its part of the vmemmap. */
const isContiguous = (kernel: Config, table: SectionTable.Table, section: number): boolean => {
  const word = PageAddress.sectionWord(kernel, table, section)
  const base = PageAddress.bases(kernel.arch)
  // Where the architecture places the vmemmap at boot the word is not known, but there is no other place for a memmap.
  return word === undefined || base === undefined
    ? (SectionTable.flags(table, section) & SectionTable.Flag.hasMemMap) !== 0
    : (word & ~flagBits) === base.vmemmap
}

const runOf = (kernel: Config, table: SectionTable.Table, section: number, last: number): Run => {
  const flags = SectionTable.flags(table, section)
  return {
    first: section,
    last,
    flags,
    flagNames: names.filter((_, bit) => (flags >> bit & 1) === 1),
    subsections: SectionTable.usage(table, section) === SectionTable.Usage.none
      ? null
      : SectionTable.mapText(table, section),
    memmapContiguous: isContiguous(kernel, table, section)
  }
}

/**
 * Runs of equal sections, ascending; sections that are not there are left out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const take = (kernel: Config, table: SectionTable.Table): ReadonlyArray<Run> => {
  const runs: Array<Run> = []
  for (let section = 0; section <= table.highest;) {
    const count = SectionTable.alike(table, section, table.highest + 1 - section)
    const next = section + count
    if (SectionTable.flags(table, section) !== 0) {
      const run = runOf(kernel, table, section, next - 1)
      const last = runs.at(-1)
      const isSame = last?.last === section - 1 && last.flags === run.flags && last.subsections === run.subsections
      if (isSame && last.memmapContiguous && run.memmapContiguous) runs[runs.length - 1] = { ...last, last: next - 1 }
      else if (run.memmapContiguous) runs.push(run)
      else runs.push(...Array.from({ length: count }, (_, i) => ({ ...run, first: section + i, last: section + i })))
    }
    section = next
  }
  return runs
}
