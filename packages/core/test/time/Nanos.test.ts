import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as Nanos from "../../src/time/Nanos.ts"

const refusal = (text: string): string => {
  const result = Nanos.parse(text)
  return Result.isFailure(result) ? result.failure : assert.fail(`${text} is ${result.success}`)
}

const decode = Schema.decodeUnknownResult(Nanos.Nanos)
const encode = Schema.encodeUnknownResult(Nanos.Nanos)

describe("Nanos.parse", () => {
  it("reads every unit, whole and not", () => {
    for (
      const [text, nanos] of [
        ["0", 0],
        ["0.0", 0],
        ["0s", 0],
        ["1ns", 1],
        ["0.4ns", 0],
        ["0.5ns", 1],
        ["1us", 1e3],
        ["268ms", 268e6],
        ["1.5 s", 15e8],
        ["  1.5s ", 15e8],
        ["4min", 240e9],
        ["2h", 7200e9],
        ["341.0ms", 341e6],
        ["0.000000001s", 1],
        ["000001s", 1e9]
      ] as const
    ) {
      assert.deepStrictEqual(Nanos.parse(text), Result.succeed(nanos), text)
    }
  })

  it("refuses other words, numbers without a unit, and more than can be counted", () => {
    for (
      const text of [
        "",
        " ",
        "s",
        "1.s",
        ".5s",
        "-1s",
        "+1s",
        "1e3s",
        "1,5s",
        "0x10ns",
        "1S",
        "1 m",
        "1d",
        "1ms2us",
        "NaN",
        "Infinity",
        "1 000ms",
        "٣s",
        "1".repeat(21) + "ns"
      ]
    ) {
      assert.match(refusal(text), /^a time is a number with ns, us, ms, s, min or h/, text)
    }
    assert.strictEqual(refusal("5"), "5 needs a unit: ns, us, ms, s, min or h")
    assert.match(refusal("0.1"), /needs a unit/)
    assert.match(refusal("2502h"), /less than 104 days/)
    assert.match(refusal("999999999999999h"), /less than 104 days/)
    assert.isTrue(Result.isSuccess(Nanos.parse("2501h")))
    assert.match(refusal("9".repeat(1_000_000)), /^a time/)
  })

  it.prop(
    "whole nanoseconds are read as they are written, in every unit",
    [Arbitrary.schema(Schema.Natural)],
    ([n]) => {
      const nanos = n % 9e14
      assert.deepStrictEqual(Nanos.parse(`${nanos}ns`), Result.succeed(nanos))
      const seconds = `${Math.floor(nanos / 1e9)}.${String(nanos % 1e9).padStart(9, "0")}s`
      const found = Result.getOrThrow(Nanos.parse(seconds))
      assert.isAtMost(Math.abs(found - nanos), 1)
    },
    { arbitrary: { runs: 300, seed: "nanos" } }
  )
})

describe("Nanos.Nanos", () => {
  it("is a number of nanoseconds or a text, and nothing else", () => {
    assert.deepStrictEqual(Result.getOrThrow(decode(5)), 5)
    assert.deepStrictEqual(Result.getOrThrow(decode("3.7s")), 37e8)
    for (const value of [-1, 1.5, Number.NaN, Infinity, "5", "", "soon", null, undefined, {}, [], true, 2n]) {
      assert.isTrue(Result.isFailure(decode(value)), String(value))
    }
    const failure = decode("5 m")
    assert.match(Result.isFailure(failure) ? failure.failure.message : "", /a time is a number with/)
  })

  it.prop("what is written is read again", [Arbitrary.schema(Schema.Natural)], ([nanos]) => {
    const written = Result.getOrThrow(encode(nanos))
    assert.deepStrictEqual(Result.getOrThrow(decode(written)), nanos)
  }, { arbitrary: { runs: 200, seed: "encoded" } })
})

describe("Nanos.format", () => {
  it("has three digits and a unit", () => {
    for (
      const [nanos, text] of [
        [0, "0 ns"],
        [1, "1 ns"],
        [999, "999 ns"],
        [1000, "1.00 us"],
        [1234, "1.23 us"],
        [12_345, "12.3 us"],
        [123_456, "123 us"],
        [5_000_000, "5.00 ms"],
        [104_590_000, "105 ms"],
        [1_500_000_000, "1.50 s"],
        [119_000_000_000, "119 s"],
        [240_000_000_000, "4.00 min"],
        [7_100_000_000_000, "118 min"],
        [36_000_000_000_000, "10.0 h"],
        [-1500, "-1.50 us"]
      ] as const
    ) {
      assert.strictEqual(Nanos.format(nanos), text)
    }
  })

  it("never shows four digits where the next unit has one", () => {
    for (
      const [nanos, text] of [
        [999_999, "1.00 ms"],
        [999_500, "1.00 ms"],
        [9_999, "10.0 us"],
        [9_995, "10.0 us"],
        [99_950, "100 us"],
        [999_999_999, "1.00 s"],
        [119_999_999_999, "2.00 min"]
      ] as const
    ) {
      assert.strictEqual(Nanos.format(nanos), text)
    }
  })

  it.prop("is within half a percent, and what it shows is read again", [Arbitrary.schema(Schema.Natural)], ([n]) => {
    const nanos = n % 9e15
    const text = Nanos.format(nanos)
    assert.match(text, /^[0-9]+(\.[0-9]+)? (ns|us|ms|s|min)$/)
    if (nanos < 6e13) assert.isAtMost(text.replace(/ .*|\./g, "").length, 4, text)
    assert.isAtMost(Math.abs(Result.getOrThrow(Nanos.parse(text)) - nanos), nanos * 0.00501, text)
  }, { arbitrary: { runs: 300, seed: "format" } })
})
