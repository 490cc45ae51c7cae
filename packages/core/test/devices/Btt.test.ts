import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as Btt from "../../src/devices/Btt.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const TiB = 1024 ** 4

const usable = (size: number, lba: number, version: Btt.Version) =>
  Result.match(Btt.layout(size, lba, version), {
    onFailure: (error) => error.errno,
    onSuccess: (layout) => layout.usable
  })

describe("Btt", () => {
  it("21.8: the table of capacities", () => {
    const table: ReadonlyArray<readonly [number, ReadonlyArray<number | string>]> = [
      [16 * MiB, ["ENXIO", "ENXIO", 16487424, 15683584]],
      [GiB, [1065254400, 1071611904, 1065258496, 1071616000]],
      [128 * GiB, [136373371392, 137303781376, 136373375488, 137303785472]],
      [1.5 * TiB, [1636481939456, 1647655153664, 1636481943552, 1647655157760]]
    ]
    for (const [size, expected] of table) {
      assert.deepStrictEqual(
        [usable(size, 512, "1.1"), usable(size, 4096, "1.1"), usable(size, 512, "2.0"), usable(size, 4096, "2.0")],
        [...expected]
      )
    }
  })

  it("21.8: only the offered block sizes are taken, EINVAL otherwise", () => {
    for (const lba of Btt.sectorSizes) assert.isNumber(usable(GiB, lba, "1.1"))
    for (const lba of [0, 1, 511, 513, 1000, 1024, 2048, 8192, NaN]) {
      assert.strictEqual(usable(GiB, lba, "1.1"), "EINVAL")
    }
  })

  it("21.8: sizes that are no byte counts are refused", () => {
    for (const size of [0, -1, NaN, Infinity, 2 ** 60]) assert.strictEqual(usable(size, 512, "2.0"), "ENXIO")
  })

  it("21.8: a rest below 16 MiB gets no arena, at 16 MiB it does", () => {
    const short = Result.getOrThrow(Btt.layout(512 * GiB + 16 * MiB - 4096, 512, "2.0"))
    assert.deepStrictEqual([short.arenas.length, short.unusableTail], [1, 16 * MiB - 4096])
    const long = Result.getOrThrow(Btt.layout(512 * GiB + 16 * MiB, 512, "2.0"))
    assert.deepStrictEqual([long.arenas.length, long.unusableTail], [2, 0])
  })

  it("21.8: thousands of full arenas are one group", () => {
    const layout = Result.getOrThrow(Btt.layout(2 ** 51 + 4096, 4096, "1.1"))
    assert.deepStrictEqual(layout.arenas.map(({ count }) => count), [4096])
    const last = Btt.arenaAt(layout, 4095)
    assert.deepStrictEqual([last?.start, last?.nextoff], [4096 + 4095 * 512 * GiB, 0])
    assert.strictEqual(Btt.arenaAt(layout, 4094)?.nextoff, 512 * GiB)
    assert.isUndefined(Btt.arenaAt(layout, 4096))
  })

  it.prop(
    "21.8: usable, metadata and tail add up to the size, the parts of an arena to the arena",
    [
      Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 17 * MiB, maximum: 2 ** 52 }))),
      Arbitrary.schema(Schema.Literals([512, 520, 528, 4096, 4104, 4160, 4224])),
      Arbitrary.schema(Schema.Literals(["1.1", "2.0"]))
    ],
    ([size, lba, version]) => {
      const layout = Result.getOrThrow(Btt.layout(size, lba, version))
      assert.strictEqual(layout.usable + layout.metadata + layout.unusableTail, size)
      assert.isTrue(layout.metadata > 0 && layout.unusableTail >= 0 && layout.unusableTail < 16 * MiB)
      for (const arena of layout.arenas) {
        assert.strictEqual(arena.info2off + 4096, arena.size - (arena.size % 4096))
        assert.isTrue(arena.externalNlba * 4 <= arena.map)
        assert.isTrue(arena.internalNlba * arena.internalLbasize <= arena.data)
      }
    },
    { arbitrary: { runs: 300, seed: "btt" } }
  )
})
