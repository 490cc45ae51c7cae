import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as DaxFault from "../../src/devices/DaxFault.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30
const arch = Architecture.presets.x86_64
const base = 0x7f0000000000
const range = { start: 8 * GiB, end: 12 * GiB, pageOffset: 0 }
const area = (length: number, pageOffset = 0, start = base) => ({
  start,
  end: start + length,
  pageOffset,
  isShared: true
})

describe("DaxFault", () => {
  it("24.4: which level answers for which alignment", () => {
    const at = (align: number, levels: ReadonlyArray<number>) => {
      const found = DaxFault.fault({ ...arch, daxAligns: levels }, { align, ranges: [range] }, area(2 * GiB), base)
      return found._tag === "Map" ? `${found.level} ${found.pages}` : `${found._tag} ${found.reason}`
    }
    const all = arch.daxAligns
    assert.strictEqual(at(4096, all), "pte 1")
    assert.strictEqual(at(2 * MiB, all), "pmd 512")
    assert.strictEqual(at(GiB, all), "pud 262144")
    // A kernel without the level for the alignment: the next lower handler refuses.
    assert.strictEqual(at(GiB, [4096, 2 * MiB]), "Sigbus align")
    assert.strictEqual(at(2 * MiB, [4096]), "Sigbus align")
  })

  it("24.4: a huge page that would reach over the mapping's end, or over the range's, is SIGBUS", () => {
    const fault = (a: DaxFault.Area, ranges = [range]) => DaxFault.fault(arch, { align: 2 * MiB, ranges }, a, a.end - 1)
    const reason = (answer: DaxFault.Answer) => answer._tag === "Sigbus" ? answer.reason : answer._tag
    assert.strictEqual(reason(fault(area(4 * MiB))), "Map")
    assert.strictEqual(reason(fault({ ...area(4 * MiB), isShared: false })), "not shared")
    assert.strictEqual(reason(fault(area(3 * MiB))), "misaligned")
    assert.strictEqual(reason(fault(area(4 * MiB, 4 * GiB / 4096))), "outside the device")
    assert.strictEqual(
      reason(fault(area(2 * MiB, 1), [{ ...range, end: range.start + 2 * MiB }])),
      "outside the device"
    )
  })

  it("24.4: an offset that is no multiple of the alignment gives a misaligned physical address", () => {
    const found = DaxFault.fault(arch, { align: 2 * MiB, ranges: [range] }, area(2 * MiB, 1), base)
    assert.deepInclude(found, { _tag: "Map", pfn: 8 * GiB / 4096 + 1 })
  })

  it("24.4: a mapping is placed as far from a multiple of the alignment as its offset is", () => {
    assert.strictEqual(DaxFault.place(base + 1, 0, GiB), base + GiB)
    assert.strictEqual(DaxFault.place(base, 4096, 2 * MiB), base + 4096)
  })

  it("24.4: mapping and index: one struct page when compound, else every one", () => {
    assert.strictEqual(DaxFault.marked(512, true), 1)
    assert.strictEqual(DaxFault.marked(262144, false), 262144)
  })

  it.prop(
    "24.4: translation is per range, page by page the same as walking the ranges",
    {
      lengths: Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))), {
        minLength: 1,
        maxLength: 5
      }),
      offset: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 }))),
      size: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })))
    },
    ({ lengths, offset, size }) => {
      let pageOffset = 0
      const ranges = lengths.map((length, i) => {
        const start = (100 - i * 10) * 4096
        const made = { start, end: start + length * 4096, pageOffset }
        pageOffset += length
        return made
      })
      const pages = ranges.flatMap(({ end, start }) =>
        Array.from({ length: (end - start) / 4096 }, (_, i) => start + i * 4096)
      )
      const first = pages[offset]
      const range = ranges.find(({ end, start }) => first !== undefined && first >= start && first < end)
      const fits = first !== undefined && range !== undefined && first + size * 4096 <= range.end
      assert.strictEqual(DaxFault.translate(ranges, offset, size * 4096, 4096), fits ? first : undefined)
    },
    { arbitrary: { runs: 300, seed: "dax" } }
  )
})
