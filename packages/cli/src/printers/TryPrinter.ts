/**
 * Prints what `vmemmap try` saw: every command as a terminal would show it, and what memory looks like afterwards.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import { hex } from "@vmemmap/core/geometry/Pfn"
import type * as DryRun from "@vmemmap/core/records/DryRun"
import type * as MemoryUse from "@vmemmap/core/records/MemoryUse"
import type * as ZoneRows from "@vmemmap/core/sysfs/ZoneRows"
import type { Style } from "./Style.ts"
import * as Table from "./Table.ts"

const size = HumanSize.formatBinary

const ended = (text: string): string => text === "" || text.endsWith("\n") ? text : `${text}\n`

/** A refusal tells once why, whoever passed it on. */
const why = (reasons: DryRun.Boot["reasons"], width: number, style: Style): ReadonlyArray<string> =>
  [...new Set(reasons.map(({ problem, remedy, rule }) => `why [${rule}] ${problem}; ${remedy}`))].slice(-3)
    .map((line) => style.warn(Table.paragraph(line, width)))

const kernelLines = (lines: ReadonlyArray<string>, style: Style): ReadonlyArray<string> =>
  lines.map((line) => `${style.dim(`kernel: ${line}`)}\n`)

/**
 * What the kernel said until the first command could be typed, and why drivers refused devices.
 *
 * @category printing
 * @since 0.1.0
 */
export const boot = ({ lines, reasons }: DryRun.Boot, width: number, style: Style): string =>
  lines.length === 0
    ? ""
    : [`${style.bold("boot")}\n`, ...kernelLines(lines, style), ...why(reasons, width, style)].join("")

/**
 * A command, its output, its exit status unless it is 0, the kernel's lines, and why it was refused.
 *
 * @category printing
 * @since 0.1.0
 */
export const command = (entry: DryRun.Entry, width: number, style: Style): string =>
  [
    `${style.bold(`$ ${entry.command}`)}\n`,
    ended(entry.stdout),
    ended(entry.stderr),
    entry.exit === 0 ? "" : `${style.bad(`exit status ${entry.exit}`)}\n`,
    ...kernelLines(entry.dmesg, style),
    ...(entry.exit === 0 ? [] : why(entry.reasons, width, style))
  ].join("")

interface Blocks {
  readonly blockSizeBytes: number
  readonly runs: ReadonlyArray<{
    readonly first: number
    readonly last: number
    readonly state: string
    readonly validZones: string
    readonly nodes: ReadonlyArray<string>
  }>
}

interface Final {
  readonly iomemText?: string
  readonly zoneinfo?: ReadonlyArray<ZoneRows.Row>
  readonly memory_blocks?: Blocks
}

const zones = (rows: ReadonlyArray<ZoneRows.Row>, pageSize: number, width: number, style: Style): string =>
  Table.render(
    [
      { title: "node", align: "right" },
      { title: "zone" },
      { title: "spanned", align: "right" },
      { title: "present", align: "right" },
      { title: "managed", align: "right" }
    ],
    rows.filter(({ spanned }) => spanned > 0).map(({ managed, node, present, spanned, zone }) => [
      String(node),
      zone,
      ...[spanned, present, managed].map((pages) => size(pages * pageSize))
    ]),
    { width, bold: style.bold }
  )

const blocks = ({ blockSizeBytes, runs }: Blocks, width: number, style: Style): string =>
  Table.render(
    [
      { title: `memory blocks of ${size(blockSizeBytes)}` },
      { title: "size", align: "right" },
      { title: "state" },
      { title: "node" },
      { title: "valid zones" }
    ],
    runs.map(({ first, last, nodes, state, validZones }) => [
      first === last ? String(first) : `${first}-${last}`,
      size((last - first + 1) * blockSizeBytes),
      state,
      nodes.map((node) => node.replace("node", "")).join(","),
      validZones
    ]),
    { width, bold: style.bold }
  )

const mappings = (
  all: ReadonlyArray<MemoryUse.Mapping>,
  pageSize: number,
  width: number,
  style: Style
): string =>
  all.length === 0 ? "" : Table.render(
    [
      { title: "mapped with struct pages" },
      { title: "range" },
      { title: "size", align: "right" },
      { title: "pages of", align: "right" },
      { title: "struct pages" }
    ],
    all.map((mapping) => [
      `${mapping.name} (${mapping.type})`,
      `${hex(mapping.start)}-${hex(mapping.start + mapping.size - 1)}`,
      size(mapping.size),
      size(mapping.compound === 0 ? pageSize : mapping.compound),
      mapping.memmapOnDevice ? "on the device" : "in RAM"
    ]),
    { width, bold: style.bold }
  )

const totals = ({ device, pageTables, ram, structPages }: MemoryUse.MemoryUse): string => {
  const inRam = ram.map(({ bytes, node }) => `${size(bytes)} of node ${node}`).join(", ")
  return `struct pages: ${structPages.mapped} mapped, ${structPages.initialised} times one was written; ` +
    `in RAM ${inRam === "" ? "none" : inRam}, on devices ${size(device)}; page tables ${size(pageTables)}\n`
}

/**
 * Zones, blocks, `/proc/iomem`, mappings and what the memmaps cost; mistakes of the kernel itself that the script ran into.
 *
 * @category printing
 * @since 0.1.0
 */
export const memory = (
  { defects, notes, observed, pageSize, use }: DryRun.DryRun,
  width: number,
  style: Style
): string => {
  const phases = observed["phases"] as Readonly<Record<string, Final>>
  const { iomemText = "", memory_blocks, zoneinfo = [] } = phases["final"] ?? {}
  return [
    `\n${style.bold("memory afterwards")}\n`,
    ended(iomemText),
    "\n",
    zones(zoneinfo, pageSize, width, style),
    "\n",
    memory_blocks === undefined ? "" : `${blocks(memory_blocks, width, style)}\n`,
    ...[mappings(use.mappings, pageSize, width, style)].map((table) => table === "" ? "" : `${table}\n`),
    Table.paragraph(totals(use).trimEnd(), width),
    ...defects.map(({ rule, text }) => style.warn(Table.paragraph(`kernel defect [${rule}] ${text}`, width))),
    ...notes.map((note) => Table.paragraph(`assumed: ${note}`, width))
  ].join("")
}
