import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as VirtualTime from "../../src/time/VirtualTime.ts"

type Step = { readonly sleep: number } | { readonly fork: ReadonlyArray<number> }

/** Few different lengths, so that there are many ties. */
const millis = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })))

const naps = Arbitrary.array(millis, { minLength: 1, maxLength: 6 })

const step: Arbitrary.Arbitrary<Step> = Arbitrary.map(
  Arbitrary.all([Arbitrary.schema(Schema.Literals([0, 0, 1])), millis, naps]),
  ([forks, sleep, fork]) => forks === 1 ? { fork } : { sleep }
)

const programs = Arbitrary.array(Arbitrary.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 })

/** Every fiber notes each of its wake-ups; it ends when all have. */
const noting = (program: ReadonlyArray<ReadonlyArray<Step>>, log: Array<string>): Effect.Effect<void> => {
  const sleeps = (name: string, lengths: ReadonlyArray<number>) =>
    Effect.forEach(
      lengths,
      (length, i) => Effect.andThen(Effect.sleep(length), Effect.sync(() => log.push(`${name}.${i}`))),
      { discard: true }
    )
  const fiber = Effect.fnUntraced(function*(steps: ReadonlyArray<Step>, name: string) {
    const children: Array<Fiber.Fiber<void>> = []
    for (const [i, one] of steps.entries()) {
      if ("sleep" in one) yield* sleeps(`${name}.${i}`, [one.sleep])
      else children.push(yield* Effect.forkChild(sleeps(`${name}.${i}`, one.fork)))
    }
    yield* Fiber.joinAll(children)
  })
  return Effect.forEach(program, (steps, i) => fiber(steps, `${i}`), { concurrency: "unbounded", discard: true })
}

describe("VirtualTime: wake order", () => {
  it.effect.prop(
    "is that of Effect's TestClock, ties included",
    { program: programs },
    ({ program }) =>
      Effect.gen(function*() {
        const [virtual, tested] = [Array<string>(), Array<string>()]
        const { left } = yield* VirtualTime.run(noting(program, virtual))
        const fiber = yield* Effect.forkChild(noting(program, tested))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(virtual, tested)
        assert.deepStrictEqual(left, [])
        assert.isAbove(virtual.length, 0)
      }),
    { arbitrary: { runs: 300, seed: "ties" } }
  )
})
