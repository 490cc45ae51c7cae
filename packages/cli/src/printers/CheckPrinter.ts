/**
 * What exploring found: scenarios as a table, violations as columns of who did what, known mistakes as a table of kills.
 *
 * @since 0.1.0
 */
import * as Nanos from "@vmemmap/core/time/Nanos"
import type * as CheckAnswer from "../answers/CheckAnswer.ts"
import * as Label from "./Label.ts"
import type { Look } from "./PlanPrinter.ts"
import * as Table from "./Table.ts"

const within = ({ complete, exhaustive, followed, preemptions }: CheckAnswer.Explored): string =>
  followed !== null
    ? followed ? "one schedule" : "not as asked"
    : complete
    ? "every schedule"
    : `${exhaustive ? "every schedule" : "not all"}${
      preemptions === null ? "" : ` of ${Label.plural(preemptions, "preemption")}`
    }`

const result = ({ schedules, violations }: CheckAnswer.Explored): string =>
  violations.length === 0 ? schedules === 0 ? "-" : "none" : [...new Set(violations.map(({ rule }) => rule))].join(", ")

/** What a reader should know of some, under the table. */
const notes = (all: ReadonlyArray<CheckAnswer.Explored>, width: number): string => {
  const some = all.flatMap(({ name, notes }) =>
    notes.map((note) => Table.paragraph(`${Label.printable(name)}: ${Label.sentence(note)}`, width))
  )
  return some.length === 0 ? "" : `\n${some.join("")}`
}

/**
 * Scenarios with what came of each.
 *
 * @category printing
 * @since 0.1.0
 */
export const scenarios = (all: ReadonlyArray<CheckAnswer.Explored>, { style, width }: Look): string =>
  Table.render(
    [
      { title: "scenario" },
      { title: "schedules", align: "right" },
      { title: "cut", align: "right", optional: true },
      { title: "states", align: "right", optional: true },
      { title: "depth", align: "right", optional: true },
      { title: "explored" },
      { title: "time", align: "right" },
      { title: "violations" }
    ],
    all.map((one) => [
      Label.printable(one.name),
      `${one.schedules}`,
      `${one.cut}`,
      `${one.states}`,
      `${one.depth}`,
      within(one),
      Nanos.format(one.ns),
      one.violations.length === 0 ? result(one) : style.warn(result(one))
    ]),
    { width, bold: style.bold }
  ) + notes(all, width)

/**
 * With what schedules call a context, by its number.
 *
 * @category models
 * @since 0.1.0
 */
export interface Naming extends Look {
  readonly letter: (context: number) => string
}

/** Steps side by side, a column for each context, and one for what is none. */
const columns = ({ contexts, steps }: CheckAnswer.Violation, { letter, style, width }: Naming): string => {
  if (steps.length === 0) return Table.paragraph("So it is before anybody begins.", width)
  const hasOthers = steps.some(({ context }) => context === null)
  const titles = [
    ...contexts.map((name, i) => `${letter(i)} ${Label.printable(name)}`),
    ...(hasOthers ? ["woken"] : [])
  ]
  const rows = steps.map(({ context, object, step, woken: who }, n) => {
    const woken = Label.printable(`${who ?? ""} goes on`.trim())
    const text = step === null ? context === null ? woken : "begins" : `${step} ${object ?? ""}`.trim()
    const place = context === null ? contexts.length : contexts.indexOf(context)
    return [`${n + 1}`, ...titles.map((_, i) => i === place ? text : "")]
  })
  return Table.render(
    [{ title: "", align: "right" as const }, ...titles.map((title) => ({ title, flex: true }))],
    rows,
    { width, bold: style.bold }
  )
}

/** As it is typed into a shell. */
const word = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${Label.sentence(text).replaceAll("'", "'\\''")}'`

/**
 * A violation: what is broken, who did what until then, and how to see it again; of a known mistake, what it is and what to do.
 *
 * @category printing
 * @since 0.1.0
 */
export const violation = (
  { about, mutant, name, source }: CheckAnswer.Explored,
  one: CheckAnswer.Violation,
  mistake: Pick<CheckAnswer.Kill, "about" | "id" | "remedy"> | undefined,
  look: Naming
): string => {
  const made = mutant === null ? "" : ` --mutant '${mutant}'`
  return [
    Table.paragraph(`${look.style.bold(Label.printable(name))}: ${Label.sentence(about)}`, look.width),
    Table.paragraph(`${look.style.warn(one.rule)}: ${Label.sentence(one.invariant)}`, look.width),
    "\n",
    columns(one, look),
    "\n",
    ...(mistake === undefined ? [] : [
      Table.paragraph(`${mistake.id}: ${Label.sentence(mistake.about)}`, look.width),
      Table.paragraph(`what to do: ${Label.sentence(mistake.remedy)}`, look.width)
    ]),
    `again: vmemmap check ${word(source)}${made} --replay '${one.replay}'\n`
  ].join("")
}

/**
 * Known mistakes, what exposed each, and those that cannot be made.
 *
 * @category printing
 * @since 0.1.0
 */
export const kills = ({ mutants, outOfReach }: CheckAnswer.CheckAnswer, { style, width }: Look): string => {
  const table = Table.render(
    [
      { title: "mistake" },
      { title: "scenario" },
      { title: "broke" },
      { title: "schedules", align: "right" },
      { title: "time", align: "right" },
      { title: "replay", optional: true },
      { title: "what it is", flex: true }
    ],
    mutants.map(({ about, found, id, ns, replay, rule, scenario, schedules }) => [
      id,
      scenario,
      found ? rule ?? "" : style.warn("not found"),
      `${schedules}`,
      Nanos.format(ns),
      replay ?? "",
      about
    ]),
    { width, bold: style.bold }
  )
  const rest = outOfReach.map(({ about, id, why }) =>
    Table.paragraph(`${id} is out of reach (${about}): ${why}`, width)
  )
  return [table, ...(rest.length === 0 ? [] : ["\n", ...rest])].join("")
}
