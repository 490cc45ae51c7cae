/**
 * Prints what `vmemmap verify` found.
 *
 * @since 0.1.0
 */
import * as Totals from "@vmemmap/core/records/Totals"
import type * as VerifyAnswer from "../answers/VerifyAnswer.ts"
import type { Style } from "./Style.ts"
import * as Table from "./Table.ts"

const longest = 120

/** A value on one line, cut where it is long. */
const show = (value: unknown): string => {
  const text = value === undefined || value === null
    ? "nothing"
    : typeof value === "bigint"
    ? value.toString()
    : JSON.stringify(value, (_, part: unknown) => typeof part === "bigint" ? part.toString() : part)
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

/** The part of two long texts in which they differ, with a little of what precedes it. */
const focus = (kernel: unknown, engine: unknown): readonly [unknown, unknown] => {
  if (typeof kernel !== "string" || typeof engine !== "string" || kernel.length < longest) return [kernel, engine]
  let same = 0
  while (same < kernel.length && kernel[same] === engine[same]) same++
  const from = Math.max(0, same - 20)
  return [`…${kernel.slice(from)}`, `…${engine.slice(from)}`]
}

const differences = (style: Style, { case: name, different, notModelled }: VerifyAnswer.Case): string =>
  [
    ...different.map(({ engine, kernel, path }) => {
      const [left, right] = focus(kernel, engine)
      return `${style.bad(name)}: ${path}\n  kernel  ${show(left)}\n  engine  ${show(right)}\n`
    }),
    ...notModelled.map(({ path, why }) => `${style.bad(name)}: ${path}\n  not modelled: ${why}\n`)
  ].join("")

/** Each kind of defect once, with the records that show it. */
const defects = (cases: ReadonlyArray<VerifyAnswer.Case>, width: number): string => {
  const found = new Map<string, { readonly text: string; readonly names: Array<string> }>()
  for (const { case: name, defects } of cases) {
    for (const { rule, text } of defects) {
      const known = found.get(rule) ?? { text, names: [] }
      found.set(rule, known)
      if (!known.names.includes(name)) known.names.push(name)
    }
  }
  if (found.size === 0) return ""
  const rows = [...found].toSorted(([a], [b]) => a < b ? -1 : 1).map(([rule, { names, text }]) => [
    rule,
    String(names.length),
    `${text} (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""})`
  ])
  return `\ndefects of the kernel itself, reproduced as recorded\n${
    Table.render(
      [{ title: "rule" }, { title: "records", align: "right" }, { title: "for example", flex: true }],
      rows,
      { width }
    )
  }`
}

const count = (records: number): string => `${records} record${records === 1 ? "" : "s"}`

/**
 * The table by category, every difference, the kernel's own defects.
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (answer: VerifyAnswer.VerifyAnswer, width: number, style: Style): string => {
  const { cases, categories, failed, passed } = answer
  const rows = [...categories, ...(categories.length > 1 ? [Totals.sum("all", categories)] : [])]
  const table = Table.render(
    [
      { title: "category" },
      ...["records", "compared", "equal", "different", "not modelled", "out of scope"].map((title) => ({
        title,
        align: "right" as const
      }))
    ],
    rows.map((row) => [
      row.category,
      ...[row.cases, row.compared, row.equal, row.different, row.notModelled, row.outOfScope].map(String)
    ]),
    { width, bold: style.bold }
  )
  const verdict = failed === 0
    ? style.good(`${count(passed)}, no difference in scope`)
    : style.bad(`${failed} of ${count(passed + failed)} ${failed === 1 ? "differs" : "differ"} from the model`)
  return [
    cases.map((one) => differences(style, one)).join(""),
    table,
    defects(cases, width),
    `\n${Table.paragraph(`${verdict}; 'vmemmap verify --scope' lists what is out of scope, and why`, width)}`
  ].join("")
}
