import { assert, describe, it } from "@effect/vitest"
import * as Completion from "@vmemmap/core/machine/Completion"

const GiB = 2 ** 30

describe("Completion", () => {
  it("a machine that says everything stays as it is", () => {
    const spec = {
      ranges: [{ start: 0, size: GiB, kind: "ram" }],
      devices: [{ name: "region0", kind: "pmem", start: 8 * GiB, size: GiB }]
    } as const
    assert.deepStrictEqual(Completion.make(spec), { spec, assumptions: [] })
  })

  it("without boot RAM there are 2 GiB and what the memmap of devices takes, which is said", () => {
    const { assumptions, spec } = Completion.make({})
    assert.deepStrictEqual(assumptions, ["boot RAM of 2 GiB on node 0: no source names any; /proc/iomem does"])
    const ram = (spec.ranges ?? []).filter(({ kind }) => kind === "ram")
    assert.strictEqual(Math.max(...ram.map(({ size, start }) => start + size)), 2 * GiB)
    const large = Completion.make({ devices: [{ name: "region0", kind: "pmem", size: 1000 * GiB }] })
    assert.isTrue(large.assumptions[0]?.startsWith("boot RAM of 18 GiB on node 0"))
  })

  it("assumed RAM goes around what is there already", () => {
    const { spec } = Completion.make({
      ranges: [{ start: 0xf0000, size: 0x10000, kind: "reserved" }],
      devices: [{ name: "region0", kind: "pmem", start: GiB, size: 4 * GiB }]
    })
    const of = (wanted: string) =>
      (spec.ranges ?? []).filter(({ kind }) => kind === wanted).map(({ size, start }) => [start, start + size])
    assert.deepStrictEqual(of("ram"), [[0, 0x9fc00], [2 ** 20, GiB], [5 * GiB, 7 * GiB]])
    assert.deepStrictEqual(of("reserved"), [[0xf0000, 0x100000], [0x9fc00, 0xa0000]])
  })

  it("OBS-17: regions without addresses lie above everything else, in the order of their numbers, listed as before", () => {
    const { assumptions, spec } = Completion.make({
      ranges: [{ start: 0, size: 6 * GiB + 4096, kind: "ram" }],
      devices: [
        { name: "region10", kind: "pmem", size: GiB },
        { name: "region2", kind: "pmem", size: GiB / 2 },
        { name: "region0", kind: "pmem", start: 8 * GiB, size: GiB }
      ]
    })
    assert.deepStrictEqual(spec.devices?.map(({ name, start }) => [name, start]), [
      ["region10", 10 * GiB],
      ["region2", 9 * GiB],
      ["region0", 8 * GiB]
    ])
    assert.deepStrictEqual(assumptions.map((text) => text.split(":")[0]), [
      "region2 begins at 0x240000000",
      "region10 begins at 0x280000000"
    ])
  })
})
