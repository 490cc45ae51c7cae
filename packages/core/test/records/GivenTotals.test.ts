import { assert, describe, it } from "@effect/vitest"
import * as GivenTotals from "../../src/records/GivenTotals.ts"

const phase = (total: number, ...nodes: ReadonlyArray<number>) => ({
  meminfo: { MemTotal: total, MemFree: 5 },
  nodes: nodes.map((kilobytes, node) => `Node ${node} MemTotal:       ${kilobytes} kB\nNode ${node} MemFree: 7 kB`)
    .join("\n")
})

describe("GivenTotals", () => {
  it("OBS-10: totals are the given ones of boot and the model's changes since", () => {
    const own = { "before-drivers": phase(1000, 600, 400), final: phase(1500, 600, 900) }
    const done = GivenTotals.complete(own, phase(900, 550, 350))
    assert.deepStrictEqual(done["before-drivers"]?.["meminfo"], { MemTotal: 900, MemFree: 5 })
    assert.deepStrictEqual(done["final"]?.["meminfo"], { MemTotal: 1400, MemFree: 5 })
    assert.match(
      String(done["final"]?.["nodes"]),
      /^Node 0 MemTotal: +550 kB\nNode 0 MemFree: 7 kB\nNode 1 MemTotal: +850 kB/
    )
  })

  it("OBS-10: figures keep the column they end in", () => {
    const own = { "before-drivers": phase(10, 999), final: phase(10, 1000) }
    const { final } = GivenTotals.complete(own, phase(10, 999))
    const [line = ""] = String(final?.["nodes"]).split("\n")
    assert.strictEqual(line, "Node 0 MemTotal:       1000 kB")
  })

  it("a node that came later counts from nothing; phases without totals stay without", () => {
    const own = { "before-drivers": phase(10, 600), final: phase(10, 600, 128), other: { iomemText: "" } }
    const done = GivenTotals.complete(own, phase(10, 500))
    assert.match(String(done["final"]?.["nodes"]), /Node 1 MemTotal: +128 kB/)
    assert.deepStrictEqual(done["other"], { iomemText: "" })
  })

  it("OBS-10: of a machine that is only described the totals are the model's own", () => {
    const own = { "before-drivers": phase(1000, 600, 400), final: phase(1500, 600, 900) }
    assert.deepStrictEqual(GivenTotals.complete(own, {}), own)
  })
})
