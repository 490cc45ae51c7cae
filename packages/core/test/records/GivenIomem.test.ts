import { assert, describe, it } from "@effect/vitest"
import * as GivenIomem from "../../src/records/GivenIomem.ts"

const given = [
  "00001000-0009fbff : System RAM",
  "000a0000-000bffff : PCI Bus 0000:00",
  "00100000-7ffdffff : System RAM",
  "  01000000-01ffffff : Kernel code",
  "fec00000-fec003ff : IOAPIC 0"
].join("\n")

describe("GivenIomem", () => {
  it("OBS-3: lines are read with their depth and printed as they were", () => {
    const entries = GivenIomem.parse(given)
    assert.deepStrictEqual(entries[3], { depth: 1, start: 0x1000000, end: 0x1ffffff, name: "Kernel code" })
    assert.strictEqual(GivenIomem.toText(entries), given)
    assert.deepStrictEqual(GivenIomem.parse("no line of it"), [])
  })

  it("OBS-3: what firmware and buses have stands between the memory of the model, containers first", () => {
    const own = [
      "00001000-0009fbff : System RAM",
      "00100000-7ffdffff : System RAM",
      "200000000-2ffffffff : Persistent Memory",
      "  200000000-2ffffffff : namespace0.0"
    ].join("\n")
    const { final } = GivenIomem.complete({ final: { iomemText: own, nodes: "x" } }, { iomemText: given })
    assert.strictEqual(final?.["nodes"], "x")
    assert.deepStrictEqual(String(final?.["iomemText"]).split("\n"), [
      "00001000-0009fbff : System RAM",
      "000a0000-000bffff : PCI Bus 0000:00",
      "00100000-7ffdffff : System RAM",
      "  01000000-01ffffff : Kernel code",
      "fec00000-fec003ff : IOAPIC 0",
      "200000000-2ffffffff : Persistent Memory",
      "  200000000-2ffffffff : namespace0.0"
    ])
    assert.deepStrictEqual(final?.["iomem"], GivenIomem.parse(String(final?.["iomemText"])))
  })

  it("nothing given adds nothing; a phase without the text stays as it is", () => {
    const phase = { nodes: "x" }
    assert.deepStrictEqual(GivenIomem.complete({ boot: phase }, {}), { boot: phase })
    const { boot } = GivenIomem.complete({ boot: { iomemText: given } }, {})
    assert.strictEqual(boot?.["iomemText"], "00001000-0009fbff : System RAM\n00100000-7ffdffff : System RAM")
  })
})
