/**
 * What is published of machines, simulated: one of them, or all that come with the command.
 *
 * @since 0.1.0
 */
import * as Published from "@vmemmap/core/simulation/Published"
import type * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as SimulateAnswer from "../answers/SimulateAnswer.ts"
import { AnswerIsNo, WrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as Label from "../printers/Label.ts"
import * as PublishedPrinter from "../printers/PublishedPrinter.ts"
import type * as SimulatePrinter from "../printers/SimulatePrinter.ts"
import * as Table from "../printers/Table.ts"
import * as Signals from "../Signals.ts"
import * as TestbedSource from "../sources/TestbedSource.ts"

/**
 * The part by which a prediction may be off without a reason.
 *
 * @category constants
 * @since 0.1.0
 */
export const tolerance = 0.25

const pointOf = ({ off, point, simulated }: Published.Comparison): SimulateAnswer.PublishedPoint => ({
  what: point.what,
  source: point.source,
  strategy: point.strategy,
  minus: point.minus ?? null,
  variant: point.variant ?? null,
  figure: point.figure,
  unit: point.relative === true && point.minus !== undefined ? "part" : "ns",
  low: point.low,
  high: point.high,
  simulated,
  off,
  use: point.use,
  parameter: point.parameter ?? null,
  why: point.why ?? null
})

const simulated = Effect.fnUntraced(function*(testbed: Testbed.Testbed) {
  const compared = yield* Effect.result(Signals.unheard(Published.compare(testbed)))
  if (Result.isSuccess(compared)) return { points: compared.success.map(pointOf), failure: "" }
  const { _tag, message } = compared.failure
  if (_tag === "TestbedError" || _tag === "UnknownStrategy") {
    return yield* new WrongUse({ problem: `${testbed.name}: published: ${message}` })
  }
  return { points: null, failure: message }
})

/**
 * Every published point beside the simulated one; `failure` says why there are none where the machine will not have that.
 *
 * Fails with `WrongUse` where a point names what the testbed does not have, or where another machine's costs are used.
 *
 * @category running
 * @since 0.1.0
 */
export const compare = ({ isMeasured, testbed }: TestbedSource.Bench) =>
  !isMeasured && testbed.published.length > 0
    ? Effect.fail(
      new WrongUse({ problem: "--published compares a machine with what was measured on it: leave out --hardware" })
    )
    : simulated(testbed)

/**
 * Why the answer is no: predictions that are further off than {@link tolerance}, with no word why. Empty: it is not.
 *
 * @category queries
 * @since 0.1.0
 */
export const unexplained = (points: ReadonlyArray<SimulateAnswer.PublishedPoint>): ReadonlyArray<string> => {
  const off =
    points.filter(({ off, use, why }) => use === "predict" && Math.abs(off) > tolerance && why === null).length
  return off === 0
    ? []
    : [`${off} of the predictions ${off === 1 ? "is" : "are"} further off than ${100 * tolerance} % with no word why`]
}

/**
 * All that is published of the bundled machines; fails with `AnswerIsNo` as one of them would.
 *
 * @category running
 * @since 0.1.0
 */
export const all = Effect.fnUntraced(function*(isJson: boolean, look: SimulatePrinter.Look) {
  const output = yield* Output
  const machines: Array<SimulateAnswer.BundledMachine> = []
  const failures: Array<string> = []
  const testbeds = yield* TestbedSource.bundled
  for (const [i, testbed] of testbeds.entries()) {
    const { about, name, published, strategies = [] } = testbed
    yield* output.progress(`${i + 1}/${testbeds.length} ${name}`)
    const { failure, points } = yield* simulated(testbed)
    if (failure !== "") failures.push(`${name}: ${failure}`)
    machines.push({
      name,
      about,
      strategies,
      publishedPoints: published.length,
      ...(points === null ? {} : { published: points })
    })
  }
  yield* output.progress("")
  const points = machines.flatMap(({ published = [] }) => published)
  if (isJson) {
    const answer: SimulateAnswer.MachinesAnswer = { machines }
    yield* json(answer)
  } else {
    for (const { about, name, published = [] } of machines.filter(({ publishedPoints }) => publishedPoints > 0)) {
      const title = Table.paragraph(`${look.style.bold(Label.printable(name))}: ${Label.sentence(about)}`, look.width)
      yield* output.print(`${title}\n${PublishedPrinter.text(published, tolerance, look)}\n`)
    }
    const verdict = PublishedPrinter.verdict(points, tolerance, look.style)
    yield* output.print(Table.paragraph(`all machines: ${verdict}`, look.width))
  }
  const why = [...failures, ...unexplained(points)]
  if (why.length > 0) return yield* new AnswerIsNo({ why: why.join("; ") })
})
