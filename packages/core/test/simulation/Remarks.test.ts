import { assert, describe, it } from "@effect/vitest"
import * as Remarks from "../../src/simulation/Remarks.ts"
import type * as Timeline from "../../src/time/Timeline.ts"

const entry = (
  kind: Timeline.Entry["kind"],
  group: string,
  name: string,
  details: Timeline.Details = {}
): Timeline.Entry => ({ kind, group, lane: "device", name, start: 0, end: 0, details })

const disks = (count: number) => Array.from({ length: count }, (_, i) => `pmem${i}`)

describe("Remarks", () => {
  it("nothing is said of a simulation in which all went well", () => {
    const entries = [
      entry("instant", "pmem0", "appears"),
      entry("instant", "pmem0", "ready"),
      entry("span", "pmem0", "fault")
    ]
    assert.deepStrictEqual(Remarks.all({ entries }), [])
  })

  it("devices share a sentence where they share the reason; of many some are named", () => {
    const entries = [
      ...disks(3).map((name) => entry("instant", name, Remarks.neverReady, { why: "it was unplugged" })),
      ...disks(9).map((name) =>
        entry("instant", name, Remarks.notTouched, { why: "an access of 2G is more than its 1G" })
      ),
      entry("instant", "dax0.0", Remarks.notTouched, { why: "a character device has no block layer" })
    ]
    const unready = "pmem0, pmem1, pmem2 never got ready: it was unplugged"
    assert.deepStrictEqual(Remarks.all({ entries }), [
      unready,
      "pmem0, pmem1, pmem2 and 6 more stayed untouched: an access of 2G is more than its 1G",
      "dax0.0 stayed untouched: a character device has no block layer"
    ])
    assert.deepStrictEqual(Remarks.unready({ entries }), [unready])
  })

  it("accesses that failed are counted by reason; of many reasons some are told", () => {
    const accesses = (failed: ReadonlyArray<string>) =>
      failed.map((why, i) => entry("span", `pmem${i % 2}`, "fault", why === "" ? {} : { failed: why }))
    assert.deepStrictEqual(Remarks.all({ entries: accesses(["", "EIO", "EIO", "gone"]) }), [
      "2 of 4 accesses failed (pmem1, pmem0): EIO",
      "1 of 4 accesses failed (pmem1): gone"
    ])
    const many = Remarks.all({ entries: accesses(["a", "b", "c", "d", "e", "f"]) })
    assert.deepStrictEqual(many.slice(2), [
      "1 of 6 accesses failed (pmem0): c",
      "accesses failed for 3 more reasons"
    ])
  })
})
