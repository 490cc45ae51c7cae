import { assert, describe, it } from "@effect/vitest"
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import { Arbitrary, Result, Schema } from "effect"
import vectors from "../../../../docs/spec/28-capacity-vectors.json" with { type: "json" }

const bytes = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 52 - 1 })))

describe("HumanSize", () => {
  it("27.1: prints every vector of spec 28 as ndctl -u does", () => {
    for (const vector of vectors) {
      if (vector.usable !== undefined) assert.strictEqual(HumanSize.format(vector.usable), vector.human)
    }
  })

  it("27.1: 5120000 bytes is where the human form begins", () => {
    assert.strictEqual(HumanSize.format(5119999), "5119999")
    assert.strictEqual(HumanSize.format(5120000), "4.88 MiB (5.12 MB)")
    assert.strictEqual(HumanSize.format(2 ** 30), "1024.00 MiB (1073.74 MB)")
  })

  it("27.1: rounding hides a 2 MiB loss of 128 GiB", () => {
    assert.isTrue(HumanSize.hides(137436856320, 2 ** 37))
    assert.isFalse(HumanSize.hides(135289372672, 2 ** 37))
    assert.isFalse(HumanSize.hides(2 ** 37, 2 ** 37))
  })

  it.prop("parse gives exactly the sizes that print alike", [bytes], ([value]) => {
    const { least, most } = Result.getOrThrow(HumanSize.parse(HumanSize.format(value)))
    assert.isTrue(least <= value && value <= most)
    assert.strictEqual(HumanSize.format(least), HumanSize.format(value))
    assert.strictEqual(HumanSize.format(most), HumanSize.format(value))
    assert.notStrictEqual(HumanSize.format(most + 1), HumanSize.format(value))
    if (least > 0) assert.notStrictEqual(HumanSize.format(least - 1), HumanSize.format(value))
  })

  it("parse refuses halves that contradict each other", () => {
    assert.isTrue(Result.isFailure(HumanSize.parse("126.00 GiB (99.29 GB)")))
    assert.isTrue(Result.isFailure(HumanSize.parse("126.00 GiB (135.29 MB)")))
    assert.isTrue(Result.isFailure(HumanSize.parse("12 apples")))
  })

  it("resolve finds the one multiple of the granule, or says that it is not the only one", () => {
    const approximate = Result.getOrThrow(HumanSize.parse("1006.00 MiB (1054.87 MB)"))
    assert.deepStrictEqual(HumanSize.resolve(approximate, 2 ** 21), { bytes: 1054867456, exact: true })
    const wide = Result.getOrThrow(HumanSize.parse("15.75 TiB (17.32 TB)"))
    assert.isFalse(HumanSize.resolve(wide, 2 ** 21).exact)
  })

  it("formatBinary drops the fraction when there is none", () => {
    assert.strictEqual(HumanSize.formatBinary(2 ** 21), "2 MiB")
    assert.strictEqual(HumanSize.formatBinary(135161446400), "125.88 GiB")
    assert.strictEqual(HumanSize.formatBinary(100), "100 B")
  })
})
