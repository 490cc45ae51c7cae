import { assert, describe, it } from "@effect/vitest"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as ZoneChoice from "../../src/zones/ZoneChoice.ts"

const GiB = 1024 ** 3
const x86 = Architecture.presets.x86_64

const normal = { zone: "Normal", start: 1048576, end: 2097152 } as const
const movable = { zone: "Movable", start: 4194304, end: 5242880 } as const
const dma32 = { zone: "DMA32", start: 4096, end: 786432 } as const

const online = (spans: ReadonlyArray<ZoneChoice.Span>, start: number, end: number, movableNode = false) =>
  ZoneChoice.make({ type: "online", range: { start, end }, spans, movableNode })

interface RecordedZone {
  readonly node: number
  readonly zone: string
  readonly spanned: number
  readonly present: number
  readonly start_pfn?: number
}

describe("ZoneChoice", () => {
  it("ZON-1: online_kernel takes the lowest zone below Normal whose span intersects, else Normal", () => {
    const kernel = (start: number, end: number) =>
      ZoneChoice.make({ type: "online_kernel", range: { start, end }, spans: [dma32, normal, movable] })
    assert.strictEqual(kernel(524288, 557056), "DMA32")
    assert.strictEqual(kernel(786432, 819200), "Normal")
    assert.strictEqual(kernel(4194304, 4227072), "Normal")
  })

  it("ZON-1: online_movable is always Movable", () => {
    assert.strictEqual(
      ZoneChoice.make({ type: "online_movable", range: { start: 4096, end: 36864 }, spans: [dma32, normal] }),
      "Movable"
    )
  })

  it("ZON-2: spans decide; both or neither means kernel unless booted with movable_node", () => {
    const spans = [dma32, normal, movable]
    assert.strictEqual(online(spans, 1048576, 1081344), "Normal")
    assert.strictEqual(online(spans, 4194304, 4227072), "Movable")
    assert.strictEqual(online(spans, 8388608, 8421376), "Normal")
    assert.strictEqual(online(spans, 8388608, 8421376, true), "Movable")
    assert.strictEqual(online([{ ...normal, end: 8388608 }, movable], 4194304, 4227072), "Normal")
    assert.strictEqual(online([{ ...normal, end: 8388608 }, movable], 4194304, 4227072, true), "Movable")
    assert.strictEqual(online([], 0, 32768), "Normal")
  })

  it("HOT-16: the worked example, 4 GiB of kernel zones at 301 %", () => {
    const balance = { kernel: 1048576, ratio: 301 }
    assert.isTrue(ZoneChoice.canBeMovable({ ...balance, movable: 3112960 }, 32768))
    assert.isFalse(ZoneChoice.canBeMovable({ ...balance, movable: 3145728 }, 32768))
  })

  it("HOT-16: what other dynamic groups owe is taken out first, what the current one has counts as kernel", () => {
    const balance = { kernel: 1000, movable: 900, ratio: 100, groups: [{ kernel: 100, movable: 600 }] }
    // 500 pages of the other group lack their kernel share: 500 are left, 300 of them used.
    assert.isTrue(ZoneChoice.canBeMovable(balance, 200))
    assert.isFalse(ZoneChoice.canBeMovable(balance, 201))
    const current = { kind: "dynamic", unitPages: 50, kernel: 50, movable: 0 } as const
    assert.isTrue(ZoneChoice.canBeMovable(balance, 250, current))
    assert.isFalse(ZoneChoice.canBeMovable({ ...balance, groups: [{ kernel: 0, movable: 1000 }] }, 1))
  })

  it("HOT-16: a static group counts whole, and stays in kernel zones once it has a page there", () => {
    const choose = (group: ZoneChoice.Group) =>
      ZoneChoice.make({
        type: "online",
        range: { start: 2097152, end: 2129920 },
        spans: [dma32],
        autoMovable: { balance: { kernel: 262144, movable: 0, ratio: 301 }, group }
      })
    const group = { kind: "static", kernel: 0, movable: 0 } as const
    assert.strictEqual(choose({ ...group, maxPages: 789053 }), "Movable")
    assert.strictEqual(choose({ ...group, maxPages: 789054 }), "Normal")
    assert.strictEqual(choose({ ...group, maxPages: 32768 * 2, kernel: 32768 }), "Normal")
  })

  it("ZON-11: spans of the recorded one-node machines without memory options", () => {
    let checked = 0
    for (const { input, observed } of KernelFacts.byCategory("plain-boot")) {
      const { cmdline, ram } = input as {
        cmdline: string
        ram: { below4G: number; above4G: number; nodes: ReadonlyArray<number> }
      }
      if (ram.nodes.length > 1 || /mem(map)?=|numa=|core=/.test(cmdline)) continue
      const phases = (observed as { phases: Record<string, { zoneinfo?: ReadonlyArray<RecordedZone> }> }).phases
      const recorded = (phases["before-drivers"]?.zoneinfo ?? []).filter((z) => z.present > 0)
      const spans = ZoneChoice.bootSpans(x86, [
        { start: 0, end: 0x9fc00 },
        { start: 1024 ** 2, end: ram.below4G - (ram.below4G + ram.above4G > 64 * GiB ? 0x22000 : 0x21000) },
        { start: 4 * GiB, end: 4 * GiB + ram.above4G }
      ])
      assert.deepStrictEqual(
        spans.map(({ end, start, zone }) => ({ zone, start, spanned: end - start })),
        recorded.map((z) => ({ zone: z.zone as ZoneChoice.Zone, start: z.start_pfn ?? -1, spanned: z.spanned }))
      )
      checked++
    }
    assert.isAbove(checked, 8)
  })

  it("HOT-18: a range above all zones goes to Normal, one inside DMA32's span to DMA32", () => {
    const ram = [{ start: 0, end: 2 * GiB }]
    assert.deepStrictEqual(ZoneChoice.forRange({ arch: x86, ram }, { start: 8 * GiB, end: 9 * GiB }), {
      online: "Normal",
      online_kernel: "Normal",
      online_movable: "Movable"
    })
    assert.strictEqual(ZoneChoice.forRange({ arch: x86, ram }, { start: GiB, end: 2 * GiB }).online, "DMA32")
  })
})
