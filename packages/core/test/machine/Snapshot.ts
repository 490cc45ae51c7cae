/** What a recording's snapshots, sections, zones and blocks should be, taken from a machine in the recording's own words. */
import { Effect } from "effect"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as Census from "../../src/memmap/Census.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as StructPage from "../../src/memmap/StructPage.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as Survey from "../../src/vmemmap/Survey.ts"
import * as Vmemmap from "../../src/vmemmap/Vmemmap.ts"
import * as Zones from "../../src/zones/Zones.ts"

export interface Input {
  readonly ram: { readonly below4G: number; readonly nodes: ReadonlyArray<number> }
  readonly pmem: ReadonlyArray<{ readonly addr: number; readonly size: number }>
  readonly virtioPmem: ReadonlyArray<{ readonly addr: number; readonly size: number }>
  readonly dimms: ReadonlyArray<{ readonly addr: number; readonly size: number }>
}

export interface Snapshot {
  readonly start: number
  readonly size: number
  readonly vmemmap: {
    readonly virtStart: number
    readonly virtSize: number
    readonly leafCounts: Readonly<Record<string, number>>
    readonly unmappedBytes: number
    readonly backing: Readonly<Record<string, unknown>>
    readonly tablePages: { readonly pmd: number; readonly pte: number }
  }
  readonly structPages: {
    readonly unmapped: number
    readonly partial: boolean
    readonly images: ReadonlyArray<Image>
    readonly imagesTotal: number
  }
}

export interface Section {
  readonly first: number
  readonly last: number
  readonly flags: number
  readonly subsections: string
}

export interface Zone {
  readonly node: number
  readonly zone: string
  readonly spanned: number
  readonly present: number
  readonly start_pfn?: number
}

export interface Image {
  readonly count: number
  readonly firstPfn: number
  readonly lastPfn: number
  readonly words: ReadonlyArray<string>
}

const page = 4096
const GiB4 = 2 ** 32

/** The names recordings give to physical memory. */
const memoryOf = ({ dimms, pmem, ram, virtioPmem }: Input) => (frame: number): string => {
  const address = frame * page
  const inside = (list: ReadonlyArray<{ readonly addr: number; readonly size: number }>) =>
    list.findIndex(({ addr, size }) => addr <= address && address < addr + size)
  for (const [name, list] of [["pmem", pmem], ["vpmem", virtioPmem], ["dimm", dimms]] as const) {
    if (inside(list) >= 0) return `${name}${inside(list)}`
  }
  if (ram.nodes.filter((size) => size > 0).length < 2) return "ram"
  const offset = address < GiB4 ? address : address - GiB4 + ram.below4G
  let end = 0
  return `ram${ram.nodes.findIndex((size) => offset < (end += size))}`
}

export const vmemmap = Effect.fnUntraced(function*(input: Input, { start, size }: { start: number; size: number }) {
  const { tables } = yield* Vmemmap.Vmemmap
  const range = { start: start / page * 64, end: (start + size) / page * 64 }
  const survey = Survey.take(tables, range)
  const names = memoryOf(input)
  return {
    virtStart: range.start,
    virtSize: range.end - range.start,
    leafCounts: Object.fromEntries([
      ...(survey.holes > 0 ? [["unmapped", survey.holes] as const] : []),
      ...[...survey.leaves].map(([leaf, count]) => [String(leaf), count] as const)
    ]),
    unmappedBytes: survey.unmappedBytes,
    backing: Object.fromEntries(
      Survey.backing(tables, range, (frame) => names(frame)).map(({ bytes, frames, memory, references }) => [memory, {
        distinctBytes: bytes,
        distinctLeaves: frames,
        references
      }])
    ),
    tablePages: { pmd: survey.pmd, pte: survey.pte }
  }
})

const hex = (word: bigint) => `0x${word.toString(16)}`

const wordsOf = (struct: StructPage.StructPage, pfn: number): ReadonlyArray<string> => {
  if (struct._tag !== "Initialised") return Array.from({ length: 8 }, () => "0x0")
  const words = (StructPage.words(struct, pfn, 0xffffea0000000000n) ?? []).map(hex)
  const { links } = struct
  if (links._tag === "Self") return words.with(1, "self+8").with(2, "self+8")
  if (links._tag === "Tail") return words.with(1, "tail")
  if (links._tag === "Pagemap") return words.with(1, "kptr")
  return words
}

/** The parts of a range whose struct pages are mapped. */
const validIn = (table: SectionTable.Table, from: number, to: number) => {
  const parts = []
  for (let pfn = from; pfn < to; pfn += 512 - pfn % 512) {
    if (SectionTable.pfnValid(table, pfn)) parts.push({ start: pfn, end: Math.min(to, pfn + 512 - pfn % 512) })
  }
  return PfnRange.normalise(parts)
}

/** Commonest first; where the recording read only the ends of a range, so does this. */
export const images = Effect.fnUntraced(
  function*({ partial, size, start }: { start: number; size: number; partial: boolean }) {
    const memmap = yield* Memmap.Memmap
    const table = yield* SectionTable.SectionTable
    const first = start / page
    const end = (start + size) / page
    const ranges = partial ? [[first, first + 2 ** 20], [end - 2 ** 20, end]] as const : [[first, end]] as const
    const all = new Map<string, { count: number; firstPfn: number; lastPfn: number; words: ReadonlyArray<string> }>()
    for (const { end: to, start: from } of ranges.flatMap(([from, to]) => validIn(table, from, to))) {
      for (const entry of Census.take(memmap, from, to)) {
        const words = wordsOf(entry.page, entry.first)
        const { page: struct } = entry
        const owner = struct._tag === "Initialised" && struct.links._tag === "Pagemap" ? struct.links.pagemap : -1
        const key = `${words.join(" ")} ${owner}`
        const known = all.get(key)
        all.set(
          key,
          known === undefined
            ? { count: entry.count, firstPfn: entry.first, lastPfn: entry.last, words }
            : {
              count: known.count + entry.count,
              firstPfn: Math.min(known.firstPfn, entry.first),
              lastPfn: Math.max(known.lastPfn, entry.last),
              words
            }
        )
      }
    }
    return [...all.values()].toSorted((a, b) => b.count - a.count || a.firstPfn - b.firstPfn)
  }
)

/** The recorded images with pointers that cannot be predicted all called `kptr`. */
export const recordedImages = (snapshot: Snapshot): ReadonlyArray<Image> =>
  snapshot.structPages.images.map(({ count, firstPfn, lastPfn, words }) => ({
    count,
    firstPfn,
    lastPfn,
    words: words.map((word) => word.startsWith("kptr#") ? "kptr" : word)
  })).toSorted((a, b) => b.count - a.count || a.firstPfn - b.firstPfn)

/** Runs of equal sections, as `sections` of a recording. */
export const sections = Effect.map(SectionTable.SectionTable, (table) => {
  const runs: Array<{ first: number; last: number; flags: number; subsections: string }> = []
  for (let section = 0; section <= table.highest;) {
    const count = SectionTable.alike(table, section, table.highest + 1 - section)
    const flags = SectionTable.flags(table, section)
    const subsections = SectionTable.mapText(table, section)
    const last = runs.at(-1)
    if (flags !== 0 && last?.last === section - 1 && last.flags === flags && last.subsections === subsections) {
      last.last = section + count - 1
    } else if (flags !== 0) {
      runs.push({ first: section, last: section + count - 1, flags, subsections })
    }
    section += count
  }
  return runs
})

/** Spans and present pages by node and zone; empty ones left out. */
export const zones = Effect.map(
  Zones.Zones,
  (zones) =>
    zones.all().filter(({ end, start }) => end > start).map(({ end, name, node, present, start }) => ({
      node,
      zone: name,
      spanned: end - start,
      present,
      ...(present > 0 ? { start_pfn: start } : {})
    })).toSorted((a, b) => a.node - b.node || Zones.names.indexOf(a.zone) - Zones.names.indexOf(b.zone))
)

/** The recorded zones without their managed pages; empty ones left out. */
export const recordedZones = (recorded: ReadonlyArray<Zone>) =>
  recorded.filter(({ spanned }) => spanned > 0).map(({ node, present, spanned, start_pfn, zone }) => ({
    node,
    zone,
    spanned,
    present,
    ...(present > 0 ? { start_pfn } : {})
  }))
