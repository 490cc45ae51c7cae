/** Mistakes that break one invariant and nothing else, where no known mistake does. */
import { MemoryBlocks } from "@vmemmap/core/hotplug/MemoryBlocks"
import type { Pagemap } from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { DeferredBootInit } from "@vmemmap/core/init/DeferredBootInit"
import { MemmapInit } from "@vmemmap/core/init/MemmapInit"
import { write } from "@vmemmap/core/kernel/Steps"
import type * as Machine from "@vmemmap/core/machine/Machine"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import { Sparse } from "@vmemmap/core/sparse/Sparse"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import { Zones } from "@vmemmap/core/zones/Zones"
import { Effect, Option } from "effect"
import * as Mutant from "../../src/scenarios/Mutant.ts"

type Replace = (parts: Machine.Parts) => Partial<Machine.Parts>

const plant = (scenario: string, about: string, replace: Replace): Mutant.Mutant => ({
  id: "planted",
  about,
  scenario,
  remedy: "none: it is planted",
  replace
})

/** Pfns that boot did not have. */
const isAdded = (pfn: number): boolean => pfn >= 2 ** 21

export const onlineFirst = plant(
  "add-pfn-valid",
  "a section is online for a moment before it has a memmap",
  ({ sparse }) => ({
    sparse: Mutant.wrap(
      Sparse,
      sparse,
      (original) =>
        Effect.map(Effect.service(SectionTable.SectionTable), (table) => ({
          ...original,
          add: function*(range, limit) {
            const section = SectionTable.sectionOf(table, range.start)
            const record = SectionTable.record(table, section)
            const { highest } = table
            table.highest = Math.max(highest, section)
            SectionTable.set(table, section, { ...record, flags: SectionTable.Flag.online })
            yield write("section.set-online", `section:${section}`)
            SectionTable.set(table, section, record)
            table.highest = highest
            return yield* original.add(range, limit)
          }
        }))
    )
  })
)

export const countedTwice = plant(
  "add-pfn-valid",
  "a page of the memmap counts a reference that no leaf has, until the memmap is unmapped",
  ({ vmemmap }) => ({
    vmemmap: Mutant.wrap(Vmemmap, vmemmap, (original) =>
      Effect.succeed({
        ...original,
        populate: function*(piece) {
          original.tables.references.set(-1, 1)
          return yield* original.populate(piece)
        },
        depopulate: function*(piece) {
          original.tables.references.delete(-1)
          yield* original.depopulate(piece)
        }
      }))
  })
)

export const keptReference = plant(
  "compounds-of-1g",
  "whoever looks a page up takes two references, of which one is dropped when the device goes away",
  ({ pagemaps }) => ({
    pagemaps: Mutant.wrap(Pagemaps, pagemaps, (original) => {
      const kept: Array<Pagemap> = []
      return Effect.succeed({
        ...original,
        memremap: (request) =>
          Effect.tap(
            original.memremap(request),
            (pagemap) =>
              Effect.addFinalizer(() =>
                Effect.sync(() => pagemap.references.put(kept.filter((one) => one === pagemap).length))
              )
          ),
        get: (pfn, hint) =>
          Effect.tap(original.get(pfn, hint), (found) =>
            Effect.sync(() => {
              if (Option.isNone(found)) return
              found.value.references.get(1)
              kept.push(found.value)
            }))
      })
    })
  })
)

export const presentTwice = plant("two-nodes", "a zone says that it has more pages than are online", ({ zones }) => ({
  zones: Mutant.wrap(Zones, zones, (original) =>
    Effect.succeed({
      ...original,
      all: () => original.all().map((zone) => zone.node === 1 ? { ...zone, present: zone.present + 1 } : zone)
    }))
}))

export const blockStays = plant(
  "node-keeps-device",
  "a memory block that is removed stays in sysfs",
  ({ blocks }) => ({
    blocks: Mutant.wrap(MemoryBlocks, blocks, (original) => Effect.succeed({ ...original, remove: () => undefined }))
  })
)

/** The last pfn of RAM before the device of that scenario. */
const lastOfRam = (2 ** 30 - 64 * 2 ** 20) / 4096 - 1

export const pageForgotten = plant(
  "compounds-beside-ram",
  "a struct page of online RAM reads as if nobody wrote it",
  ({ memmap }) => ({
    memmap: Mutant.wrap(
      Memmap,
      memmap,
      (original) =>
        Effect.succeed({ ...original, read: (pfn) => pfn === lastOfRam ? { _tag: "Unwritten" } : original.read(pfn) })
    )
  })
)

export const pinForgotten = plant(
  "dax-pin-unbind",
  "the struct page of a pinned compound reads as if nobody wrote it",
  ({ memmap }) => ({
    memmap: Mutant.wrap(Memmap, memmap, (original) =>
      Effect.succeed({
        ...original,
        read: (pfn) => {
          const page = original.read(pfn)
          return page._tag === "Initialised" && isAdded(pfn) && page.refcount > 1 ? { _tag: "Unwritten" } : page
        }
      }))
  })
)

/** Nobody waits for whoever looks a page up; what was given too early is taken again, for the count to balance. */
const unheld = (scenario: string) =>
  plant(scenario, "the reference of whoever looks a page up is dropped at once", ({ pagemaps }) => ({
    pagemaps: Mutant.wrap(Pagemaps, pagemaps, (original) =>
      Effect.succeed({
        ...original,
        get: (pfn, hint) =>
          Effect.tap(original.get(pfn, hint), (found) =>
            Option.isNone(found)
              ? Effect.void
              : Effect.acquireRelease(
                Effect.sync(() => found.value.references.put(1)),
                () => Effect.sync(() => found.value.references.get(1))
              ))
      }))
  }))

export const unheldWhileUsed = unheld("get-unmap")

export const unheldWhileFound = unheld("map-get")

export const dies = plant("get-unmap", "looking a page up is a defect", ({ pagemaps }) => ({
  pagemaps: Mutant.wrap(
    Pagemaps,
    pagemaps,
    (original) => Effect.succeed({ ...original, get: () => Effect.die(new Error("a page fault in the kernel")) })
  )
}))

export const bootTwice = plant(
  "deferred-grow",
  "what the boot thread initialises of RAM it initialises again",
  ({ init }) => ({
    init: Mutant.wrap(MemmapInit, init, (original) =>
      Effect.succeed({
        ...original,
        parts: function*(list, under, type, limit) {
          yield* original.parts(list, under, type, limit)
          if (under === "boot") yield* original.parts(list, under, type, limit)
        }
      }))
  })
)

export const grownInVain = plant(
  "deferred-grow",
  "the allocator gives pages of what boot left for later without growing its zone",
  ({ deferredBoot }) => ({
    deferredBoot: Mutant.wrap(
      DeferredBootInit,
      deferredBoot,
      (original) => Effect.succeed({ ...original, allocate: () => Effect.succeed(true) })
    )
  })
)
