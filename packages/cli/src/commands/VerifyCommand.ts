/**
 * `vmemmap verify`: recordings of a real kernel and of the real tools, replayed and held against the model leaf by leaf.
 *
 * @since 0.1.0
 */
import * as RecordText from "@vmemmap/core/records/RecordText"
import * as Scope from "@vmemmap/core/records/Scope"
import * as Totals from "@vmemmap/core/records/Totals"
import * as Verification from "@vmemmap/core/records/Verification"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as VerifyAnswer from "../answers/VerifyAnswer.ts"
import { AnswerIsNo, WrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as Style from "../printers/Style.ts"
import * as Table from "../printers/Table.ts"
import * as VerifyPrinter from "../printers/VerifyPrinter.ts"
import * as RecordSource from "../sources/RecordSource.ts"
import * as Options from "./Options.ts"

const flags = {
  sources: Argument.String("record").pipe(
    Argument.withDescription(
      "Record, folder of records, or case or category of those that come with the command; none for all of those"
    ),
    Argument.variadic()
  ),
  scope: Flag.Boolean("scope").pipe(
    Flag.withDescription("List what is out of scope, and why; verify nothing"),
    Flag.withDefault(false)
  ),
  json: Options.json
}

const scopeText = (width: number): string =>
  [
    "out of scope: what cannot follow from the input of a record. Everything else is compared.\n\n",
    ...Scope.all.map(({ held, leaves, only, why }) =>
      [
        `${leaves.join(", ")}\n`,
        ...[only === "" ? "" : `only ${only}`, why, held === "" ? "" : `compared all the same: ${held}`]
          .filter((line) => line !== "")
          .flatMap((line) => Table.wrap(line, Math.max(0, width - 4)))
          .map((line) => `    ${line}\n`)
      ].join("")
    ),
    "\ninside leaves that are compared:\n",
    ...Scope.withinLeaves.map(({ what, why }) => `${Table.paragraph(`${what}: ${why}`, width)}`)
  ].join("")

const verify = Effect.fnUntraced(function*(sources: ReadonlyArray<string>) {
  const output = yield* Output
  const cases: Array<VerifyAnswer.Case> = []
  yield* RecordSource.records(sources).pipe(Stream.runForEach(({ name, record, total }) =>
    Effect.gen(function*() {
      yield* output.progress(`${cases.length + 1}/${total} ${record.case}`)
      cases.push(
        yield* Effect.mapError(
          Verification.run(record),
          (error) => new WrongUse({ problem: `${name}: ${error.message}` })
        )
      )
    })
  ))
  yield* output.progress("")
  return cases
})

/**
 * `vmemmap verify`; status 1 when a leaf in scope is not as recorded, or is not modelled.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "verify",
  flags,
  Effect.fnUntraced(function*(args) {
    const output = yield* Output
    if (args.scope && args.sources.length > 0) {
      return yield* new WrongUse({ problem: "--scope lists what is never compared: leave out the records" })
    }
    if (args.scope) {
      return yield* args.json
        ? json({ leaves: Scope.all, withinLeaves: Scope.withinLeaves })
        : output.print(scopeText(output.width))
    }
    const cases = yield* verify(args.sources)
    const failed = cases.filter(Totals.isFailed).length
    const answer: VerifyAnswer.VerifyAnswer = {
      passed: cases.length - failed,
      failed,
      categories: Totals.byCategory(cases),
      cases
    }
    yield* args.json
      ? output.print(RecordText.print(answer))
      : output.print(VerifyPrinter.text(answer, output.width, Style.make(output.colour)))
    if (failed > 0) return yield* new AnswerIsNo({ why: "" })
  })
).pipe(
  Command.withDescription("Hold recordings of a real kernel against the model, leaf by leaf"),
  Command.withExamples([
    { command: "vmemmap verify", description: "All recordings that come with the command" },
    { command: "vmemmap verify kmem mode-fsdax-dev-2m", description: "A category of them, and one case" },
    { command: "vmemmap verify my-case.json", description: "A record of your own, as 'try --record' writes it" },
    { command: "vmemmap verify --scope", description: "What cannot be compared, and why" }
  ])
)
