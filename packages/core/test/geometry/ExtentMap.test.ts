import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"

const write = Schema.Struct({
  start: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })),
  length: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })),
  value: Schema.Literals(["a", "b", "none"])
})

describe("ExtentMap", () => {
  it.prop(
    "behaves as an array of values",
    [Arbitrary.array(Arbitrary.schema(write), { maxLength: 20 })],
    ([writes]) => {
      const map = ExtentMap.empty<string>()
      const plain = Array.from<string | undefined>({ length: 50 }).fill(undefined)
      for (const { length, start, value } of writes) {
        if (value === "none") ExtentMap.remove(map, start, start + length)
        else ExtentMap.set(map, start, start + length, value)
        plain.fill(value === "none" ? undefined : value, start, start + length)
        assert.deepStrictEqual(plain.map((_, i) => ExtentMap.find(map, i)?.value), plain)
      }
      map.extents.forEach((extent, i) => {
        const next = map.extents[i + 1]
        assert.isTrue(extent.start < extent.end)
        if (next !== undefined) assert.isTrue(extent.end < next.start || extent.value !== next.value)
      })
      for (const at of [0, 7, 20, 49]) {
        const own = map.extents.filter(({ value }) => value === "a")
        assert.deepStrictEqual(ExtentMap.next(map, at, "a"), own.find(({ end }) => end > at))
        assert.deepStrictEqual(ExtentMap.previous(map, at, "a"), own.findLast(({ start }) => start < at))
      }
      for (const [from, to] of [[3, 17], [0, 50], [11, 12]] as const) {
        const inside = ExtentMap.slice(map, from, to)
        const outside = ExtentMap.gaps(map, from, to)
        assert.strictEqual([...inside, ...outside].reduce((n, e) => n + e.end - e.start, 0), to - from)
        assert.isTrue(inside.every((e) => plain.slice(e.start, e.end).every((v) => v === e.value)))
        assert.isTrue(outside.every((e) => plain.slice(e.start, e.end).every((v) => v === undefined)))
        assert.strictEqual(ExtentMap.overlaps(map, from, to), inside.length > 0)
      }
    },
    { arbitrary: { runs: 500, seed: "extents" } }
  )
})
