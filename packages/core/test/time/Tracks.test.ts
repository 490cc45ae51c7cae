import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import type { Entry } from "../../src/time/Timeline.ts"
import * as Tracks from "../../src/time/Tracks.ts"

const span = (group: string, lane: string, start: number, end: number): Entry => ({
  kind: "span",
  group,
  lane,
  name: `${start}-${end}`,
  start,
  end,
  details: {}
})

const times = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })))

const spans = Arbitrary.array(Arbitrary.all([times, times]), { minLength: 0, maxLength: 40 })

/** The spans of one lane, in its order. */
const laneOf = (pairs: ReadonlyArray<readonly [number, number]>): ReadonlyArray<Entry> =>
  Tracks.groups(pairs.map(([a, b]) => span("g", "l", Math.min(a, b), Math.max(a, b))))[0]?.lanes[0]?.spans ?? []

const meets = (a: Entry, b: Entry): boolean => {
  const apart = a.end <= b.start || b.end <= a.start
  const within = (a.start <= b.start && b.end <= a.end) || (b.start <= a.start && a.end <= b.end)
  return apart || within
}

describe("Tracks", () => {
  it("names are compared as people number things, and every order of entries gives the same order of names", () => {
    const names = ["worker 0", "worker 2", "worker 10", "worker 10b", "worker 010", "x", "10", "9", ""]
    assert.deepStrictEqual(
      names.toSorted(Tracks.compareNames),
      ["", "9", "10", "worker 0", "worker 2", "worker 010", "worker 10", "worker 10b", "x"]
    )
    const entries = [
      span("pmem1", "worker 1", 40, 50),
      span("pmem1", "probe", 30, 60),
      span("pmem10", "probe", 21, 22),
      span("pmem2", "worker 0", 41, 50),
      span("boot", "cpu", 0, 10),
      span("alock", "cpu", 25, 26)
    ]
    const shape = (own: ReadonlyArray<Entry>) =>
      Tracks.groups(own).map(({ lanes, name }) => [name, lanes.map((_) => _.name)])
    const expected = [
      ["boot", ["cpu"]],
      ["pmem1", ["probe", "worker 1"]],
      ["pmem2", ["worker 0"]],
      ["pmem10", ["probe"]],
      ["alock", ["cpu"]]
    ]
    assert.deepStrictEqual(shape(entries), expected)
    assert.deepStrictEqual(shape(entries.toReversed()), expected)
  })

  it("times are whole nanoseconds, ends are not before starts, and what has no finite time is left out", () => {
    const [group] = Tracks.groups([span("g", "l", 1.4, 0.2), span("g", "l", NaN, 1), span("g", "l", 0, Infinity)])
    assert.deepStrictEqual(group?.lanes[0]?.spans.map(({ end, start }) => [start, end]), [[1, 1]])
    assert.deepStrictEqual(Tracks.extent(Tracks.groups([])), null)
    assert.deepStrictEqual(
      Tracks.union([null, Tracks.extent(Tracks.groups([span("g", "l", 3, 4), span("h", "l", 1, 2)])), null]),
      { start: 1, end: 4 }
    )
  })

  it("entries are tallied by name, and spans that meet are busy together", () => {
    const entries = [span("g", "l", 0, 10), span("g", "l", 5, 20), span("g", "l", 20, 30), span("g", "l", 40, 41)]
    const groups = Tracks.groups([
      ...entries.map((entry) => ({ ...entry, name: entry.start < 10 ? "early" : "late" })),
      { ...span("g", "m", 7, 7), kind: "instant" as const, name: "i" }
    ])
    assert.deepStrictEqual(Tracks.tally(Tracks.entries(groups, "spans")), [
      { name: "early", count: 2, nanos: 25 },
      { name: "late", count: 2, nanos: 11 }
    ])
    assert.deepStrictEqual(Tracks.tally(Tracks.entries(groups, "instants")), [{ name: "i", count: 1, nanos: 0 }])
    assert.deepStrictEqual(Tracks.busy(groups[0]?.lanes[0]?.spans ?? []), [{ start: 0, end: 30 }, {
      start: 40,
      end: 41
    }])
  })

  it.prop("spans of one layer nest or do not meet", { spans }, ({ spans }) => {
    const lane = laneOf(spans)
    const layers = Tracks.layers(lane)
    lane.forEach((one, i) =>
      lane.slice(0, i).forEach((other, j) => {
        if (layers[i] === layers[j]) assert.isTrue(meets(one, other), `${one.name} and ${other.name}`)
      })
    )
  }, { arbitrary: { runs: 300, seed: "layers" } })

  it.prop("a span is on the first layer that had room for it", { spans }, ({ spans }) => {
    const lane = laneOf(spans)
    const layers = [...Tracks.layers(lane)]
    lane.forEach((one, i) => {
      for (let layer = 0; layer < (layers[i] ?? 0); layer++) {
        assert.isTrue(lane.slice(0, i).some((other, j) => layers[j] === layer && !meets(one, other)))
      }
    })
  }, { arbitrary: { runs: 300, seed: "first layer" } })

  it("a hundred thousand spans that all overlap have a layer each", () => {
    const count = 100_000
    const lane = Array.from({ length: count }, (_, i) => span("g", "l", i, count + i))
    const layers = Tracks.layers(lane)
    assert.strictEqual(layers.at(-1), count - 1)
  })
})
