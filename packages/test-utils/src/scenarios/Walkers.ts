/**
 * Contexts that look at memory as the kernel's lockless readers do, step by step, and say where they would have crashed.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "@vmemmap/core/geometry/ExtentMap"
import { hex } from "@vmemmap/core/geometry/Pfn"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { Locks } from "@vmemmap/core/kernel/Locks"
import * as Steps from "@vmemmap/core/kernel/Steps"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import { Kernel } from "@vmemmap/core/release/Kernel"
import * as PageAddress from "@vmemmap/core/sections/PageAddress"
import { PagemapIndex } from "@vmemmap/core/sections/PagemapIndex"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import * as Effect from "effect/Effect"
import * as Findings from "./Findings.ts"

/**
 * `pfn_valid()` (SEC-6): the section word, then the usage it leads to. Without a usage, what has a memmap crashes the reader: a defect
 * (LCK-7, BUG-5).
 *
 * @category readers
 * @since 0.1.0
 */
export const pfnValid = Effect.fnUntraced(function*(pfn: number) {
  const table = yield* SectionTable.SectionTable
  const section = SectionTable.sectionOf(table, pfn)
  const isValid = yield* Steps.run(function*() {
    yield Steps.read("section.read-word", `section:${section}`)
    if ((SectionTable.flags(table, section) & SectionTable.Flag.hasMemMap) === 0) return false
    // The word and the usage are read in one read section of RCU.
    return SectionTable.usage(table, section) === SectionTable.Usage.none ? null : SectionTable.pfnValid(table, pfn)
  })
  return isValid ?? (yield* Effect.die(
    new Error(`pfn_valid(${hex(pfn)}) reads the usage of section ${section}, which is gone`)
  ))
})

/**
 * Whether the struct page of a pfn can be used now: why not, `null` if it can.
 *
 * @category readers
 * @since 0.1.0
 */
export const unusable = Effect.fnUntraced(function*(pfn: number) {
  const kernel = yield* Kernel
  const { tables } = yield* Vmemmap
  const memmap = yield* Memmap
  const table = yield* SectionTable.SectionTable
  return yield* Steps.run(function*() {
    yield Steps.read("page.read", `memmap:${SectionTable.sectionOf(table, pfn)}`)
    if (ExtentMap.find(tables.leaves, PageAddress.fromPfn(kernel, pfn)) === undefined) return "is not mapped"
    const page = memmap.read(pfn)
    return page._tag === "Poisoned" || page._tag === "Unwritten" ? "was never initialised" : null
  })
})

/** Reads a struct page that its reader has reason to think is there. */
const readPage = Effect.fnUntraced(function*(pfn: number, who: string) {
  const problem = yield* unusable(pfn)
  if (problem !== null) {
    yield* Findings.report("LCK-11.5", `${who} reads the struct page of pfn ${hex(pfn)}, which ${problem}`)
  }
})

/**
 * Whoever walks pfns of RAM: holds sections online, asks `pfn_to_online_page()` (SEC-7), and reads the struct page. Not for pfns of a
 * device in a section of boot's RAM: the kernel itself takes them for online pages, poisoned as they are, from when their bits are set
 * until the section is tainted, and for good where mapping failed in between (SEC-11, SEC-12).
 *
 * @category readers
 * @since 0.1.0
 */
export const onlineWalker = (pfn: number) =>
  Effect.gen(function*() {
    const { onlineMems } = yield* Locks
    const table = yield* SectionTable.SectionTable
    const index = yield* PagemapIndex
    yield* onlineMems(Effect.gen(function*() {
      const isOnline = yield* Steps.run(function*() {
        yield Steps.read("section.read-word", `section:${SectionTable.sectionOf(table, pfn)}`)
        return PageAddress.isOnline(table, index, pfn)
      })
      if (isOnline) yield* readPage(pfn, "a walker of online pages")
    }))
  })

/**
 * Whoever takes pages for RAM because their section is online: no page of a device may look so (BUG-9). While a device goes away its
 * pages do so in the kernel itself: their pagemap is not live any more and their subsections still valid (SEC-7); that is no
 * mistake of ours.
 *
 * @category readers
 * @since 0.1.0
 */
export const ramWalker = (pfn: number) =>
  Effect.gen(function*() {
    const table = yield* SectionTable.SectionTable
    const index = yield* PagemapIndex
    const memmap = yield* Memmap
    const wrong = yield* Steps.run(function*() {
      yield Steps.read("section.read-word", `section:${SectionTable.sectionOf(table, pfn)}`)
      if (!PageAddress.isOnline(table, index, pfn) || ExtentMap.find(index, pfn)?.value.isLive() === false) return false
      const page = memmap.read(pfn)
      return page._tag === "Initialised" && page.zone === "Device"
    })
    if (wrong) yield* Findings.report("SEC-7", `pfn ${hex(pfn)} of a device passes for an online page of RAM`)
  })

/**
 * Whoever finds a device page, by its pagemap: before the device is published its struct page may be anything (MRP-7), but its pagemap
 * stays as long as the reference is held.
 *
 * @category readers
 * @since 0.1.0
 */
export const lookup = (pfn: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { all, get } = yield* Pagemaps
    const found = yield* get(pfn)
    if (found._tag === "None") return
    const { id } = found.value
    const isThere = yield* Steps.run(function*() {
      yield Steps.read("pagemap.read", `pagemap:${id}`)
      return found.value.references.count() > 0
    })
    if (!isThere) {
      yield* Findings.report("MRP-12", `the pagemap of pfn ${hex(pfn)} (of ${all().length}) is gone under its user`)
    }
  }))
