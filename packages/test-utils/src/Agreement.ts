/**
 * Where the engine and the reference model differ: sections, leaves, tables, altmaps, struct pages, zones, pagemaps.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as ExtentMap from "@vmemmap/core/geometry/ExtentMap"
import { hex } from "@vmemmap/core/geometry/Pfn"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { KernelLog } from "@vmemmap/core/kernel/KernelLog"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import { Pageblocks } from "@vmemmap/core/memmap/Pageblocks"
import * as PageAddress from "@vmemmap/core/sections/PageAddress"
import { PagemapIndex } from "@vmemmap/core/sections/PagemapIndex"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import * as PageTables from "@vmemmap/core/vmemmap/PageTables"
import * as Survey from "@vmemmap/core/vmemmap/Survey"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import { Zones } from "@vmemmap/core/zones/Zones"
import * as Effect from "effect/Effect"
import * as FoundPage from "./reference/FoundPage.ts"
import type * as Sections from "./reference/Sections.ts"
import * as VirtualMemmap from "./reference/VirtualMemmap.ts"
import * as ReferenceModel from "./ReferenceModel.ts"

type Report = (what: string, engine: unknown, model: unknown) => void

const text = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => typeof v === "bigint" ? hex(v) : v) ?? "undefined"

const flagNames = [
  [SectionTable.Flag.present, "present"],
  [SectionTable.Flag.hasMemMap, "map"],
  [SectionTable.Flag.online, "online"],
  [SectionTable.Flag.early, "early"],
  [SectionTable.Flag.taintZoneDevice, "taint"]
] as const

const usageNames = new Map([
  [SectionTable.Usage.none, "none"],
  [SectionTable.Usage.slab, "slab"],
  [SectionTable.Usage.boot, "boot"]
])

const mapText = ({ subsections }: Sections.Section): string => {
  let out = ""
  for (let i = subsections.length - 4; i >= 0; i -= 4) {
    out += [3, 2, 1, 0].reduce((digit, bit) => digit * 2 + (subsections[i + bit] === true ? 1 : 0), 0).toString(16)
  }
  return out
}

const compareSections = (table: SectionTable.Table, model: ReferenceModel.ReferenceModel, report: Report): void => {
  const highest = Math.max(table.highest, ...model.sections.table.keys())
  for (let number = 0; number <= highest; number++) {
    const section = model.sections.table.get(number)
    const word = SectionTable.flags(table, number)
    if (section === undefined && word === 0) continue
    const engine = {
      flags: flagNames.filter(([bit]) => (word & bit) !== 0).map(([, name]) => name),
      usage: usageNames.get(SectionTable.usage(table, number)),
      map: SectionTable.mapText(table, number),
      node: word === 0 ? 0 : SectionTable.node(table, number)
    }
    const expected = {
      flags: flagNames.map(([, name]) => name).filter((name) => section?.flags.has(name) === true),
      usage: section?.usage ?? "none",
      map: section === undefined ? "0".repeat(table.subsections / 4) : mapText(section),
      node: section === undefined || section.flags.size === 0 ? 0 : section.node
    }
    report(`section ${number}`, engine, expected)
  }
}

/** Pageblocks of boot holes are nobody's until a device takes them: what they are before is not said. */
const comparePageblocks = (
  pageblocks: Pageblocks["Service"],
  { kernel, sections }: ReferenceModel.ReferenceModel,
  report: Report
): void => {
  const per = Architecture.pagesPerSection(kernel.arch)
  for (const [number, section] of sections.table) {
    if (section.flags.size === 0) continue
    for (let pfn = number * per; pfn < (number + 1) * per; pfn += 2 ** kernel.arch.pageblockOrder) {
      const type = section.pageblocks.get(pfn) ?? (section.usage === "boot" ? undefined : "Unmovable")
      const found = pageblocks.get(pfn)
      if (type !== undefined && found !== type) report(`pageblock ${hex(pfn)}`, found, type)
    }
  }
}

/** Leaf by leaf: size, owner, the device page exactly, and which leaves are the same RAM page. */
const compareLeaves = (
  tables: PageTables.PageTables,
  { kernel, memmap }: ReferenceModel.ReferenceModel,
  report: Report
): void => {
  const page = kernel.arch.pageSize
  const seen = new Set<number>()
  const frames = new Map<VirtualMemmap.Block, number>()
  const blocks = new Map<number, VirtualMemmap.Block>()
  for (const { end, start, value } of tables.leaves.extents) {
    for (let address = start; address < end; address += value.leaf) {
      const frame = PageTables.frameOf(value, address, page)
      for (let inner = address; inner < Math.min(end, address + value.leaf); inner += page) {
        const entry = memmap.entries.get(inner / page)
        seen.add(inner / page)
        if (entry === undefined) {
          report(`vmemmap page ${hex(inner)}`, { leaf: value.leaf }, "unmapped")
          return
        }
        const { block } = entry
        const { device } = value
        const pfn = value.device === null ? null : frame
        if (value.leaf !== block.bytes || device !== block.device || pfn !== block.pfn) {
          report(`leaf of vmemmap page ${hex(inner)}`, { leaf: value.leaf, device, pfn }, {
            leaf: block.bytes,
            device: block.device,
            pfn: block.pfn
          })
        }
        const same = frames.get(block) ?? frame
        if (frame !== same) report(`RAM page behind vmemmap page ${hex(inner)}`, frame, same)
        if (blocks.has(frame) && blocks.get(frame) !== block) {
          report(`RAM page behind vmemmap page ${hex(inner)}`, `${hex(frame)} again`, "one of its own")
        }
        frames.set(block, frame)
        blocks.set(frame, block)
      }
    }
  }
  const missed = [...memmap.entries.keys()].find((entry) => !seen.has(entry))
  if (missed !== undefined) report(`vmemmap page ${hex(missed * page)}`, "unmapped", "mapped")
}

const slots = (map: ExtentMap.ExtentMap<true>): ReadonlyArray<number> =>
  map.extents.flatMap(({ end, start }) => Array.from({ length: end - start }, (_, i) => start + i))

const compareSurvey = (
  tables: PageTables.PageTables,
  { kernel, memmap }: ReferenceModel.ReferenceModel,
  report: Report
): void => {
  const page = kernel.arch.pageSize
  const counted = new Map<number | null, { bytes: number; frames: number; references: number }>()
  for (const block of new Set([...memmap.entries.values()].map((entry) => entry.block))) {
    const sum = counted.get(block.device) ?? { bytes: 0, frames: 0, references: 0 }
    sum.bytes += block.bytes
    sum.frames++
    sum.references += block.references
    counted.set(block.device, sum)
  }
  const byDevice = (all: ReadonlyArray<{ readonly device: number | null }>) =>
    all.toSorted((a, b) => (a.device ?? -1) - (b.device ?? -1))
  const last = Math.max(0, ...memmap.entries.keys())
  const survey = Survey.take(tables, { start: 0, end: (last + 1) * page })
  report(
    "backing",
    byDevice(survey.backing.map(({ memory, ...backing }) => ({
      device: memory,
      bytes: backing.bytes,
      frames: backing.frames,
      references: backing.references
    }))),
    byDevice([...counted].map(([device, sum]) => ({ device, ...sum })))
  )
  report("PTE tables", slots(tables.pte), [...memmap.pte].toSorted((a, b) => a - b))
  report("PMD tables", slots(tables.pmd), [...memmap.pmd].toSorted((a, b) => a - b))
}

const key = (value: unknown): string =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? text(Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1)))
    : text(value)

/**
 * The pfns worth looking at when not all are: both sides of every subsection boundary and of every range end.
 *
 * @category queries
 * @since 0.1.0
 */
export const edges = (model: ReferenceModel.ReferenceModel): ReadonlyArray<number> => {
  const { arch } = model.kernel
  const [per, sub] = [Architecture.pagesPerSection(arch), Architecture.pagesPerSubsection(arch)]
  const out = new Set<number>()
  // Compounds are written as far as two vmemmap pages.
  const far = (pfn: number) => {
    for (const at of [pfn + 63, pfn + 64, pfn + 127, pfn + 128]) out.add(at)
  }
  const near = (pfn: number) => {
    for (const at of [pfn - 1, pfn, pfn + 1, pfn + 2]) if (at >= 0) out.add(at)
  }
  for (const number of model.sections.table.keys()) {
    for (let pfn = number * per; pfn <= (number + 1) * per; pfn += sub) near(pfn)
  }
  for (const { altmap, request } of model.pagemaps.values()) {
    for (const range of request.ranges) {
      for (const pfn of [range.start, range.end]) near(pfn)
      for (let pfn = range.start; pfn < range.end; pfn += 8 * sub) far(pfn)
    }
    if (altmap !== null) { for (const pfn of [altmap.reserve, altmap.reserve + altmap.free]) near(altmap.base + pfn) }
  }
  for (const { ram } of model.boot.nodes) for (const { end, start } of ram) for (const pfn of [start, end]) near(pfn)
  return [...out]
}

/**
 * Every pfn of every section the model knows.
 *
 * @category queries
 * @since 0.1.0
 */
export const everyPfn = function*(model: ReferenceModel.ReferenceModel): Generator<number> {
  const per = Architecture.pagesPerSection(model.kernel.arch)
  for (const number of model.sections.table.keys()) {
    for (let pfn = number * per; pfn < (number + 1) * per; pfn++) yield pfn
  }
}

/**
 * Holds the machine in context against the model and lists the first few differences; `pfns` are looked at one by one.
 *
 * Both number the attempts to map a pagemap in the order in which they are made.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const table = yield* SectionTable.SectionTable
  const index = yield* PagemapIndex
  const memmap = yield* Memmap
  const vmemmap = yield* Vmemmap
  const zones = yield* Zones
  const pagemaps = yield* Pagemaps
  const pageblocks = yield* Pageblocks
  const log = yield* KernelLog
  const warnings: Array<string> = []
  log.listen((event) => {
    if (event._tag === "Warn") warnings.push(event.where)
  })

  return (model: ReferenceModel.ReferenceModel, pfns: Iterable<number>): ReadonlyArray<string> => {
    const differences: Array<string> = []
    const report: Report = (what, engine, expected) => {
      if (
        differences.length < 8 && (typeof engine === "number" ? engine !== expected : key(engine) !== key(expected))
      ) {
        differences.push(`${what}: engine ${key(engine)}, model ${key(expected)}`)
      }
    }
    compareSections(table, model, report)
    comparePageblocks(pageblocks, model, report)
    compareLeaves(vmemmap.tables, model, report)
    compareSurvey(vmemmap.tables, model, report)
    report(
      "pagemaps",
      pagemaps.all().map(({ altmap, id, isLive, name, references }) => ({
        id,
        name,
        live: isLive(),
        references: references.count(),
        altmap: altmap === null ? null : [altmap.current.alloc, altmap.current.align]
      })),
      [...model.pagemaps.values()].map(({ altmap, id, live, references, request }) => ({
        id,
        name: request.name,
        live,
        references,
        altmap: altmap === null ? null : [altmap.alloc, altmap.align]
      }))
    )
    const spans = (all: ReadonlyArray<ReferenceModel.Zone>) =>
      all.filter(({ end, present, start }) => end > start || present > 0)
        .map(({ contiguous, end, managed, name, node, present, start }) => ({
          node,
          name,
          start,
          end,
          present,
          managed,
          contiguous
        }))
        .toSorted((a, b) => `${a.node}${a.name}` < `${b.node}${b.name}` ? -1 : 1)
    report("zones", spans(zones.all()), spans([...model.zones.values()]))
    report("warnings", warnings, model.warnings)
    for (const pfn of pfns) {
      const found = FoundPage.make(memmap.read(pfn))
      const expected = VirtualMemmap.read(model.memmap, pfn)
      if (!FoundPage.agrees(found, expected)) report(`struct page ${hex(pfn)}`, found, expected)
      const entry = ExtentMap.find(index, pfn)?.value.id
      if (entry !== model.index.get(pfn)?.id) report(`pagemap index ${hex(pfn)}`, entry, model.index.get(pfn)?.id)
      if (SectionTable.pfnValid(table, pfn) !== ReferenceModel.isValid(model, pfn)) {
        report(`pfn_valid(${hex(pfn)})`, SectionTable.pfnValid(table, pfn), ReferenceModel.isValid(model, pfn))
      }
      if (PageAddress.isOnline(table, index, pfn) !== ReferenceModel.isOnline(model, pfn)) {
        report(
          `pfn_to_online_page(${hex(pfn)})`,
          PageAddress.isOnline(table, index, pfn),
          ReferenceModel.isOnline(model, pfn)
        )
      }
    }
    return differences
  }
})
