import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as BootZones from "../../src/zones/BootZones.ts"
import type * as MovableCore from "../../src/zones/MovableCore.ts"

const GiB = 2 ** 30
const x86 = Architecture.presets.x86_64
const perGiB = GiB / 4096

/** Populated zones as `node zone start+spanned(present)`. */
const shown = (zones: ReadonlyArray<BootZones.NodeZones>) =>
  zones.flatMap(({ node, zones }) =>
    zones.filter(({ spanned }) => spanned > 0)
      .map(({ name, present, spanned, start }) => `${node} ${name} ${start}+${spanned}(${present})`)
  )

const low = { start: 1, end: 0x9f }
const node0 = (end: number) => ({ node: 0, ram: [low, { start: 256, end }] })
const node1 = (start: number, end: number) => ({ node: 1, ram: [{ start, end }] })

describe("BootZones", () => {
  it("ZON-11: 4 GiB of RAM, one GiB of it above the hole", () => {
    const nodes = [{ node: 0, ram: [low, { start: 256, end: 0xbffdf }, { start: 1048576, end: 1310720 }] }]
    assert.deepStrictEqual(shown(BootZones.make(x86, nodes)), [
      "0 DMA 1+4095(3998)",
      "0 DMA32 4096+1044480(782303)",
      "0 Normal 1048576+262144(262144)"
    ])
  })

  it("ZON-11: all zones of the architecture are there, empty ones with zeros", () => {
    const [zones] = BootZones.make(x86, [node0(perGiB)])
    assert.deepStrictEqual(zones?.zones.map(({ name }) => name), ["DMA", "DMA32", "Normal", "Movable", "Device"])
    assert.deepStrictEqual(zones?.zones.at(-1), { name: "Device", start: 0, spanned: 0, present: 0 })
    const names = (arch: Architecture.Name) =>
      BootZones.make(Architecture.presets[arch], [node1(0x80000, 0x90000)])[0]?.zones.map(({ name }) => name)
    assert.deepStrictEqual(names("ppc64-radix"), ["Normal", "Movable", "Device"])
    assert.deepStrictEqual(names("riscv64"), ["DMA32", "Normal", "Movable", "Device"])
  })

  it("ZON-11: a zone between two ranges spans the hole and has nothing present", () => {
    const zones = BootZones.make(x86, [{ node: 0, ram: [{ start: 1, end: 4096 }, { start: 1048576, end: 1048577 }] }])
    assert.deepStrictEqual(shown(zones), ["0 DMA 1+4095(4095)", "0 DMA32 4096+1044480(0)", "0 Normal 1048576+1(1)"])
  })

  it("ZON-11: where RAM begins at 0 so does its zone", () => {
    const zones = BootZones.make(Architecture.presets["ppc64-radix"], [{ node: 0, ram: [{ start: 0, end: 65536 }] }])
    assert.deepStrictEqual(shown(zones), ["0 Normal 0+65536(65536)"])
  })

  it("ZON-12: kernelcore is spread over the nodes, what a small node cannot take goes to the others", () => {
    const nodes = [node0(2 * perGiB), node1(4 * perGiB, 8 * perGiB)]
    const movable = (options: MovableCore.Options) =>
      shown(BootZones.make(x86, nodes, options)).filter((line) => line.includes("Movable"))
    const bytes = (gib: number) => ({ kind: "bytes", bytes: gib * GiB }) as const
    // All of node 0 lies below Normal, which alone lends, so it counts whole: node 1 pays the 98 pages its holes lack.
    assert.deepStrictEqual(movable({ kernelcore: bytes(2) }), ["1 Movable 1049600+1047552(1047552)"])
    // Half of 5 GiB from node 1 in the first round, what node 0 could not give in the second.
    assert.deepStrictEqual(movable({ kernelcore: bytes(5) }), ["1 Movable 1836032+261120(261120)"])
    assert.deepStrictEqual(movable({ kernelcore: bytes(6) }), [])
    assert.deepStrictEqual(movable({ kernelcore: bytes(0) }), [])
    assert.deepStrictEqual(movable({}), [])
  })

  it("ZON-12: the larger of kernelcore and what movablecore leaves counts; movable_node overrules both", () => {
    const nodes = [node1(4 * perGiB, 8 * perGiB)]
    const start = (options: MovableCore.Options) =>
      BootZones.make(x86, nodes, options)[0]?.zones.find(({ name }) => name === "Movable")?.start
    const percent = (n: number) => ({ kind: "percent", percent: n }) as const
    assert.strictEqual(start({ movablecore: percent(25) }), 7 * perGiB)
    assert.strictEqual(start({ movablecore: percent(25), kernelcore: percent(50) }), 7 * perGiB)
    assert.strictEqual(start({ movablecore: percent(75), kernelcore: percent(50) }), 6 * perGiB)
    assert.strictEqual(start({ movablecore: { kind: "bytes", bytes: 4096 } }), 8 * perGiB - 1024)
    assert.strictEqual(start({ kernelcore: percent(100) }), 0)
    assert.strictEqual(start({ kernelcore: percent(50), movableNode: true }), 0)
  })

  it("ZON-12: the start is rounded up to the largest buddy block of the architecture", () => {
    const arch = Architecture.presets["arm64-64k"]
    const movable = BootZones.make(arch, [node1(65536, 131072)], { kernelcore: { kind: "bytes", bytes: 65536 } })
    assert.deepStrictEqual(shown(movable), ["1 Normal 65536+8192(8192)", "1 Movable 73728+57344(57344)"])
  })

  it("OBS-8: the gap below RAM and the two sections around a hole, never what lies between", () => {
    const nodes = [{ node: 0, ram: [low, { start: 256, end: 0x7ffdf }] }]
    const zones = BootZones.make(x86, nodes)
    assert.deepStrictEqual(
      BootZones.holes(x86, nodes, zones).map(({ node, pages, zone }) => `${node} ${zone} ${pages}`),
      ["0 DMA 1", "0 DMA 97", "0 DMA32 33"]
    )
    const far = [...nodes, node1(4 * perGiB + 100, 5 * perGiB)]
    const [, , hole, ...rest] = BootZones.holes(x86, far, BootZones.make(x86, far))
    assert.deepStrictEqual(hole, {
      node: 1,
      zone: "Normal",
      pages: 133,
      range: { start: 0x7ffdf, end: 4 * perGiB + 100 },
      inside: [{ start: 0x7ffdf, end: 0x80000 }, { start: 4 * perGiB, end: 4 * perGiB + 100 }]
    })
    assert.deepStrictEqual(rest, [])
  })

  const Part = Schema.Struct({
    gap: Schema.Natural.check(Schema.isBetween({ minimum: 0, maximum: 90000 })),
    length: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 400000 })),
    node: Schema.Natural.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
  })
  const Percent = Schema.Natural.check(Schema.isBetween({ minimum: 0, maximum: 100 }))

  it.prop(
    "ZON-11, ZON-12, OBS-8: every page of RAM is present once, Movable is at the end, holes fill boot sections exactly",
    {
      parts: Arbitrary.array(Arbitrary.schema(Part), { minLength: 1, maxLength: 8 }),
      kernel: Percent,
      movable: Percent
    },
    ({ kernel, movable, parts }) => {
      let at = 0
      const byNode = new Map<number, Array<PfnRange.PfnRange>>()
      for (const { gap, length, node } of parts) {
        const start = at + gap
        at = start + length
        byNode.set(node, [...byNode.get(node) ?? [], { start, end: at }])
      }
      const nodes = [...byNode].map(([node, ram]) => ({ node, ram: PfnRange.normalise(ram) }))
        .toSorted((a, b) => a.node - b.node)
      const zones = BootZones.make(x86, nodes, {
        kernelcore: { kind: "percent", percent: kernel },
        movablecore: { kind: "percent", percent: movable }
      })
      const total = (ranges: ReadonlyArray<PfnRange.PfnRange>) => ranges.reduce((sum, r) => sum + r.end - r.start, 0)
      for (const { node, zones: own } of zones) {
        const ram = nodes.find((n) => n.node === node)?.ram ?? []
        assert.strictEqual(own.reduce((sum, { present }) => sum + present, 0), total(ram))
        const spans = own.filter(({ spanned }) => spanned > 0)
        const fields = spans.map(({ spanned, start }) => ({ start, end: start + spanned }))
        assert.isTrue(fields.every((span, i) => i === 0 || (fields[i - 1]?.end ?? 0) <= span.start))
        assert.strictEqual(fields[0]?.start, ram[0]?.start)
        assert.strictEqual(fields.at(-1)?.end, ram.at(-1)?.end)
        const last = own.find(({ name }) => name === "Movable")
        assert.strictEqual((last?.start ?? 0) % 1024, 0)
      }
      const ranges = nodes.flatMap(({ ram }) => ram)
      const sections = PfnRange.normalise(
        ranges.map(({ end, start }) => ({ start: start - start % 32768, end: Math.ceil(end / 32768) * 32768 }))
      )
      const holes = BootZones.holes(x86, nodes, zones)
      assert.deepStrictEqual(
        PfnRange.normalise(holes.flatMap(({ inside }) => inside)),
        PfnRange.normalise(sections.flatMap((section) => PfnRange.subtract(section, ranges)))
      )
      assert.isTrue(holes.every(({ inside, pages }) => total(inside) === pages))
    },
    { arbitrary: { runs: 200, seed: "boot zones" } }
  )
})
