/**
 * The memory of a machine as a picture: a row for each node and device, as text or as SVG.
 *
 * Long holes are drawn short. Cost grows with the ranges, never with memory.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import { hex } from "@vmemmap/core/geometry/Pfn"
import type { Inspection } from "@vmemmap/core/inspection/Inspection"
import * as Label from "./Label.ts"
import type { Style } from "./Style.ts"
import * as Table from "./Table.ts"

/**
 * What a part of a row is.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "ram" | "movable" | "offline" | "kmem" | "mapped" | "memmap" | "raw" | "free"

/**
 * A range in bytes, drawn alike.
 *
 * @category models
 * @since 0.1.0
 */
export interface Part {
  readonly start: number
  readonly end: number
  readonly kind: Kind
}

/**
 * A node, or a device, under a name that can be shown; the parts ascend and are disjoint.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly label: string
  readonly parts: ReadonlyArray<Part>
}

interface Look {
  readonly text: string
  readonly cell: string
  readonly fill: string
  readonly paint: keyof Style
}

const looks: Readonly<Record<Kind, Look>> = {
  ram: { text: "RAM, online", cell: "█", fill: "#3b6ea5", paint: "good" },
  movable: { text: "RAM, online in Movable", cell: "▓", fill: "#7fb2e5", paint: "good" },
  offline: { text: "RAM, offline", cell: "▁", fill: "#c9c9c9", paint: "dim" },
  kmem: { text: "device memory used as RAM", cell: "▚", fill: "#4f9d69", paint: "good" },
  mapped: { text: "device memory with struct pages", cell: "▒", fill: "#d9822b", paint: "warn" },
  memmap: { text: "metadata and struct pages on the device", cell: "#", fill: "#8c4a8c", paint: "bad" },
  raw: { text: "device memory without struct pages", cell: "░", fill: "#e8d9b5", paint: "dim" },
  free: { text: "device memory that is free", cell: "·", fill: "#f4f1ea", paint: "dim" }
}

const kindOfBlocks = (state: string, zone: string): Kind =>
  state === "offline" || state === "going-offline" ? "offline" : zone === "Movable" ? "movable" : "ram"

const joined = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const out: Array<Part> = []
  for (const part of parts.toSorted((a, b) => a.start - b.start)) {
    const last = out.at(-1)
    const start = Math.max(part.start, last?.end ?? 0)
    if (part.end <= start) continue
    if (last !== undefined && last.kind === part.kind && last.end === start) {
      out[out.length - 1] = { ...last, end: part.end }
    } else out.push({ ...part, start })
  }
  return out
}

const nodeRows = ({ arch, blockSize, blocks, sections }: Inspection): ReadonlyArray<Row> => {
  const sectionSize = Architecture.fromName(arch)?.sectionSize ?? blockSize
  const isKnown = blocks.some(({ state }) => state !== "expected")
  const parts = isKnown
    ? blocks.map(({ first, last, node, state, zone }) => ({
      node,
      start: first * blockSize,
      end: (last + 1) * blockSize,
      kind: kindOfBlocks(state, zone)
    }))
    : sections.filter(({ kind }) => kind !== "device").map(({ first, last, node }) => ({
      node,
      start: first * sectionSize,
      end: (last + 1) * sectionSize,
      kind: "ram" as const
    }))
  return [...Map.groupBy(parts, ({ node }) => node)].toSorted(([a], [b]) => (a ?? -1) - (b ?? -1)).map((
    [node, own]
  ) => ({
    label: node === null ? "RAM" : `node ${node}`,
    parts: joined(own)
  }))
}

const deviceRows = ({ devices }: Inspection): ReadonlyArray<Row> =>
  devices.flatMap(({ current, name, size, start }) => {
    if (start === null) return []
    const parts = (current?.namespaces ?? []).flatMap((one): ReadonlyArray<Part> => {
      if (one.start === null || one.size === null) return []
      const end = one.start + one.size
      if (one.disabled || one.mode === "raw" || one.mode === "sector") return [{ start: one.start, end, kind: "raw" }]
      if (one.mode === "system-ram") return [{ start: one.start, end, kind: "kmem" }]
      const data = one.usable === null ? one.start : Math.max(one.start, end - one.usable)
      return [{ start: one.start, end: data, kind: "memmap" }, { start: data, end, kind: "mapped" }]
    })
    const whole: Part = { start, end: start + size, kind: "free" }
    const gaps = joined(parts)
    const free = gaps.reduce<ReadonlyArray<Part>>(
      (rest, { end, start: from }) =>
        rest.flatMap((part) => [
          { ...part, end: Math.min(part.end, from) },
          { ...part, start: Math.max(part.start, end) }
        ]).filter((part) => part.end > part.start),
      [whole]
    )
    return [{ label: Label.named(name), parts: joined([...gaps, ...free]) }]
  })

/** Most parts drawn of a row: more cannot be told apart. */
const partLimit = 2000

/**
 * The rows of a machine: nodes first, then devices whose place is known.
 *
 * @category conversions
 * @since 0.1.0
 */
export const rows = (inspection: Inspection): ReadonlyArray<Row> =>
  [...nodeRows(inspection), ...deviceRows(inspection)].map(({ label, parts }) => ({
    label,
    parts: parts.slice(0, partLimit)
  }))

interface Placed extends Part {
  readonly from: number
  readonly to: number
}

/** Where parts lie between 0 and 1: a hole is at most a sixteenth of what there is. */
const place = (parts: ReadonlyArray<Part>): ReadonlyArray<Placed> => {
  const total = parts.reduce((sum, { end, start }) => sum + end - start, 0)
  const most = total / 16
  let at = 0
  let end = parts[0]?.start ?? 0
  const placed = parts.map((part) => {
    at += Math.min(part.start - end, most)
    const from = at
    at += part.end - part.start
    end = part.end
    return { ...part, from, to: at }
  })
  return placed.map((part) => ({ ...part, from: part.from / at, to: part.to / at }))
}

const bytesOf = (parts: ReadonlyArray<Part>): number => parts.reduce((sum, { end, start }) => sum + end - start, 0)

const shown = (parts: ReadonlyArray<Part>): string =>
  `${hex(parts[0]?.start ?? 0)}-${hex((parts.at(-1)?.end ?? 1) - 1)}  ${HumanSize.formatBinary(bytesOf(parts))}`

/** The cells of a row: each shows the part at its middle, and every part has at least one. */
const cells = (parts: ReadonlyArray<Part>, width: number, style: Style): string => {
  const line = Array.from({ length: width }, (): Kind | undefined => undefined)
  const placed = place(parts)
  for (const { from, kind, to } of placed) {
    const first = Math.round(from * width)
    for (let cell = first; cell < Math.max(first + 1, Math.round(to * width)); cell++) {
      if (cell < width) line[cell] = kind
    }
  }
  return line.map((kind) => kind === undefined ? " " : style[looks[kind].paint](looks[kind].cell)).join("")
}

const kindsOf = (all: ReadonlyArray<Row>): ReadonlyArray<Kind> => {
  const present = new Set(all.flatMap(({ parts }) => parts.map(({ kind }) => kind)))
  return (Object.keys(looks) as ReadonlyArray<Kind>).filter((kind) => present.has(kind))
}

/**
 * A line for each row and a legend, `width` characters wide where that is possible (0: 80).
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (all: ReadonlyArray<Row>, width: number, style: Style): string => {
  if (all.length === 0) return ""
  const label = Math.max(...all.map((row) => row.label.length))
  const notes = all.map(({ parts }) => shown(parts))
  const bar = Math.max(
    16,
    Math.min(64, (width === 0 ? 80 : width) - label - Math.max(...notes.map((n) => n.length)) - 4)
  )
  const lines = all.map(({ label: name, parts }, i) =>
    `${name.padEnd(label)}  ${cells(parts, bar, style)}  ${notes[i]}`.trimEnd()
  )
  const legend = kindsOf(all).filter((kind) => lines.some((line) => line.includes(looks[kind].cell)))
    .map((kind) =>
      `${style[looks[kind].paint](looks[kind].cell)}${Table.noBreak}${looks[kind].text.replaceAll(" ", Table.noBreak)}`
    )
  return `${lines.join("\n")}\n${Table.paragraph(legend.join("  "), width).replaceAll(Table.noBreak, " ")}`
}

const escape = (value: string): string =>
  value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

const bar = { left: 96, width: 640, height: 26, step: 62, top: 72 }

const number = (value: number): string => String(Math.round(value * 100) / 100)

const svgRow = ({ label, parts }: Row, index: number): string => {
  const y = bar.top + index * bar.step
  const rectangles = place(parts).map(({ end, from, kind, start, to }) => {
    const width = Math.max(0.75, (to - from) * bar.width)
    const title = `${hex(start)}-${hex(end - 1)}: ${looks[kind].text}, ${HumanSize.formatBinary(end - start)}`
    return `<rect x="${number(bar.left + from * bar.width)}" y="${y}" width="${
      number(width)
    }" height="${bar.height}" ` +
      `fill="${looks[kind].fill}" stroke="#fff" stroke-width="0.4"><title>${escape(title)}</title></rect>`
  })
  return [
    `<text x="${bar.left - 10}" y="${y + 18}" text-anchor="end" font-weight="600">${escape(label)}</text>`,
    `<rect x="${bar.left}" y="${y}" width="${bar.width}" height="${bar.height}" fill="none" stroke="#bbb"/>`,
    ...rectangles,
    `<text x="${bar.left}" y="${y + 42}" class="small">${escape(shown(parts))}</text>`
  ].join("\n")
}

/**
 * A self-contained SVG document with a legend. Each row has a scale of its own.
 *
 * @category printing
 * @since 0.1.0
 */
export const svg = (all: ReadonlyArray<Row>, title: string, subtitle: string): string => {
  const kinds = kindsOf(all)
  const legendTop = bar.top + all.length * bar.step + 8
  const perLine = 2
  const height = legendTop + Math.ceil(kinds.length / perLine) * 24 + 32
  const legend = kinds.map((kind, i) => {
    const x = bar.left + (i % perLine) * 320
    const y = legendTop + Math.floor(i / perLine) * 24
    return `<rect x="${x}" y="${y}" width="16" height="16" fill="${
      looks[kind].fill
    }" stroke="#888" stroke-width="0.5"/>` +
      `<text x="${x + 24}" y="${y + 13}">${escape(looks[kind].text)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="760" height="${height}" viewBox="0 0 760 ${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    "<style>text{font:13px sans-serif;fill:#222}.small{font-size:11px;fill:#555}.head{font-size:17px;font-weight:600}</style>",
    `<rect width="760" height="${height}" fill="#fff"/>`,
    `<text x="24" y="30" class="head">${escape(title)}</text>`,
    `<text x="24" y="50" class="small">${escape(subtitle)}</text>`,
    ...all.map(svgRow),
    ...legend,
    `<text x="24" y="${
      height - 8
    }" class="small">Holes are white and drawn short; each row has a scale of its own.</text>`,
    "</svg>",
    ""
  ].join("\n")
}
