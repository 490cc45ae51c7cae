/**
 * What is looked at besides LCK-11: what rules of single rooms promise.
 *
 * @since 0.1.0
 */
import { hex } from "@vmemmap/core/geometry/Pfn"
import { MemoryBlocks } from "@vmemmap/core/hotplug/MemoryBlocks"
import { Nodes } from "@vmemmap/core/hotplug/Nodes"
import * as Pagemap from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { BackgroundInit } from "@vmemmap/core/init/BackgroundInit"
import * as KernelLog from "@vmemmap/core/kernel/KernelLog"
import { Held } from "@vmemmap/core/kernel/Locks"
import * as Census from "@vmemmap/core/memmap/Census"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import { Pageblocks } from "@vmemmap/core/memmap/Pageblocks"
import { Kernel } from "@vmemmap/core/release/Kernel"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import * as Zones from "@vmemmap/core/zones/Zones"
import * as Effect from "effect/Effect"
import type * as Execution from "../explore/Execution.ts"
import type { Violation } from "../explore/Execution.ts"

type Check = () => ReadonlyArray<string>

/**
 * Devices that are initialised later, or were to be and never will.
 *
 * @category queries
 * @since 0.1.0
 */
export const later = ({ progress }: BackgroundInit["Service"]): ReadonlySet<string> =>
  new Set(progress().flatMap(({ device, state }) => state === "idle" ? [] : [device]))

/** INI-8: pageblocks of a live device are movable, also those in the middle of a compound. */
const movable = Effect.gen(function*() {
  const { arch } = yield* Kernel
  const pagemaps = yield* Pagemaps
  const pageblocks = yield* Pageblocks
  const background = yield* BackgroundInit
  const size = 2 ** arch.pageblockOrder
  const check: Check = () => {
    const names = later(background)
    return pagemaps.all().filter(({ isLive, name }) => isLive() && !names.has(name)).flatMap((pagemap) =>
      pagemap.ranges.flatMap(({ end }, i) => {
        const { name } = pagemap
        for (let pfn = Math.ceil(Pagemap.first(pagemap, i) / size) * size; pfn < end; pfn += size) {
          if (pageblocks.get(pfn) !== "Movable") {
            return [`the pageblock at pfn ${hex(pfn)} of ${name} is ${pageblocks.get(pfn)}`]
          }
        }
        return []
      })
    )
  }
  return check
})

/** HOT-9, ZON-7: a node that spans something, or has blocks, is online. */
const nodesOnline = Effect.gen(function*() {
  const nodes = yield* Nodes
  const zones = yield* Zones.Zones
  const check: Check = () => {
    const online = new Set(nodes.online())
    return nodes.possible().filter((node) => !online.has(node) && Zones.nodeSpan(zones.all(), node) !== null)
      .map((node) => `node ${node} is offline, but its zones span memory`)
  }
  return check
})

/** SEC-14: usages of boot are never freed: the sections that had one still do. */
const bootUsages = Effect.gen(function*() {
  const table = yield* SectionTable.SectionTable
  const had: Array<number> = []
  for (let section = 0; section <= table.highest; section++) {
    if (SectionTable.usage(table, section) === SectionTable.Usage.boot) had.push(section)
  }
  const check: Check = () =>
    had.filter((section) => SectionTable.usage(table, section) !== SectionTable.Usage.boot)
      .map((section) => `the usage of section ${section}, which boot allocated, was freed`)
  return check
})

/** LCK-11.7: no reference is dropped that was not taken. */
const references = Effect.gen(function*() {
  const pagemaps = yield* Pagemaps
  const check: Check = () =>
    pagemaps.all().filter(({ references }) => references.count() < 0)
      .map(({ name, references }) => `${name} counts ${references.count()} references`)
  return check
})

/** Rules of which the kernel is known to do the wrong thing, and the model with it. */
const known = new Set(["CMP-5", "SPW-7", "BUG-14", "SEC-12", "22.6"])

/** What the machine itself says that it does wrong, and what of that is known. */
const hazards = Effect.fnUntraced(function*(reported: ReadonlyArray<string>) {
  const log = yield* KernelLog.KernelLog
  const found: Array<Violation> = []
  const passedOver: Array<string> = []
  log.listen((event) => {
    if (event._tag !== "Hazard") return
    if (known.has(event.rule) && !reported.includes(event.rule)) passedOver.push(event.text)
    else found.push({ rule: event.rule, problem: event.text })
  })
  return { found, passedOver }
})

/** HOT-9: a block that is there has sections that are present. */
const blocksPresent = Effect.gen(function*() {
  const blocks = yield* MemoryBlocks
  const table = yield* SectionTable.SectionTable
  const { arch } = yield* Kernel
  const perBlock = blocks.size / arch.sectionSize
  const check: Check = () =>
    blocks.runs().flatMap(({ end, start }) => {
      for (let block = start; block < end; block++) {
        const flags = SectionTable.flags(table, block * perBlock)
        if ((flags & SectionTable.Flag.hasMemMap) === 0) return [`memory block ${block} is there, its sections are not`]
      }
      return []
    })
  return check
})

/** What may only be done by who holds the hotplug lock (spec 10); readers look without it. */
const isLocked = (name: string): boolean => /^zone\.(?!choose)/.test(name)

/**
 * LCK-3, LCK-4: whoever changes a zone holds the hotplug lock.
 *
 * @category checks
 * @since 0.1.0
 */
export const locked: Execution.Guard = ({ name, object }, fiber) =>
  isLocked(name) && !fiber.getRef(Held).includes("mem_hotplug_lock")
    ? [{ rule: "LCK-4", problem: `${name} of ${object} without mem_hotplug_lock` }]
    : []

/** INI-5: every struct page of boot's sections was initialised. */
const bootPages = Effect.gen(function*() {
  const table = yield* SectionTable.SectionTable
  const memmap = yield* Memmap
  const inSection = (section: number): ReadonlyArray<string> => {
    if ((SectionTable.flags(table, section) & SectionTable.Flag.early) === 0) return []
    const start = section * table.pagesPerSection
    const run = Census.take(memmap, start, start + table.pagesPerSection).find(({ page }) => page._tag === "Unwritten")
    return run === undefined ? [] : [`struct pages of section ${section}, ${run.count} of them, were never initialised`]
  }
  const check: Check = () => Array.from({ length: table.highest + 1 }, (_, section) => inSection(section)).flat()
  return check
})

/**
 * CMP-2, INI-9: the struct pages of the first compound of a live device, and of the last, read as those of compounds, but for devices
 * whose the kernel gets wrong, as it says.
 */
const compounds = Effect.fnUntraced(function*(passedOver: ReadonlyArray<string>) {
  const memmap = yield* Memmap
  const pagemaps = yield* Pagemaps
  const background = yield* BackgroundInit
  const isPart = (head: number, pfn: number): boolean => {
    const page = memmap.read(pfn)
    if (page._tag !== "Initialised") return false
    return pfn === head ? page.links._tag === "Pagemap" : page.links._tag === "Tail" && page.links.head === head
  }
  const isKnown = (name: string) => passedOver.some((text) => text.startsWith(`${name}: `))
  const isWhole = ({ isLive, name, order }: Pagemap.Pagemap) =>
    isLive() && order > 0 && !later(background).has(name) && !isKnown(name)
  const check: Check = () =>
    pagemaps.all().filter(isWhole).flatMap((pagemap) => {
      const size = 2 ** pagemap.order
      return pagemap.ranges.flatMap(({ end }, i) => {
        const first = Pagemap.first(pagemap, i)
        const count = Math.floor((end - first) / size)
        if (count === 0) return []
        return [first, first + (count - 1) * size].flatMap((head) => {
          const wrong = [0, 1, 127, 128, size - 1].map((offset) => head + offset).find((pfn) => !isPart(head, pfn))
          return wrong === undefined
            ? []
            : [`the struct page of pfn ${hex(wrong)} of ${pagemap.name} is not that of the compound at ${hex(head)}`]
        })
      })
    })
  return check
})

/**
 * Checks of the machine in context, but for mistakes of the kernel itself that are not to be `reported`: `between` two steps, and at `rest`,
 * when nothing is under way. `isBooting`: RAM may still be left for later.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(reported: ReadonlyArray<string> = [], isBooting = false) {
  const { found: said, passedOver } = yield* hazards(reported)
  const usages = yield* bootUsages
  const counts = yield* references
  // Where the kernel's own compounds are wrong, its mistake is reported by name.
  const whole = yield* compounds(passedOver)
  const pages = yield* bootPages
  const holes = isBooting ? [] : pages()
  const atRest: ReadonlyArray<readonly [string, Check]> = [
    ["INI-5", isBooting ? pages : () => []],
    ["INI-8", yield* movable],
    ["INI-9", () => said.length > 0 || reported.length > 0 ? [] : whole()],
    ["HOT-9", yield* nodesOnline],
    ["HOT-9", yield* blocksPresent]
  ]
  const violations = (rule: string, check: Check) => check().map((problem): Violation => ({ rule, problem }))
  const between = () => [
    ...said,
    ...violations("SEC-14", usages),
    ...violations("LCK-11.7", counts),
    ...violations("INI-5", () => holes)
  ]
  return { between, rest: () => [...between(), ...atRest.flatMap(([rule, check]) => violations(rule, check))] }
})
