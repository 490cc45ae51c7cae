import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Ahead from "../../src/bytes/Ahead.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as DeviceImages from "../memmap/DeviceImages.ts"

const perPage = 8

const single = DeviceImages.single(1)

const { compound } = DeviceImages

const groups = (first: number, size: number, kept: number, tails = false): Memmap.Sharing => ({
  _tag: "Groups",
  first,
  size,
  kept,
  tails
})

const shared = (...extents: ReadonlyArray<readonly [number, number, Memmap.Sharing]>) => {
  const map = ExtentMap.empty<Memmap.Sharing>()
  for (const [start, end, sharing] of extents) ExtentMap.set(map, start, end, sharing)
  return map
}

const Shared = Schema.Struct({
  kind: Schema.Literals(["none", "none", "groups", "groups", "page"]),
  offset: Schema.Literals([0, 0, 0, 8, 32]),
  size: Schema.Literals([32, 64]),
  kept: Schema.Literals([8, 16, 32]),
  tails: Schema.Boolean
})

const Part = Schema.Struct({
  kind: Schema.Literals(["single", "compound", "compound"]),
  start: Schema.Literals([0, 64, 128, 96, 5]),
  length: Schema.Literals([1, 32, 64, 100, 128, 192]),
  before: Schema.Literals([0, 0, 0, 32, 64]),
  order: Schema.Literals([5, 6]),
  written: Schema.Literals([16, 8, 32, 64]),
  written2: Schema.Literals([0, 0, 0, 1])
})

/** Sharing of three ranges of 128 pages each. */
const drawn = (kinds: ReadonlyArray<typeof Shared.Type>): ExtentMap.ExtentMap<Memmap.Sharing> =>
  shared(...kinds.flatMap(({ kept, kind, offset, size, tails }, i) => {
    const start = i * 128
    if (kind === "none") return []
    const sharing = kind === "page" ? { _tag: "Page", home: 512 } as const : groups(start + offset, size, kept, tails)
    return [[start + (kind === "page" ? 0 : offset), start + 128, sharing] as const]
  }))

/** The pages that a part writes, in order; of each compound the first ones. */
const writtenBy = ({ end, image, start }: Ahead.Part): ReadonlyArray<number> =>
  Array.from({ length: end - start }, (_, i) => start + i).filter((pfn) =>
    image._tag !== "Compound" || (pfn - image.head) % 2 ** image.order < image.written
  )

describe("Ahead", () => {
  it.prop(
    "CMP-2, SPW-6: there are pieces only where each struct page that is written is memory of its own, and all that lie there are",
    [Arbitrary.array(Arbitrary.schema(Shared), { minLength: 3, maxLength: 3 }), Arbitrary.schema(Part)],
    ([kinds, { before, kind, length, order, start, written, written2 }]) => {
      const map = drawn(kinds)
      const memmap = Memmap.make(perPage, { ...Memmap.empty(), shared: map })
      const image = kind === "single" ? single : compound(start - before, order, Math.min(written, 2 ** order))
      const range = { start, end: start + length, image }
      const pfns = writtenBy({ ...range, written: 0 })
      const pieces = Ahead.pieces(map, { ...range, written: pfns.length + written2 })
      if (pieces === null) return
      assert.strictEqual(written2, 0)
      assert.strictEqual(pieces[0]?.start, start)
      pieces.forEach((piece, i) => assert.strictEqual(piece.end, pieces[i + 1]?.start ?? start + length))
      const own = Array.from({ length }, (_, i) => start + i).filter((pfn) => memmap.home(pfn) === pfn)
      assert.deepStrictEqual(pfns, own)
      const within = (piece: Ahead.Piece) => own.filter((pfn) => pfn >= piece.start && pfn < piece.end).length
      assert.deepStrictEqual(pieces.map(({ lines }) => lines), pieces.map(within))
    },
    { arbitrary: { runs: 600, seed: "ahead" } }
  )

  it("a part without sharing is one piece, whatever it holds", () => {
    for (const image of [single, compound(64, 6, 64)]) {
      const part = { start: 64, end: 256, image, written: 192 }
      assert.deepStrictEqual(Ahead.pieces(shared(), part), [{ start: 64, end: 256, lines: 192 }])
    }
  })

  it("CMP-2: a part is cut where sharing changes; of groups only what they keep counts", () => {
    const map = shared([128, 256, groups(128, 64, 16)], [256, 320, groups(256, 64, 16, true)])
    assert.deepStrictEqual(
      Ahead.pieces(map, { start: 128, end: 320, image: compound(128, 6, 16), written: 48 }),
      [{ start: 128, end: 256, lines: 32 }, { start: 256, end: 320, lines: 16 }]
    )
    // The last one cut: its tails are not there, but all that is written is.
    assert.deepStrictEqual(
      Ahead.pieces(map, { start: 128, end: 208, image: compound(128, 6, 16), written: 32 }),
      [{ start: 128, end: 208, lines: 32 }]
    )
  })

  it("SPW-6: heads that are written over tails of others have no memory of their own", () => {
    const map = shared([16, 64, groups(0, 64, 16)], [64, 128, { _tag: "Page", home: 8 }])
    const image = compound(64, 6, 16)
    assert.isNull(Ahead.pieces(map, { start: 64, end: 128, image, written: 16 }))
    // Compounds of another size, or that begin elsewhere, than the groups.
    const other = shared([0, 256, groups(0, 128, 16)])
    assert.isNull(Ahead.pieces(other, { start: 0, end: 256, image: compound(0, 6, 16), written: 64 }))
    const aside = shared([0, 256, groups(0, 64, 16)])
    assert.isNull(Ahead.pieces(aside, { start: 32, end: 224, image: compound(32, 6, 16), written: 48 }))
    // Of a compound that began before only tails are there.
    assert.isNull(Ahead.pieces(aside, { start: 64, end: 192, image: compound(32, 6, 16), written: 32 }))
    assert.isNull(Ahead.pieces(aside, { start: 32, end: 256, image: compound(0, 6, 16), written: 48 }))
    // More is kept than is written, or less.
    assert.isNull(Ahead.pieces(aside, { start: 0, end: 64, image: compound(0, 6, 8), written: 8 }))
    assert.isNull(Ahead.pieces(aside, { start: 0, end: 64, image: compound(0, 6, 64), written: 64 }))
    assert.isNull(Ahead.pieces(aside, { start: 0, end: 64, image: single, written: 64 }))
  })

  it("SPW-7: of compounds in memory that shares nothing all struct pages have to be written", () => {
    assert.isNull(Ahead.pieces(shared(), { start: 0, end: 128, image: compound(0, 6, 16), written: 32 }))
  })

  it("a part that says something else than what is written has no pieces", () => {
    assert.isNull(Ahead.pieces(shared(), { start: 0, end: 64, image: single, written: 63 }))
  })
})
