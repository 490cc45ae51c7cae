/**
 * `/proc`: iomem, zones, memory totals and memmap counters (OBS-3, OBS-10 … OBS-12).
 *
 * What depends on everything else that runs on a machine (caches, watermarks, reclaim) is left out of these files.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Architecture } from "../geometry/Architecture.ts"
import type { DirectMap } from "../hotplug/DirectMap.ts"
import type { Ledger } from "../machine/Ledger.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import type { Iomem } from "../resources/Iomem.ts"
import * as ResourceTree from "../resources/ResourceTree.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import * as NodeFiles from "./NodeFiles.ts"
import * as SysfsTree from "./SysfsTree.ts"
import * as ZoneRows from "./ZoneRows.ts"

/**
 * What the files are read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source extends NodeFiles.Source {
  readonly arch: Architecture
  readonly release: KernelRelease
  readonly structPage: number
  readonly cmdline: string
  readonly iomem: Iomem["Service"]
  readonly table: SectionTable.Table
  readonly ledger: Ledger["Service"]
  readonly directMap: DirectMap["Service"]
}

const zoneinfo = (source: Source): string =>
  ZoneRows.make(source).map(({ managed, node, present, spanned, start_pfn, zone }) =>
    [
      `Node ${node}, zone ${zone.padStart(8)}`,
      `        spanned  ${spanned}`,
      `        present  ${present}`,
      `        managed  ${managed}`,
      ...(start_pfn === undefined ? [] : [`  start_pfn:           ${start_pfn}`])
    ].join("\n")
  ).join("\n")

const meminfo = (source: Source): string => {
  const { arch, directMap, nodes } = source
  const total = NodeFiles.managed(source)
  const free = Math.min(total, nodes.online().reduce((sum, node) => sum + source.free(node), 0))
  const { base, huge, large } = directMap.pieces()
  const line = (name: string, bytes: number) => `${`${name}:`.padEnd(15)} ${String(bytes / 1024).padStart(8)} kB`
  return [
    line("MemTotal", total * arch.pageSize),
    line("MemFree", free * arch.pageSize),
    line("DirectMap4k", base),
    line("DirectMap2M", large),
    line("DirectMap1G", huge)
  ].join("\n")
}

/** Pages of the memmap of boot sections. */
const bootMemmap = ({ arch, structPage, table }: Source): number => {
  let sections = 0
  for (let section = 0; section <= table.highest;) {
    const count = SectionTable.alike(table, section, table.highest + 1 - section)
    if ((SectionTable.flags(table, section) & SectionTable.Flag.early) !== 0) sections += count
    section += count
  }
  return sections * table.pagesPerSection * structPage / arch.pageSize
}

/** Later kernels count the memmap itself: hot-added apart from that of boot (OBS-12). */
const vmstat = (source: Source): string => {
  if (!has(source.release, "memmap-counters")) return ""
  const boot = bootMemmap(source)
  const added = source.ledger.total({ book: "ram", purpose: "memmap" }) - boot
  return `nr_memmap_pages ${added}\nnr_memmap_boot_pages ${boot}\n`
}

/**
 * `/proc`. `kpageflags` are the words of the pages, eight bytes each.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (source: Source, kpageflags: SysfsTree.Bytes): SysfsTree.Directory =>
  SysfsTree.directory({
    cmdline: SysfsTree.attribute(() => source.cmdline),
    iomem: SysfsTree.attribute(() => ResourceTree.toText(source.iomem.tree())),
    zoneinfo: SysfsTree.attribute(() => zoneinfo(source)),
    meminfo: SysfsTree.attribute(() => meminfo(source)),
    vmstat: { _tag: "File", read: Effect.sync(() => vmstat(source)), write: null },
    kpageflags
  })
