import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Census from "../../src/memmap/Census.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as Run from "../../src/memmap/Run.ts"
import { compound, single } from "./DeviceImages.ts"

const perPage = 8

const Write = Schema.Struct({
  what: Schema.Literals(["single", "poison", "compound", "kept", "free", "groups", "page", "count", "unmap"]),
  start: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 63 })),
  length: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 64 })),
  order: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })),
  shift: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))
})

const apply = (memmap: Memmap.Memmap["Service"], { length, order, shift, start: page, what }: typeof Write.Type) => {
  const start = page * perPage
  const end = Math.min(512, start + length * perPage)
  const size = perPage * 2 ** order
  switch (what) {
    case "single":
      return memmap.write(start, end, single(shift))
    case "poison":
      return memmap.write(start, end, { _tag: "Poisoned" })
    case "compound":
      return memmap.write(start, end, compound(start - shift, order, 2 ** order))
    case "kept":
      return memmap.write(start, end, compound(start, order + 3, 2 * perPage))
    case "free":
      return memmap.write(start, end, { _tag: "Free", node: 0, zone: "Normal", order, listed: true })
    case "groups":
      return memmap.share(start, start + Math.floor((end - start) / size) * size, {
        _tag: "Groups",
        first: start,
        size,
        kept: Math.min(size, 2 * perPage),
        tails: false
      })
    case "page":
      return page === 0 ? undefined : memmap.share(start, end, { _tag: "Page", home: start - perPage })
    case "count":
      return memmap.count(start, end, { references: shift, pins: 0 })
    case "unmap":
      return memmap.unmap(start, end)
  }
}

/** The same, page by page. */
const slowly = (memmap: Memmap.Memmap["Service"], start: number, end: number) =>
  Array.from({ length: end - start }, (_, i) => Census.take(memmap, start + i, start + i + 1)[0])
    .reduce((all, entry) => {
      if (entry === undefined) return all
      const links = (page: typeof entry.page) =>
        page._tag === "Initialised" && page.links._tag === "Tail"
          ? { ...page, links: { ...page.links, head: 0 } }
          : page
      const name = JSON.stringify(links(entry.page), (_, value) => typeof value === "bigint" ? String(value) : value)
      const known = all.get(name)
      return all.set(name, {
        count: (known?.count ?? 0) + 1,
        first: Math.min(known?.first ?? entry.first, entry.first),
        last: Math.max(known?.last ?? entry.last, entry.last)
      })
    }, new Map<string, { count: number; first: number; last: number }>())

const byFirst = (list: Iterable<{ readonly count: number; readonly first: number; readonly last: number }>) =>
  [...list].map(({ count, first, last }) => ({ count, first, last })).toSorted((a, b) => a.first - b.first)

describe("Census", () => {
  it.prop(
    "SPW-5: counted by runs as counted page by page",
    [
      Arbitrary.array(Arbitrary.schema(Write), { maxLength: 6 }),
      Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 })))
    ],
    ([writes, start]) => {
      const memmap = Memmap.make(perPage)
      for (const write of writes) apply(memmap, write)
      assert.deepStrictEqual(
        byFirst(Census.take(memmap, start, 512)),
        byFirst(slowly(memmap, start, 512).values())
      )
    },
    { arbitrary: { seed: 14, runs: 600 } }
  )

  it("SPW-5: compounds of 1 GiB are looked at by their kinds of page", () => {
    const memmap = Memmap.make(64)
    const pages = 2 ** 34
    memmap.share(0, pages, { _tag: "Groups", first: 0, size: 2 ** 18, kept: 128, tails: false })
    memmap.write(0, pages, compound(0, 18, 128))
    const kinds = memmap.runs(0, pages).flatMap(Run.alike)
    assert.isBelow(kinds.length, 100)
    assert.deepStrictEqual(byFirst(Census.take(memmap, 0, pages)), [
      { count: 65536, first: 0, last: pages - 2 ** 18 },
      { count: 65536, first: 1, last: pages - 2 ** 18 + 1 },
      { count: pages - 2 * 65536, first: 2, last: pages - 1 }
    ])
  })

  it("SPW-5: a run cut at its periods keeps every page", () => {
    const memmap = Memmap.make(64)
    memmap.write(100, 10000, compound(100, 9, 512))
    const [run] = memmap.runs(300, 9000)
    assert.isDefined(run)
    assert.deepStrictEqual(Run.periods(run).map(({ end, start }) => [start, end]), [[300, 612], [612, 8804], [
      8804,
      9000
    ]])
  })
})
