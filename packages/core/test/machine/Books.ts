/** What a machine holds for its memmap, in the units of a plan. */
import { Effect } from "effect"
import type { PfnRange } from "../../src/geometry/PfnRange.ts"
import { Ledger } from "../../src/machine/Ledger.ts"
import { Kernel } from "../../src/release/Kernel.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"

/** Bytes, except `locked` and `outside`: struct pages written under the hotplug lock, and not. */
export interface Books {
  readonly ram: number
  /** What of `ram` are tails that all compounds of an order share: allocated for the first, and kept (CMP-12). */
  readonly tails: number
  readonly device: number
  readonly tables: number
  readonly locked: number
  readonly outside: number
  /** `ram` by node. */
  readonly nodes: Readonly<Record<string, number>>
}

export const make = Effect.gen(function*() {
  const { arch } = yield* Kernel
  const ledger = yield* Ledger
  const table = yield* SectionTable.SectionTable
  const page = arch.pageSize

  const books = (): Books => {
    const nodes: Record<string, number> = {}
    for (const { allocated, book, freed, purpose, where } of ledger.lines()) {
      if (book !== "ram" || (purpose !== "memmap" && purpose !== "shared-tail")) continue
      nodes[where] = (nodes[where] ?? 0) + (allocated - freed) * page
    }
    return {
      ram: Object.values(nodes).reduce((sum, bytes) => sum + bytes, 0),
      tails: ledger.total({ book: "ram", purpose: "shared-tail" }) * page,
      device: ledger.total({ book: "device" }) * page,
      tables: ledger.total({ book: "tables" }),
      locked: ledger.total({ book: "written", where: "mem_hotplug_lock" }),
      outside: ledger.total({ book: "written", where: "no lock" }),
      nodes
    }
  }

  /** Struct pages of a byte range that can be reached. */
  const reachable = ({ end, start }: PfnRange): number => {
    const step = table.pagesPerSubsection
    let pages = 0
    for (let pfn = start / page; pfn < end / page; pfn += step) if (SectionTable.pfnValid(table, pfn)) pages += step
    return Math.min(pages, (end - start) / page)
  }

  return { books, reachable }
})
