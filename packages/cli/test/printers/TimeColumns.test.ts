import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as TimeColumns from "../../src/printers/TimeColumns.ts"

const count = 8

const place = Arbitrary.map(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: -20, maximum: 100 }))),
  (tenths) => tenths / 10
)

describe("TimeColumns", () => {
  it("a stretch that takes no time leaves a trace where it is, also at the very end", () => {
    for (const at of [0, 3.5, count]) {
      const columns = TimeColumns.make(count)
      TimeColumns.add(columns, at, at)
      assert.deepStrictEqual(
        TimeColumns.sums(columns).map((sum) => sum > 0),
        Array.from({ length: count }, (_, i) => i === Math.min(count - 1, Math.floor(at)))
      )
    }
  })

  it.prop(
    "columns hold what stretches overlap with them",
    { stretches: Arbitrary.array(Arbitrary.all([place, place]), { minLength: 0, maxLength: 30 }) },
    ({ stretches }) => {
      const columns = TimeColumns.make(count)
      const ordered = stretches.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
      for (const [from, to] of ordered) TimeColumns.add(columns, from, to)
      TimeColumns.sums(columns).forEach((sum, i) => {
        const expected = ordered.reduce(
          (all, [from, to]) => all + Math.max(0, Math.min(to, i + 1) - Math.max(from, i)),
          0
        )
        assert.closeTo(sum, expected, 1e-6)
      })
    },
    { arbitrary: { runs: 200, seed: "columns" } }
  )
})
