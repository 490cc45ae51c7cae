/**
 * What can be observed of a machine, as plain data: two machines with equal observations cannot be told apart, except by the
 * physical pages behind their memmaps.
 *
 * @since 0.1.0
 */
import { FrameAllocator } from "@vmemmap/core/frames/FrameAllocator"
import type { PfnRange } from "@vmemmap/core/geometry/PfnRange"
import { DirectMap } from "@vmemmap/core/hotplug/DirectMap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { Ledger } from "@vmemmap/core/machine/Ledger"
import * as Census from "@vmemmap/core/memmap/Census"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import { Pageblocks } from "@vmemmap/core/memmap/Pageblocks"
import { Kernel } from "@vmemmap/core/release/Kernel"
import { PagemapIndex } from "@vmemmap/core/sections/PagemapIndex"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import * as Survey from "@vmemmap/core/vmemmap/Survey"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import { Zones } from "@vmemmap/core/zones/Zones"
import * as Effect from "effect/Effect"

const sectionsOf = (table: SectionTable.Table) => {
  const out: Array<{ readonly section: number; readonly record: SectionTable.Record; readonly map: string }> = []
  for (let section = 0; section <= table.highest; section++) {
    const record = SectionTable.record(table, section)
    if (record.flags !== 0) out.push({ section, record, map: SectionTable.mapText(table, section) })
  }
  return out
}

/** The mapping of a section's memmap, without the physical pages. */
const surveyOf = (tables: Vmemmap["Service"]["tables"], range: PfnRange) => {
  const { backing, leaves, ...rest } = Survey.take(tables, range)
  return {
    ...rest,
    leaves: [...leaves].toSorted(([a], [b]) => a - b),
    backing: backing.map((memory) => ({ ...memory }))
  }
}

/**
 * Sections with their maps, their memmaps, struct pages (each distinct content with its count and place) and pageblocks;
 * zones, pagemaps, linear map, free RAM, and the totals of the books.
 *
 * @category constructors
 * @since 0.1.0
 */
export const take = Effect.gen(function*() {
  const { arch, structPage } = yield* Kernel
  const table = yield* SectionTable.SectionTable
  const index = yield* PagemapIndex
  const memmap = yield* Memmap
  const vmemmap = yield* Vmemmap
  const zones = yield* Zones
  const pagemaps = yield* Pagemaps
  const pageblocks = yield* Pageblocks
  const frames = yield* FrameAllocator
  const ledger = yield* Ledger
  const directMap = yield* DirectMap
  const sections = sectionsOf(table)
  const per = table.pagesPerSection
  return {
    sections: sections.map(({ map, record, section }) => {
      const start = section * per
      const virtual = { start: start * structPage, end: (start + per) * structPage }
      const blocks = Array.from(
        { length: per / 2 ** arch.pageblockOrder },
        (_, i) => pageblocks.get(start + i * 2 ** arch.pageblockOrder)
      )
      return {
        section,
        ...record,
        map,
        memmap: surveyOf(vmemmap.tables, virtual),
        pages: Census.take(memmap, start, start + per).toSorted((a, b) => a.first - b.first),
        blocks
      }
    }),
    tables: {
      pte: vmemmap.tables.pte.extents.map((extent) => ({ ...extent })),
      pmd: vmemmap.tables.pmd.extents.map((extent) => ({ ...extent }))
    },
    zones: zones.all().filter(({ end, start }) => end > start).toSorted((a, b) => a.node - b.node || a.start - b.start),
    pagemaps: pagemaps.all().map(({ altmap, id, name, references }) => ({
      id,
      name,
      references: references.count(),
      altmap: altmap?.current
    })),
    index: index.extents.map(({ end, start, value }) => ({ start, end, pagemap: value.id })),
    linear: directMap.pieces(),
    free: [...new Set(zones.all().map(({ node }) => node))].map((node) => ({ node, pages: frames.free(node) })),
    books: ledger.lines().map((line) => ({
      book: line.book,
      where: line.where,
      purpose: line.purpose,
      held: line.allocated - line.freed
    })).filter(({ held }) => held !== 0).toSorted((a, b) =>
      `${a.book} ${a.where} ${a.purpose}` < `${b.book} ${b.where} ${b.purpose}` ? -1 : 1
    )
  }
})
