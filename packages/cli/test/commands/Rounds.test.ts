import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Rounds from "../../src/commands/Rounds.ts"

const ms = 1e6

/** Rounds that take these times, the last one again and again. */
const taking = (...times: ReadonlyArray<number>) => {
  let next = 0
  return Effect.sync(() => ({ nanos: (times[next++] ?? times.at(-1) ?? 0) * ms }))
}

const rounds = (...times: ReadonlyArray<number>) =>
  Effect.map(Rounds.measure(taking(...times), undefined), ({ length }) => length)

describe("Rounds", () => {
  it.effect("5 rounds after one to warm up, 41 of what takes less than 5 ms", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual([yield* rounds(5), yield* rounds(4.9)], [5, 41])
    }))

  it.effect("the fastest so far decides, whichever round that is: a slow one to warm up is no reason for few", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* rounds(80, 1), 41)
      assert.strictEqual(yield* rounds(80, 70, 60, 90, 80, 1, 80), 41)
      assert.strictEqual(yield* rounds(1, 80), 41)
      // The seventh is not waited for.
      assert.strictEqual(yield* rounds(80, 70, 60, 90, 80, 70, 1), 5)
    }))

  it.effect("as many as are asked for, without the one to warm up", () =>
    Effect.gen(function*() {
      const measured = yield* Rounds.measure(taking(1, 2, 3, 4), 3)
      assert.deepStrictEqual(measured.map(({ nanos }) => nanos / ms), [2, 3, 4])
    }))

  it("the median is the one in the middle, or the mean of the two there", () => {
    assert.strictEqual(Rounds.median([7]), 7)
    assert.strictEqual(Rounds.median([9, 1, 2]), 2)
    assert.strictEqual(Rounds.median([10, 1, 4, 2]), 3)
    assert.strictEqual(Rounds.median([]), 0)
  })
})
