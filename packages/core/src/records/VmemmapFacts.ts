/**
 * How the memmap of a range is mapped, as a recording shows it: leaves, holes, tables, and the memory behind (SPW-9, SPW-10).
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { Config } from "../release/Kernel.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import * as PageTables from "../vmemmap/PageTables.ts"
import * as Survey from "../vmemmap/Survey.ts"
import type { Zone } from "../zones/Zones.ts"
import * as LeafRuns from "./LeafRuns.ts"
import * as MemoryNames from "./MemoryNames.ts"

/**
 * Memory that holds a memmap: distinct blocks, and the leaves that point to them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backing {
  readonly distinctBytes: number
  readonly distinctLeaves: number
  readonly references: number
}

/**
 * Virtual addresses in bytes from the start of the vmemmap, physical ones in bytes.
 *
 * - `leafCounts`: leaves by their size in bytes, `unmapped` empty entries
 * - `tablePages`: tables passed on the way; `pteIn` the memory that those of base pages are in
 * - `runs`: `[virt, leaf, phys, count, stride, memory]`, the first and the last of `runsTotal`
 * - `leafRuns`: `[from, to, leaf, memory]`, all of them: what is mapped alike in the same memory; `null` where nothing is mapped
 *
 * The last one is no part of a recording: it holds also where nobody can say which pages of the RAM were taken.
 *
 * @category models
 * @since 0.1.0
 */
export interface VmemmapFacts {
  readonly virtStart: number
  readonly virtSize: number
  readonly leafCounts: Readonly<Record<string, number>>
  readonly unmappedBytes: number
  readonly backing: Readonly<Record<string, Backing>>
  readonly tablePages: {
    readonly pud: number
    readonly pmd: number
    readonly pte: number
    readonly pteIn: ReadonlyArray<string>
  }
  readonly runsTotal: number
  readonly runs: ReadonlyArray<readonly [number, number, number | null, number, number, string | null]>
  readonly leafRuns: ReadonlyArray<readonly [number, number, number | null, string | null]>
}

/**
 * What the mapping is read from; `zones` are those of the running machine.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly kernel: Config
  readonly tables: PageTables.PageTables
  readonly table: SectionTable.Table
  readonly zones: ReadonlyArray<Zone>
  readonly names: MemoryNames.MemoryNames
}

type Piece = ExtentMap.Extent<PageTables.Leaves | null> & { readonly size: number; readonly memory: string | null }

/** Leaves and empty entries of a range, ascending, cut where memory changes. */
const piecesOf = ({ names, tables }: Source, range: PfnRange.PfnRange): ReadonlyArray<Piece> =>
  [
    ...Survey.leavesIn(tables, range, MemoryNames.edges(names)).map((extent): Piece => ({
      ...extent,
      size: extent.value.leaf,
      memory: MemoryNames.nameOf(names, PageTables.frameOf(extent.value, extent.start, tables.pageSize))
    })),
    ...Survey.holesIn(tables, range).map(({ count, size, start }): Piece => ({
      ...PfnRange.fromLength(start, count * size),
      value: null,
      size,
      memory: null
    }))
  ].toSorted((a, b) => a.start - b.start)

/** Leaves `[from, to)` of one group, counted from the run's anchor: those of their own, then those that repeat one page. */
const addGroup = (
  runs: LeafRuns.LeafRuns,
  { tables }: Source,
  { memory, value }: Piece,
  from: number,
  to: number
): void => {
  if (value?._tag !== "Groups") return
  const { anchor, group, kept, leaf } = value
  const own = Math.min(to, Math.floor(from / group) * group + kept)
  for (const [start, end, stride] of [[from, own, leaf], [Math.max(from, own), to, 0]] as const) {
    if (end <= start) continue
    const virt = anchor + start * leaf
    LeafRuns.add(runs, {
      virt,
      leaf,
      phys: PageTables.frameOf(value, virt, tables.pageSize) * tables.pageSize,
      count: end - start,
      stride,
      memory
    })
  }
}

const addPiece = (runs: LeafRuns.LeafRuns, source: Source, piece: Piece): void => {
  const { end, memory, size, start, value } = piece
  const { pageSize } = source.tables
  const count = (end - start) / size
  if (value?._tag !== "Groups") {
    const phys = value === null ? null : PageTables.frameOf(value, start, pageSize) * pageSize
    LeafRuns.add(runs, { virt: start, leaf: size, phys, count, stride: value?._tag === "Linear" ? size : 0, memory })
    return
  }
  const { anchor, group, kept } = value
  const from = (start - anchor) / size
  const to = (end - anchor) / size
  const first = Math.min(to, Math.ceil(from / group) * group)
  const last = Math.max(first, Math.floor(to / group) * group)
  if (first > from) addGroup(runs, source, piece, from, first)
  LeafRuns.addGroups(
    runs,
    (last - first) / group,
    (index) => addGroup(runs, source, piece, first + index * group, first + (index + 1) * group),
    { virt: group * size, phys: kept * pageSize }
  )
  if (to > last) addGroup(runs, source, piece, last, to)
}

/** Pieces that lie next to each other in the same memory, joined. */
const joined = (pieces: ReadonlyArray<Piece>): VmemmapFacts["leafRuns"] => {
  const out: Array<readonly [number, number, number | null, string | null]> = []
  for (const { end, memory, size, start, value } of pieces) {
    const leaf = value === null ? null : size
    const last = out.at(-1)
    if (last?.[1] === start && last[2] === leaf && last[3] === memory) {
      out[out.length - 1] = [last[0], end, leaf, memory]
    } else out.push([start, end, leaf, memory])
  }
  return out
}

/** The memory of a node's kernel allocations; a node without any takes it from the nearest one that has. */
const memoryOf = ({ names, zones }: Source, node: number): string => {
  const own = zones.filter(({ name, present }) => present > 0 && name !== "Movable" && name !== "Device")
    .toSorted((a, b) => Math.abs(a.node - node) - Math.abs(b.node - node) || a.node - b.node || a.start - b.start)[0]
  return own === undefined ? MemoryNames.none : MemoryNames.nameOf(names, own.start)
}

/** The memory of the tables of base pages: that of the nodes whose sections they map. */
const pteIn = (source: Source, { end, start }: PfnRange.PfnRange): ReadonlyArray<string> => {
  const { kernel, table, tables } = source
  const nodes = new Set<number>()
  const slots = { start: Math.floor(start / tables.pmdSize), end: Math.ceil(end / tables.pmdSize) }
  for (const slot of ExtentMap.slice(tables.pte, slots.start, slots.end)) {
    const pfn = (slots: number) => slots * tables.pmdSize / kernel.structPage
    const last = Math.ceil(pfn(slot.end) / table.pagesPerSection)
    for (let section = SectionTable.sectionOf(table, pfn(slot.start)); section < last;) {
      if (SectionTable.flags(table, section) !== 0) nodes.add(SectionTable.node(table, section))
      section += SectionTable.alike(table, section, last - section)
    }
  }
  return [...new Set([...nodes].map((node) => memoryOf(source, node)))].toSorted()
}

/**
 * The mapping of the memmap of a range of pfns.
 *
 * @category constructors
 * @since 0.1.0
 */
export const take = (source: Source, pages: PfnRange.PfnRange): VmemmapFacts => {
  const { kernel, names, tables } = source
  const range = { start: pages.start * kernel.structPage, end: pages.end * kernel.structPage }
  const survey = Survey.take(tables, range)
  const pieces = piecesOf(source, range)
  const runs = LeafRuns.empty()
  for (const piece of pieces) addPiece(runs, source, piece)
  const backing = Survey.backing(
    tables,
    range,
    (frame) => MemoryNames.nameOf(names, frame),
    true,
    MemoryNames.edges(names)
  )
  return {
    virtStart: range.start,
    virtSize: PfnRange.length(range),
    leafCounts: Object.fromEntries([
      ...(survey.holes > 0 ? [["unmapped", survey.holes] as const] : []),
      ...[...survey.leaves].map(([leaf, count]) => [String(leaf), count] as const)
    ]),
    unmappedBytes: survey.unmappedBytes,
    backing: Object.fromEntries(backing.map(({ bytes, frames, memory, references }) => [memory, {
      distinctBytes: bytes,
      distinctLeaves: frames,
      references
    }])),
    tablePages: { pud: survey.pud, pmd: survey.pmd, pte: survey.pte, pteIn: pteIn(source, range) },
    runsTotal: runs.total,
    runs: LeafRuns.shown(runs).map(({ count, leaf, memory, phys, stride, virt }) =>
      [virt, leaf, phys, count, stride, memory] as const
    ),
    leafRuns: joined(pieces)
  }
}
