import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as Region from "../../src/devices/Region.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3

const region = (rest: Partial<Region.Region> = {}): Region.Region => ({
  name: "region0",
  start: 8 * GiB,
  size: 4 * GiB,
  align: 16 * MiB,
  mappings: 1,
  labels: "initialised",
  pagemap: false,
  allocations: [],
  ...rest
})

describe("Region", () => {
  it("21.1: the default align is 16 MiB, a page below that size, times the mappings that do not divide it", () => {
    assert.strictEqual(Region.defaultAlign(4 * GiB, 1, 4096), 16 * MiB)
    assert.strictEqual(Region.defaultAlign(16 * MiB, 0, 4096), 16 * MiB)
    assert.strictEqual(Region.defaultAlign(16 * MiB - 4096, 1, 4096), 4096)
    assert.strictEqual(Region.defaultAlign(8 * MiB, 1, 65536), 65536)
    assert.strictEqual(Region.defaultAlign(1536 * GiB, 6, 4096), 100663296)
    assert.strictEqual(Region.defaultAlign(512 * GiB, 4, 4096), 16 * MiB)
  })

  it("21.1: a written align must give each DIMM a power of two of at least a page, and fit the region", () => {
    const write = (value: number, mappings = 1) =>
      Result.match(Region.writeAlign(region({ mappings }), value, 4096), {
        onFailure: (error) => error.errno,
        onSuccess: ({ align }) => align
      })
    assert.deepStrictEqual([4096, 2 * MiB, 4 * GiB].map((value) => write(value)), [4096, 2 * MiB, 4 * GiB])
    for (const value of [0, -4096, 2048, 3 * MiB, 8 * GiB, 1.5, NaN]) assert.strictEqual(write(value), "EINVAL")
    assert.deepStrictEqual([write(6 * MiB, 3), write(4 * MiB, 3), write(100663296, 6)], [6 * MiB, "EINVAL", 100663296])
  })

  it("28.6: sizes are multiples of the region's align and of the namespace's align on every DIMM", () => {
    assert.strictEqual(Region.granule(region(), 2 * MiB), 16 * MiB)
    assert.strictEqual(Region.granule(region(), GiB), GiB)
    assert.strictEqual(Region.granule(region({ mappings: 6, align: 100663296 }), GiB), 6 * GiB)
  })

  it("OBS-13: available_size and max_available_extent by the state of the labels", () => {
    const seen = (rest: Partial<Region.Region>) => {
      const r = region({ size: 1027 * MiB, ...rest })
      return [Region.availableSize(r), Region.maxExtent(r)]
    }
    assert.deepStrictEqual(seen({ labels: "empty" }), [1024 * MiB, 1024 * MiB])
    assert.deepStrictEqual(seen({ labels: "none" }), [0, 0])
    assert.deepStrictEqual(seen({ labels: "none", mappings: 0 }), [undefined, 0])
    assert.deepStrictEqual(
      seen({
        allocations: [{ start: 256 * MiB, end: 512 * MiB + 1 }, { start: 768 * MiB - 1, end: 784 * MiB }]
      }),
      [256 * MiB + 224 * MiB + 240 * MiB, 256 * MiB]
    )
  })

  it("21.2: gaps are trimmed in DIMM offsets, so an odd region hands out equally odd addresses", () => {
    const odd = region({ start: 8 * GiB + 4096 })
    const range = Region.firstFit(odd, 256 * MiB)
    assert.deepStrictEqual(range, { start: 0, end: 256 * MiB })
    assert.strictEqual(Region.physical(odd, range?.start ?? -1), 8 * GiB + 4096)
  })

  it("21.9: a new namespace takes the lowest gap that fits its size", () => {
    const holes = region({
      allocations: [{ start: 16 * MiB, end: 32 * MiB }, { start: 64 * MiB, end: 1024 * MiB }]
    })
    const at = (size: number) => Region.firstFit(holes, size)?.start
    assert.deepStrictEqual([16, 32, 48, 3072, 3088].map((mib) => at(mib * MiB)), [
      0,
      32 * MiB,
      1024 * MiB,
      1024 * MiB,
      undefined
    ])
  })

  it("21.2: an interleave set takes its share from every DIMM", () => {
    const set = region({ mappings: 4, mappingStart: 64 * MiB, allocations: [{ start: 64 * MiB, end: 68 * MiB }] })
    const range = Region.firstFit(set, 1024 * MiB)
    assert.deepStrictEqual(range, { start: 68 * MiB, end: 324 * MiB })
    assert.strictEqual(Region.physical(set, 68 * MiB), 8 * GiB + 16 * MiB)
    assert.strictEqual(Region.maxExtent(set), 4 * GiB - 16 * MiB)
  })

  it.prop(
    "21.2: whatever is allocated first-fit is aligned, inside, disjoint, and comes back when released",
    [Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 }))), {
      minLength: 1,
      maxLength: 12
    })],
    ([sizes]) => {
      let current = region()
      const held: Array<PfnRange.PfnRange> = []
      for (const size of sizes) {
        const before = Region.availableSize(current) ?? 0
        const range = Region.firstFit(current, size * 16 * MiB)
        if (range === undefined) {
          assert.isBelow(Region.maxExtent(current), size * 16 * MiB)
          continue
        }
        assert.isTrue(range.start % (16 * MiB) === 0 && range.end <= current.size)
        assert.isFalse(held.some((other) => PfnRange.overlaps(other, range)))
        current = Region.allocate(current, range)
        held.push(range)
        assert.strictEqual(Region.availableSize(current), before - size * 16 * MiB)
      }
      for (const range of held) current = Region.release(current, range)
      assert.deepStrictEqual(Region.gaps(current), [{ start: 0, end: 4 * GiB }])
    },
    { arbitrary: { runs: 60, seed: "first-fit" } }
  )
})
