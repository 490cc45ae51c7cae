import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as Schedule from "../../src/explore/Schedule.ts"

const Number26 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 25 }))

const choice = Arbitrary.schema(Schema.Struct({ isTask: Schema.Boolean, number: Number26, fiber: Number26 }))

describe("Schedule", () => {
  it.prop("reads what it wrote", [Arbitrary.array(choice, { maxLength: 40 })], ([drawn]) => {
    const choices = drawn.map(({ fiber, isTask, number }): Schedule.Choice =>
      isTask ? { _tag: "Task", task: number } : { _tag: "Context", context: number, fiber }
    )
    assert.deepStrictEqual(Result.getOrThrow(Schedule.parse(Schedule.format(choices))), choices)
  }, { arbitrary: { runs: 200, seed: "schedules" } })

  it("is short", () => {
    const a: Schedule.Choice = { _tag: "Context", context: 0, fiber: 0 }
    assert.strictEqual(
      Schedule.format([a, a, a, { ...a, context: 1, fiber: 2 }, { _tag: "Task", task: 1 }, a]),
      "3A B.2 ~1 A"
    )
    assert.strictEqual(Schedule.format([]), "")
  })

  for (const text of ["a", "3", "0A", "A-1", "~", "~x", "99999999A", "9999999A", "A.12345", "AB"]) {
    it(`refuses '${text}', and says why`, () => {
      const parsed = Schedule.parse(`A ${text}`)
      assert.isTrue(Result.isFailure(parsed))
      if (Result.isFailure(parsed)) assert.match(parsed.failure.message, /is no schedule/)
    })
  }
})
