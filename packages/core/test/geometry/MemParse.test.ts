import { assert, describe, it } from "@effect/vitest"
import * as MemParse from "@vmemmap/core/geometry/MemParse"
import { Arbitrary, Result, Schema } from "effect"

const size = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 52 - 1 })))

const ok = (text: string): number => Result.getOrThrow(MemParse.parse(text))
const why = (text: string): string => {
  const result = MemParse.parse(text)
  assert.isTrue(Result.isFailure(result), text)
  return Result.isFailure(result) ? result.failure.message : ""
}

describe("MemParse", () => {
  it("20.3: reads decimal, hexadecimal and octal with binary suffixes", () => {
    assert.strictEqual(ok("1500G"), 1500 * 2 ** 30)
    assert.strictEqual(ok("2M"), 2 ** 21)
    assert.strictEqual(ok("0x100000000"), 2 ** 32)
    assert.strictEqual(ok("010"), 8)
    assert.strictEqual(ok("126GiB"), 126 * 2 ** 30)
    assert.strictEqual(ok("4096"), 4096)
    assert.strictEqual(ok("1k"), 1024)
  })

  it("refuses what it would have to guess, saying what would be right", () => {
    assert.include(why("128GB"), "write MiB/GiB/TiB")
    assert.include(why("089"), "octal")
    assert.include(why("xyz"), "such as 1500G")
    assert.include(why("-1"), "not a size")
    assert.include(why(""), "not a size")
  })

  it("refuses 2^52 and above", () => {
    assert.include(why("4P"), "below 4 PiB")
    assert.include(why("0x10000000000000"), "below 4 PiB")
    assert.include(why("99999999999999999999"), "below 4 PiB")
    assert.strictEqual(ok("4503599627370495"), 2 ** 52 - 1)
  })

  it("reads START+SIZE and an inclusive START-END alike", () => {
    const range = { start: 2 ** 32, size: 2 ** 37 }
    assert.deepStrictEqual(Result.getOrThrow(MemParse.parseRange("0x100000000+128G")), range)
    assert.deepStrictEqual(Result.getOrThrow(MemParse.parseRange("0x100000000-0x20ffffffff")), range)
    for (const text of ["4G", "4G+0", "8G-4G", "4G+4G+4G", "2P+3P"]) {
      assert.isTrue(Result.isFailure(MemParse.parseRange(text)), text)
    }
  })

  it("a range that ends with one byte of a page is refused with what may be meant", () => {
    const refused = MemParse.parseRange("4G-20G").pipe(Result.flip, Result.getOrThrow)
    assert.include(refused.message, "write 4G-0x4ffffffff, or 4G+16G")
    assert.isTrue(Result.isSuccess(MemParse.parseRange("4G-0x4ffffffff")))
    for (const text of ["0x0-0x0", "4G-4G"]) {
      const { message } = MemParse.parseRange(text).pipe(Result.flip, Result.getOrThrow)
      assert.include(message, "is one byte; write START+SIZE")
    }
  })

  it.prop("parse is the inverse of format", [size], ([bytes]) => {
    assert.strictEqual(ok(MemParse.format(bytes)), bytes)
  })

  it("memparse() reads the number in front, with one unit, and leaves the rest", () => {
    assert.deepStrictEqual(["40%", "1gB", "0x10K!4G", "08", "G"].map(MemParse.splitLeading), [
      { token: "40", suffix: "", rest: "%" },
      { token: "1g", suffix: "G", rest: "B" },
      { token: "0x10K", suffix: "K", rest: "!4G" },
      { token: "0", suffix: "", rest: "8" },
      null
    ])
  })
})
