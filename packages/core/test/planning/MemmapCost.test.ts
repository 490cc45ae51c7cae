import { assert, describe, it } from "@effect/vitest"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import type * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import * as MemmapCost from "@vmemmap/core/planning/MemmapCost"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import * as Altmap from "@vmemmap/core/vmemmap/Altmap"
import * as CompoundVmemmap from "@vmemmap/core/vmemmap/CompoundVmemmap"
import { Arbitrary, Result, Schema } from "effect"

const MiB = 2 ** 20
const GiB = 2 ** 30
const TiB = 2 ** 40
const kernelOf = (release: string, name: Architecture.Name = "x86_64", structPage = 64) => ({
  arch: Architecture.presets[name],
  release: Result.getOrThrow(KernelRelease.parse(release)),
  structPage
})
const x86 = kernelOf("6.1")
const cost = (start: number, size: number, part: Partial<MemmapCost.Request> = {}) =>
  MemmapCost.make({ ...x86, range: { start, end: start + size }, altmap: null, order: 0, ram: [], ...part })

describe("MemmapCost", () => {
  it("CMP-7: 1 TiB by base pages, 2 MiB and 1 GiB compounds, PTE and PMD tables included", () => {
    const figures = [0, 9, 18].map((order) => {
      const { pageTables, ram, structPages } = cost(4 * GiB, TiB, { order })
      return [ram, ram + pageTables, structPages.initialised]
    })
    assert.deepStrictEqual(figures, [
      [17179869184, 17179934720, 268435456],
      [4294967296, 4328587264, 67108864],
      [8388608, 42008576, 131072]
    ])
  })

  it("CMP-7: with an altmap only the PMD tables are RAM and the reserve is never initialised", () => {
    const altmap = Altmap.make(4 * GiB, 16386 * MiB, x86.arch)
    const { device, pageTables, ram, structPages } = cost(4 * GiB, TiB, { altmap })
    assert.deepStrictEqual([ram, device, pageTables], [0, 16 * GiB, 65536])
    assert.strictEqual(structPages.initialised, 268435456 - 2)
  })

  it("28.4: totals of the dedup table plus the PMD tables of CMP-7", () => {
    const rows = [[1, 9, 4227072], [128, 9, 541065216], [128, 18, 5242880], [1536, 9, 6492782592], [1536, 18, 62914560]]
    for (const [gib = 0, order = 0, total] of rows) {
      const { pageTables, ram } = cost(4 * GiB, gib * GiB, { order })
      assert.strictEqual(ram + pageTables - Math.ceil(gib / 64) * 4096, total)
    }
  })

  it("CMP-12: head only, one page per compound and one shared", () => {
    const kernel = kernelOf("proposed-2026")
    assert.strictEqual(cost(4 * GiB, TiB, { ...kernel, order: 9 }).ram / 4096, 524288 + 1)
    assert.strictEqual(cost(4 * GiB, TiB, { ...kernel, order: 18 }).ram / 4096, 1024 + 1)
  })

  it("ALT-11: blocks that boot RAM mapped already cost nothing, in RAM or on the device", () => {
    for (
      const [name, described, block] of [["ppc64-hash", 16 * GiB, 16 * MiB], ["ppc64-radix", 2 * GiB, 2 * MiB]] as const
    ) {
      const kernel = kernelOf("6.1", name)
      const on = (start: number, size: number, end: number, altmap: Altmap.Altmap | null = null) => {
        const { device, ram } = cost(start, size, { ...kernel, ram: [{ start: 0, end }], altmap })
        return [ram / block, device / block]
      }
      assert.deepStrictEqual(on(described / 4, 4 * described, 0), [5, 0])
      assert.deepStrictEqual(on(described / 4, 4 * described, described / 4), [4, 0])
      assert.deepStrictEqual(on(described, 4 * described, described / 4), [4, 0])
      assert.deepStrictEqual(on(described / 4, described / 4, described / 4), [0, 0])
      const altmap = Altmap.make(described / 4, 8 * block, kernel.arch)
      assert.deepStrictEqual(on(described / 4, 4 * described, described / 4, altmap), [1, 3])
    }
  })

  it("ALT-11, VMM-4: an odd struct page does not shift the blocks", () => {
    const kernel = kernelOf("6.1", "ppc64-radix", 80)
    // 2 MiB of memmap describe 1.6 GiB
    const altmap = Altmap.make(8 * GiB, 64 * MiB, kernel.arch)
    const { device, ram } = cost(8 * GiB, 8 * GiB, { ...kernel, altmap })
    assert.deepStrictEqual([ram, device], [0, 10 * MiB])
  })

  it("CMP-1, BUG-13: compounds smaller than a vmemmap page do not keep two pages each", () => {
    const kernel = kernelOf("5.19", "ppc64-radix")
    assert.strictEqual(cost(4 * GiB, 4 * GiB, { ...kernel, order: 5 }).ram / 65536, 64 + 1)
  })

  it("SPW-6: 1 GiB compounds 16 MiB off a boundary keep two distinct pages and 24 PTE tables", () => {
    const { pageTables, ram } = cost(8 * GiB + 16 * MiB, 3 * GiB - 16 * MiB, { order: 18 })
    assert.deepStrictEqual([ram / 4096, pageTables / 4096], [2, 24 + 1])
  })

  it("ALT-9: partial sections take 32 KiB of RAM per 2 MiB even with an altmap", () => {
    const start = 4 * GiB + 16 * MiB
    const altmap = Altmap.make(start, 18 * MiB, x86.arch)
    const result = cost(start, GiB, { altmap })
    assert.deepStrictEqual([result.ram, result.device], [2 * MiB, 7 * 2 * MiB])
    assert.isFalse(result.exhausted)
  })

  it("SEC-10c: a partial range in an early section reuses the boot memmap", () => {
    const ram = [{ start: 0, end: 4 * GiB + 2 * MiB }]
    assert.strictEqual(cost(4 * GiB + 4 * MiB, 60 * MiB, { ram }).ram, 0)
    assert.strictEqual(cost(4 * GiB + 4 * MiB, 60 * MiB, { ram }).pageTables, 0)
    assert.isAbove(cost(4 * GiB + 4 * MiB, 60 * MiB).ram, 0)
  })

  it("ALT-3: an altmap one page short of the last block is exhausted", () => {
    const altmap = Altmap.make(4 * GiB, 18 * MiB, x86.arch)
    assert.isFalse(cost(4 * GiB, GiB, { altmap }).exhausted)
    assert.isTrue(cost(4 * GiB, GiB, { altmap: { ...altmap, free: altmap.free - 1 } }).exhausted)
  })

  it("GEO-10: architectures with base pages only map a page per 64 struct pages' worth", () => {
    const arm = kernelOf("6.1", "arm64-64k")
    const { pageTables, ram } = cost(4 * GiB, 64 * GiB, arm)
    assert.strictEqual(ram, 64 * GiB / 65536 * 64)
    assert.strictEqual(pageTables, 65536 + 65536)
  })

  it("ALT-11: ppc64 backs only blocks that describe nothing but the device from it", () => {
    const ppc = kernelOf("6.1", "ppc64-radix")
    const altmap = Altmap.make(4 * GiB, 200 * MiB, ppc.arch)
    const inside = cost(4 * GiB, 8 * GiB, { ...ppc, altmap })
    assert.deepStrictEqual([inside.ram, inside.device], [0, 8 * MiB])
    const shifted = cost(5 * GiB, 8 * GiB, { ...ppc, altmap: Altmap.make(5 * GiB, 200 * MiB, ppc.arch) })
    assert.deepStrictEqual([shifted.ram, shifted.device], [4 * MiB, 6 * MiB])
  })

  it("CMP-1: who shares tails, by size of struct page, altmap, architecture and release", () => {
    const shares = (kernel: CompoundVmemmap.Kernel, order: number, altmap = false) =>
      CompoundVmemmap.isShared(kernel, order, altmap)
    assert.isTrue(shares(x86, 9))
    assert.isFalse(shares(x86, 0))
    assert.isFalse(shares(x86, 7), "V = 2 is not above the reserve")
    assert.isTrue(shares(x86, 8))
    assert.isFalse(shares(x86, 9, true))
    assert.isFalse(shares(kernelOf("6.1", "x86_64", 56), 9))
    assert.isFalse(shares(kernelOf("5.17"), 9))
    assert.isFalse(shares(kernelOf("6.1", "arm64-4k"), 9))
    assert.isTrue(shares(kernelOf("5.19", "arm64-4k"), 9), "BUG-13")
    assert.isTrue(shares(kernelOf("6.5", "ppc64-radix"), 14))
    assert.isFalse(shares(kernelOf("6.1", "ppc64-radix"), 14))
  })

  /** CMP-2 by the letter: chunk by chunk, compound by compound. */
  const walked = (range: PfnRange.PfnRange, order: number): number => {
    const compound = 2 ** order * 4096
    let pages = 0
    for (let at = range.start; at < range.end;) {
      const end = Math.min(range.end, (Math.floor(at / (128 * MiB)) + 1) * 128 * MiB)
      const continues = compound > 2 * MiB && (at - range.start) % compound !== 0
      if (!continues) { for (let step = at; step < end; step += Math.min(compound, end - at)) pages += 2 }
      at = end
    }
    return pages
  }

  const piece = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2000 }))
  const ranges = Arbitrary.map(
    Arbitrary.schema(Schema.Tuple([piece, piece, Schema.Literals([9, 10, 12, 14, 15, 16, 18])])),
    ([start, size, order]) => ({ range: { start: start * 2 * MiB, end: (start + size) * 2 * MiB }, order })
  )

  it.prop("CMP-2: the closed form counts the same pages as the walk over chunks", [ranges], ([{ order, range }]) => {
    assert.strictEqual(cost(range.start, range.end - range.start, { order }).ram, walked(range, order) * 4096)
  }, { arbitrary: { runs: 1000, seed: "chunks" } })

  it.prop("GEO-9: the plain memmap is 64 bytes a page wherever a 2 MiB-aligned range lies", [ranges], ([{ range }]) => {
    const size = range.end - range.start
    const { ram, structPages } = cost(range.start, size)
    assert.strictEqual(ram, size / 64)
    assert.strictEqual(structPages.mapped, size / 4096)
  })

  it.prop(
    "ALT-13: the space nd_pfn_init sets aside always holds the blocks of its full sections",
    [ranges],
    ([{ range }]) => {
      const size = range.end - range.start
      const dataoff = Math.ceil((range.start + 8192 + 64 * Math.floor((size - 8192) / 4096)) / (2 * MiB)) * 2 * MiB -
        range.start
      const result = cost(range.start, size, { altmap: Altmap.make(range.start, dataoff, x86.arch) })
      assert.isFalse(result.exhausted)
      assert.strictEqual(result.ram + result.device, size / 64)
      const { align = -1, alloc = 0 } = result.altmap ?? {}
      assert.include(alloc === 0 ? [0] : [0, 510], align)
    }
  )
})
