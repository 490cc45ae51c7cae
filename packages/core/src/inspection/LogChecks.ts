/**
 * Every total a boot printed, next to what follows from its memory map (OBS-2, OBS-7 … OBS-9, OBS-32 … OBS-34, DEF-2 … DEF-4,
 * ZON-11).
 *
 * @since 0.1.0
 */
import * as Num from "effect/Number"
import * as Architecture from "../geometry/Architecture.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { GiB } from "../geometry/Units.ts"
import * as BootMap from "../inputs/BootMap.ts"
import type { BootTotals, ZonePages } from "../inputs/BootTotals.ts"
import * as FirmwareMap from "../machine/FirmwareMap.ts"
import * as E820 from "../resources/E820.ts"
import * as ZoneLimits from "../zones/ZoneLimits.ts"
import * as Check from "./Check.ts"
import * as Expectation from "./Expectation.ts"

type Make = (
  rule: string,
  what: string,
  expected: number | string,
  said: number | string,
  explain?: () => string | null
) => Check.Check

interface Context {
  readonly log: BootTotals
  readonly expected: Expectation.Expectation
  readonly pageSize: number
  readonly source: string
  readonly check: Make
}

const shown = (range: PfnRange.PfnRange): string =>
  range.end > range.start ? `[${hex(range.start)}-${hex(range.end - 1)}]` : "empty"

const pagesOf = (ranges: ReadonlyArray<PfnRange.PfnRange>): number => PfnRange.total(ranges)

const presentPages = ({ zones }: Expectation.Expectation): number => Num.sumAll(zones.map(({ boot }) => boot))

/** RAM of the map in whole pages, after the command line where the log shows the firmware's own table. */
const ramOf = ({ expected: { boot }, log, pageSize }: Context): ReadonlyArray<PfnRange.PfnRange> => {
  const table = FirmwareMap.table({
    ranges: log.map.map(({ end, start, type }) => ({ start, size: end - start, kind: BootMap.kindOf(type) }))
  })
  return E820.ram(E820.boot(table, boot.commandLine.actions), pageSize)
    .map(({ end, start }) => ({ start: start / pageSize, end: end / pageSize }))
}

const mapChecks = (context: Context): ReadonlyArray<Check.Check> => {
  const { check, expected, log, pageSize } = context
  const ram = ramOf(context)
  const nodes = expected.boot.nodes.flatMap(({ node, ram: own }) =>
    own.map((range) => `node ${node} ${shown({ start: range.start * pageSize, end: range.end * pageSize })}`)
  )
  const said = log.nodeRanges.toSorted((a, b) => a.node - b.node || a.start - b.start)
    .map(({ node, ...range }) => `node ${node} ${shown(range)}`)
  return [
    ...(log.map.length === 0 || said.length === 0
      ? []
      : [check(
        "OBS-2",
        "pages of RAM in the firmware map",
        pagesOf(ram),
        pagesOf(log.nodeRanges) / pageSize
      )]),
    ...(said.length === 0 ? [] : [check("OBS-7", "RAM ranges by node", nodes.join(", "), said.join(", "))])
  ]
}

const spanChecks = ({ check, expected, log, pageSize }: Context): ReadonlyArray<Check.Check> =>
  log.nodeSpans.flatMap(({ node, ...said }) => {
    const ram = expected.boot.nodes.find((each) => each.node === node)?.ram ?? []
    const own = { start: (ram[0]?.start ?? 0) * pageSize, end: (ram.at(-1)?.end ?? 0) * pageSize }
    return [
      check("OBS-7", `memory of node ${node}`, shown(own), shown(said), () =>
        said.start === 0 && said.end === own.end
          ? "this kernel prints the node as the firmware describes it, from address 0"
          : null)
    ]
  })

const lastPfnChecks = (context: Context): ReadonlyArray<Check.Check> => {
  const { check, expected: { boot }, log, pageSize } = context
  if (log.lastPfns.length === 0) return []
  const ram = ramOf(context)
  const top = ram.at(-1)?.end ?? boot.maxPfn
  const low = ram.findLast(({ start }) => start < 4 * GiB / pageSize)?.end ?? top
  const most = 2 ** boot.kernel.arch.physicalBits / pageSize
  return [
    ...log.lastPfns.map((said) =>
      check(
        "OBS-7",
        "last pfn of RAM",
        said === low ? low : top,
        said,
        () => "printed before the map was edited: the kernel prints it each time"
      )
    ),
    ...(log.maxArchPfn === undefined
      ? []
      : [
        check(
          "GEO-1",
          "pfns of the architecture",
          most,
          log.maxArchPfn,
          () =>
            log.maxArchPfn === 2 ** 52 / pageSize || log.maxArchPfn === 2 ** 46 / pageSize
              ? "4-level page tables reach 2^46, 5-level ones 2^52: give the arch"
              : null
        )
      ])
  ]
}

const zoneRangeChecks = ({ check, expected: { boot }, log, pageSize }: Context): ReadonlyArray<Check.Check> => {
  const limits = ZoneLimits.make(boot.kernel.arch)
  const first = Math.min(...boot.nodes.map(({ ram }) => ram[0]?.start ?? Infinity))
  return log.zoneRanges.flatMap(({ range, zone }) => {
    const limit = limits.find((each) => each.zone === zone)
    if (limit === undefined) return []
    const own = { start: Math.max(limit.start, first) * pageSize, end: Math.min(limit.end, boot.maxPfn) * pageSize }
    const said = range === null ? "empty" : shown(range)
    return [
      check(
        "OBS-7",
        `reach of zone ${zone}`,
        shown(own),
        said,
        () =>
          range !== null && range.end === limit.end * pageSize
            ? "this kernel prints the zone's limit, also where RAM ends below it"
            : null
      )
    ]
  })
}

/** Sizes of a struct page that are met, besides the one taken for granted (GEO-5). */
const structPages = [56, 72, 80, 96]

const zoneChecks = ({ check, expected, log, pageSize }: Context): ReadonlyArray<Check.Check> => {
  const zones = new Map(expected.zones.map((zone) => [`${zone.node} ${zone.name}`, zone]))
  const zoneOf = ({ node, zone }: ZonePages) => zones.get(`${node} ${zone}`)
  const saidOf = (list: ReadonlyArray<ZonePages>, { node, zone }: ZonePages): number =>
    list.find((each) => each.node === node && each.zone === zone)?.pages ?? 0
  const present = (said: ZonePages) => {
    const boot = zoneOf(said)?.boot ?? 0
    return check(
      "ZON-11",
      `node ${said.node}, zone ${said.zone}: pages present`,
      boot,
      said.pages,
      () =>
        boot - saidOf(log.zoneMemmap, said) - saidOf(log.zoneReserved, said) === said.pages
          ? "this kernel takes memmap and reserve off before it prints"
          : null
    )
  }
  const memmap = (said: ZonePages) => {
    const zone = zoneOf(said)
    return check(
      "OBS-32",
      `node ${said.node}, zone ${said.zone}: pages used for memmap`,
      zone?.memmap ?? 0,
      said.pages,
      () => {
        const own = expected.boot.nodes.find(({ node }) => node === said.node)?.zones.find(({ name }) =>
          name === said.zone
        )
        const size = own === undefined
          ? undefined
          : structPages.find((bytes) => Expectation.memmapPages(own, bytes, pageSize) === said.pages)
        return size === undefined
          ? null
          : `this kernel has struct pages of ${size} bytes (GEO-5): say so with structPage`
      }
    )
  }
  const nodes = Map.groupBy(expected.zones, ({ node }) => node)
  return [
    ...log.nodePages.map(({ node, pages }) =>
      check("ZON-11", `node ${node}: pages present`, Num.sumAll((nodes.get(node) ?? []).map(({ boot }) => boot)), pages)
    ),
    ...log.zonePages.map(present),
    ...log.zoneMemmap.map(memmap)
  ]
}

const holeChecks = ({ check, expected: { boot }, log }: Context): ReadonlyArray<Check.Check> => {
  const show = ({ node, pages, zone }: ZonePages) => `node ${node} ${zone} ${pages}`
  return [
    ...(log.unavailable.length === 0
      ? []
      : [check(
        "OBS-8",
        "pages in unavailable ranges",
        boot.holes.map(show).join(", "),
        log.unavailable.map(show).join(", ")
      )]),
    ...(log.unavailableTotal === undefined
      ? []
      : [
        check(
          "OBS-8",
          "pages in unavailable ranges",
          Num.sumAll(boot.holes.map(({ pages }) => pages)),
          log.unavailableTotal
        )
      ])
  ]
}

/** Present pages less the memmap and what DMA holds already; later kernels print what is present. */
const zonelistChecks = ({ check, expected, log }: Context): ReadonlyArray<Check.Check> => {
  if (log.zonelists === undefined) return []
  const { nodes, pages } = log.zonelists
  const present = presentPages(expected)
  // what is printed of the memmap has a comparison of its own
  const memmap = log.zoneMemmap.length > 0
    ? Num.sumAll(log.zoneMemmap.map((zone) => zone.pages))
    : Num.sumAll(expected.zones.map((zone) => zone.memmap))
  const reserved = Num.sumAll(log.zoneReserved.map((zone) => zone.pages))
  const left = present - memmap - reserved
  const dma = expected.zones.find(({ name }) => name === "DMA")?.boot ?? 0
  return [
    check(
      "OBS-9",
      "zonelists: nodes",
      expected.boot.nodes.length,
      nodes,
      () => nodes > expected.boot.nodes.length ? "nodes without RAM that have CPUs are online, too" : null
    ),
    check("OBS-33", "zonelists: total pages", pages === present ? present : left, pages, () => {
      const missing = left - pages
      return log.zoneReserved.length === 0 && missing > 0 && missing <= dma
        ? `${missing} pages of the lowest zone were in use already; this kernel does not print how many`
        : null
    })
  ]
}

/** Bytes a kernel may leave for later: of each node's highest zone all but a section (DEF-2), before 4.17 less (DEF-4). */
const mostDeferred = ({ expected: { boot }, pageSize }: Context): number => {
  const section = Architecture.pagesPerSection(boot.kernel.arch)
  return Num.sumAll(boot.nodes.map(({ zones }) => {
    const highest = zones.findLast(({ present }) => present > 0)
    return highest === undefined ? 0 : Math.max(0, highest.present - section)
  })) * pageSize
}

const memoryChecks = (context: Context): ReadonlyArray<Check.Check> => {
  const { check, expected, log, pageSize, source } = context
  const { memory } = log
  if (memory === undefined) return []
  const present = presentPages(expected) * pageSize
  const counted = Num.sumAll(log.deferred.map(({ pages = 0 }) => pages)) * pageSize + (log.lazy ?? 0) * pageSize
  const isCounted = log.deferred.every(({ pages }) => pages !== undefined)
  const free = memory.total - memory.absent - memory.reserved - counted
  const most = mostDeferred(context)
  const notFree = free - memory.available
  return [
    check("OBS-34", "Memory: bytes of RAM", present, memory.total - memory.absent),
    ...(memory.absent === 0
      ? []
      : [check("OBS-34", "Memory: bytes up to the end of RAM", expected.boot.maxPfn * pageSize, memory.total)]),
    check(
      "OBS-34",
      "Memory: bytes available",
      free,
      memory.available,
      () =>
        notFree > 0 && !isCounted && notFree <= most
          ? `${notFree / pageSize} pages were left to be initialised later, which this kernel does not count`
          : notFree > 0 && notFree <= Math.max(0.01 * memory.total, 2 ** 20)
          ? `${
            notFree / pageSize
          } pages were handed out already, or are on the lists of CPUs: only free ones are counted`
          : null
    ),
    ...(counted === 0
      ? []
      : [Check.bound(source, "DEF-3", "bytes initialised late", { most: Math.max(most, 0) }, counted)])
  ]
}

/**
 * The comparisons a boot log allows; `source` is its name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const all = (log: BootTotals, expected: Expectation.Expectation, source: string): ReadonlyArray<Check.Check> => {
  const context: Context = {
    log,
    expected,
    pageSize: expected.boot.kernel.arch.pageSize,
    source,
    check: (rule, what, wanted, said, explain) => Check.make(source, rule, what, wanted, said, explain)
  }
  return [
    ...mapChecks(context),
    ...spanChecks(context),
    ...lastPfnChecks(context),
    ...zoneRangeChecks(context),
    ...zoneChecks(context),
    ...holeChecks(context),
    ...zonelistChecks(context),
    ...memoryChecks(context)
  ]
}
