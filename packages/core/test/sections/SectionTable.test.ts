import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"

const { Flag, Usage } = SectionTable

const Write = Schema.Struct({
  kind: Schema.Literals(["fill", "set", "bits"]),
  section: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 })),
  count: Schema.Literals([1, 2, 100, 256, 600]),
  flags: Schema.Literals([0, 3, 7, 15, 19]),
  on: Schema.Boolean,
  from: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })),
  length: Schema.Literals([1, 7, 32, 256])
})

/** The same table as plain objects. */
interface Plain {
  flags: number
  bits: Array<boolean>
}

describe("SectionTable", () => {
  it.prop(
    "SEC-6: pfn_valid and all records are those of an array of sections, whatever is written in bulk or singly",
    {
      name: Arbitrary.schema(Schema.Literals(["x86_64", "ppc64-radix", "s390x", "arm64-64k", "loongarch64"])),
      writes: Arbitrary.array(Arbitrary.schema(Write), { maxLength: 12 })
    },
    ({ name, writes }) => {
      const arch = Architecture.presets[name]
      const table = SectionTable.make(arch)
      const width = table.subsections
      const plain = Array.from(
        { length: 1024 },
        (): Plain => ({ flags: 0, bits: Array.from({ length: width }, () => false) })
      )
      for (const { count, flags, from, kind, length, on, section } of writes) {
        const first = from % width
        const end = Math.min(width, first + length)
        switch (kind) {
          case "fill":
            SectionTable.fill(table, section, count, { flags, usage: Usage.slab, node: 1 }, on)
            for (let s = section; s < section + count; s++) {
              plain[s] = {
                flags,
                bits: Array.from({ length: width }, () => on)
              }
            }
            break
          case "set":
            SectionTable.set(table, section, { flags, usage: Usage.boot, node: 3 })
            plain[section] = { flags, bits: plain[section]?.bits ?? [] }
            break
          case "bits":
            SectionTable.setBits(table, section, first, end, on)
            plain[section]?.bits.fill(on, first, end)
        }
      }
      plain.forEach(({ bits, flags }, section) => {
        assert.strictEqual(SectionTable.flags(table, section), flags)
        const text = bits.map((bit) => bit ? "1" : "0").toReversed().join("")
        const shown = SectionTable.mapText(table, section)
        assert.strictEqual([...shown].map((c) => parseInt(c, 16).toString(2).padStart(4, "0")).join(""), text)
        for (const subsection of [0, 1, 31, 32, width - 1].filter((i) => i < width)) {
          const pfn = section * table.pagesPerSection + subsection * table.pagesPerSubsection
          const expected = (flags & Flag.hasMemMap) !== 0 && ((flags & Flag.early) !== 0 || bits[subsection] === true)
          assert.strictEqual(SectionTable.pfnValid(table, pfn), expected)
          assert.strictEqual(SectionTable.pfnValid(table, pfn + table.pagesPerSubsection - 1), expected)
          assert.strictEqual(SectionTable.hasSubsection(table, pfn), bits[subsection])
        }
      })
    },
    { arbitrary: { runs: 30, seed: "sections" } }
  )

  it("SEC-6: what is no pfn of the machine is not valid", () => {
    for (const arch of Object.values(Architecture.presets)) {
      const table = SectionTable.make(arch)
      SectionTable.fill(table, 0, 1, { flags: 15, usage: Usage.boot, node: 0 }, true)
      SectionTable.fill(table, table.limit - 1, 1, { flags: 15, usage: Usage.boot, node: 0 }, true)
      for (const pfn of [0, table.pagesPerSection - 1, table.end - 1]) {
        assert.isTrue(SectionTable.pfnValid(table, pfn), arch.name)
      }
      for (const pfn of [-1, table.pagesPerSection, table.end, table.end + 1, 2 ** 50, Number.NaN, Infinity]) {
        assert.isFalse(SectionTable.pfnValid(table, pfn), `${arch.name} ${pfn}`)
      }
    }
  })

  it("SEC-4: pfn 1049088 and 512 pages are bit 1 of section 32", () => {
    const table = SectionTable.make(Architecture.presets.x86_64)
    assert.strictEqual(SectionTable.sectionOf(table, 1049088), 32)
    SectionTable.set(table, 32, { flags: 3, usage: Usage.slab, node: 0 })
    SectionTable.setBits(table, 32, 1, 2, true)
    assert.strictEqual(SectionTable.mapText(table, 32), "0000000000000002")
    assert.isTrue(SectionTable.pfnValid(table, 1049088))
    assert.isFalse(SectionTable.pfnValid(table, 1049087))
  })

  it("alike sections are counted across shared and private chunks", () => {
    const table = SectionTable.make(Architecture.presets.x86_64)
    assert.strictEqual(SectionTable.alike(table, 0, 100_000), 100_000)
    SectionTable.setBits(table, 5000, 3, 4, true)
    assert.strictEqual(SectionTable.alike(table, 100, 100_000), 4900)
    SectionTable.setBits(table, 5000, 3, 4, false)
    assert.strictEqual(SectionTable.alike(table, 100, 100_000), 100_000)
  })
})
