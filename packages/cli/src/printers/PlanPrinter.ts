/**
 * A plan as tables: per device what is possible, what is not and why, the recommendation, warnings; then what the nodes pay.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import * as MemParse from "@vmemmap/core/geometry/MemParse"
import { hex } from "@vmemmap/core/geometry/Pfn"
import * as Comparison from "@vmemmap/core/planning/Comparison"
import type * as Plan from "@vmemmap/core/planning/Plan"
import * as PlanOption from "@vmemmap/core/planning/PlanOption"
import type * as Arr from "effect/Array"
import * as Label from "./Label.ts"
import type { Style } from "./Style.ts"
import * as Table from "./Table.ts"

const size = HumanSize.format
const binary = (bytes: number): string => bytes === 0 ? "0" : HumanSize.formatBinary(bytes)
const percent = (share: number): string => `${(100 * share).toPrecision(3)} %`

/**
 * What fits the terminal: `width` 0 is unlimited.
 *
 * @category models
 * @since 0.1.0
 */
export interface Look {
  readonly width: number
  readonly style: Style
}

const name = Comparison.label

/** Options with the same figures share a row: 4K and 2M alignments usually do. */
const grouped = (
  options: ReadonlyArray<PlanOption.PlanOption>
): ReadonlyArray<Arr.NonEmptyReadonlyArray<PlanOption.PlanOption>> => {
  const groups = new Map<string, Arr.NonEmptyArray<PlanOption.PlanOption>>()
  for (const option of options) {
    const key = JSON.stringify([
      option.mode,
      option.map,
      option.memmapOnMemory,
      option.usable,
      option.ram,
      option.device,
      option.pageTables,
      option.tool?.message ?? "",
      option.notes
    ])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [option])
    else group.push(option)
  }
  return [...groups.values()]
}

const legalTable = (device: Plan.DevicePlan, { style, width }: Look): string => {
  const recommended = device.recommended === null ? null : name(device.recommended)
  const rows = grouped(device.options.filter((o) => o.error === null)).map((group) => {
    const option = group[0]
    const aligns = group.map((o) => o.sectorSize ?? o.align).filter((a) => a !== null).map(MemParse.format).join(", ")
    const chosen = recommended !== null && group.some((o) => name(o) === recommended)
    return [
      chosen ? "*" : "",
      option.mode + (option.native ? " (native)" : "") + (option.memmapOnMemory ? " (memmap on memory)" : ""),
      option.map === "none" ? "-" : option.map,
      aligns === "" ? "-" : aligns,
      width > 0 && width < 110 ? binary(option.usable) : size(option.usable),
      binary(PlanOption.totalLost(option)),
      binary(option.ram),
      binary(option.device),
      binary(option.pageTables),
      option.tool === null ? option.notes.map((n) => `[${n.rule}]`).join(" ") : style.warn("ndctl refuses")
    ]
  })
  return Table.render(
    [
      { title: "" },
      { title: "mode" },
      { title: "map" },
      { title: "align" },
      { title: "usable", align: "right" },
      { title: "lost", align: "right", optional: true },
      { title: "memmap in RAM", align: "right" },
      { title: "on device", align: "right" },
      { title: "page tables", align: "right", optional: true },
      { title: "notes" }
    ],
    rows,
    { width, bold: style.bold }
  )
}

const refusedTable = (device: Plan.DevicePlan, { style, width }: Look): string => {
  const groups = new Map<
    string,
    { readonly why: PlanOption.Refusal; readonly tool: boolean; readonly names: Array<string> }
  >()
  for (const option of device.options) {
    const why = option.error ?? option.tool
    if (why === null) continue
    const key = JSON.stringify(why)
    const group = groups.get(key) ?? { why, tool: option.error === null, names: [] }
    group.names.push(name(option))
    groups.set(key, group)
  }
  if (groups.size === 0) return ""
  const rows = [...groups.values()].map(({ names, tool, why }) => [
    names.join(", "),
    (tool ? "ndctl: " : "") + why.errno,
    why.rule,
    Label.sentence(`${why.message}; ${why.remedy}`)
  ])
  return "\n" + Table.render(
    [
      { title: "not possible", flex: true },
      { title: "errno" },
      { title: "rule" },
      { title: "why, and what would make it legal", flex: true }
    ],
    rows,
    { width, bold: style.bold }
  )
}

/** What is to be known of options, once each, with the name of the option where it is said of one only. */
const noteLines = (options: ReadonlyArray<PlanOption.PlanOption>): ReadonlyArray<string> => {
  const concerned = new Map<string, { readonly note: PlanOption.Note; readonly names: Array<string> }>()
  for (const option of options) {
    for (const note of option.notes) {
      const known = concerned.get(note.message) ?? { note, names: [] }
      known.names.push(name(option))
      concerned.set(note.message, known)
    }
  }
  return [...concerned.values()].map(({ names, note: { kind, message, rule } }) =>
    `${kind} [${rule}] ${names.length === 1 && options.length > 1 ? `${names[0]}: ` : ""}${message}`
  )
}

/** Where the memory blocks of system-ram would lie; no line where that is not possible. */
const blockLines = (device: Plan.DevicePlan): ReadonlyArray<string> => {
  const option = device.options.findLast((o) => o.blocks !== null && o.error === null && !o.memmapOnMemory)
  if (option?.blocks === null || option === undefined) return []
  const { count, head, memmap, size: block, tail, zones } = option.blocks
  return [
    `system-ram (${option.map}): ${count} memory blocks of ${binary(block)}, ${binary(head)} stranded before and ` +
    `${binary(tail)} after them; memmap in ${memmap}; zones: online ${zones.online}, online_kernel ` +
    `${zones.online_kernel}, online_movable ${zones.online_movable}`
  ]
}

const currentLines = ({ current }: Plan.DevicePlan, style: Style): ReadonlyArray<string> =>
  current === null ? [] : current.namespaces.map((ns) => {
    const described = [ns.mode, ns.map === "none" ? "" : ns.map, ns.align === null ? "" : MemParse.format(ns.align)]
      .filter((word) => word !== "").join(" ")
    const reported = ns.usable === null ? "" : size(ns.usable)
    const usable = ns.usable === null ? "size not printed" : `${reported} usable`
    const pays = ns.ram === null
      ? ""
      : `, memmap ${binary(ns.ram)} in RAM, ${binary(ns.device ?? 0)} on the device`
    const predicted = ns.predicted === null || ns.usable === null ? "" : size(ns.predicted)
    const differs = predicted === "" || predicted === reported
      ? ""
      : ns.mode === "system-ram"
      ? `, ${predicted} of it in whole memory blocks`
      : style.warn(`, this kernel would give ${predicted} today`)
    return `now: ${Label.named(ns.name)} ${described}, ${usable}${pays}${differs}${ns.disabled ? ", disabled" : ""}`
  }).concat(current.free === null || current.free === 0 ? [] : [`now: ${size(current.free)} free for namespaces`])

const deviceText = (device: Plan.DevicePlan, look: Look): string => {
  const { style, width } = look
  const where = device.start === null
    ? "start not known"
    : `${hex(device.start)}-${hex(device.start + device.size - 1)}`
  const notes = noteLines(device.options)
  const lines = (prefix: string, texts: ReadonlyArray<string>) =>
    texts.map((text) => Table.paragraph(prefix + text, width)).join("")
  return [
    style.bold(Label.named(device.name)) + `  ${where}  ${size(device.size)}  node ${device.node}\n`,
    lines("", currentLines(device, style)),
    "\n",
    device.options.length === 0 ? "" : legalTable(device, look) + refusedTable(device, look) + "\n",
    lines("", blockLines(device)),
    device.recommended === null
      ? style.bad(
        device.options.some(PlanOption.isReachable)
          ? "what was asked for is possible, and none of it is recommended: see below what speaks against it"
          : device.options.some((o) => o.error === null && o.usable > 0)
          ? "the kernel would take what was asked for, ndctl refuses all of it"
          : device.options.length === 0
          ? "this kind of device does not offer what was asked for"
          : "nothing that was asked for is possible on this range"
      ) + "\n"
      : lines("* recommended: ", [`${name(device.recommended)}: ${device.recommended.reason}`]) +
        `  ${Label.sentence(device.recommended.command)}\n`,
    lines("warning ", device.warnings.map((n) => `[${n.rule}] ${Label.sentence(n.message)}`)),
    lines("", notes),
    "\n"
  ].join("")
}

const totalsText = ({ totals }: Plan.Plan, { style, width }: Look): string =>
  Table.paragraph(
    style.bold("with the recommended options") +
      ` ${size(totals.usable)} usable of ${size(totals.size)}; struct pages ${binary(totals.ram)} in RAM, ` +
      `${binary(totals.device)} on devices; page tables ${binary(totals.pageTables)}`,
    width
  ) +
  Table.render(
    [{ title: "node" }, { title: "pays", align: "right" }, { title: "available", align: "right" }, { title: "" }],
    totals.nodes.map((n) => [
      String(n.node),
      binary(n.ram + n.pageTables),
      n.available === null ? "not known" : size(n.available),
      n.fits === null ? "" : n.fits ? style.good("fits") : style.bad("does not fit")
    ]),
    { width, bold: style.bold }
  )

/**
 * The whole plan of one machine.
 *
 * @category printing
 * @since 0.1.0
 */
export const print = (plan: Plan.Plan, look: Look): string =>
  [
    `${
      plan.name === null ? "" : `${Label.named(plan.name)}: `
    }kernel ${plan.kernel}, ${plan.arch}, struct page ${plan.structPage} bytes, ` +
    `memory block ${binary(plan.blockSize)}\n\n`,
    ...plan.devices.map((device) => deviceText(device, look)),
    plan.devices.length === 0
      ? Table.paragraph("no device memory found; plan for a range with --range START+SIZE", look.width)
      : totalsText(plan, look),
    ...plan.assumptions.map((text) => Table.paragraph(`assumed: ${Label.sentence(text)}`, look.width))
  ].join("")

const solid = (text: string): string => text.replaceAll(" ", Table.noBreak)

/**
 * Kernels side by side.
 *
 * @category printing
 * @since 0.1.0
 */
export const printComparison = (rows: ReadonlyArray<Comparison.Row>, { style, width }: Look): string => {
  const most = Math.max(...rows.map((row) => row.devices))
  return Table.render(
    [
      { title: "struct pages and page tables", flex: true },
      ...(rows[0]?.cells ?? []).map((cell) => ({ title: cell.kernel, align: "right" as const, flex: true }))
    ],
    rows.map((row) => [
      row.devices < most ? `${row.label} (${row.devices} of ${most} devices)` : row.label,
      ...row.cells.map((cell) =>
        cell.possible
          ? `${solid(binary(cell.ram + cell.device + cell.pageTables))} ${solid(`(${percent(cell.share)})`)}`
          : "-"
      )
    ]),
    { width, bold: style.bold }
  )
}

/**
 * One line per machine of a fleet.
 *
 * @category printing
 * @since 0.1.0
 */
export const printFleetLine = (name: string | null, totals: Plan.Totals): string => {
  const unfit = totals.nodes.filter((n) => n.fits === false).map((n) => n.node)
  return [
    name === null ? "-" : Label.printable(name),
    `${binary(totals.usable)} of ${binary(totals.size)}`,
    `RAM ${binary(totals.ram + totals.pageTables)}`,
    `device ${binary(totals.device)}`,
    unfit.length > 0 ? `node ${unfit.join(",")} cannot pay` : "ok"
  ].join("\t") + "\n"
}
