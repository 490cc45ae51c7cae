import { assert, describe, it } from "@effect/vitest"
import * as Tracks from "@vmemmap/core/time/Tracks"
import * as TimelinePlan from "../../src/printers/TimelinePlan.ts"
import { bringUp, instant, span } from "./timelines.ts"

const bounds: TimelinePlan.Bounds = { pixels: 1000, lanes: 4, groups: 4, shapes: 1000 }

const shapesOf = ({ blocks }: TimelinePlan.Plan): number =>
  blocks.flatMap(({ groups }) => groups.flatMap(({ rows }) => rows))
    .reduce((sum, { clusters, pieces }) => sum + clusters.length + pieces.flat().length, 0)

const countOf = ({ blocks }: TimelinePlan.Plan): number =>
  blocks.flatMap(({ groups }) => groups.flatMap(({ rows }) => rows))
    .reduce(
      (sum, { clusters, pieces }) => sum + clusters.flat().length + pieces.flat().flatMap((_) => _.entries).length,
      0
    )

describe("TimelinePlan", () => {
  it("lanes and groups beyond the limits are one row each, never instead of a single one", () => {
    const plan = TimelinePlan.make([{ name: "", entries: bringUp(6, 16) }], false, bounds)
    assert.deepStrictEqual(plan.blocks[0]?.groups.map(({ name, rows }) => [name, ...rows.map(({ label }) => label)]), [
      ["boot", "cpu 0"],
      ["mem_hotplug_lock", "nd_pmem 0", "nd_pmem 1", "nd_pmem 2", "nd_pmem 3", "… 2 more lanes"],
      ["pmem0", "probe", "worker 0", "worker 1", "worker 2", "… 14 more lanes"],
      ["pmem1", "probe", "worker 0", "worker 1", "worker 2", "… 14 more lanes"],
      ["… 4 more groups", "72 lanes"]
    ])
    assert.deepStrictEqual(TimelinePlan.folded([1, 2, 3], 2), [[1, 2, 3], []])
    assert.deepStrictEqual(TimelinePlan.folded([1, 2, 3, 4], 2), [[1, 2], [3, 4]])
  })

  it("a lane of instants alone does not make others look idle", () => {
    const [group] = Tracks.groups([span("g", "a", "x", 0, 10), span("g", "b", "x", 0, 5), instant("g", "c", "i", 3)])
    const lanes = group?.lanes ?? []
    assert.strictEqual(TimelinePlan.busyShare(lanes, { start: 0, end: 10 }), 0.75)
    assert.deepStrictEqual(TimelinePlan.profile(lanes, { start: 0, end: 10 }, 2), [1, 0.5])
    assert.isNull(TimelinePlan.busyShare(lanes.slice(2), { start: 0, end: 10 }))
  })

  it("several timelines have one axis, or one each", () => {
    const timelines = [
      { name: "a", entries: [span("g", "l", "x", 5, 10)] },
      { name: "b", entries: [span("g", "l", "x", 0, 7)] },
      { name: "c", entries: [] }
    ]
    const axes = (isCommon: boolean) => TimelinePlan.make(timelines, isCommon, bounds).blocks.map(({ axis }) => axis)
    assert.deepStrictEqual(axes(true), [{ start: 0, end: 10 }, { start: 0, end: 10 }, null])
    assert.deepStrictEqual(axes(false), [{ start: 5, end: 10 }, { start: 0, end: 7 }, null])
  })

  it("a hundred thousand entries are as many shapes as are wanted, and none of them is lost", () => {
    const entries = Array.from({ length: 100_000 }, (_, i) =>
      i % 10 === 0
        ? instant(`g${i % 3}`, "l", `i${i % 7}`, i * 100)
        : span(`g${i % 3}`, "l", `s${i % 7}`, i * 100, i * 100 + (i % 400) ** 2))
    for (const shapes of [10_000, 1000, 100]) {
      const plan = TimelinePlan.make([{ name: "", entries }], false, { ...bounds, shapes })
      assert.isAtMost(shapesOf(plan), shapes)
      assert.strictEqual(countOf(plan), entries.length)
    }
    assert.isAtMost(shapesOf(TimelinePlan.make([{ name: "", entries }], false, { ...bounds, shapes: 0 })), 3 * 2 * 5)
  })
})
