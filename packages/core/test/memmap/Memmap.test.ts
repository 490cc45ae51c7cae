import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Census from "../../src/memmap/Census.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import { compound, single } from "./DeviceImages.ts"

const show = (memmap: Memmap.Memmap["Service"], pfn: number): string => {
  const page = memmap.read(pfn)
  if (page._tag !== "Initialised") return page._tag
  return page.links._tag === "Tail" ? `tail of ${page.links.head}` : page.links._tag
}

describe("Memmap", () => {
  it("SPW-5: of a shared compound head, first tail and tails are read through the pages that are kept", () => {
    const memmap = Memmap.make(64)
    memmap.share(1024, 2048, { _tag: "Groups", first: 1024, size: 512, kept: 128, tails: false })
    memmap.write(1024, 2048, compound(1024, 9, 128))
    assert.deepStrictEqual([1024, 1025, 1151, 1152, 1535].map((pfn) => show(memmap, pfn)), [
      "Pagemap",
      "tail of 1024",
      "tail of 1024",
      "tail of 1024",
      "tail of 1024"
    ])
    assert.deepStrictEqual([1536, 2047].map((pfn) => show(memmap, pfn)), ["Pagemap", "tail of 1536"])
  })

  it("SPW-6: a head written over a shared page is overwritten by the tails that follow it", () => {
    const memmap = Memmap.make(64)
    memmap.share(0, 1024, { _tag: "Groups", first: 0, size: 1024, kept: 128, tails: false })
    memmap.write(0, 1024, compound(0, 9, 128))
    assert.strictEqual(show(memmap, 0), "Pagemap")
    assert.strictEqual(show(memmap, 100), "tail of 512")
    assert.strictEqual(show(memmap, 512), "tail of 512")
    assert.strictEqual(memmap.home(512), 64)
  })

  it.prop(
    "SEC-10, CMP-2: poison over shared pages is found by whoever reads one of them",
    [Arbitrary.schema(Schema.Tuple([
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 24 })),
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 24 })),
      Schema.Boolean
    ]))],
    ([[from, length, isOne]]) => {
      const memmap = Memmap.make(8)
      // Groups of 64 pages that keep 16, then pages that repeat the last kept page of the second group.
      memmap.share(8, 136, { _tag: "Groups", first: 8, size: 64, kept: 16, tails: false })
      memmap.share(136, 200, { _tag: "Page", home: 80 })
      for (const pfn of Array.from({ length: 200 }, (_, i) => i)) memmap.write(pfn, pfn + 1, single(1))
      const start = from * 8
      const end = Math.min(200, start + (isOne ? 1 : length * 8))
      memmap.write(start, end, { _tag: "Poisoned" })
      const hit = new Set(Array.from({ length: Math.max(0, end - start) }, (_, i) => memmap.home(start + i)))
      for (let pfn = 0; pfn < 200; pfn++) {
        assert.strictEqual(show(memmap, pfn), hit.has(memmap.home(pfn)) ? "Poisoned" : "Self", `pfn ${pfn}`)
      }
    },
    { arbitrary: { runs: 200, seed: "poison" } }
  )

  it("SEC-10: poisoning a petabyte of compounds costs no more than one of them", () => {
    const memmap = Memmap.make(64)
    const pages = 2 ** 38
    memmap.share(0, pages, { _tag: "Groups", first: 0, size: 512, kept: 128, tails: false })
    memmap.write(0, pages, { _tag: "Poisoned" })
    assert.deepStrictEqual([show(memmap, 0), show(memmap, pages - 1)], ["Poisoned", "Poisoned"])
    memmap.write(0, pages, compound(0, 9, 128))
    assert.strictEqual(show(memmap, pages - 1), `tail of ${pages - 512}`)
  })

  it("INI-10: memory of a device keeps what it held while nothing maps it", () => {
    const memmap = Memmap.make(64)
    memmap.write(100, 300, single(3))
    memmap.save(64, 320, 9000)
    memmap.unmap(64, 320)
    assert.strictEqual(memmap.read(100)._tag, "Unwritten")
    memmap.load(64, 320, 9000)
    assert.strictEqual(memmap.read(64)._tag, "Unwritten")
    assert.strictEqual(show(memmap, 299), "Self")
    assert.deepStrictEqual(memmap.contents(64, 320).map(({ value }) => value.times), [0])
  })

  it("LCK-11.5: pages written twice say so; handing them to the allocator is no initialisation", () => {
    const memmap = Memmap.make(64)
    memmap.write(0, 1024, single(1))
    memmap.write(512, 1024, { _tag: "Free", node: 0, zone: "Normal", order: 9, listed: true })
    memmap.write(0, 256, single(2))
    assert.deepStrictEqual(memmap.contents(0, 1024).map(({ end, value }) => [end, value.times]), [
      [256, 2],
      [512, 1],
      [1024, 1]
    ])
  })

  const Write = Schema.Struct({
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })),
    length: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })),
    kind: Schema.Literals(["single", "compound", "share", "unmap"])
  })

  it.prop(
    "a census counts every page once, as it reads",
    [Arbitrary.array(Arbitrary.schema(Write), { maxLength: 10 })],
    ([writes]) => {
      const memmap = Memmap.make(64)
      writes.forEach(({ at, kind, length }, i) => {
        const [start, end] = [at * 64, (at + length) * 64]
        if (kind === "single") memmap.write(start, end, single(i))
        else if (kind === "compound") memmap.write(start, end, compound(start, 8, 256))
        else if (kind === "unmap") memmap.unmap(start, end)
        else memmap.share(start, end, { _tag: "Groups", first: start, size: 512, kept: 128, tails: false })
      })
      const counts = new Map<string, number>()
      for (let pfn = 0; pfn < 6400; pfn++) {
        const page = memmap.read(pfn)
        const key = page._tag === "Initialised"
          ? `${page.refcount} ${page.flags} ${page.links._tag} ${page.links._tag === "Tail" ? page.links.order : ""}`
          : page._tag
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
      const census = new Map<string, number>()
      for (const { count, page } of Census.take(memmap, 0, 6400)) {
        const key = page._tag === "Initialised"
          ? `${page.refcount} ${page.flags} ${page.links._tag} ${page.links._tag === "Tail" ? page.links.order : ""}`
          : page._tag
        census.set(key, (census.get(key) ?? 0) + count)
      }
      assert.deepStrictEqual(new Map([...census].toSorted()), new Map([...counts].toSorted()))
    },
    { arbitrary: { runs: 60, seed: "census" } }
  )
})
