import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as BytePool from "../../src/bytes/BytePool.ts"
import * as Placements from "../../src/bytes/Placements.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as Images from "./Images.ts"

const line = 64

const Group = Schema.Struct({
  first: Images.int(0, 1000),
  size: Images.int(1, 70),
  kept: Images.int(1, 70),
  from: Images.int(0, 300),
  lines: Images.int(0, 300)
})

/** Pages of groups that have memory of their own, from the first on. */
const ownPages = ({ first, kept, size }: Placements.Group, pages: number): ReadonlyArray<number> =>
  Array.from({ length: pages }, (_, i) => first + i).filter((pfn) => (pfn - first) % size < kept)

const plain = (start: number, end: number): Placements.Own => ({ start, end, group: null })

const grouped = (start: number, end: number, group: Placements.Group): Placements.Own => ({ start, end, group })

const make = (granules: number) => {
  const pool = BytePool.make({ bytes: granules * BytePool.granule, wasm: false })
  assert.isNotNull(pool)
  return { pool, placements: Placements.make(pool) }
}

/** Half of the pages are in groups, the others not. */
const groups: Placements.Group = { first: 1024, size: 256, kept: 64 }

const Step = Schema.Struct({
  kind: Schema.Literals(["place", "place", "place", "drop", "hold", "release"]),
  at: Images.int(0, 31),
  length: Images.int(1, 12),
  page: Schema.Boolean
})

type Step = typeof Step.Type

/** What a step means: whole groups, or some vmemmap pages, or one by itself that lies in a group. */
const ownOf = ({ at, length, page }: Step): Placements.Own => {
  if (at < 16) return plain(at * 64, Math.min(at + length, 16) * 64)
  const group = groups.first + (at - 16) % 8 * groups.size
  if (page) return plain(group, group + groups.kept)
  return grouped(group, Math.min(group + length % 4 * groups.size + groups.size, 1024 + 8 * groups.size), groups)
}

const everything = { start: 0, end: 4096 }

/** The bytes of struct pages that are placed: no two have any in common. */
const linesOf = ({ within }: Placements.Placements, range: PfnRange.PfnRange): ReadonlySet<number> => {
  const lines = within(range).flatMap(({ end, start, value }) =>
    Array.from({ length: end - start }, (_, i) => start + i)
      .filter((pfn) => (pfn - value.first) % value.size < value.kept)
      .map((pfn) => Placements.position(value, pfn))
  )
  assert.strictEqual(new Set(lines).size, lines.length)
  return new Set(lines)
}

describe("Placements", () => {
  it.prop(
    "places in groups are those of an enumeration",
    [Arbitrary.schema(Group)],
    ([{ first, from, kept, lines, size }]) => {
      const group = { first, size, kept: Math.min(kept, size) }
      const own = ownPages(group, (from + lines + 2) * size)
      for (const pfn of [first + from, first + from + 1, first + size, first]) {
        const below = own.filter((one) => one < pfn).length
        assert.strictEqual(Placements.index(group, pfn), below)
        assert.strictEqual(Placements.position({ ...group, base: 4096 }, pfn), 4096 + below * line)
        assert.strictEqual(Placements.reach(group, pfn, lines), own[below + lines])
      }
    },
    { arbitrary: { runs: 200, seed: "groups" } }
  )

  it.prop(
    "struct pages never overlap, nor lie in memory that somebody holds; all of it is given back in the end",
    [Arbitrary.array(Arbitrary.schema(Step), { minLength: 5, maxLength: 25 })],
    ([steps]) => {
      const { placements, pool } = make(24)
      const held: Array<{ readonly lines: ReadonlySet<number>; readonly release: () => void }> = []
      for (const step of steps) {
        const own = ownOf(step)
        const before = [linesOf(placements, everything), pool.usage().used] as const
        const taken = placements.within(own).map(({ value }) => value)
        if (step.kind === "place") {
          const { missing, placed } = placements.place([own])
          if (missing > 0) {
            assert.deepStrictEqual([linesOf(placements, everything), pool.usage().used], [...before])
            assert.deepStrictEqual(placed, [])
          } else {
            assert.strictEqual(PfnRange.total(placements.within(own)), PfnRange.length(own))
          }
          const fresh = placed.flatMap((range) => [...linesOf(placements, range)])
          for (const at of fresh) assert.isFalse(held.some(({ lines }) => lines.has(at)), `byte ${at} is held`)
        } else if (step.kind === "drop") {
          placements.drop(own)
          assert.deepStrictEqual(placements.within(own), [])
        } else if (step.kind === "hold") {
          for (const placement of taken) {
            const lines = linesOf(placements, own)
            held.push({ lines, release: placements.hold(placement) })
          }
        } else {
          held.shift()?.release()
        }
        linesOf(placements, everything)
      }
      placements.drop(everything)
      assert.strictEqual(pool.usage().used > 0, held.length > 0)
      for (const { release } of held) release()
      assert.strictEqual(pool.usage().used, 0)
    },
    { arbitrary: { runs: 200, seed: "placements", size: 20 } }
  )

  it("what is held is handed out when it is released, not when it is dropped", () => {
    const { placements, pool } = make(2)
    placements.place([plain(0, 64)])
    const [first] = placements.within({ start: 0, end: 64 })
    assert.isDefined(first)
    const releases = [placements.hold(first.value), placements.hold(first.value)]
    placements.drop({ start: 0, end: 64 })
    assert.isNull(placements.locate(0))
    placements.place([plain(0, 64)])
    assert.notStrictEqual(placements.locate(0), Placements.position(first.value, 0))
    assert.strictEqual(placements.place([plain(64, 128)]).missing, 4096)
    for (const release of releases) release()
    assert.strictEqual(pool.usage().used, 4096)
    assert.strictEqual(placements.place([plain(64, 128)]).missing, 0)
    assert.strictEqual(placements.locate(64), Placements.position(first.value, 0))
  })

  it("memory goes back when the last of its pages does", () => {
    const { placements, pool } = make(4)
    placements.place([plain(0, 256)])
    placements.drop({ start: 0, end: 64 })
    placements.drop({ start: 128, end: 256 })
    assert.strictEqual(pool.usage().used, 4 * 4096)
    placements.drop({ start: 0, end: 1000 })
    assert.strictEqual(pool.usage().used, 0)
  })

  it("CMP-2: of groups only what they keep takes memory, side by side", () => {
    const { placements, pool } = make(8)
    assert.deepStrictEqual(placements.place([grouped(1024, 2048, groups)]).placed, [{ start: 1024, end: 2048 }])
    assert.strictEqual(pool.usage().used, 4 * 4096)
    const at = placements.locate(1024) ?? Number.NaN
    assert.strictEqual(placements.locate(1024 + 63), at + 63 * line)
    assert.strictEqual(placements.locate(1024 + 256), at + 64 * line)
    assert.strictEqual(placements.locate(1024 + 3 * 256 + 63), at + 255 * line)
  })

  it("single pages of a group make way for the whole of it, but not where there is no memory for that", () => {
    const { placements, pool } = make(5)
    placements.place([plain(1024, 1088), plain(0, 64)])
    const at = placements.locate(1024)
    assert.strictEqual(placements.place([plain(0, 64), grouped(1024, 2048, groups)]).missing, 4 * 4096)
    assert.strictEqual(placements.locate(1024), at)
    placements.drop({ start: 0, end: 64 })
    assert.strictEqual(placements.place([plain(0, 64), grouped(1024, 2048, groups)]).missing, 5 * 4096)
    assert.deepStrictEqual([placements.locate(1024), placements.locate(0)], [at, null])
    assert.strictEqual(placements.place([grouped(1024, 2048, groups)]).missing, 0)
    assert.deepStrictEqual(placements.within({ start: 1024, end: 2048 }).map(({ value }) => value.size), [256])
    assert.strictEqual(pool.usage().used, 4 * 4096)
  })

  const Shared = Schema.Struct({
    kind: Schema.Literals(["none", "groups", "page"]),
    kept: Schema.Literals([8, 16]),
    tails: Schema.Boolean,
    home: Images.int(0, 11),
    from: Images.int(0, 767),
    length: Images.int(1, 400)
  })

  it.prop(
    "SPW-6: the memory behind a range is where its pages are at home, each once",
    [Arbitrary.array(Arbitrary.schema(Shared), { minLength: 6, maxLength: 6 })],
    ([kinds]) => {
      const shared = ExtentMap.empty<Memmap.Sharing>()
      const memmap = Memmap.make(8, { ...Memmap.empty(), shared })
      kinds.forEach(({ kept, kind, tails }, i) => {
        const start = i * 128
        if (kind === "groups") memmap.share(start, start + 128, { _tag: "Groups", first: start, size: 64, kept, tails })
      })
      // What others repeat is at home itself.
      kinds.forEach(({ home, kind }, i) => {
        const at = home * 64 + 8
        if (kind !== "page" || memmap.home(at) !== at || Math.floor(at / 128) === i) return
        if (kinds[Math.floor(at / 128)]?.kind !== "page") {
          memmap.share(i * 128, i * 128 + 128, { _tag: "Page", home: at })
        }
      })
      const { from, length } = kinds[0] ?? { from: 0, length: 1 }
      const range = { start: from, end: from + length }
      const parts = Placements.own(shared, 8, range)
      parts.forEach((part, i) => {
        assert.isBelow(part.start, part.end)
        assert.isAtLeast(part.start, parts[i - 1]?.end ?? 0)
        for (let pfn = part.start; pfn < part.end; pfn++) {
          const isOwn = part.group === null || (pfn - part.group.first) % part.group.size < part.group.kept
          assert.strictEqual(memmap.home(pfn) === pfn, isOwn, `pfn ${pfn}`)
        }
      })
      for (let pfn = range.start; pfn < range.end; pfn++) {
        const sharing = ExtentMap.find(shared, pfn)?.value
        // Of a page of tails that belongs to no pfn there is one for all.
        if (sharing?._tag === "Groups" && sharing.tails && memmap.home(pfn) !== pfn) continue
        const home = memmap.home(pfn)
        assert.isTrue(parts.some((part) => home >= part.start && home < part.end), `the home ${home} of ${pfn}`)
      }
    },
    { arbitrary: { runs: 300, seed: "own" } }
  )
})
