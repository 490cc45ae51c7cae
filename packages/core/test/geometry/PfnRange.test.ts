import { assert, describe, it } from "@effect/vitest"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { Arbitrary, Schema } from "effect"

const small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))
const range = Arbitrary.map(Arbitrary.schema(Schema.Tuple([small, small])), ([a, b]) => ({
  start: Math.min(a, b),
  end: Math.max(a, b)
}))
const ranges = Arbitrary.array(range, { maxLength: 6 })

const units = (list: ReadonlyArray<PfnRange.PfnRange>): ReadonlySet<number> =>
  new Set(list.flatMap((r) => Array.from({ length: PfnRange.length(r) }, (_, i) => r.start + i)))

describe("PfnRange", () => {
  it.prop("normalise keeps every unit, sorted, disjoint and not touching", [ranges], ([list]) => {
    const out = PfnRange.normalise(list)
    assert.deepStrictEqual([...units(out)].toSorted((a, b) => a - b), [...units(list)].toSorted((a, b) => a - b))
    for (const [i, r] of out.entries()) {
      const next = out[i + 1]
      assert.isTrue(next === undefined || r.end < next.start)
    }
  })

  it.prop("subtract leaves exactly the units outside the holes", [range, ranges], ([whole, holes]) => {
    const taken = units(holes)
    assert.deepStrictEqual(
      [...units(PfnRange.subtract(whole, holes))],
      [...units([whole])].filter((u) => !taken.has(u))
    )
  })

  it.prop("shrinkTo is the largest aligned range inside", [range], ([r]) => {
    const inner = PfnRange.shrinkTo(r, 8)
    assert.strictEqual(inner.start % 8, 0)
    assert.strictEqual(inner.end % 8, 0)
    assert.isTrue(inner.start === inner.end || PfnRange.contains(r, inner))
    const slots = [0, 8, 16, 24, 32].filter((s) => PfnRange.contains(r, { start: s, end: s + 8 }))
    assert.strictEqual(PfnRange.length(inner), slots.length * 8)
  })

  it.prop("overlaps means a shared unit", [range, range], ([a, b]) => {
    const mine = units([a])
    assert.strictEqual(
      PfnRange.overlaps(a, b) && a.start < a.end && b.start < b.end,
      [...units([b])].some((u) => mine.has(u))
    )
  })
})
