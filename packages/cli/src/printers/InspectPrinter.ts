/**
 * A machine explained, as text: what it is made of, what its struct pages cost, where it disagrees, the page frames asked for.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import { hex } from "@vmemmap/core/geometry/Pfn"
import type { Check } from "@vmemmap/core/inspection/Check"
import * as Disagreements from "@vmemmap/core/inspection/Disagreements"
import type { Inspection } from "@vmemmap/core/inspection/Inspection"
import type { PfnView } from "@vmemmap/core/inspection/PfnView"
import * as Label from "./Label.ts"
import * as MemoryMap from "./MemoryMap.ts"
import type { Look } from "./PlanPrinter.ts"
import * as Table from "./Table.ts"

const size = (bytes: number): string => bytes === 0 ? "0" : HumanSize.formatBinary(bytes)

const right = (title: string): Table.Column => ({ title, align: "right" })

const run = (first: number, last: number): string => first === last ? String(first) : `${first}-${last}`

const heading = (
  { arch, checked, disagreements, kernel, memmap, sources }: Inspection,
  { style, width }: Look
): string => {
  const unknown = Disagreements.unexplained(disagreements).length
  const verdict = disagreements.length === 0
    ? style.good(`all ${checked} comparisons agree`)
    : `${checked} comparisons, ${disagreements.length} ${disagreements.length === 1 ? "differs" : "differ"}, ${
      unknown === 0 ? "each explained" : style.bad(`${unknown} unexplained`)
    }`
  return [
    `${style.bold(`kernel ${kernel}, ${arch}`)}: ${verdict}\n`,
    Table.paragraph(`from ${sources.join(", ")}`, width),
    `struct pages: ${size(memmap.ram)} in RAM, ${size(memmap.device)} on devices, ${
      size(memmap.pageTables)
    } of page tables\n`
  ].join("")
}

const zones = ({ zones: all }: Inspection, { style, width }: Look): string => {
  const shown = all.filter(({ said, spanned }) => spanned > 0 || (said?.spanned ?? 0) > 0)
  const isSaid = shown.some(({ said }) => said !== null)
  return Table.render(
    [
      { title: "zone" },
      right("node"),
      right("first pfn"),
      right("spanned"),
      right("present"),
      ...(isSaid ? [right("managed")] : []),
      right("memmap")
    ],
    shown.map(({ memmap, node, present, said, spanned, start, zone }) => [
      zone,
      String(node),
      start === null ? "-" : String(start),
      said !== null && said.spanned !== spanned ? `${spanned} (said ${said.spanned})` : String(spanned),
      said !== null && said.present !== present ? `${present} (said ${said.present})` : String(present),
      ...(isSaid ? [said === null ? "" : String(said.managed)] : []),
      String(memmap)
    ]),
    { width, bold: style.bold }
  )
}

/** Rows printed of a list; JSON has all of them. */
const mostRows = 40

const rest = (count: number): string => count > mostRows ? `… and ${count - mostRows} more (--json has them)\n` : ""

const sections = ({ sections: all }: Inspection, { style, width }: Look): string =>
  Table.render(
    [{ title: "sections" }, right("count"), { title: "what" }, right("node")],
    all.slice(0, mostRows).map(({ first, kind, last, node }) => [
      run(first, last),
      String(last - first + 1),
      kind === "boot" ? "RAM from boot on" : kind === "added" ? "RAM added since" : "device memory with struct pages",
      node === null ? "-" : String(node)
    ]),
    { width, bold: style.bold }
  ) + rest(all.length)

const blocks = ({ blockSize, blocks: all }: Inspection, { style, width }: Look): string =>
  Table.render(
    [{ title: `blocks of ${size(blockSize)}` }, { title: "state" }, { title: "zone" }, right("node")],
    all.slice(0, mostRows).map(({ first, last, node, state, zone }) => [
      run(first, last),
      state,
      zone === "" ? "-" : zone,
      node === null ? "-" : String(node)
    ]),
    { width, bold: style.bold }
  ) + rest(all.length)

const devices = ({ devices: all }: Inspection, { style, width }: Look): string => {
  const rows = all.flatMap(({ current, kind, name, size: bytes, start }) => [
    [Label.named(name), kind, start === null ? "-" : hex(start), size(bytes), "", ""],
    ...(current?.namespaces ?? []).map((one) => [
      `  ${Label.named(one.name)}`,
      `${one.mode}${one.map === "none" ? "" : ` ${one.map}`}${one.disabled ? " (disabled)" : ""}`,
      one.start === null ? "-" : hex(one.start),
      one.size === null ? "-" : size(one.size),
      one.ram === null ? "-" : size(one.ram),
      one.device === null ? "-" : size(one.device)
    ])
  ])
  return rows.length === 0 ? "" : Table.render(
    [
      { title: "device" },
      { title: "kind" },
      { title: "start" },
      right("size"),
      right("memmap in RAM"),
      right("on device")
    ],
    rows.slice(0, mostRows),
    { width, bold: style.bold }
  ) + rest(rows.length)
}

const disagreement = ({ expected, explanation, rule, said, source, what }: Check, { style, width }: Look): string =>
  [
    Table.paragraph(`${style.bold(what)} (${rule})`, width),
    Table.paragraph(`  expected ${expected}`, width),
    Table.paragraph(`  said     ${said}  [${source}]`, width),
    Table.paragraph(explanation === null ? `  ${style.bad("unexplained")}` : `  ${explanation}`, width)
  ].join("")

const page = (view: PfnView, { style, width }: Look): string => {
  const fact = (name: string, value: string | null) =>
    value === null ? "" : Table.paragraph(`  ${name.padEnd(12)} ${value}`, width)
  const isUnknown = !view.valid && view.backing !== null
  const state = view.state === null ? "" : ` ${view.state}`
  return [
    `${style.bold(`pfn ${view.pfn}`)} (${hex(view.pfn)}), address ${hex(view.address)}\n`,
    fact(
      "section",
      `${view.section}, subsection ${view.subsection}: ${
        view.flags.join(", ") || (isUnknown ? "not known" : "not there")
      }`
    ),
    fact(
      "struct page",
      view.structPage === null
        ? view.valid ? "at an address the architecture chooses at boot" : isUnknown ? "not known" : "none"
        : `${view.structPage}${view.randomised ? " unless randomised (KASLR)" : ""}`
    ),
    fact("backed by", view.backing === null ? null : Label.sentence(view.backing)),
    fact("owner", Label.printable(view.owner ?? "nobody")),
    fact("zone", view.zone === null ? null : `${view.zone}${view.node === null ? "" : `, node ${view.node}`}`),
    fact("block", view.block === null ? null : `${view.block}${state}`),
    fact("online", view.valid ? view.online ? "yes" : "no" : null),
    ...view.rules.map((rule) => Table.paragraph(`  ${style.dim(Label.sentence(rule))}`, width))
  ].join("")
}

const deferred = ({ deferred: state }: Inspection): string => {
  if (state === null) return ""
  if (state.pending > 0) return `${state.pending} pages were left to be initialised on demand\n`
  if (state.nodes.length === 0) return ""
  const nodes = `${state.nodes.length === 1 ? "node" : "nodes"} ${state.nodes.join(", ")}`
  return `${
    state.pages === null ? "pages" : `${state.pages} pages`
  } of ${nodes} were initialised while the boot went on\n`
}

/**
 * The whole text. With page frames asked for, only what concerns them and the disagreements.
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (inspection: Inspection, look: Look): string => {
  const { style, width } = look
  const parts = inspection.pfns.length > 0
    ? inspection.pfns.map((view) => page(view, look))
    : [
      MemoryMap.text(MemoryMap.rows(inspection), width, style),
      zones(inspection, look),
      sections(inspection, look),
      blocks(inspection, look),
      devices(inspection, look),
      deferred(inspection)
    ]
  return [
    heading(inspection, look),
    ...parts,
    ...inspection.disagreements.map((check) => disagreement(check, look)),
    inspection.notes.map((note) => Table.paragraph(`note: ${Label.sentence(note)}`, width)).join("")
  ].filter((part) => part !== "").join("\n")
}
