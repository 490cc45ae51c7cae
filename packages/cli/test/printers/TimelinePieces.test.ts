import { assert, describe, it } from "@effect/vitest"
import * as Tracks from "@vmemmap/core/time/Tracks"
import { Arbitrary, Schema } from "effect"
import * as TimelinePieces from "../../src/printers/TimelinePieces.ts"
import { span } from "./timelines.ts"

const time = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 })))
const pairs = Arbitrary.array(Arbitrary.all([time, time]), { minLength: 0, maxLength: 60 })

const laneOf = (pairs: ReadonlyArray<readonly [number, number]>): Tracks.Lane["spans"] =>
  Tracks.groups(pairs.map(([a, b]) => span("g", "l", "s", Math.min(a, b), Math.max(a, b))))[0]?.lanes[0]?.spans ?? []

describe("TimelinePieces", () => {
  it("spans within others are on the next row, and one that takes no time needs none of its own", () => {
    const rows = TimelinePieces.rows(laneOf([[0, 100], [10, 20], [20, 30], [0, 0], [100, 110]]), 4)
    assert.deepStrictEqual(rows.map((row) => row.map(({ end, start }) => [start, end])), [
      [[0, 0], [0, 100], [100, 110]],
      [[10, 20], [20, 30]]
    ])
  })

  it("short neighbours are one piece that says how long it was busy", () => {
    const [first, second, ...rest] = TimelinePieces.join(
      TimelinePieces.single(laneOf([[0, 2], [4, 5], [12, 13], [20, 40]])),
      10,
      0
    )
    assert.deepStrictEqual([first?.start, first?.end, first?.busy, first?.entries.length], [0, 5, 3, 2])
    assert.deepStrictEqual([second?.start, second?.end, second?.entries.length], [12, 13, 1])
    assert.deepStrictEqual(rest.map(({ end, start }) => [start, end]), [[20, 40]])
  })

  it.prop("rows are at most four, all but the last without overlap, and hold every span", { pairs }, ({ pairs }) => {
    const rows = TimelinePieces.rows(laneOf(pairs), 4)
    assert.isAtMost(rows.length, 4)
    assert.strictEqual(rows.flat().length, pairs.length)
    for (const row of rows.slice(0, 3)) {
      row.forEach(({ start }, i) => assert.isAtMost(i === 0 ? 0 : row[i - 1]?.end ?? 0, start))
    }
  }, { arbitrary: { runs: 200, seed: "rows" } })

  it.prop("joined pieces are disjoint, hold every span, and are few", { pairs }, ({ pairs }) => {
    for (const row of TimelinePieces.rows(laneOf(pairs), 4)) {
      const pieces = TimelinePieces.join(TimelinePieces.single(row), 20, 0)
      assert.deepStrictEqual(pieces.flatMap(({ entries }) => entries), [...row])
      assert.isAtMost(pieces.length, 2 * 200 / 20 + 2)
      pieces.forEach(({ busy, end, start }, i) => {
        assert.isAtMost(busy, end - start + 1e-9)
        assert.isAtMost(i === 0 ? 0 : pieces[i - 1]?.end ?? 0, start)
      })
    }
  }, { arbitrary: { runs: 200, seed: "pieces" } })
})
