import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as PinCost from "../../src/devices/PinCost.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30
const run = (start: number, pages: number) => [{ start, end: start + pages, base: 0 }]

describe("PinCost", () => {
  it("24.5: pinning walks pages, unpinning folios", () => {
    const pages = 16 * GiB / 4096
    assert.deepStrictEqual(PinCost.pin(run(0, pages), 0), { refcount: pages, pincount: 0, heads: pages })
    assert.deepStrictEqual(PinCost.pin(run(0, pages), 9), { refcount: pages, pincount: pages, heads: 8192 })
    assert.deepStrictEqual(PinCost.pin(run(0, pages), 18), { refcount: pages, pincount: pages, heads: 16 })
    // Per 2 MiB: 512 for base pages, 1 + 1 for a compound.
    assert.deepStrictEqual(PinCost.unpin(run(0, 512), 0), { refcount: 512, pincount: 0, heads: 512 })
    assert.deepStrictEqual(PinCost.unpin(run(0, 512), 9), { refcount: 1, pincount: 1, heads: 1 })
    assert.deepStrictEqual(PinCost.unpin(run(511, 2), 9), { refcount: 2, pincount: 2, heads: 2 })
    assert.deepStrictEqual(PinCost.unpin([{ start: 511, end: 513, base: 511 }], 9), {
      refcount: 1,
      pincount: 1,
      heads: 1
    })
  })

  it("24.5: batches are one page of pointers: exactly 2 MiB", () => {
    assert.strictEqual(PinCost.batch(4096), 512)
  })

  it("24.5: contiguous pages are one scatter entry", () => {
    assert.deepStrictEqual(
      PinCost.scatter([{ start: 0, end: 4 }, { start: 4, end: 8 }, { start: 16, end: 20 }, { start: 0, end: 1 }]),
      [{ start: 0, end: 8 }, { start: 16, end: 20 }, { start: 0, end: 1 }]
    )
  })

  it("24.5: the best page size agrees with every physical and virtual offset", () => {
    const all = [4096, 2 * MiB, GiB]
    const best = (virtual: number, bytes: number, ...entries: ReadonlyArray<readonly [number, number]>) =>
      PinCost.bestPageSize(
        all,
        { start: virtual, end: virtual + bytes },
        entries.map(([start, length]) => ({ start: start / 4096, end: (start + length) / 4096 })),
        4096
      )
    assert.strictEqual(best(GiB, 2 * GiB, [4 * GiB, 2 * GiB]), GiB)
    assert.strictEqual(best(GiB, 2 * GiB, [4 * GiB + 2 * MiB, 2 * GiB]), 2 * MiB)
    assert.strictEqual(best(GiB, 2 * GiB, [4 * GiB + 4096, 2 * GiB]), 4096)
    // Entries that end off a boundary cut it as well; the last one does not.
    assert.strictEqual(best(GiB, 6 * MiB, [4 * GiB, 4 * MiB], [8 * GiB + 4 * MiB, 2 * MiB]), 2 * MiB)
    assert.strictEqual(best(GiB, 6 * MiB, [4 * GiB, 4096], [8 * GiB + 4096, 6 * MiB - 4096]), 4096)
    // No larger than what holds the whole buffer.
    assert.strictEqual(best(GiB, MiB, [4 * GiB, MiB]), 2 * MiB)
    assert.strictEqual(PinCost.bestPageSize([GiB], { start: 4096, end: 8192 }, [{ start: 3, end: 4 }], 4096), 0)
  })

  it.prop(
    "24.5: with the best page size every hardware page is contiguous, with the next larger one it is not",
    {
      entries: Arbitrary.array(
        Arbitrary.schema(Schema.Struct({
          start: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 64 })),
          pages: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 16 }))
        })),
        { minLength: 1, maxLength: 4 }
      ),
      virtual: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 16 })))
    },
    ({ entries, virtual }) => {
      const scatter = PinCost.scatter(entries.map(({ pages, start }) => ({ start, end: start + pages })))
      const total = scatter.reduce((sum, { end, start }) => sum + end - start, 0)
      const supported = [1, 2, 4, 8, 16].map((pages) => pages * 4096)
      const best = PinCost.bestPageSize(
        supported,
        { start: virtual * 4096, end: (virtual + total) * 4096 },
        scatter,
        4096
      ) / 4096
      const pfns = scatter.flatMap(({ end, start }) => Array.from({ length: end - start }, (_, i) => start + i))
      const works = (size: number) =>
        pfns.every((pfn, i) => {
          const offset = (virtual + i) % size
          return pfn % size === offset && (offset === 0 || i === 0 || pfns[i - 1] === pfn - 1)
        })
      assert.isTrue(works(best))
      const wholeInOne = Math.floor(virtual / best) === Math.floor((virtual + total - 1) / best)
      assert.isTrue(best === 16 || wholeInOne || !works(best * 2))
    },
    { arbitrary: { runs: 500, seed: "pin" } }
  )
})
