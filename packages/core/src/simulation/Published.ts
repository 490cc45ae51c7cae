/**
 * What others measured beside what comes out here: every published point of a testbed, simulated.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as InitStrategies from "../init/InitStrategies.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type { MachineError } from "../machine/MachineError.ts"
import type { Deadlock } from "../time/Deadlock.ts"
import * as FaultPattern from "./FaultPattern.ts"
import * as Figures from "./Figures.ts"
import * as Remarks from "./Remarks.ts"
import * as Simulation from "./Simulation.ts"
import * as Testbed from "./Testbed.ts"

/**
 * A point with what was simulated, in its own unit. `off` is the part by which that is outside of what was published, 0 inside.
 *
 * @category models
 * @since 0.1.0
 */
export interface Comparison {
  readonly point: Testbed.Point
  readonly simulated: number
  readonly off: number
}

/**
 * A testbed names something it does not have.
 *
 * @category errors
 * @since 0.1.0
 */
export class TestbedError extends Schema.TaggedError<TestbedError>("@vmemmap/core/simulation/TestbedError")(
  "TestbedError",
  { testbed: Schema.String, at: Schema.String, problem: Schema.String, remedy: Schema.String }
) {
  override get message() {
    return `${this.testbed}: ${this.at}: ${this.problem}; ${this.remedy}`
  }
}

/**
 * By which part a number is outside a range.
 *
 * @category queries
 * @since 0.1.0
 */
export const off = (simulated: number, { high, low }: Pick<Testbed.Point, "high" | "low">): number =>
  simulated > high ? simulated / high - 1 : simulated < low ? simulated / low - 1 : 0

/**
 * A device does not become usable, so that no figure says when.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotReady extends Schema.TaggedError<NotReady>("@vmemmap/core/simulation/NotReady")("NotReady", {
  what: Schema.String,
  strategy: Schema.String,
  why: Schema.Array(Schema.String)
}) {
  override get message() {
    return `${this.what}: ${this.strategy}: ${this.why.join("; ")}`
  }
}

type Failure = MachineError | KernelError | Deadlock | TestbedError | NotReady | InitStrategies.UnknownStrategy

/** The figure of a point under one of its strategies; each simulation runs once. */
const makeFigures = (testbed: Testbed.Testbed) => {
  const done = new Map<string, Simulation.Outcome>()
  const simulate = Effect.fnUntraced(function*(point: Testbed.Point, name: string) {
    const isAgain = point.figure === "rebind"
    const key = `${name}/${point.variant ?? ""}/${isAgain}`
    const known = done.get(key)
    if (known !== undefined) return known
    const strategy = yield* Effect.fromResult(InitStrategies.parse(name))
    const variant = point.variant === undefined ? {} : testbed.variants?.[point.variant]
    if (variant === undefined) {
      return yield* new TestbedError({
        testbed: testbed.name,
        at: point.what,
        problem: `there is no variant ${point.variant}`,
        remedy: `known are ${Object.keys(testbed.variants ?? {}).join(", ")}`
      })
    }
    const outcome = yield* Simulation.run({
      machine: Testbed.vary(testbed.machine, variant),
      costs: Testbed.costs(testbed),
      strategy,
      faults: { ...FaultPattern.usual, kind: "first", count: 1 },
      seed: 0,
      rebind: isAgain
    })
    done.set(key, outcome)
    return outcome
  })
  return (point: Testbed.Point, name: string): Effect.Effect<number, Failure> =>
    Effect.flatMap(simulate(point, name), ({ timeline }) => {
      const why = Remarks.unready(timeline)
      return why.length === 0
        ? Effect.succeed(Figures.figure(point.figure, timeline))
        : Effect.fail(new NotReady({ what: point.what, strategy: name, why }))
    })
}

/**
 * Simulates every point of the testbed, in their order.
 *
 * @category running
 * @since 0.1.0
 */
export const compare = Effect.fnUntraced(
  function*(testbed: Testbed.Testbed): Effect.fn.Return<ReadonlyArray<Comparison>, Failure> {
    const figure = makeFigures(testbed)
    const found: Array<Comparison> = []
    for (const point of testbed.published) {
      const own = yield* figure(point, point.strategy)
      const before = point.minus === undefined ? null : yield* figure(point, point.minus)
      const saved = before === null ? own : before - own
      const simulated = point.relative === true && before !== null ? saved / before : saved
      found.push({ point, simulated, off: off(simulated, point) })
    }
    return found
  }
)
