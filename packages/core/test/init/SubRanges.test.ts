import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import type * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as SubRanges from "../../src/init/SubRanges.ts"

const GiB = 2 ** 30
const TiB = 2 ** 40
const page = 4096
const structPage = 64

const length = ({ end, start }: PfnRange.PfnRange) => end - start

const pagesOf = (bytes: number): PfnRange.PfnRange => ({ start: 0, end: bytes / page })

/** The sub-ranges of a share, one after the other. */
const units = (share: SubRanges.Share): ReadonlyArray<PfnRange.PfnRange> => {
  const all: Array<PfnRange.PfnRange> = []
  for (let at = share.start; at < share.end;) {
    const end = SubRanges.unitEnd(share, at)
    all.push({ start: at, end })
    at = end
  }
  return all
}

describe("SubRanges as posted in 2018", () => {
  it("spec 13, consequences to simulate: pages per thread, sub-range, bytes of struct pages in a stolen unit", () => {
    const row = (bytes: number, workers: number, subRanges: number) => {
      const [first] = SubRanges.posted(pagesOf(bytes), workers, subRanges)
      return first === undefined ? [] : [length(first), first.unit, first.unit * structPage]
    }
    assert.deepStrictEqual(
      [row(128 * GiB, 16, 1), row(128 * GiB, 8, 128), row(TiB, 8, 128), row(16 * GiB, 8, 128)],
      [
        [2097152, 2097152, 128 * 2 ** 20],
        [4194304, 32768, 2 * 2 ** 20],
        [33554432, 262144, 16 * 2 ** 20],
        [524288, 4096, 256 * 2 ** 10]
      ]
    )
  })

  it("26.1: sub-ranges of 128G, 1.5T and 6T, and the bytes of their struct pages", () => {
    const unit = (bytes: number) => SubRanges.posted(pagesOf(bytes), 8, 128)[0]?.unit ?? 0
    assert.deepStrictEqual([128 * GiB, 1.5 * TiB, 6 * TiB].map(unit), [32768, 393216, 1572864])
    assert.deepStrictEqual([unit(128 * GiB) * structPage, unit(1.5 * TiB) * structPage], [2 * 2 ** 20, 24 * 2 ** 20])
  })

  it("ASY-12: with a reserve of 2 pages all boundaries of 128 GiB shift", () => {
    const shares = SubRanges.posted({ start: 2, end: 33554432 }, 8, 128)
    const [first] = shares
    assert.isDefined(first)
    if (first === undefined) return
    assert.deepStrictEqual([first.start, first.end, length(first), first.unit], [2, 4194305, 4194303, 32768])
    assert.deepStrictEqual(units(first)[0], { start: 2, end: 32770 })
    assert.strictEqual(units(first).length, 128)
    // The last takes the remainder, in sub-ranges of its own size.
    const last = shares.at(-1)
    assert.deepStrictEqual([last?.end, last === undefined ? 0 : length(last), last?.unit], [33554432, 4194309, 32769])
  })

  it("ASY-12, 26.6: of aligned requests of 2 MiB on 128 GiB one in 64 straddles, but for the third thread's", () => {
    const shares = SubRanges.posted({ start: 2, end: 33554432 }, 8, 128)
    const straddling = shares.map(() => 0)
    for (let pfn = 512; pfn < 33554432; pfn += 512) {
      const i = shares.findIndex((share) => pfn < share.end)
      const share = shares[i]
      if (share === undefined || SubRanges.unitEnd(share, pfn) < pfn + 512) straddling[i] = (straddling[i] ?? 0) + 1
    }
    // Each share begins one page lower, the third on a multiple of 512.
    assert.deepStrictEqual(straddling, [128, 127, 1, 128, 128, 128, 128, 126])
  })

  it("ASY-13: a PUD fault on 128 GiB touches 8 or 9 sub-ranges", () => {
    const touched = (reserve: number) => {
      const shares = SubRanges.posted({ start: reserve, end: 33554432 }, 8, 128)
      const all = shares.flatMap(units)
      const counts = new Set<number>()
      for (let pfn = 262144; pfn < 33554432; pfn += 262144) {
        counts.add(all.filter(({ end, start }) => start < pfn + 262144 && pfn < end).length)
      }
      return [...counts].toSorted((a, b) => a - b)
    }
    assert.deepStrictEqual(touched(0), [8])
    assert.deepStrictEqual(touched(2), [8, 9])
  })

  it("26.6: with fewer pages than workers all but the last are empty", () => {
    const shares = SubRanges.posted({ start: 10, end: 15 }, 8, 128)
    assert.deepStrictEqual(shares.map(length), [0, 0, 0, 0, 0, 0, 0, 5])
    assert.deepStrictEqual(SubRanges.shareOf(shares, 10), shares[7])
    assert.strictEqual(shares[7]?.unit, 1)
    assert.isUndefined(SubRanges.shareOf(shares, 15))
    assert.isUndefined(SubRanges.shareOf(shares, 9))
  })

  it.prop(
    "ASY-4, ASY-6: shares and sub-ranges tile a range, as long as posted",
    {
      start: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5000 })),
      pages: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3000 })),
      workers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })),
      many: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))
    },
    ({ many, pages, start, workers }) => {
      const shares = SubRanges.posted({ start, end: start + pages }, workers, many)
      assert.strictEqual(shares.length, workers)
      let at = start
      for (const [i, share] of shares.entries()) {
        assert.strictEqual(share.start, at)
        const own = Math.floor(pages / workers) + (i === workers - 1 ? pages % workers : 0)
        assert.strictEqual(length(share), own)
        const unit = Math.ceil(own / many)
        const cut = units(share)
        assert.isAtMost(cut.length, many)
        assert.isTrue(
          cut.every(({ end, start }, i) =>
            start === share.start + i * unit && end === Math.min(start + unit, share.end)
          )
        )
        at = share.end
      }
      assert.strictEqual(at, start + pages)
    },
    { arbitrary: { runs: 1000, seed: "posted" } }
  )
})

describe("SubRanges aligned", () => {
  it.prop(
    "shares tile a range, end at multiples but the last, are as equal as that allows and never empty",
    {
      start: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })),
      pages: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
      workers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 })),
      unit: Schema.Literals([1, 2, 8]),
      times: Schema.Literals([1, 4]),
      origin: Schema.Literals([0, 3, 50, 1000])
    },
    ({ origin, pages, start, times, unit, workers }) => {
      const align = unit * times
      const shares = SubRanges.aligned({ start, end: start + pages }, { workers, align, origin, unit })
      let at = start
      for (const share of shares) {
        assert.strictEqual(share.start, at)
        assert.isAbove(share.end, share.start)
        if (share !== shares.at(-1)) assert.strictEqual(Math.abs(share.end - origin) % align, 0)
        const cut = units(share)
        assert.isTrue(cut.slice(0, -1).every(({ end }) => Math.abs(end - origin) % share.unit === 0))
        assert.isTrue(cut.every((one) => length(one) <= unit))
        at = share.end
      }
      assert.strictEqual(at, start + pages)
      assert.isAtMost(shares.length, workers)
      const blocks = shares.map(({ end, start }) =>
        Math.ceil((end - origin) / align) - Math.floor((start - origin) / align)
      )
      assert.isAtMost(Math.max(...blocks) - Math.min(...blocks), 1)
    },
    { arbitrary: { runs: 1000, seed: "aligned" } }
  )

  it("sub-ranges of a share that begins between two of them: the first is shorter", () => {
    const [share] = SubRanges.aligned({ start: 70, end: 300 }, { workers: 1, align: 64, origin: 0, unit: 64 })
    assert.deepStrictEqual(share === undefined ? [] : units(share).map(({ end, start }) => [start, end]), [
      [70, 128],
      [128, 192],
      [192, 256],
      [256, 300]
    ])
    assert.deepStrictEqual(
      share === undefined ? [] : [70, 100, 127, 128].map((pfn) => SubRanges.unitStart(share, pfn)),
      [70, 70, 70, 128]
    )
  })
})

const Change = Schema.Struct({
  what: Schema.Literals(["claim", "giveBack", "finish"]),
  start: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 29 })),
  length: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 })),
  who: Schema.Literals([0, 1, 2])
})

describe("SubRanges states", () => {
  it.prop(
    "ASY-14: pending, busy and done are what they would be page by page",
    [Arbitrary.array(Arbitrary.schema(Change), { maxLength: 30 })],
    ([changes]) => {
      const whole = { start: 10, end: 40 }
      const claims = [{ name: "a" }, { name: "b" }, { name: "c" }] as const
      const states = SubRanges.make<object>(whole, [])
      const plain = Array.from<object | "pending" | "done">({ length: 30 }).fill("pending")
      for (const { length, start, what, who } of changes) {
        const claim = claims[who]
        const from = whole.start + start
        const to = Math.min(whole.end, from + length)
        // Only what is pending is claimed, and only what is busy ends.
        for (let pfn = from; pfn < to; pfn++) {
          const state = plain[pfn - whole.start]
          const one = { start: pfn, end: pfn + 1 }
          if (what === "claim" && state === "pending") {
            SubRanges.claim(states, one, claim)
            plain[pfn - whole.start] = claim
          } else if (what === "giveBack" && state === claim) {
            SubRanges.giveBack(states, one)
            plain[pfn - whole.start] = "pending"
          } else if (what === "finish" && state === claim) {
            SubRanges.finish(states, one)
            plain[pfn - whole.start] = "done"
          }
        }
        for (const [a, b] of [[10, 40], [from, to], [25, 26], [33, 40]] as const) {
          const within = plain.slice(a - whole.start, b - whole.start)
          assert.strictEqual(SubRanges.isDone(states, { start: a, end: b }), within.every((state) => state === "done"))
          const undone = SubRanges.undone(states, { start: a, end: b })
          assert.deepStrictEqual(
            undone.flatMap(({ end, start, value }) =>
              Array.from({ length: end - start }, (_, i) => [start + i, value])
            ),
            within.flatMap((state, i) => state === "done" ? [] : [[a + i, state]])
          )
          for (const after of [a, a + 3]) {
            const at = within.findIndex((state, i) => a + i >= after && state === "pending")
            const rest = within.slice(at).findIndex((state) => state !== "pending")
            assert.deepStrictEqual(
              SubRanges.nextPending(states, { start: a, end: b }, after),
              at === -1 ? undefined : { start: a + at, end: rest === -1 ? b : a + at + rest }
            )
          }
        }
      }
    },
    { arbitrary: { runs: 500, seed: "states" } }
  )

  it("nothing is pending behind the end of what is looked at, though the neighbour's pages are", () => {
    const states = SubRanges.make({ start: 0, end: 20 }, [])
    assert.isUndefined(SubRanges.nextPending(states, { start: 0, end: 10 }, 10))
    assert.isUndefined(SubRanges.nextPending(states, { start: 0, end: 10 }, 12))
    assert.isUndefined(SubRanges.nextPending(states, { start: 5, end: 5 }))
  })

  it("no pages are done", () => {
    const states = SubRanges.make({ start: 7, end: 7 }, [])
    assert.isTrue(SubRanges.isDone(states, { start: 7, end: 7 }))
    assert.isUndefined(SubRanges.nextPending(states, { start: 0, end: 100 }))
  })
})
