import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as E820 from "../../src/resources/E820.ts"
import * as MemmapOption from "../../src/resources/MemmapOption.ts"
import * as ResourceTree from "../../src/resources/ResourceTree.ts"

const KiB = 1024
const MiB = 1024 ** 2
const GiB = 1024 ** 3

const entry = (start: number, end: number, type: number): E820.Entry => ({ start, end, type })

const options = (text: string) => MemmapOption.actions(MemmapOption.parse(text))

/** OBS-1: the firmware map of the recorded machine. */
const firmware = (below: number, above: number): E820.Table => {
  const tail = below + above > 64 * GiB ? 0x22000 : 0x21000
  return [
    entry(0, 0x9fc00, 1),
    entry(0x9fc00, 0xa0000, 2),
    entry(0xf0000, MiB, 2),
    entry(MiB, below - tail, 1),
    entry(below - tail, below, 2),
    entry(0xfffc0000, 4 * GiB, 2),
    entry(4 * GiB, 4 * GiB + above, 1),
    entry(0xfd00000000, 0x10000000000, 2)
  ]
}

/** 20.7: the PCI window of the recorded machine. */
const pciWindow = (start: number) => ({ start, end: 0xfec00000, name: "PCI Bus 0000:00" })

const kept = new Set(["System RAM", "Reserved", "Persistent Memory (legacy)", "RAM buffer"])

interface Recorded {
  readonly cmdline: string
  readonly ram: { readonly below4G: number; readonly above4G: number }
  readonly dimms?: ReadonlyArray<{ readonly addr: number }>
}

describe("E820", () => {
  it("20.3: the largest numeric type wins where entries overlap", () => {
    const table = E820.sanitise([entry(0, 100, 1), entry(40, 60, 2), entry(50, 70, 12)])
    assert.deepStrictEqual(table, [
      entry(0, 40, 1),
      entry(40, 50, 2),
      entry(50, 60, 12),
      entry(60, 70, 12),
      entry(70, 100, 1)
    ])
  })

  it("20.3: equal neighbours are merged, but never PRAM or SOFT_RESERVED", () => {
    for (const [type, count] of [[1, 1], [2, 1], [7, 1], [12, 2], [0xefffffff, 2]] as const) {
      assert.strictEqual(E820.sanitise([entry(0, 10, type), entry(10, 20, type)]).length, count)
    }
  })

  it("20.3: memmap=4G!3G over a hole below 4 GiB yields several regions, reserved space included", () => {
    const table = E820.boot(firmware(3 * GiB + 512 * MiB, 4 * GiB), options("4G!3G"))
    assert.deepStrictEqual(E820.regions(table).map((r) => [r.start, r.start + r.size]), [
      [3 * GiB, 3.5 * GiB - 0x21000],
      [3.5 * GiB - 0x21000, 3.5 * GiB],
      [3.5 * GiB, 0xfffc0000],
      [0xfffc0000, 4 * GiB],
      [4 * GiB, 7 * GiB]
    ])
  })

  it("20.3: exactmap forgets the firmware, conversion and removal touch only their type and range", () => {
    const table = [entry(0, GiB, 1), entry(GiB, 2 * GiB, 2)]
    assert.deepStrictEqual(E820.apply(table, options("exactmap,1G@1G")), [entry(GiB, 2 * GiB, 1)])
    assert.deepStrictEqual(E820.apply(table, options("1G%512M-1+12")), [
      entry(0, GiB / 2, 1),
      entry(GiB / 2, GiB, 12),
      entry(GiB, 2 * GiB, 2)
    ])
    assert.deepStrictEqual(E820.apply(table, options("1G%512M-2")), [entry(0, GiB, 1), entry(1.5 * GiB, 2 * GiB, 2)])
    assert.deepStrictEqual(E820.apply(table, options("1G%512M")), [entry(0, GiB / 2, 1), entry(1.5 * GiB, 2 * GiB, 2)])
    assert.deepStrictEqual(E820.apply(table, options("512M")), [entry(0, GiB / 2, 1), entry(GiB, 2 * GiB, 2)])
  })

  it("OBS-2: RAM for the page allocator is rounded inwards to pages, kernel-reserved RAM included", () => {
    assert.deepStrictEqual(
      E820.ram([
        entry(1, 0x9fc00, 1),
        entry(0x100000, 0x200000, 1),
        entry(0x200000, 0x300000, 128),
        entry(1e9, 1e9 + 10, 1)
      ]),
      [{ start: 0x1000, end: 0x9f000 }, { start: 0x100000, end: 0x300000 }]
    )
  })

  it("OBS-1: page 0 is reserved and the BIOS area is no RAM", () => {
    assert.deepStrictEqual(E820.boot([entry(0, 2 * MiB, 1)], []), [
      entry(0, 4096, 2),
      entry(4096, 640 * 1024, 1),
      entry(MiB, 2 * MiB, 1)
    ])
  })

  const check = (category: KernelFacts.Category) => {
    let checked = 0
    for (const recorded of KernelFacts.byCategory(category)) {
      const { cmdline, dimms, ram } = recorded.input as unknown as Recorded
      const phases = recorded.observed["phases"] as Record<string, { iomem?: ReadonlyArray<unknown> }> | undefined
      const iomem = phases?.["before-drivers"]?.iomem as
        | ReadonlyArray<{ depth: number; start: number; end: number; name: string }>
        | undefined
      if (iomem === undefined) continue
      const table = E820.boot(
        firmware(ram.below4G, ram.above4G),
        MemmapOption.actions(MemmapOption.fromCommandLine(cmdline))
      )
      const plugged = new Set((dimms ?? []).map((d) => d.addr))
      const expected = iomem.filter((r) => r.depth === 0 && kept.has(r.name) && !plugged.has(r.start))
        .map(({ end, name, start }) => ({ start, end, name }))
      const tree = Result.getOrThrow(E820.toResources(table, true, [pciWindow(ram.below4G)]))
      assert.deepStrictEqual(
        tree.children.filter(({ name }) => kept.has(name)).map(({ end, name, start }) => ({ start, end, name })),
        expected,
        recorded.case
      )
      checked++
    }
    return checked
  }

  it("OBS-1 … OBS-4: System RAM, Reserved and RAM buffer of every plain-boot recording", () => {
    assert.strictEqual(check("plain-boot"), 24)
  })

  it("20.6: Persistent Memory (legacy), one per range, of every legacy-memmap recording", () => {
    assert.isAbove(check("legacy-memmap"), 18)
  })

  it("OBS-1 … OBS-4: the top level of all other recorded machines at boot", () => {
    const categories = [
      "ns-mode",
      "ns-size",
      "multi-ns",
      "recreate",
      "sysfs",
      "virtio-pmem",
      "infoblock-validate",
      "region-placement",
      "refuse",
      "kmem",
      "memory-block",
      "large-device"
    ] as const
    for (const category of categories) assert.isAbove(check(category), 0)
  })

  const withWindow = (cmdline: string) =>
    Result.getOrThrow(
      E820.toResources(E820.boot(firmware(3 * GiB, 3 * GiB), options(cmdline)), true, [pciWindow(3 * GiB)])
    )

  const between = (tree: ResourceTree.Resource, start: number, end: number) =>
    ResourceTree.toText(tree).split("\n").filter((line) => {
      const at = Number.parseInt(line, 16)
      return at >= start && at < end
    })

  const regions = (tree: ResourceTree.Resource) => E820.found(tree).map(({ end, start }) => [start, end + 1 - start])

  it("20.7: a type-12 entry inside a PCI window is its child, and a region", () => {
    for (const [cmdline, line] of [["256M!3G", "c0000000-cfffffff"], ["256M!3328M", "d0000000-dfffffff"]] as const) {
      const tree = withWindow(cmdline)
      assert.deepStrictEqual(between(tree, 3 * GiB, 0xfec00000), [
        "c0000000-febfffff : PCI Bus 0000:00",
        `  ${line} : Persistent Memory (legacy)`
      ])
      assert.deepStrictEqual(regions(tree), [[Number.parseInt(line, 16), 256 * MiB]])
    }
  })

  it("20.7: an entry that overlaps part of a PCI window grows until it covers it", () => {
    const tree = withWindow("1G!3584M")
    assert.deepStrictEqual(between(tree, 3 * GiB, 4 * GiB), [
      "c0000000-fffbffff : Persistent Memory (legacy)",
      "  c0000000-febfffff : PCI Bus 0000:00",
      "fffc0000-ffffffff : Persistent Memory (legacy)"
    ])
    assert.deepStrictEqual(regions(tree)[0], [3 * GiB, GiB - 256 * KiB])
    const reserved = Result.getOrThrow(E820.toResources(
      E820.boot(firmware(3 * GiB, 3 * GiB), MemmapOption.actions(MemmapOption.parse("1G$3584M"))),
      true,
      [pciWindow(3 * GiB)]
    ))
    assert.deepStrictEqual(between(reserved, 3 * GiB, 4 * GiB), [
      "c0000000-11fffffff : Reserved",
      "  c0000000-febfffff : PCI Bus 0000:00"
    ])
  })

  it("20.7: of two entries one in the other through a window, only the outer one is a region", () => {
    const tree = withWindow("256M!3328M,512M!3840M")
    assert.deepStrictEqual(between(tree, 3 * GiB, 4 * GiB), [
      "c0000000-fffbffff : Persistent Memory (legacy)",
      "  c0000000-febfffff : PCI Bus 0000:00",
      "    d0000000-dfffffff : Persistent Memory (legacy)",
      "fffc0000-ffffffff : Persistent Memory (legacy)"
    ])
    assert.deepStrictEqual(regions(tree), [
      [3 * GiB, GiB - 256 * KiB],
      [0xfffc0000, 256 * KiB],
      [4 * GiB, 256 * MiB]
    ])
  })

  it("20.7: a window that overlaps part of RAM is ignored, one of the same range as an entry is inside it", () => {
    const table = E820.boot(firmware(3 * GiB, 3 * GiB), options("1004M!3G"))
    const ignored = Result.getOrThrow(E820.toResources(table, true, [pciWindow(2 * GiB)]))
    assert.notInclude(ResourceTree.toText(ignored), "PCI Bus")
    assert.deepStrictEqual(between(withWindow("1004M!3G"), 3 * GiB, 0xfec00000), [
      "c0000000-febfffff : Persistent Memory (legacy)",
      "  c0000000-febfffff : PCI Bus 0000:00"
    ])
  })

  it("20.3: PRAM and RAM are top-level resources with the desc and busy bits of 20.2", () => {
    const tree = Result.getOrThrow(E820.toResources(E820.boot(firmware(3 * GiB, 3 * GiB), options("1G!4G"))))
    const legacy = tree.children.find((r) => r.start === 4 * GiB)
    assert.strictEqual(legacy?.desc, ResourceTree.Desc.persistentMemoryLegacy)
    assert.strictEqual((legacy?.flags ?? 0) & ResourceTree.Flag.busy, 0)
    assert.strictEqual(
      ResourceTree.intersects(tree, 5 * GiB, GiB, ResourceTree.Flag.memory | ResourceTree.Flag.systemRam),
      "INTERSECTS"
    )
  })

  const Any = Schema.Struct({
    start: Schema.Natural.check(Schema.isLessThan(200)),
    size: Schema.Natural.check(Schema.isLessThan(60)),
    type: Schema.Literals([1, 2, 3, 7, 12, 0xefffffff])
  })

  it.prop(
    "20.3: a sanitised table is ascending and disjoint, and every byte has the largest type that covers it",
    { entries: Arbitrary.array(Arbitrary.schema(Any), { maxLength: 20 }) },
    ({ entries }) => {
      const raw = entries.map(({ size, start, type }) => entry(start, start + size, type))
      const table = E820.sanitise(raw)
      for (let at = 0; at < 260; at++) {
        const over = (t: E820.Table) => t.filter((e) => e.start <= at && at < e.end).map((e) => e.type)
        assert.isAtMost(over(table).length, 1)
        assert.strictEqual(over(table)[0] ?? 0, Math.max(0, ...over(raw)))
      }
      assert.isTrue(table.every((e, i) => e.end > e.start && (i === 0 || (table[i - 1]?.end ?? 0) <= e.start)))
      assert.deepStrictEqual(E820.sanitise(table), table)
    },
    { arbitrary: { runs: 100, seed: "e820" } }
  )
})
