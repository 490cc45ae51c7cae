/**
 * Struct pages initialised for real, as a table, with the machine's own speed and what is published beside it.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import * as Nanos from "@vmemmap/core/time/Nanos"
import type * as BenchAnswer from "../answers/BenchAnswer.ts"
import * as Label from "./Label.ts"
import type { Look } from "./PlanPrinter.ts"
import * as Table from "./Table.ts"

const rate = (bytesPerSecond: number): string => `${(bytesPerSecond / 1e9).toFixed(2)} GB/s`

const between = ({ highNs, lowNs }: BenchAnswer.Published): string =>
  lowNs === highNs
    ? Nanos.format(lowNs)
    : lowNs === 0
    ? `< ${Nanos.format(highNs)}`
    : `${Nanos.format(lowNs)} to ${Nanos.format(highNs)}`

const spread = ({ fastestNs, ns, rounds, slowestNs }: BenchAnswer.BenchRun): string =>
  rounds < 2 || ns === 0
    ? ""
    : `-${Math.round(100 * (1 - fastestNs / ns))} +${Math.round(100 * (slowestNs / ns - 1))} %`

const touched = ({ fresh }: BenchAnswer.BenchRun): string => fresh ? "never touched" : "touched before"

/** What is not the same in all runs tells their rows apart. */
const differs = (
  { runs }: BenchAnswer.BenchAnswer,
  of: (run: BenchAnswer.BenchRun) => string | number | boolean
): boolean => new Set(runs.map(of)).size > 1

const table = (answer: BenchAnswer.BenchAnswer, { style, width }: Look): string => {
  const { runs } = answer
  const hasPublished = runs.some(({ published }) => published.length > 0)
  const columns: ReadonlyArray<Table.Column & { readonly cell: (run: BenchAnswer.BenchRun) => string }> = [
    { title: "geometry", cell: ({ geometry }) => geometry },
    ...(differs(answer, ({ strategy }) => strategy)
      ? [{ title: "strategy", flex: true, cell: ({ strategy }: BenchAnswer.BenchRun) => Label.printable(strategy) }]
      : []),
    ...(differs(answer, ({ threads }) => threads)
      ? [{ title: "threads", align: "right" as const, cell: ({ threads }: BenchAnswer.BenchRun) => `${threads}` }]
      : []),
    ...(differs(answer, ({ fresh }) => fresh) ? [{ title: "memory", cell: touched }] : []),
    { title: "struct pages", align: "right", cell: ({ pages }) => pages.toLocaleString("en-US") },
    { title: "bytes", align: "right", optional: true, cell: ({ bytes }) => HumanSize.formatBinary(bytes) },
    { title: "time", align: "right", cell: ({ ns }) => Nanos.format(ns) },
    { title: "spread", align: "right", optional: true, cell: spread },
    { title: "ns/page", align: "right", cell: ({ nsPerPage }) => nsPerPage.toFixed(2) },
    { title: "speed", align: "right", cell: ({ bytesPerSecond }) => rate(bytesPerSecond) },
    ...(hasPublished
      ? [{ title: "published", cell: ({ published }: BenchAnswer.BenchRun) => published.map(between).join("; ") }]
      : []),
    { title: "checksum", optional: true, cell: ({ checksum }) => checksum }
  ]
  return Table.render(columns, runs.map((run) => columns.map(({ cell }) => cell(run))), { width, bold: style.bold })
}

/** Short ones are measured more often. */
const roundsOf = ({ runs }: BenchAnswer.BenchAnswer): string => {
  const all = runs.map(({ rounds }) => rounds)
  const [least, most] = [Math.min(...all), Math.max(...all)]
  return least === most ? Label.plural(most, "round") : `${least} to ${most} rounds`
}

/**
 * The answer as text.
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (answer: BenchAnswer.BenchAnswer, look: Look): string => {
  const [first] = answer.runs
  if (first === undefined) return ""
  const { size, strategy, threads } = first
  const head = [
    HumanSize.format(size),
    ...(differs(answer, ({ strategy }) => strategy) ? [] : [Label.printable(strategy)]),
    ...(differs(answer, ({ threads }) => threads) ? [] : [Label.plural(threads, "thread")]),
    ...(differs(answer, ({ fresh }) => fresh) ? [] : [`memory ${touched(first)}`]),
    `medians of ${roundsOf(answer)}`
  ].join(", ")
  const sources = [
    ...new Set(answer.runs.flatMap(({ published }) => published.map(({ source, what }) => `${what}: ${source}`)))
  ]
  const fill =
    `this machine fills memory at ${rate(answer.fillBytesPerSecond)} (one thread, with a byte that is not zero: ` +
    "zeros are treated specially by hardware)"
  const notes = [fill, ...answer.notes, ...sources.map((source) => `published: ${source}`)]
  return `${Table.paragraph(head, look.width)}\n${table(answer, look)}\n${
    notes.map((note) => look.style.dim(Table.paragraph(Label.sentence(note), look.width))).join("")
  }`
}
