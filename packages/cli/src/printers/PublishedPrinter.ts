/**
 * Prints published figures beside simulated ones.
 *
 * @since 0.1.0
 */
import * as Nanos from "@vmemmap/core/time/Nanos"
import type * as SimulateAnswer from "../answers/SimulateAnswer.ts"
import * as Label from "./Label.ts"
import type * as SimulatePrinter from "./SimulatePrinter.ts"
import type { Style } from "./Style.ts"
import * as Table from "./Table.ts"

type Point = SimulateAnswer.PublishedPoint

const figure = (value: number, { unit }: Point): string =>
  unit === "part" ? `${(100 * value).toFixed(0)} %` : value === 0 ? "0" : Nanos.format(value)

const nanosOf: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, min: 60e9, "%": 0.01 }

/** Both ends in the unit of the upper one. */
const range = (point: Point): string => {
  const { high, low } = point
  const text = figure(high, point)
  if (low === high) return text
  const [number = "", unit = ""] = text.split(" ")
  const digits = low === 0 ? 0 : number.split(".")[1]?.length ?? 0
  return `${(low / (nanosOf[unit] ?? 1)).toFixed(digits)} - ${text}`
}

const percent = (off: number): string => {
  const value = 100 * off
  const digits = Math.abs(value) < 10 ? 1 : 0
  const text = value.toFixed(digits)
  return Number(text) === 0 ? "0 %" : `${value > 0 ? "+" : ""}${text} %`
}

const offOf = (point: Point, tolerance: number, style: Style): string => {
  const { off, why } = point
  const text = off === 0 ? "inside" : percent(off)
  return Math.abs(off) <= tolerance ? text : why === null ? style.bad(text) : style.warn(text)
}

const use = ({ parameter, use }: Point): string =>
  use === "predict" ? "predicted" : parameter === null ? "fitted" : `fitted: ${parameter}`

const what = ({ variant, what }: Point): string =>
  Label.printable(what) + (variant === null ? "" : ` [${Label.printable(variant)}]`)

/**
 * How many predictions are right, in words.
 *
 * @category printing
 * @since 0.1.0
 */
export const verdict = (
  points: ReadonlyArray<Point>,
  tolerance: number,
  style: Style
): string => {
  const predicted = points.filter((one) => one.use === "predict")
  const off = predicted.filter((one) => Math.abs(one.off) > tolerance)
  const unexplained = off.filter(({ why }) => why === null)
  const within = `${predicted.length - off.length} of ${Label.plural(predicted.length, "prediction")} within ${
    (100 * tolerance).toFixed(0)
  } %`
  const rest = off.length - unexplained.length
  return [
    predicted.length === 0 ? "nothing is predicted: every figure gave a number of the cost model" : within,
    ...(rest === 0 ? [] : [`${rest} further off, explained`]),
    ...(unexplained.length === 0 ? [] : [style.bad(`${unexplained.length} further off with no word why`)])
  ].join("; ")
}

/**
 * A row a figure, then where each is from and what is known of those that are off. `tolerance` is the part by which a prediction
 * may be off without a reason.
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (
  points: ReadonlyArray<Point>,
  tolerance: number,
  { style, width }: SimulatePrinter.Look
): string => {
  if (points.length === 0) return "no figure is published of this machine\n"
  const indent = " ".repeat(String(points.length).length + 2)
  const inside = (line: string) => Table.wrap(line, Math.max(0, width - indent.length))
  const sources = points.map(({ source, strategy, minus, why }, i) => {
    const lines = [
      `${Label.printable(source)} (${Label.printable(strategy)}${
        minus === null ? "" : `, less than ${Label.printable(minus)}`
      })`,
      ...(why === null ? [] : [`why: ${Label.sentence(why)}`])
    ].flatMap(inside)
    return lines.map((line, n) => `${n === 0 ? String(i + 1).padEnd(indent.length) : indent}${line}\n`).join("")
  })
  return [
    Table.render(
      [
        { title: "" },
        { title: "published", flex: true },
        { title: "", align: "right" },
        { title: "simulated", align: "right" },
        { title: "off", align: "right" },
        { title: "" }
      ],
      points.map((point, i) => [
        String(i + 1),
        what(point),
        range(point),
        figure(point.simulated, point),
        offOf(point, tolerance, style),
        use(point)
      ]),
      { width, bold: style.bold }
    ),
    "\n",
    ...sources,
    "\n",
    Table.paragraph(verdict(points, tolerance, style), width)
  ].join("")
}
