/** Bytes that are made when somebody looks, and follow what is described later. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import * as BytePool from "../../src/bytes/BytePool.ts"
import * as MemmapBytes from "../../src/bytes/MemmapBytes.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import type * as StructPageWords from "../../src/memmap/StructPageWords.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import { compound, single } from "../memmap/DeviceImages.ts"
import * as Images from "./Images.ts"

const { vmemmap } = Images

const arch = Architecture.presets.x86_64

const release = Result.getOrThrow(KernelRelease.parse("6.1"))

const page = 4096

const make = (pages: number) => {
  const pool = BytePool.make({ bytes: pages * page })
  assert.isNotNull(pool)
  return { pool, ...MemmapBytes.make(pool, { perPage: 64, vmemmap }) }
}

const groups = (first: number, size: number, tails = false) =>
  ({ _tag: "Groups", first, size, kept: tails ? 64 : 128, tails }) as const

/** What the words in the pool say, wherever they are; `null` where none are. */
const inPool = ({ bytes, pool }: ReturnType<typeof make>, pfn: number): StructPageWords.Words | null => {
  const at = bytes.locate(pfn)
  return at === null ? null : Array.from(new BigUint64Array(pool.buffer, at, 8))
}

const refcount = (words: StructPageWords.Words | null): number | null =>
  words === null ? null : Number(BigInt.asIntN(32, (words[6] ?? 0n) >> 32n))

describe("MemmapBytes", () => {
  it("who looks at one struct page has one vmemmap page made of the pool, whatever is described", () => {
    const made = make(8)
    made.memmap.write(0, 2 ** 30, single(3))
    assert.strictEqual(made.bytes.usage().used, 0)
    assert.isNull(made.bytes.locate(12_345))
    assert.strictEqual(refcount(made.bytes.words(12_345)), 3)
    assert.strictEqual(made.bytes.usage().used, page)
    // The others of that page are there, too, and cost nothing.
    for (const pfn of [12_288, 12_345, 12_351]) assert.strictEqual(refcount(inPool(made, pfn)), 3)
    for (const pfn of [12_287, 12_352]) assert.isNull(made.bytes.locate(pfn))
    assert.deepStrictEqual(made.memmap.read(12_300), made.bytes.page(12_300))
    assert.strictEqual(made.bytes.usage().used, page)
  })

  it("CMP-2: who looks at a shared tail has the page made that it is in, once for all who share it", () => {
    const made = make(8)
    made.memmap.share(1024, 2048, groups(1024, 512))
    made.memmap.write(1024, 2048, compound(1024, 9, 128))
    const expected = { _tag: "Tail", head: 1024, order: null } as const
    for (const pfn of [1024 + 511, 1024 + 300, 1024 + 64 + 63]) {
      const found = made.bytes.page(pfn)
      assert.deepStrictEqual(found?._tag === "Initialised" ? found.links : found, expected)
    }
    assert.strictEqual(made.bytes.usage().used, page)
    assert.strictEqual(made.bytes.locate(1024 + 511), made.bytes.locate(1024 + 127))
  })

  it.effect("what does not fit into the pool is not made, none of it, and everything stays as it was", () =>
    Effect.gen(function*() {
      const made = make(4)
      made.memmap.share(4096, 8192, groups(4096, 512))
      made.memmap.write(0, 4096, single(3))
      made.memmap.write(4096, 8192, compound(4096, 9, 128))
      for (const pfn of [64, 4096, 8191]) made.bytes.words(pfn)
      assert.strictEqual(made.bytes.usage().used, 3 * page)
      const located = [64, 4096, 8191].map(made.bytes.locate)
      // Three pages more, then 16 in groups: a part of it would fit.
      const failed = yield* Effect.flip(made.bytes.materialise({ start: 0, end: 8192 }))
      assert.strictEqual(failed._tag, "OutOfBytes")
      assert.strictEqual(failed.free, page)
      // Of 64 pages one is there; what single pages of groups have does not count.
      assert.strictEqual(failed.bytes, (63 + 16) * page)
      assert.include(failed.message, `${page} bytes`)
      assert.strictEqual(made.bytes.usage().used, 3 * page)
      assert.deepStrictEqual([64, 4096, 8191].map(made.bytes.locate), located)
      const some = yield* Effect.flip(made.bytes.materialise({ start: 4096, end: 8192 }))
      assert.strictEqual(some.bytes, 16 * page)
      assert.deepStrictEqual([64, 4096, 8191].map(made.bytes.locate), located)
      // What has no place is told all the same.
      assert.deepStrictEqual([4095, 3000].map((pfn) => refcount(made.bytes.words(pfn))), [3, 3])
      assert.strictEqual(made.bytes.usage().used, 4 * page)
      assert.isNull(made.bytes.locate(3000))
      assert.deepStrictEqual(made.bytes.page(3000), made.memmap.read(3000))
    }))

  it.effect("the pool is whole after everything was dropped, and bytes are made anew", () =>
    Effect.gen(function*() {
      const made = make(96)
      made.memmap.share(4096, 8192, groups(4096, 512))
      made.memmap.write(0, 1000, single(3))
      made.memmap.write(4096, 8192, compound(4096, 9, 128))
      made.bytes.words(4097)
      yield* made.bytes.materialise({ start: 100, end: 5000 })
      const before = made.bytes.words(4098)
      assert.isAbove(made.bytes.usage().used, 0)
      made.bytes.drop({ start: 4100, end: 4101 })
      assert.isNull(made.bytes.locate(4098))
      assert.isNotNull(made.bytes.locate(999))
      made.bytes.dropAll()
      assert.strictEqual(made.bytes.usage().used, 0)
      assert.deepStrictEqual(made.bytes.words(4098), before)
    }))

  it.effect("INI-10: bytes follow what is written, shared, counted, unmapped, saved and loaded later", () =>
    Effect.gen(function*() {
      const made = make(64)
      const { bytes, memmap } = made
      yield* bytes.materialise({ start: 0, end: 512 })
      const unwritten = Array.from({ length: 8 }, () => 0n)
      const see = (pfn: number) => {
        const words = bytes.words(pfn)
        assert.deepStrictEqual(inPool(made, pfn), words)
        return words
      }
      assert.deepStrictEqual(see(100), unwritten)
      memmap.write(64, 256, single(3))
      assert.isNull(bytes.locate(100))
      assert.strictEqual(refcount(see(100)), 3)
      memmap.count(100, 101, { references: 5, pins: 0 })
      assert.deepStrictEqual([99, 100, 101].map((pfn) => refcount(see(pfn))), [3, 8, 3])
      memmap.count(100, 101, { references: -9, pins: 0 })
      assert.strictEqual(refcount(see(100)), -1)
      memmap.save(64, 256, 9000)
      memmap.unmap(64, 256)
      assert.deepStrictEqual(see(100), unwritten)
      memmap.load(320, 512, 9000)
      // The memory says where it was written: the list head is that of the page it was.
      assert.strictEqual(see(320 + 36)[1], vmemmap + 100n * 64n + 8n)
      assert.strictEqual(bytes.page(320 + 36), null)
      assert.strictEqual(memmap.read(320 + 36)._tag, "Initialised")
      memmap.write(0, 64, single(4))
      memmap.share(256, 320, { _tag: "Page", home: 0 })
      assert.strictEqual(refcount(bytes.words(300)), 4)
      assert.strictEqual(bytes.locate(300), bytes.locate(300 - 256))
      memmap.write(300, 301, single(6))
      assert.deepStrictEqual([44, 45].map((pfn) => refcount(see(pfn))), [6, 4])
      memmap.write(0, 64, { _tag: "Poisoned" })
      assert.isTrue(see(300).every((word) => word === 0xffffffffffffffffn))
    }))

  it.effect("pins of a compound are seen in its first tail, in groups as elsewhere", () =>
    Effect.gen(function*() {
      const { bytes, memmap } = make(64)
      memmap.share(1024, 2048, groups(1024, 512))
      memmap.write(1024, 2048, compound(1024, 9, 128))
      memmap.write(0, 1024, compound(0, 9, 512))
      yield* bytes.materialise({ start: 0, end: 2048 })
      for (const head of [512, 1536]) {
        const before = [2, 130, 511].map((index) => bytes.words(head + index))
        memmap.count(head, head + 512, { references: 3, pins: 2 })
        assert.strictEqual(refcount(bytes.words(head)), 4)
        const first = bytes.page(head + 1)
        const links = first?._tag === "Initialised" ? first.links : first
        assert.deepStrictEqual(links, { _tag: "Tail", head, order: 9, pins: 2 })
        assert.deepStrictEqual(first, memmap.read(head + 1))
        assert.deepStrictEqual([2, 130, 511].map((index) => bytes.words(head + index)), before)
        // What is poisoned meanwhile counts nothing.
        memmap.write(head + 7, head + 8, { _tag: "Poisoned" })
        memmap.count(head, head + 512, { references: 1, pins: 1 })
        assert.isTrue(bytes.words(head + 7).every((word) => word === 0xffffffffffffffffn))
        memmap.count(head, head + 512, { references: -4, pins: -3 })
        assert.deepStrictEqual([refcount(bytes.words(head)), bytes.words(head + 1)[3]], [1, 0x20000000000n])
      }
    }))

  it("SPW-6: heads written over a shared page are overwritten by the tails that follow, and both sides read so", () => {
    const made = make(64)
    const { bytes, memmap } = made
    // Two vmemmap pages of 1024 pages, over which two compounds are written.
    memmap.share(0, 1024, groups(0, 1024))
    bytes.words(100)
    memmap.write(0, 1024, compound(0, 9, 128))
    const links = (pfn: number) => {
      const found = bytes.page(pfn)
      return found?._tag === "Initialised" ? found.links : found
    }
    assert.strictEqual(links(0)?._tag, "Pagemap")
    for (const pfn of [64, 100, 512, 700]) assert.deepStrictEqual(links(pfn), { _tag: "Tail", head: 512, order: null })
    assert.strictEqual(bytes.usage().used, 2 * page)
  })

  it.effect("SPW-6: compounds that lie otherwise than the groups, and those that are written through others, read so page by page", () =>
    Effect.gen(function*() {
      const { bytes, memmap } = make(64)
      memmap.share(1024, 2048, groups(1024, 512))
      yield* bytes.materialise({ start: 1024, end: 2048 })
      memmap.write(768, 2048, compound(768, 9, 512))
      for (const pfn of [768, 1023, 1024, 1087, 1536, 1599]) {
        assert.deepStrictEqual(bytes.page(pfn), memmap.read(pfn), `pfn ${pfn}`)
      }
      const links = (pfn: number) => {
        const found = bytes.page(pfn)
        return found?._tag === "Initialised" ? found.links : found
      }
      assert.deepStrictEqual(links(1024), { _tag: "Tail", head: 768, order: null })
      memmap.share(4096, 4224, { _tag: "Page", home: 1024 })
      memmap.write(4096, 4224, compound(4096, 9, 512))
      // Last written are the second 64 pages.
      assert.deepStrictEqual(links(1024), { _tag: "Tail", head: 4096, order: null })
      for (const pfn of [1024, 1025, 1087, 4096, 4160]) assert.deepStrictEqual(bytes.page(pfn), memmap.read(pfn))
    }))

  it("CMP-12: one page of tails stands for all compounds; it has no place, and tells each reader its own head", () => {
    const made = make(8)
    const { bytes, memmap } = made
    memmap.share(1024, 4096, groups(1024, 512, true))
    memmap.write(1024, 4096, compound(1024, 9, 64))
    const loose = [1024 + 64, 1024 + 511, 2048 + 200]
    const [first, ...others] = loose.map(bytes.words)
    for (const other of others) assert.deepStrictEqual(other, first)
    assert.deepStrictEqual(loose.map(bytes.locate), [null, null, null])
    assert.strictEqual(bytes.usage().used, 0)
    assert.deepStrictEqual(loose.map((pfn) => bytes.page(pfn)), loose.map(memmap.read))
    const found = memmap.read(2048 + 200)
    assert.deepStrictEqual(found._tag === "Initialised" && found.links, { _tag: "Tail", head: 2048, order: null })
  })

  it("a page that outlives its section for those that repeat it goes with the last of them, and so do its bytes", () => {
    const { bytes, memmap } = make(8)
    memmap.write(0, 64, single(3))
    memmap.share(128, 256, { _tag: "Page", home: 0 })
    memmap.unmap(0, 64)
    assert.strictEqual(refcount(bytes.words(200)), 3)
    memmap.unmap(128, 192)
    assert.strictEqual(refcount(bytes.words(200)), 3)
    memmap.unmap(192, 256)
    assert.strictEqual(bytes.usage().used, 0)
    // The next section begins with nothing written.
    assert.deepStrictEqual(bytes.words(8), Array.from({ length: 8 }, () => 0n))
  })

  it.effect("sums are those of what is described, of what is there alone", () =>
    Effect.gen(function*() {
      const { bytes, memmap } = make(64)
      const naive = (from: number, to: number) => {
        let sum = 0n
        for (let pfn = from; pfn < to; pfn++) {
          bytes.words(pfn).forEach((word, i) => {
            sum += word * BigInt(i + 1)
          })
        }
        return { bytes: (to - from) * 64, sum: BigInt.asUintN(64, sum) }
      }
      memmap.write(0, 512, single(3))
      assert.deepStrictEqual(bytes.sum({ start: 0, end: 512 }), { bytes: 0, sum: 0n })
      yield* bytes.materialise({ start: 128, end: 384 })
      assert.deepStrictEqual(bytes.sum({ start: 0, end: 2 ** 30 }), naive(128, 384))
      memmap.write(128, 200, single(-4))
      memmap.count(300, 310, { references: 7, pins: 0 })
      const found = bytes.sum({ start: 0, end: 2 ** 30 })
      assert.deepStrictEqual(found, naive(128, 384))
      assert.deepStrictEqual(bytes.sum({ start: 64, end: 256 }), naive(128, 256))
    }))

  it.effect("SPW-3: struct pages of another size are refused; the pool is whole when the scope ends", () =>
    Effect.gen(function*() {
      const pool = BytePool.make({ bytes: 64 * page })
      assert.isNotNull(pool)
      const scope = yield* Scope.make()
      const made = (structPage: number) =>
        MemmapBytes.scoped(pool).pipe(
          Scope.provide(scope),
          Effect.provideService(Kernel.Kernel, Kernel.make({ arch, release, structPage }))
        )
      const refused = yield* Effect.flip(made(56))
      assert.deepStrictEqual([refused.errno, refused.rule], ["EINVAL", "SPW-3"])
      const { bytes } = yield* made(64)
      bytes.words(0)
      assert.strictEqual(pool.usage().used, page)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(pool.usage().used, 0)
    }))
})
