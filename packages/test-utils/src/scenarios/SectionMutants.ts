/**
 * Mistakes in how sections come and go (spec 02, BUG-3 … BUG-11).
 *
 * @since 0.1.0
 */
import type { PfnRange } from "@vmemmap/core/geometry/PfnRange"
import { MemmapInit } from "@vmemmap/core/init/MemmapInit"
import { type Op, write } from "@vmemmap/core/kernel/Steps"
import type * as Machine from "@vmemmap/core/machine/Machine"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import { Sparse } from "@vmemmap/core/sparse/Sparse"
import type { Piece } from "@vmemmap/core/vmemmap/Piece"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import * as Effect from "effect/Effect"
import * as Mutant from "./Mutant.ts"

const { Flag, Usage } = SectionTable

/** What is done to a section that loses its last subsection, one after the other (SEC-13). */
type Action = "clear-has-mem-map" | "free-usage" | "unmap" | "clear-word"

/** Whether the memmap of a piece is unmapped, and whether a usage is freed. */
interface How {
  readonly unmaps: (isEarly: boolean) => boolean
  readonly frees: (usage: number, isEarly: boolean) => boolean
}

const right: How = { unmaps: (isEarly) => !isEarly, frees: (usage) => usage === Usage.slab }

interface Around {
  readonly table: SectionTable.Table
  readonly vmemmap: Vmemmap["Service"]
}

const update = (table: SectionTable.Table, section: number, change: Partial<SectionTable.Record>) =>
  SectionTable.set(table, section, { ...SectionTable.record(table, section), ...change })

/** `section_deactivate()` with its actions in another order, `unmaps` what it likes. */
const deactivate = function*(
  { table, vmemmap }: Around,
  piece: Piece,
  order: ReadonlyArray<Action>,
  { frees, unmaps }: How
): Op<void> {
  const section = SectionTable.sectionOf(table, piece.start)
  const object = `section:${section}`
  const isEarly = (SectionTable.flags(table, section) & Flag.early) !== 0
  const base = section * table.pagesPerSection
  const bit = (pfn: number) => (pfn - base) / table.pagesPerSubsection
  yield write("section.clear-bits", object)
  SectionTable.setBits(table, section, bit(piece.start), bit(piece.end), false)
  const isEmpty = SectionTable.bits(table, section, 0, table.subsections) === "none"
  for (const action of order) {
    if (action === "unmap") {
      if (unmaps(isEarly) || isEmpty) yield* vmemmap.depopulate(isEmpty && isEarly ? { ...piece, altmap: null } : piece)
      continue
    }
    if (!isEmpty || (action === "free-usage" && !frees(SectionTable.usage(table, section), isEarly))) continue
    yield write(`section.${action}`, object)
    const flags = SectionTable.flags(table, section)
    if (action === "clear-has-mem-map") update(table, section, { flags: flags & ~Flag.hasMemMap })
    else if (action === "free-usage") update(table, section, { usage: Usage.none })
    else update(table, section, { flags: 0, node: 0 })
  }
}

/** Sparse whose removal goes section by section, in another order. */
const removing =
  (order: ReadonlyArray<Action>, how: Partial<How> = {}) => ({ sparse }: Machine.Parts): Partial<Machine.Parts> => ({
    sparse: Mutant.wrap(Sparse, sparse, (original) =>
      Effect.gen(function*() {
        const table = yield* SectionTable.SectionTable
        const vmemmap = yield* Vmemmap
        return {
          ...original,
          remove: function*(range: Piece): Op<void> {
            for (let { start } = range; start < range.end;) {
              const end = Math.min(range.end, (SectionTable.sectionOf(table, start) + 1) * table.pagesPerSection)
              yield* deactivate({ table, vmemmap }, { ...range, start, end }, order, { ...right, ...how })
              start = end
            }
          }
        }
      }))
  })

/** Clears the taint of the sections at both ends of a range, or at one. */
const untaint = (table: SectionTable.Table, { end, start }: PfnRange): void => {
  for (const pfn of [start, end]) {
    const section = SectionTable.sectionOf(table, pfn)
    const flags = SectionTable.flags(table, section)
    if ((flags & Flag.taintZoneDevice) !== 0) update(table, section, { flags: flags & ~Flag.taintZoneDevice })
  }
}

/**
 * @category mutants
 * @since 0.1.0
 */
export const all: ReadonlyArray<Mutant.Mutant> = [
  {
    id: "BUG-3",
    about: "the usage of a section is freed while its word still says that there is a memmap (CVE-2023-52489)",
    scenario: "remove-pfn-valid",
    remedy:
      "clear SECTION_HAS_MEM_MAP first, free the usage after a grace period, and read its pointer once (5ec8e8ea8b77, 6.8)",
    replace: removing(["free-usage", "clear-has-mem-map", "unmap", "clear-word"])
  },
  {
    id: "BUG-5",
    about: "the word of a section is cleared after its memmap is unmapped and its usage is gone",
    scenario: "remove-pfn-valid",
    remedy:
      "clear the section's validity before its usage goes, and let pfn_section_valid() be false without one (b943f045a9af)",
    replace: removing(["free-usage", "unmap", "clear-word"])
  },
  {
    id: "BUG-6",
    about:
      "whether a usage is boot's is told by the flag of an early section, which one that was added again does not have",
    scenario: "boot-block-again",
    remedy: "tell it by where the usage lies: PageReserved() of its page, as section_deactivate() does since 2019",
    replace: removing(["clear-has-mem-map", "free-usage", "unmap", "clear-word"], {
      frees: (_usage, isEarly) => !isEarly
    })
  },
  {
    id: "BUG-11",
    about: "a subsection that leaves a section of boot RAM takes its part of the memmap with it",
    scenario: "device-beside-ram",
    remedy: "leave the memmap of an early section alone until its last subsection goes (ef69bc9f689d)",
    replace: removing(["clear-has-mem-map", "free-usage", "unmap", "clear-word"], { unmaps: () => true })
  },
  {
    id: "BUG-9",
    about: "a section that device memory shares with RAM is not tainted: device pages pass for online RAM",
    scenario: "device-beside-ram",
    remedy:
      "set SECTION_TAINT_ZONE_DEVICE for both ends of a device range, before its pages are there (1f90a3477df3, 5.12)",
    replace: ({ init }) => ({
      init: Mutant.wrap(
        MemmapInit,
        init,
        (original) =>
          Effect.map(Effect.service(SectionTable.SectionTable), (table) => ({
            ...original,
            parts: function*(list, under, type, limit) {
              for (const { end, start } of list) untaint(table, { start, end })
              yield* original.parts(list, under, type, limit)
            }
          }))
      )
    })
  }
]
