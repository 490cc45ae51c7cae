import { assert, describe, it } from "@effect/vitest"
import * as Extras from "../../src/records/Extras.ts"

describe("Extras", () => {
  it("a record has nothing of what only serves the comparison", () => {
    const kept = { status: "ok", snapshots: { a: { vmemmap: { runs: [1] }, structPages: { pages: 2 } }, b: null } }
    const observed = {
      ...kept,
      snapshots: {
        a: {
          vmemmap: { runs: [1], leafRuns: [2] },
          structPages: { pages: 2, online: true, neverWritten: 0, selfHosted: 0 }
        },
        b: null
      },
      dmesg_all: ["line"],
      notModelled: [],
      outOfMemory: true
    }
    assert.deepStrictEqual(Extras.strip(observed), kept)
    assert.deepStrictEqual(Extras.strip(kept), kept)
  })

  it("without snapshots only its own keys go", () => {
    assert.deepStrictEqual(Extras.strip({ dmesg_all: [], snapshots: "lost" }), { snapshots: "lost" })
    assert.deepStrictEqual(Extras.without({ a: 1, b: 2 }, new Set(["b", "c"])), { a: 1 })
  })
})
