import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as InitWork from "../../src/init/InitWork.ts"
import type { Image } from "../../src/memmap/Image.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Altmap from "../../src/vmemmap/Altmap.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30
const arch = Architecture.presets.x86_64
const kernel = (release: string) => Kernel.make({ arch, release: Result.getOrThrow(KernelRelease.parse(release)) })

const device = (size: number, rest: Partial<InitWork.DeviceRange> = {}): InitWork.DeviceRange => ({
  range: { start: 4 * GiB / 4096, end: (4 * GiB + size) / 4096 },
  type: "fsdax",
  node: 0,
  pagemap: 0,
  order: 0,
  altmap: null,
  isEarly: () => false,
  ...rest
})

const altmap16 = Altmap.make(4 * GiB, 258 * MiB, arch)

const counts = ({ locked, never, unlocked }: InitWork.InitWork) => [
  InitWork.written(locked),
  InitWork.written(unlocked),
  never.reduce((sum, { end, start }) => sum + end - start, 0)
]

describe("InitWork", () => {
  it("INI-11: 16 GiB with an altmap: 66046 under the lock, 4128256 outside, 2 never", () => {
    const work = InitWork.device(kernel("6.1"), device(16 * GiB, { altmap: altmap16 }))
    assert.deepStrictEqual(counts(work), [66046, 4128256, 2])
  })

  it("INI-7, INI-12: up to 4.19 everything is written under the lock, and what belongs to users again", () => {
    const work = InitWork.device(kernel("4.18"), device(16 * GiB, { altmap: altmap16 }))
    assert.deepStrictEqual(counts(work), [4194302, 4128256, 2])
    const plain = InitWork.device(kernel("4.18"), device(16 * GiB))
    assert.deepStrictEqual(counts(plain), [4194304, 4194304, 0])
  })

  it("INI-4, HOT-14: added pages are reserved, from 6.11 on offline; those that hold their memmap say so", () => {
    const range = { start: 4 * GiB / 4096, end: 8 * GiB / 4096 }
    const image = (release: string, isOwn: boolean) => {
      const [part] = InitWork.hotplug(kernel(release), range, { node: 0, zone: "Normal", isOwn }).locked
      return part?.image._tag === "Single" ? [part.image.flags, part.image.isOffline ?? false] : undefined
    }
    assert.deepStrictEqual([image("6.1", false), image("6.1", true)], [[0x1000, false], [0x1400, false]])
    assert.deepStrictEqual([image("6.11", false), image("6.11", true)], [[0, true], [0x400, false]])
  })

  it("INI-9, CMP-7: shared compounds have 128 struct pages written each; with an altmap all of them", () => {
    const compounds = (rest: Partial<InitWork.DeviceRange>) =>
      counts(InitWork.device(kernel("6.1"), device(16 * GiB, rest)))
    assert.deepStrictEqual(compounds({ order: 9 }), [0, 8192 * 128, 0])
    assert.deepStrictEqual(compounds({ order: 18 }), [0, 16 * 128, 0])
    assert.deepStrictEqual(compounds({ order: 9, altmap: altmap16 }), [66046, 4128256, 2])
  })

  it("INI-9: the fix of 2026 writes compounds whole whose head lies in an early section", () => {
    const fixed = kernel("6.1+dedup-early-section-fix")
    const isEarly = (pfn: number) => pfn < 4 * GiB / 4096 + 32768
    const [, written] = counts(InitWork.device(fixed, device(256 * MiB, { order: 9, isEarly })))
    assert.strictEqual(written, 64 * 512 + 64 * 128)
    const [, unfixed] = counts(InitWork.device(kernel("6.1.176"), device(256 * MiB, { order: 9, isEarly })))
    assert.strictEqual(unfixed, 128 * 128)
  })

  it("INI-2: reference counts of free device pages by type and release", () => {
    const count = (release: string, type: InitWork.DeviceType) => {
      const [part] = InitWork.device(kernel(release), device(GiB, { type })).unlocked
      return part?.image._tag === "Single" ? part.image.refcount : undefined
    }
    const types = ["private", "coherent", "fsdax", "p2pdma", "generic"] as const
    assert.deepStrictEqual(types.map((type) => count("6.1", type)), [0, 0, 1, 1, 1])
    assert.deepStrictEqual(types.map((type) => count("6.15", type)), [0, 0, 0, 0, 1])
  })
})

const image = (order: number, head: number, written: number): Image =>
  order === 0
    ? { _tag: "Single", node: 0, zone: "Device", flags: 0, refcount: 1, links: { _tag: "Self" } }
    : {
      _tag: "Compound",
      node: 0,
      zone: "Device",
      head,
      order,
      written,
      refcount: 1,
      pagemap: 0,
      metadata: true
    }

describe("InitWork in pieces", () => {
  it.prop(
    "stores of any piece, and how far some stores get, are what they are page by page: whole compounds at their heads",
    {
      single: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })),
      compounds: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 })),
      order: Schema.Literals([1, 2, 4]),
      kept: Schema.Literals([1, 2, 16]),
      cuts: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 140 }))).check(Schema.isMaxLength(6)),
      most: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 140 }))
    },
    ({ compounds, cuts, kept, most, order, single }) => {
      const size = 2 ** order
      const each = Math.min(kept, size)
      const first = 3 + single
      const end = first + compounds * size
      const parts: ReadonlyArray<InitWork.Part> = [
        { start: 3, end: first, image: image(0, 0, 1), written: single },
        { start: first, end, image: image(order, first, each), written: compounds * each }
      ].filter((part) => part.end > part.start)
      /** What is counted where a page is. */
      const at = (pfn: number) => pfn < 3 || pfn >= end ? 0 : pfn < first ? 1 : (pfn - first) % size === 0 ? each : 0
      const sum = (from: number, to: number) => {
        let total = 0
        for (let pfn = from; pfn < to; pfn++) total += at(pfn)
        return total
      }
      const borders = [0, ...cuts.toSorted((a, b) => a - b), 200]
      let total = 0
      for (const [i, to] of borders.entries()) {
        const from = borders[i - 1] ?? to
        assert.strictEqual(InitWork.stores(parts, { start: from, end: to }), sum(from, to))
        assert.strictEqual(InitWork.written(InitWork.cut(parts, { start: from, end: to })), sum(from, to))
        total += InitWork.stores(parts, { start: from, end: to })
        // As far as no page is reached whose stores are more than there are.
        let pfn = Math.max(from, Math.min(3, end))
        for (let left = most; pfn < end && at(pfn) <= left; pfn++) left -= at(pfn)
        if (from < end && parts.length > 0) assert.strictEqual(Math.max(from, InitWork.reach(parts, from, most)), pfn)
        // A piece is done when its stores are, wherever it begins.
        const own = InitWork.stores(parts, { start: from, end: to })
        if (parts.length > 0) assert.isAtLeast(InitWork.reach(parts, from, own), Math.min(to, end))
      }
      assert.strictEqual(total, InitWork.written(parts))
    },
    { arbitrary: { runs: 1000, seed: "pieces" } }
  )
})
