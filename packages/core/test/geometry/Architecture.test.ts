import { assert, describe, it } from "@effect/vitest"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as MemoryBlock from "@vmemmap/core/geometry/MemoryBlock"
import * as StructPageSize from "@vmemmap/core/geometry/StructPageSize"

const MiB = 2 ** 20
const GiB = 2 ** 30
const { presets } = Architecture

describe("Architecture", () => {
  it("GEO-2: sections, pages, subsections and section counts of the table", () => {
    const rows = [
      ["x86_64", 128 * MiB, 32768, 512, 64, 524288, 2 * MiB],
      ["x86_64-5level", 128 * MiB, 32768, 512, 64, 33554432, 2 * MiB],
      ["arm64-4k", 128 * MiB, 32768, 512, 64, 2097152, 2 * MiB],
      ["arm64-16k", 128 * MiB, 8192, 128, 64, 2097152, 512 * 1024],
      ["arm64-64k", 512 * MiB, 8192, 32, 256, 2 ** 19, 512 * 1024],
      ["ppc64-radix", 16 * MiB, 256, 32, 8, 2 ** 27, 16 * 1024],
      ["riscv64", 128 * MiB, 32768, 512, 64, 536870912, 2 * MiB],
      ["s390x", 256 * MiB, 65536, 512, 128, 2 ** 18, 4 * MiB],
      ["loongarch64", 512 * MiB, 32768, 128, 256, 524288, 2 * MiB]
    ] as const
    for (const [name, section, pages, perSubsection, subsections, count, memmap] of rows) {
      const arch = presets[name]
      assert.deepStrictEqual(
        [
          arch.sectionSize,
          Architecture.pagesPerSection(arch),
          Architecture.pagesPerSubsection(arch),
          arch.sectionSize / Architecture.subsectionSize,
          Architecture.sectionCount(arch),
          Architecture.memmapPerSection(arch, 64)
        ],
        [section, pages, perSubsection, subsections, count, memmap],
        name
      )
    }
  })

  it("GEO-3: the largest buddy block fits in a section", () => {
    for (const arch of Object.values(presets)) {
      assert.isAtMost(2 ** arch.largestOrder * arch.pageSize, arch.sectionSize, arch.name)
    }
  })

  it("SEC-8: without a virtual memmap only whole sections can be added", () => {
    assert.strictEqual(Architecture.addGranule(presets.loongarch64), 512 * MiB)
    assert.strictEqual(Architecture.addGranule(presets.x86_64), 2 * MiB)
  })

  it("finds presets by the names people type and nothing else", () => {
    assert.strictEqual(Architecture.fromName("aarch64")?.name, "arm64-4k")
    assert.strictEqual(Architecture.fromName("ppc64le")?.name, "ppc64-radix")
    assert.isUndefined(Architecture.fromName("vax"))
    assert.isUndefined(Architecture.fromName("constructor"))
    assert.isUndefined(Architecture.fromName("__proto__"))
  })
})

describe("StructPageSize", () => {
  it("GEO-5: 64 with or without MEMCG on x86_64, 56 unaligned, 80 with KMSAN", () => {
    const { riscv64, x86_64 } = presets
    assert.strictEqual(StructPageSize.fromConfig(x86_64, {}), 64)
    assert.strictEqual(StructPageSize.fromConfig(x86_64, { memcg: true }), 64)
    assert.strictEqual(StructPageSize.fromConfig(riscv64, {}), 56)
    assert.strictEqual(StructPageSize.fromConfig(x86_64, { memcg: true, kmsan: true }), 80)
    assert.strictEqual(StructPageSize.fromConfig(x86_64, { memcg: true, strayCpupid: true }), 80)
    assert.strictEqual(StructPageSize.fromConfig(x86_64, { memcg: true, kmsan: true, pageVirtual: true }), 96)
  })

  it("GEO-5: legal sizes are multiples of 8 from 56 to 96", () => {
    assert.deepStrictEqual([48, 56, 60, 64, 80, 96, 104].filter(StructPageSize.isLegal), [56, 64, 80, 96])
  })
})

describe("MemoryBlock", () => {
  const size = (endOfBootRam: number, hypervisor: boolean, rest = {}) =>
    MemoryBlock.size(presets.x86_64, { endOfBootRam, hypervisor, ...rest })

  it("GEO-15: the examples of the rule", () => {
    assert.strictEqual(size(68 * GiB, true), 2 * GiB)
    assert.strictEqual(size(65 * GiB, true), GiB)
    assert.strictEqual(size(64 * GiB + 384 * MiB, true), 128 * MiB)
    assert.strictEqual(size(65 * GiB, false), 2 * GiB)
    assert.strictEqual(size(63 * GiB, true), 128 * MiB)
    assert.strictEqual(size(63 * GiB, false), 128 * MiB)
  })

  it("GEO-17: the recorded 64 and 65 GiB guests end at 65 and 66 GiB", () => {
    assert.strictEqual(size(66 * GiB, true), 2 * GiB)
    assert.strictEqual(size(65 * GiB, true), GiB)
  })

  it("GEO-15: a legal forced size wins, an illegal one does not", () => {
    assert.strictEqual(size(8 * GiB, true, { forced: GiB }), GiB)
    assert.strictEqual(size(8 * GiB, true, { forced: 64 * MiB }), 128 * MiB)
    assert.strictEqual(size(8 * GiB, true, { forced: 128 * GiB }), 128 * MiB)
  })

  it("GEO-15: CXL advice starts the search also on bare metal", () => {
    assert.strictEqual(size(66 * GiB, false, { advised: 256 * MiB }), 256 * MiB)
    assert.strictEqual(size(66 * GiB, false, { advised: 8 * GiB }), 2 * GiB)
  })
})
