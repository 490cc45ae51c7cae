import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as MemmapOption from "../../src/resources/MemmapOption.ts"

const GiB = 1024 ** 3

const one = (text: string) => {
  const clause = MemmapOption.parse(text)[0]
  assert.isDefined(clause)
  return clause
}

const action = (text: string) => {
  const { action: found } = one(text)
  return found === null ? null : { ...found }
}

describe("MemmapOption", () => {
  it("20.3: nn@ss, nn#ss, nn$ss and nn!ss add types 1, 3, 2 and 12, size first", () => {
    for (const [operator, type] of [["@", 1], ["#", 3], ["$", 2], ["!", 12]] as const) {
      assert.deepStrictEqual(action(`16G${operator}4G`), { _tag: "Add", start: 4 * GiB, size: 16 * GiB, type })
    }
  })

  it("20.3: nn%ss converts, adds or removes", () => {
    const range = { start: 4 * GiB, size: GiB }
    assert.deepStrictEqual(action("1G%4G-1+12"), { _tag: "Convert", ...range, from: 1, to: 12 })
    assert.deepStrictEqual(action("1G%4G+0xefffffff"), { _tag: "Add", ...range, type: 0xefffffff })
    assert.deepStrictEqual(action("1G%4G-2"), { _tag: "Remove", ...range, type: 2 })
    assert.deepStrictEqual(action("1G%4G"), { _tag: "Remove", ...range, type: null })
  })

  it("20.3: exactmap, and nn alone", () => {
    assert.deepStrictEqual(action("exactmap"), { _tag: "ExactMap" })
    assert.deepStrictEqual(action("2G"), { _tag: "Limit", size: 2 * GiB })
  })

  it("20.3: decimal, hex and octal numbers, K M G T P suffixes in either case", () => {
    assert.deepStrictEqual(action("0x1000!0X100000000"), { _tag: "Add", start: 4 * GiB, size: 4096, type: 12 })
    assert.deepStrictEqual(action("010m!4g"), { _tag: "Add", start: 4 * GiB, size: 8 * 1024 ** 2, type: 12 })
    assert.deepStrictEqual(action("1T!2P"), { _tag: "Add", start: 2 * 1024 ** 5, size: 1024 ** 4, type: 12 })
  })

  it("20.3: trailing garbage is EINVAL, yet the simple forms have acted", () => {
    for (const text of ["1G!4Gx", "1G!4GiB", "2Gx", "08!4G"]) {
      assert.isNotNull(one(text).error, text)
      assert.isNotNull(one(text).action, text)
    }
    assert.isNull(action("1G%4G-1+12x"))
    assert.isNotNull(one("1G%4G-1+12x").error)
  })

  it("20.3: a clause without a number does nothing, and does not spoil its neighbours", () => {
    const clauses = MemmapOption.parse("64M!5G,,x!4G,1G!,512M!6G")
    assert.deepStrictEqual(clauses.map((c) => c.error === null), [true, false, false, false, true])
    assert.deepStrictEqual(MemmapOption.actions(clauses).length, 2)
    assert.match(clauses[2]?.error?.message ?? "", /x!4G.*size first/)
  })

  it("20.3: addresses of 2^52 and above are refused", () => {
    assert.match(one("1G!4P").error?.message ?? "", /2\^52/)
    assert.isNull(action("1E!4G"))
  })

  it("20.3: the swapped order is named when it is the only sane one, never guessed", () => {
    const swapped = one("4G!512K")
    assert.match(swapped.warning ?? "", /size first: this is 4G from 512K on; memmap=512K!4G was probably meant/)
    assert.deepStrictEqual(action("4G!512K"), { _tag: "Add", start: 512 * 1024, size: 4 * GiB, type: 12 })
    // Both readings are possible, or neither is: nothing is said.
    for (const text of ["4G!8G", "8G!4G", "64K$0x10000", "128T!16G", "2G"]) assert.isNull(one(text).warning, text)
  })

  it("20.3: mem= takes the number in front whatever follows; size 0 would leave no RAM", () => {
    const limits = ["8G", "8G@1G", "0x1000,x", "0", "nopentium", "", "64P"].map(MemmapOption.parseLimit)
    assert.deepStrictEqual(limits, [8 * 2 ** 30, 8 * 2 ** 30, 4096, null, null, null, null])
    assert.deepStrictEqual(MemmapOption.fromCommandLine("mem=0 quiet"), [])
  })

  it("20.3: memmap= and mem= are found on a command line, in order", () => {
    const clauses = MemmapOption.fromCommandLine(
      "console=ttyS0 memmap=1G!4G,1G!6G mem=nopentium xmemmap=1G!9G mem=8G memmap=64K$0x10000"
    )
    assert.deepStrictEqual(clauses.map((c) => c.text), ["1G!4G", "1G!6G", "8G", "64K$0x10000"])
  })

  it("20.3: hostile text gives clauses, not crashes", () => {
    for (const text of ["", ",", "!", "%", "-", "\0", "9".repeat(10000), "1G!".repeat(5000), "1G%4G-99999999999"]) {
      assert.isAtLeast(MemmapOption.parse(text).length, 1)
    }
  })

  it.prop(
    "20.3: a formatted line reads back as the same range",
    { start: Schema.Natural.check(Schema.isLessThan(2 ** 45)), size: Schema.Natural.check(Schema.isLessThan(2 ** 45)) },
    ({ size, start }) => {
      const line = MemmapOption.formatPmem(start, size)
      assert.deepStrictEqual(action(line.slice(7)), { _tag: "Add", start, size, type: 12 })
    },
    { arbitrary: { runs: 200, seed: "memmap" } }
  )

  it.prop(
    "20.3: no text makes the parser throw",
    {
      parts: Arbitrary.array(
        Arbitrary.schema(Schema.Literals(["1", "0x", "G", "!", "%", "-", "+", ",", "$", "exactmap", "08"]))
      )
    },
    ({ parts }) => {
      assert.isAtLeast(MemmapOption.parse(parts.join("")).length, 1)
    },
    { arbitrary: { runs: 200, seed: "grammar" } }
  )
})
