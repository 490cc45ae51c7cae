/**
 * Prints what `vmemmap simulate` found: when the machine is ready, what that costs, and both beside the baseline.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import * as Nanos from "@vmemmap/core/time/Nanos"
import type * as SimulateAnswer from "../answers/SimulateAnswer.ts"
import * as Label from "./Label.ts"
import type { Style } from "./Style.ts"
import * as Table from "./Table.ts"

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

type Simulated = SimulateAnswer.Simulated

const isSimulated = (strategy: SimulateAnswer.Strategy): strategy is Simulated => strategy.error === null

const nothing = "-"

const bytes = (value: number): string => value === 0 ? "0" : HumanSize.formatBinary(value)

const time = (nanos: number): string => nanos === 0 ? "0" : Nanos.format(nanos)

/** Three digits: struct pages are counted in millions. */
const count = (value: number): string => {
  const power = [4, 3, 2, 1].find((p) => value >= 1000 ** p)
  return power === undefined
    ? String(value)
    : `${Number((value / 1000 ** power).toPrecision(3))} ${" kMGT"[power] ?? ""}`
}

const [least, most] = [0.001, 1000]

/** Two digits; beyond a thousand the number says no more than that. */
const times = (ratio: number | null): string =>
  ratio === null
    ? nothing
    : ratio > 0 && ratio < least
    ? `<x${least}`
    : ratio > most
    ? `>x${most}`
    : `x${Number(ratio.toPrecision(2))}`

const better = 0.95
const worse = 1.05

const painted = (ratio: number | null, style: Style): string =>
  ratio === null || (ratio >= better && ratio <= worse)
    ? times(ratio)
    : ratio < better
    ? style.good(times(ratio))
    : style.bad(times(ratio))

/** With blanks where it may be broken; the command reads it with them as well. */
const shown = (name: string): string => Label.printable(name).replace(/\s*([:;])\s*/g, "$1 ").trim()

/** A column of a table of strategies; an optional one is left out of a narrow table. */
interface Figure {
  readonly title: string
  readonly of: (row: Simulated) => string
  readonly optional?: boolean
}

const table = (
  title: string,
  figures: ReadonlyArray<Figure>,
  rows: ReadonlyArray<SimulateAnswer.Strategy>,
  { style, width }: Look
): string =>
  Table.render(
    [
      { title, flex: true },
      ...figures.map(({ optional = false, title }) => ({ title, align: "right" as const, optional }))
    ],
    rows.map((row) => [
      shown(row.name),
      ...figures.map(({ of }, i) => isSimulated(row) ? of(row) : i === 0 ? style.bad("failed") : nothing)
    ]),
    { width, bold: style.bold }
  )

const accessWords: Readonly<Record<string, string>> = { fault: "first fault", io: "first I/O", register: "register" }

/** Of no access there is no time. */
const latency = ({ count }: SimulateAnswer.Latency, nanos: number): string => count === 0 ? nothing : time(nanos)

const when = (access: string): ReadonlyArray<Figure> => [
  { title: "RAM ready", of: (row) => time(row.bootRamNs), optional: true },
  { title: "boot goes on", of: (row) => time(row.bootProceedsNs) },
  { title: "devices appear", of: (row) => time(row.blockDevicesNs) },
  { title: "all ready", of: (row) => time(row.readyNs) },
  { title: `${access} p50`, of: ({ firstFault }) => latency(firstFault, firstFault.p50Ns) },
  { title: "p99", of: ({ firstFault }) => latency(firstFault, firstFault.p99Ns) },
  { title: "max", of: ({ firstFault }) => latency(firstFault, firstFault.maxNs) }
]

const costs: ReadonlyArray<Figure> = [
  { title: "CPU", of: (row) => time(row.cpuNs) },
  { title: "lock held", of: (row) => time(row.lockHeldNs) },
  { title: "longest", of: (row) => time(row.lockLongestNs) },
  { title: "struct pages written", of: (row) => count(row.structPagesWritten) },
  { title: "bytes", of: (row) => bytes(row.bytesWritten), optional: true },
  { title: "in RAM", of: (row) => bytes(row.ram) },
  { title: "on device", of: (row) => bytes(row.device) }
]

const bootOnly: ReadonlyArray<Figure> = [
  { title: "boot goes on", of: (row) => time(row.bootProceedsNs) },
  { title: "CPU", of: (row) => time(row.bootCpuNs) },
  { title: "struct pages written", of: (row) => count(row.bootStructPages) }
]

type Ratio = keyof SimulateAnswer.Ratios

const against = (
  ratios: ReadonlyArray<readonly [string, Ratio]>,
  style: Style
): ReadonlyArray<Figure> =>
  ratios.map(([title, ratio]) => ({
    title,
    of: (row) => row.ratios === null ? nothing : painted(row.ratios[ratio], style)
  }))

const ratiosOf = (access: string): ReadonlyArray<readonly [string, Ratio]> => [
  ["boot goes on", "bootProceeds"],
  ["all ready", "ready"],
  [`${access} p99`, "firstFaultP99"],
  ["CPU", "cpu"],
  ["lock held", "lockHeld"],
  ["struct pages written", "structPagesWritten"],
  ["in RAM", "ram"],
  ["on device", "device"]
]

const bootRatios: ReadonlyArray<readonly [string, Ratio]> = [["boot goes on", "bootProceeds"], ["CPU", "bootCpu"]]

const hasDevices = ({ strategies }: SimulateAnswer.SimulateAnswer): boolean =>
  strategies.some((row) => isSimulated(row) && row.devices.length > 0)

const tables = (answer: SimulateAnswer.SimulateAnswer, look: Look): ReadonlyArray<string> => {
  const { baseline, faults, strategies } = answer
  const base = strategies.find(({ name }) => name === baseline)
  const access = accessWords[faults.access] ?? faults.access
  const others = strategies.filter((row) => row !== base && isSimulated(row))
  const titles = hasDevices(answer) ? ratiosOf(access) : bootRatios
  return [
    ...(hasDevices(answer)
      ? [table("when", when(access), strategies, look), table("what it takes", costs, strategies, look)]
      : [table("strategy", bootOnly, strategies, look)]),
    others.length === 0 || base === undefined || !isSimulated(base)
      ? ""
      : table(`against ${shown(baseline)}`, against(titles, look.style), others, look)
  ]
}

const failures = ({ strategies }: SimulateAnswer.SimulateAnswer, { style, width }: Look): string =>
  strategies.flatMap((row) =>
    isSimulated(row)
      ? []
      : [style.bad(Table.paragraph(`${shown(row.name)} failed: ${Label.sentence(row.error)}`, width))]
  ).join("")

/** Devices differ when one is this much later than another, as a part of the later one's time. */
const notable = 0.1

const differ = (values: ReadonlyArray<number>): boolean =>
  Math.max(...values) - Math.min(...values) > notable * Math.max(...values)

/** As many devices of a strategy are named. */
const mostDevices = 8

const deviceTimes = (
  { devices }: Simulated,
  of: (device: SimulateAnswer.DeviceRow) => number
): string => {
  const all = devices.map((device) =>
    `${Label.printable(device.name)} ${time(of(device))}`.replaceAll(" ", Table.noBreak)
  )
  return (all.length <= mostDevices ? all : [...all.slice(0, mostDevices - 1), "…", ...all.slice(-1)]).join(", ")
}

const deviceWords = (row: Simulated): string =>
  row.devices.every(({ appearsNs, readyNs }) => appearsNs === readyNs)
    ? `devices appear and are ready after ${deviceTimes(row, (one) => one.readyNs)}`
    : `devices appear after ${deviceTimes(row, (one) => one.appearsNs)}; are ready after ${
      deviceTimes(row, (one) => one.readyNs)
    }`

/** Where devices differ, when each is there; strategies with the same times share a line. */
const devices = ({ strategies }: SimulateAnswer.SimulateAnswer, width: number): string => {
  const found = new Map<string, Array<string>>()
  for (const row of strategies.filter(isSimulated)) {
    const isDifferent = differ(row.devices.map((one) => one.appearsNs)) || differ(row.devices.map((one) => one.readyNs))
    if (row.devices.length < 2 || !isDifferent) continue
    const words = deviceWords(row)
    found.set(words, [...found.get(words) ?? [], shown(row.name)])
  }
  return [...found].map(([words, names]) =>
    Table.paragraph(`${names.join(", ")}: ${words}`, width).replaceAll(Table.noBreak, " ")
  ).join("")
}

/** Numbers of the cost model that are no nanoseconds. */
const units: Readonly<Record<string, string>> = {
  processors: "",
  remote: "",
  ramBandwidth: " GB/s",
  deviceBandwidth: " GB/s"
}

const costInWords = ({ name, value }: SimulateAnswer.Cost): string =>
  (value === null
    ? name
    : units[name] !== undefined
    ? `${name} ${value}${units[name]}`
    : value < 1000
    ? `${name} ${value} ns`
    : `${name} ${time(value)}`).replaceAll(" ", Table.noBreak)

type Origin = "fitted to what is published" | "from elsewhere" | "assumed" | "not given, so free"

const originOf = ({ from, value }: SimulateAnswer.Cost): Origin =>
  value === null
    ? "not given, so free"
    : /^fit\b/i.test(from)
    ? "fitted to what is published"
    : /^assumed/i.test(from)
    ? "assumed"
    : "from elsewhere"

const origins: ReadonlyArray<Origin> = [
  "fitted to what is published",
  "from elsewhere",
  "assumed",
  "not given, so free"
]

const costLines = ({ costs }: SimulateAnswer.SimulateAnswer): ReadonlyArray<string> =>
  origins.flatMap((origin) => {
    const own = costs.filter((cost) => originOf(cost) === origin)
    return own.length === 0 ? [] : [`costs ${origin}: ${own.map(costInWords).join(", ")}`]
  })

/** Points are compared on the machine's own hardware only. */
const publishedLine = ({ publishedPoints }: SimulateAnswer.SimulateAnswer): string =>
  publishedPoints === 0
    ? "no figure is published of this machine"
    : `${Label.plural(publishedPoints, "figure")} ${publishedPoints === 1 ? "is" : "are"} published of this machine; ` +
      "--published simulates them"

/**
 * The figures of all strategies, what was assumed, and how many figures are published.
 *
 * `pattern` is the pattern of faults in words.
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (answer: SimulateAnswer.SimulateAnswer, pattern: string, look: Look): string => {
  const { about, assumptions, machine, notes, published, seed } = answer
  const { style, width } = look
  const paragraph = (line: string) => Table.paragraph(line, width).replaceAll(Table.noBreak, " ")
  const sections = [
    paragraph(`${style.bold(Label.printable(machine))}: ${Label.sentence(about)}`) +
    (hasDevices(answer) ? paragraph(`${pattern}; seed${Table.noBreak}${seed}`) : ""),
    ...tables(answer, look),
    failures(answer, look),
    devices(answer, width),
    [
      ...costLines(answer),
      ...assumptions.map((one) => `assumed: ${Label.sentence(one)}`),
      ...notes.map((one) => `note: ${Label.sentence(one)}`),
      ...(published === undefined && answer.hardware === machine ? [publishedLine(answer)] : [])
    ].map(paragraph).join("")
  ]
  return sections.filter((section) => section !== "").join("\n")
}

/**
 * The machines that come with the command.
 *
 * @category printing
 * @since 0.1.0
 */
export const machines = (answer: SimulateAnswer.MachinesAnswer, { style, width }: Look): string =>
  Table.render(
    [{ title: "machine" }, { title: "what it is", flex: true }, { title: "published figures", align: "right" }],
    answer.machines.map(({ about, name, publishedPoints }) => [name, about, String(publishedPoints)]),
    { width, bold: style.bold }
  )
