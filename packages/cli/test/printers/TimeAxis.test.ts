import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as TimeAxis from "../../src/printers/TimeAxis.ts"

describe("TimeAxis", () => {
  it("durations have three digits and the unit that suits them", () => {
    assert.deepStrictEqual(
      [0, 1, 999, 1000, 1234, 12_345, 123_456, 999_900, 1e6, 1.5e9, 12.44e9, 599e9, 600e9, 36e12, -1500].map(
        TimeAxis.duration
      ),
      [
        "0 s",
        "1 ns",
        "999 ns",
        "1 us",
        "1.23 us",
        "12.3 us",
        "123 us",
        "1 ms",
        "1 ms",
        "1.5 s",
        "12.4 s",
        "599 s",
        "10 min",
        "600 min",
        "-1.5 us"
      ]
    )
  })

  it("points in time are exact", () => {
    assert.deepStrictEqual(
      [0, 7, 1001, 1_000_000_001, 3_600_000_000_001, 1e15 + 1, -1500].map(TimeAxis.exact),
      ["0 ns", "7 ns", "1.001 us", "1.000000001 s", "3600.000000001 s", "1000000.000000001 s", "-1.5 us"]
    )
  })

  it("shares of nearly nothing and nearly everything are told from nothing and everything", () => {
    assert.deepStrictEqual([0, 0.001, 0.015, 0.5, 0.999, 1].map(TimeAxis.percent), [
      "0 %",
      "<1 %",
      "2 %",
      "50 %",
      "99 %",
      "100 %"
    ])
  })

  const labels = (start: number, end: number, most: number) =>
    TimeAxis.make({ start, end }, most).ticks.map(({ label }) => label)

  it("ticks are at round numbers of one unit", () => {
    assert.deepStrictEqual(labels(0, 3e9, 6), ["0.0 s", "0.5 s", "1.0 s", "1.5 s", "2.0 s", "2.5 s", "3.0 s"])
    assert.deepStrictEqual(labels(0, 1200, 3), ["0.0 us", "0.5 us", "1.0 us"])
    assert.deepStrictEqual(labels(0, 3600e9, 7), ["0 min", "10 min", "20 min", "30 min", "40 min", "50 min", "60 min"])
    assert.deepStrictEqual(labels(7, 9, 10), ["7 ns", "8 ns", "9 ns"])
    assert.deepStrictEqual(labels(5, 5, 4), ["5 ns"])
  })

  it("far from the beginning ticks count from where the axis begins", () => {
    const axis = TimeAxis.make({ start: 1e15 + 1, end: 1e15 + 901 }, 4)
    assert.strictEqual(axis.origin, 1e15 + 1)
    assert.deepStrictEqual(axis.ticks.map(({ label }) => label), ["+0 ns", "+500 ns"])
    assert.deepStrictEqual(axis.ticks.map(({ at }) => at), [1e15 + 1, 1e15 + 501])
  })

  const nanos = (maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))

  it.prop(
    "ticks ascend, lie on the axis, are told apart and are about as many as asked for",
    { start: nanos(1e15), range: nanos(1e13), scale: nanos(12), most: nanos(20) },
    ({ most, range, scale, start }) => {
      const end = start + Math.floor(range / 10 ** scale)
      const axis = TimeAxis.make({ start, end }, most + 1)
      assert.isAtLeast(axis.ticks.length, axis.ticks.length === 0 ? 0 : 1)
      assert.isAtMost(axis.ticks.length, most + 3)
      assert.strictEqual(new Set(axis.ticks.map(({ label }) => label)).size, axis.ticks.length)
      axis.ticks.forEach(({ at }, i) => {
        assert.isAtLeast(at, i === 0 ? start : axis.ticks[i - 1]?.at ?? 0)
        assert.isAtMost(at, axis.end)
      })
    },
    { arbitrary: { runs: 300, seed: "axis" } }
  )
})
