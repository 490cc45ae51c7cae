import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Image from "../../src/memmap/Image.ts"
import type { Initialised, StructPage } from "../../src/memmap/StructPage.ts"
import * as StructPageWords from "../../src/memmap/StructPageWords.ts"
import * as Images from "../bytes/Images.ts"

const { vmemmap } = Images

const both = (page: StructPage, pfn: number): StructPage | null =>
  StructPageWords.decode(StructPageWords.encode(page, pfn, vmemmap), pfn, vmemmap)

const hex = (page: StructPage, pfn: number): ReadonlyArray<string> =>
  StructPageWords.encode(page, pfn, vmemmap).map((word) => word.toString(16))

const page = (changes: Partial<Initialised>): Initialised => ({
  _tag: "Initialised",
  node: 0,
  zone: "Device",
  flags: 0x1000,
  refcount: 1,
  mapcount: -1,
  links: { _tag: "Self" },
  buddyOrder: null,
  ...changes
})

/** What `decode` may overlook: the masked head of a tail stands for its address. */
const unmasked = (words: StructPageWords.Words, page: StructPage, pfn: number): StructPageWords.Words => {
  const isMasked = page._tag === "Initialised" && page.links._tag === "Tail" && (words[1] ?? 0n) >= 0xffffffc000000000n
  return isMasked ? words.with(1, StructPageWords.encode(page, pfn, vmemmap)[1] ?? 0n) : words
}

const Place = Schema.Struct({
  pfn: Images.int(5000, 2 ** 34),
  pins: Images.int(1, 2 ** 31 - 1),
  bit: Images.int(0, 511)
})

const at = Arbitrary.schema(Place)

describe("StructPageWords", () => {
  it.prop(
    "SPW-3: eight words of 64 bits give every page of every image back",
    [Images.image, at],
    ([image, { pfn }]) => {
      // All that a block of any order has: its first pages, and one somewhere.
      for (const one of [pfn, 2 ** 18 * Math.ceil(pfn / 2 ** 18), 6000, 6001, 6002].flatMap((p) => [p, p + 1, p + 2])) {
        const expected = Image.pageOf(image, one)
        const words = StructPageWords.encode(expected, one, vmemmap)
        assert.lengthOf(words, 8)
        assert.isTrue(words.every((word) => BigInt.asUintN(64, word) === word), String(words))
        assert.deepStrictEqual(StructPageWords.decode(words, one, vmemmap), expected)
      }
    },
    { arbitrary: { runs: 400, seed: "words" } }
  )

  it("SPW-3: words of device pages, compounds, boot pages and free blocks are those of the table", () => {
    const pointer = (pfn: number, more: bigint) => (vmemmap + BigInt(pfn) * 64n + more).toString(16)
    const self = pointer(0x80001, 8n)
    const pagemap = { _tag: "Pagemap", pagemap: 3, data: 0n } as const
    assert.deepStrictEqual(hex(page({ links: pagemap }), 0x80001), [
      "27ffffc0001000",
      "ffff888000000c00",
      ..."0 0 0 0 1ffffffff 0".split(" ")
    ])
    const compound = {
      _tag: "Compound",
      node: 1,
      zone: "Device",
      head: 0x80000,
      order: 9,
      written: 512,
      refcount: 1,
      pagemap: 3,
      metadata: true
    } as const
    const own = (pfn: number) => hex(Image.pageOf(compound, pfn), pfn)
    const tail = pointer(0x80000, 1n)
    assert.deepStrictEqual(
      own(0x80000),
      ["67ffffc0011000", "ffff888000000c00", ..."0 0 0 0 1ffffffff 0".split(" ")]
    )
    assert.deepStrictEqual(
      own(0x80001),
      ["67ffffc0001000", tail, ..."ffffffff00000901 20000000000 0 0 ffffffff 0".split(" ")]
    )
    assert.deepStrictEqual(
      own(0x801ff),
      ["67ffffc0001000", tail, ..."0 dead000000000400 0 0 ffffffff 0".split(" ")]
    )
    const section = page({ zone: "Normal", flags: 0x3000, refcount: 2 })
    assert.deepStrictEqual(hex(section, 0x80001), [
      "17ffffc0003000",
      self,
      self,
      ..."0 0 0 2ffffffff 0".split(" ")
    ])
    const free = { _tag: "Free", node: 0, zone: "Movable", order: 10, listed: true } as const
    assert.deepStrictEqual(hex(Image.pageOf(free, 1024), 1024), [
      "1fffffc0000000",
      ..."0 0 0 0 a ffffff7f 0".split(" ")
    ])
    assert.deepStrictEqual(hex(Image.pageOf(free, 0x80001), 0x80001), [
      "1fffffc0000000",
      self,
      self,
      ..."0 0 0 ffffffff 0".split(" ")
    ])
    const offlined = Image.pageOf({ ...free, listed: false }, 1024)
    assert.deepStrictEqual(hex(offlined, 1024), [
      "1fffffc0000000",
      ..."dead000000000100 dead000000000122 0 0 0 ffffffff 0".split(" ")
    ])
  })

  it("INI-4: a page that is offline has its type, whatever its references", () => {
    const offline = page({ zone: "Movable", flags: 0, isOffline: true })
    assert.strictEqual(hex(offline, 9)[6], "1f1000000")
    assert.deepStrictEqual(both(offline, 9), offline)
    const negative = { ...offline, refcount: -2 }
    assert.strictEqual(hex(negative, 9)[6], "fffffffef1000000")
    assert.deepStrictEqual(both(negative, 9), negative)
  })

  it("INI-1: a page that boot gave away is used once, without flags; used twice it is some other page", () => {
    const inUse: StructPage = { _tag: "InUse", node: 3, zone: "Normal" }
    assert.deepStrictEqual(both(inUse, 77), inUse)
    const plain = page({ node: 3, zone: "Normal", flags: 0 })
    assert.deepStrictEqual(hex(plain, 77), hex(inUse, 77))
    for (const refcount of [-1, 0, 2, 1025]) {
      assert.deepStrictEqual(both({ ...plain, refcount }, 77)?._tag, "Initialised")
    }
    assert.deepStrictEqual(both({ ...plain, refcount: 2 }, 77), { ...plain, refcount: 2 })
  })

  it("INI-10: what was never written is zeros; poison is ones; what is not mapped reads as never written", () => {
    assert.deepStrictEqual(hex({ _tag: "Unwritten" }, 5), Array.from({ length: 8 }, () => "0"))
    assert.deepStrictEqual(both({ _tag: "Unwritten" }, 5), { _tag: "Unwritten" })
    assert.deepStrictEqual(both({ _tag: "Unmapped" }, 5), { _tag: "Unwritten" })
    assert.deepStrictEqual(hex({ _tag: "Poisoned" }, 5), Array.from({ length: 8 }, () => "ffffffffffffffff"))
    assert.deepStrictEqual(both({ _tag: "Poisoned" }, 5), { _tag: "Poisoned" })
  })

  it.prop(
    "pins are in the first tail, and references of either sign in every page",
    [at, Arbitrary.schema(Schema.Struct({ order: Images.int(2, 18), refcount: Images.int(-(2 ** 31), 2 ** 31 - 1) }))],
    ([{ pfn, pins }, { order, refcount }]) => {
      const first = page({ refcount: 0, links: { _tag: "Tail", head: pfn - 1, order, pins } })
      assert.deepStrictEqual(both(first, pfn), first)
      const head = page({ refcount, flags: 0x11000, links: { _tag: "Pagemap", pagemap: 9, data: 0n } })
      assert.deepStrictEqual(both(head, pfn), head)
    },
    { arbitrary: { runs: 100, seed: "pins" } }
  )

  it("CMP-12: a tail that is shared by all compounds of an order tells each reader its own head", () => {
    for (const order of [1, 2, 6, 9, 18, 32]) {
      const size = 2 ** order
      for (const head of [0, size, 5 * size]) {
        const pfn = head + size - 1
        const tail = page({ refcount: 0, links: { _tag: "Tail", head, order: null } })
        const words = StructPageWords.encode(tail, pfn, vmemmap).with(1, StructPageWords.headMask(order))
        assert.deepStrictEqual(StructPageWords.decode(words, pfn, vmemmap), tail)
      }
    }
    // 2 MiB: 512 struct pages of 64 bytes.
    assert.strictEqual(StructPageWords.headMask(9), 0xffffffffffff8001n)
  })

  it("words that no page of the model has decode to null", () => {
    const device = StructPageWords.encode(page({}), 700, vmemmap)
    const tail = StructPageWords.encode(page({ links: { _tag: "Tail", head: 512, order: null } }), 700, vmemmap)
    const changed: ReadonlyArray<readonly [string, StructPageWords.Words]> = [
      ["an unknown flag", device.with(0, (device[0] ?? 0n) | 1n)],
      ["a flag above the known ones", device.with(0, (device[0] ?? 0n) | 1n << 22n)],
      ["a zone that there is not", device.with(0, (device[0] ?? 0n) | 7n << 51n)],
      ["no last processor", device.with(0, 0x1000n)],
      ["a list of somebody else", device.with(1, (device[1] ?? 0n) + 64n)],
      ["half a list", device.with(2, 0n)],
      ["a mapping", device.with(3, 0xffff888000000000n)],
      ["an index", device.with(4, 12n)],
      ["a private word", device.with(5, 3n)],
      ["a memory cgroup", device.with(7, 1n)],
      ["a head between two struct pages", tail.with(1, (tail[1] ?? 0n) + 2n)],
      ["a head below the memmap", tail.with(1, vmemmap - 63n)],
      ["a tail without its poison", tail.with(3, 0n)],
      ["a tail with data", tail.with(2, 2n)],
      ["ones but for one", device.map(() => 0xffffffffffffffffn).with(4, 0xfffffffffffffffen)],
      ["zeros but for one", device.map(() => 0n).with(4, 1n)]
    ]
    for (const [what, words] of changed) {
      assert.isNull(StructPageWords.decode(words, 700, vmemmap), what)
    }
  })

  it.prop(
    "what decodes from words encodes to them again, also with a bit changed",
    [Images.image, at],
    ([image, { bit, pfn }]) => {
      const words = StructPageWords.encode(Image.pageOf(image, pfn), pfn, vmemmap)
      const word = Math.floor(bit / 64)
      const flipped = words.with(word, (words[word] ?? 0n) ^ 1n << BigInt(bit % 64))
      const found = StructPageWords.decode(flipped, pfn, vmemmap)
      if (found === null) return
      assert.deepStrictEqual(StructPageWords.encode(found, pfn, vmemmap), unmasked(flipped, found, pfn))
    },
    { arbitrary: { runs: 1000, seed: "bits" } }
  )
})
