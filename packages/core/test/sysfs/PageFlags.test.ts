import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as PageFlags from "../../src/sysfs/PageFlags.ts"
import { per, single, source } from "./pageSource.ts"

describe("PageFlags", () => {
  it("SPW-11: words end with the section that holds the highest pfn of RAM", () => {
    const some = source(single(0x1000))
    assert.strictEqual(PageFlags.end(some), 2 * per)
    assert.strictEqual(PageFlags.word(some, 2 * per - 1), 0x100000n)
    assert.isUndefined(PageFlags.word(some, 2 * per))
  })

  it("SPW-11: a boot hole, a page that holds a memmap, a page that is nowhere", () => {
    assert.strictEqual(PageFlags.word(source(single(0x1000)), 7), 0x100000000n)
    assert.strictEqual(PageFlags.word(source(single(0x1400)), 7), 0x2100000000n)
    assert.strictEqual(PageFlags.word(source(single(0x1000)), per), 0x100000n)
  })

  it("SPW-11: all pages of a free block are told to be free", () => {
    const free = source({ _tag: "Free", node: 0, zone: "Normal", order: 10, listed: true })
    assert.deepStrictEqual([0, 1, 1023, 1024].map((pfn) => PageFlags.word(free, pfn)), [
      0x400n,
      0x400n,
      0x400n,
      0x400n
    ])
  })

  it("SPW-11: what the page allocator did with a page is not known", () => {
    const used = source({ _tag: "InUse", node: 0, zone: "Normal" })
    assert.isNull(PageFlags.word(used, 0))
  })

  it.effect("SPW-11: the file has eight little-endian bytes a page, and ends", () =>
    Effect.gen(function*() {
      const some = PageFlags.file(() => source(single(0x1400)))
      assert.strictEqual(some.size, 2 * per * 8)
      assert.deepStrictEqual([...yield* some.read(0, 8)], [0, 0, 0, 0, 0x21, 0, 0, 0])
      assert.deepStrictEqual([...yield* some.read((2 * per - 1) * 8, 24)], [0, 0, 0x10, 0, 0, 0, 0, 0])
      assert.strictEqual((yield* some.read(2 * per * 8, 64)).length, 0)
      assert.strictEqual((yield* some.read(2 ** 40, 64)).length, 0)
    }))

  it.effect("SPW-11: a page whose use is not known has no bits", () =>
    Effect.gen(function*() {
      const used = PageFlags.file(() => source({ _tag: "InUse", node: 0, zone: "Normal" }))
      assert.deepStrictEqual([...yield* used.read(0, 8)], [0, 0, 0, 0, 0, 0, 0, 0])
    }))

  it.effect("SPW-11: parts of words are not read, and nothing is written", () =>
    Effect.gen(function*() {
      const some = PageFlags.file(() => source(single(0x1000)))
      assert.strictEqual((yield* Effect.flip(some.read(4, 8))).errno, "EINVAL")
      assert.strictEqual((yield* Effect.flip(some.read(0, 12))).errno, "EINVAL")
      assert.isNull(some.write)
    }))
})
