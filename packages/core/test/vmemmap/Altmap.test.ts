import { assert, describe, it } from "@effect/vitest"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as Altmap from "@vmemmap/core/vmemmap/Altmap"
import { Arbitrary, Schema } from "effect"

const MiB = 2 ** 20
const GiB = 2 ** 30
const arch = Architecture.presets.x86_64

describe("Altmap", () => {
  it("ALT-12: free, alloc, padding and rest of the table", () => {
    const rows = [
      [GiB, 18, 4606, 4096, 510, 0],
      [16 * GiB, 258, 66046, 65536, 510, 0],
      [126 * GiB, 2018, 516606, 516096, 510, 0],
      [1024 * GiB, 16386, 4194814, 4194304, 510, 0],
      [1024 * GiB, 17408, 4456446, 4194304, 510, 261632]
    ]
    for (const [size = 0, dataoff = 0, free, alloc, align, left] of rows) {
      const { altmap, failedAt } = Altmap.take(Altmap.make(4 * GiB, dataoff * MiB, arch), 512, size / (128 * MiB))
      assert.isNull(failedAt)
      assert.deepStrictEqual([altmap.free, altmap.alloc, altmap.align, Altmap.left(altmap)], [free, alloc, align, left])
    }
  })

  it("22.5: the reserve is 8 KiB in pages, at least one, and the way down to a subsection", () => {
    assert.strictEqual(Altmap.make(4 * GiB, 2 * MiB, arch).reserve, 2)
    assert.strictEqual(Altmap.make(4 * GiB, 2 * MiB, Architecture.presets["arm64-64k"]).reserve, 1)
    assert.strictEqual(Altmap.make(4 * GiB + 4096, 2 * MiB, arch).reserve, 3)
  })

  it("ALT-15: first posted without the reserve: the first block lies at the base, over what the driver keeps", () => {
    const start = { basePfn: 4 * GiB / 4096, reserve: 2, free: 4606, alloc: 0, align: 0 }
    assert.strictEqual(Altmap.blockPfn(start, 512), start.basePfn + 512)
    assert.strictEqual(Altmap.blockPfn(start, 512, "rfc-2015"), start.basePfn)
    assert.deepStrictEqual(Altmap.take(start, 512, 2, "rfc-2015").altmap, { ...start, alloc: 1024 })
  })

  it("ALT-15: first posted padding counts as consumed, and sizes are powers of two", () => {
    const start = { basePfn: 100, reserve: 0, free: 2000, alloc: 0, align: 0 }
    assert.deepStrictEqual(Altmap.take(start, 512, 2, "rfc-2015"), {
      altmap: { ...start, alloc: 412 + 1024 },
      failedAt: null
    })
    assert.deepStrictEqual(Altmap.take(start, 448, 1, "rfc-2015"), { altmap: start, failedAt: 0 })
    assert.strictEqual(Altmap.take(start, 448, 1).failedAt, null)
  })

  /** ALT-3 block by block. */
  const walked = (start: Altmap.Altmap, pages: number, count: number) => {
    let { align, alloc } = start
    for (let i = 0; i < count; i++) {
      const next = start.basePfn + start.reserve + alloc + align
      const pad = Math.ceil(next / pages) * pages - next
      if (pages + pad > start.free - alloc - align) return { altmap: { ...start, alloc, align }, failedAt: i }
      alloc += pages
      align += pad
    }
    return { altmap: { ...start, alloc, align }, failedAt: null }
  }

  const small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 64 }))
  const input = Arbitrary.schema(Schema.Tuple([small, small, small, Schema.Literals([1, 2, 16, 512])]))

  it.prop("ALT-3: taking n blocks at once is taking one n times", [input], ([[base, free, count, pages]]) => {
    const altmap = { basePfn: base * 3, reserve: base % 5, free: free * 77, alloc: 0, align: 0 }
    assert.deepStrictEqual(Altmap.take(altmap, pages, count), walked(altmap, pages, count))
  }, { arbitrary: { runs: 500, seed: "altmap" } })
})
