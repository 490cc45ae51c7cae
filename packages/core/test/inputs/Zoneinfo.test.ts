import { assert, describe, it } from "@effect/vitest"
import * as Buddyinfo from "../../src/inputs/Buddyinfo.ts"
import * as Zoneinfo from "../../src/inputs/Zoneinfo.ts"
import { expectRefused, ok } from "./expect.ts"

const old = [
  "Node 0, zone      DMA",
  "  per-node stats",
  "      nr_inactive_anon 50",
  "                   537792",
  "  pages free     3975",
  "        min      33",
  "        spanned  4095",
  "        present  3999",
  "        managed  3977",
  "      nr_free_pages 3975",
  "  node_unreclaimable:  0",
  "  start_pfn:           1",
  "Node 1, zone   Device",
  "  pages free     0",
  "        spanned  524288",
  "        present  0",
  "        managed  0",
  ""
].join("\n")

describe("Zoneinfo", () => {
  it("ZON-11: spanned, present, managed, free and first pfn of each zone; counters in between mean nothing", () => {
    assert.deepStrictEqual(ok(Zoneinfo.parse("zoneinfo", old)), [
      { node: 0, zone: "DMA", spanned: 4095, present: 3999, managed: 3977, start: 1, free: 3975 },
      { node: 1, zone: "Device", spanned: 524288, present: 0, managed: 0, start: undefined, free: 0 }
    ])
  })

  it("refuses what no kernel prints, with the line", () => {
    expectRefused(Zoneinfo.parse("z", ""), "has no line 'Node N, zone Z'")
    expectRefused(Zoneinfo.parse("z", old + old), "line 18", "second time")
    expectRefused(Zoneinfo.parse("z", old.replace("min      33", "spanned 1")), "line 7", "says spanned twice")
    expectRefused(Zoneinfo.parse("z", old.replace("present  3999", "present  4096")), "node 0, zone DMA", "more pages")
  })
})

describe("Buddyinfo", () => {
  it("free pages are the sum over the orders", () => {
    const [free] = ok(
      Buddyinfo.parse(
        "b",
        "Node 0, zone      DMA      1      1      1      0      2      1      1      0      1      1      3 \n"
      )
    )
    assert.deepInclude(free, { node: 0, zone: "DMA", pages: 3975 })
    expectRefused(Buddyinfo.parse("b", "Node 0, zone DMA 1\nx\n"), "line 2")
  })
})
