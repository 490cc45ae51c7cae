import { assert, describe, it } from "@effect/vitest"
import * as Alignment from "@vmemmap/core/geometry/Alignment"
import { Arbitrary, Schema } from "effect"

const address = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 52 - 1 })))
const exponent = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })))

describe("Alignment", () => {
  it.prop(
    "up and down bracket the value on multiples of the unit, beyond 32 bits",
    [address, exponent],
    ([value, e]) => {
      const unit = 2 ** e
      const low = Alignment.down(value, unit)
      const high = Alignment.up(value, unit)
      assert.isTrue(low <= value && value <= high && high - low <= unit)
      assert.isTrue(Alignment.isAligned(low, unit) && Alignment.isAligned(high, unit))
    }
  )

  it.prop("largestPowerDividing is the lowest set bit of the binary form", [address], ([value]) => {
    const big = BigInt(value)
    assert.strictEqual(Alignment.largestPowerDividing(value), Number(big & -big))
  })

  it.prop("isPowerOfTwo holds for exactly the powers", [exponent], ([e]) => {
    assert.isTrue(Alignment.isPowerOfTwo(2 ** e))
    assert.isFalse(Alignment.isPowerOfTwo(2 ** e * 3))
    assert.isFalse(Alignment.isPowerOfTwo(0))
  })

  it("slotsTouched counts partly covered slots and none for an empty range", () => {
    assert.strictEqual(Alignment.slotsTouched(1, 9, 4), 3)
    assert.strictEqual(Alignment.slotsTouched(4, 8, 4), 1)
    assert.strictEqual(Alignment.slotsTouched(4, 4, 4), 0)
  })

  it("leastCommonMultiple of six ways at 16 MiB and 2 MiB is 96 MiB", () => {
    assert.strictEqual(Alignment.leastCommonMultiple(16 * 2 ** 20 * 6, 2 * 2 ** 20 * 6), 96 * 2 ** 20)
  })
})
