import { assert, describe, it } from "@effect/vitest"
import * as BootTotals from "../../src/inputs/BootTotals.ts"
import { expectRefused, ok } from "./expect.ts"

const KiB = 1024

const read = (...lines: ReadonlyArray<string>) => ok(BootTotals.read("log", lines.join("\n")))

describe("BootTotals", () => {
  it("OBS-7, OBS-8: lines of 6.x, with the prefix of a journal", () => {
    const prefix = "Jan 01 host kernel: "
    const said = read(
      `${prefix}BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable`,
      `${prefix}e820: update [mem 0x00000000-0x00000fff] usable ==> reserved`,
      `${prefix}last_pfn = 0x7ffdf max_arch_pfn = 0x400000000`,
      `${prefix}  DMA      [mem 0x0000000000001000-0x0000000000ffffff]`,
      `${prefix}  Normal   empty`,
      `${prefix}  node   0: [mem 0x0000000000001000-0x000000000009efff]`,
      `${prefix}Initmem setup node 0 [mem 0x0000000000001000-0x000000007ffdefff]`,
      `${prefix}On node 0, zone DMA: 97 pages in unavailable ranges`,
      `${prefix}Built 1 zonelists, mobility grouping on.  Total pages: 515807`,
      `${prefix}Built 1 zonelists, mobility grouping on.  Total pages: 600000`,
      `${prefix}Memory: 212529K/2096628K available (14343K kernel code, 181052K reserved, 0K cma-reserved)`,
      `${prefix}node 0 deferred pages initialised in 16ms`
    )
    assert.deepStrictEqual(said.map, [
      { start: 0, end: 0x1000, type: "reserved" },
      { start: 0x1000, end: 0x9fc00, type: "usable" }
    ])
    assert.deepStrictEqual([said.lastPfns, said.maxArchPfn], [[0x7ffdf], 0x400000000])
    assert.deepStrictEqual(said.zoneRanges, [
      { zone: "DMA", range: { start: 0x1000, end: 0x1000000 } },
      { zone: "Normal", range: null }
    ])
    assert.deepStrictEqual(said.unavailable, [{ node: 0, zone: "DMA", pages: 97 }])
    assert.deepStrictEqual(said.zonelists, { nodes: 1, pages: 515807 })
    assert.deepStrictEqual(said.memory, {
      available: 212529 * KiB,
      total: 2096628 * KiB,
      absent: 0,
      reserved: 181052 * KiB
    })
    assert.deepStrictEqual(said.deferred, [{ node: 0, pages: undefined }])
  })

  it("OBS-9: lines of 3.x and 4.x: totals by zone of the node named before, absent memory, one sum of holes", () => {
    const said = read(
      "[    0.000000] On node 1 totalpages: 1000",
      "[    0.000000]   DMA32 zone: 16 pages used for memmap",
      "[    0.000000]   DMA32 zone: 21 pages reserved",
      "[    0.000000]   DMA32 zone: 1000 pages, LIFO batch:31",
      "[    0.000000] Zeroed struct page in unavailable ranges: 289 pages",
      "[    0.000000] Memory: 4965544k/9437184k available (6886k kernel code, 1049032k absent, 409120k reserved, 4545k data)",
      "[    0.077719] node 1 initialised, 753372 pages in 23ms"
    )
    assert.deepStrictEqual(said.zonePages, [{ node: 1, zone: "DMA32", pages: 1000 }])
    assert.deepStrictEqual([said.zoneMemmap[0]?.pages, said.zoneReserved[0]?.pages, said.unavailableTotal], [
      16,
      21,
      289
    ])
    assert.deepInclude(said.memory, { absent: 1049032 * KiB, reserved: 409120 * KiB })
    assert.deepStrictEqual(said.deferred, [{ node: 1, pages: 753372 }])
  })

  it("another boot in the same log begins anew", () => {
    const said = read(
      "last_pfn = 0x100 max_arch_pfn = 0x400000000",
      "Linux version 6.1.0",
      "last_pfn = 0x200 max_arch_pfn = 0x400000000"
    )
    assert.deepStrictEqual(said.lastPfns, [0x200])
  })

  it("refuses more lines than a boot prints", () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `node 0: [mem 0x${i}000-0x${i}fff]`)
    expectRefused(BootTotals.read("log", lines.join("\n")), "line 4097", "give the log of one boot")
  })
})
