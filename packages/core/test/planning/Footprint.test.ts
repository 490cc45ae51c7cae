import { assert, describe, it } from "@effect/vitest"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as Footprint from "../../src/planning/Footprint.ts"

const KiB = 1024
const MiB = 1024 ** 2
const GiB = 1024 ** 3
const x86 = Architecture.presets.x86_64

interface Phase {
  readonly meminfo: { readonly MemTotal: number; readonly MemFree: number }
  readonly pcp_pages: string
}

/** The recorded machines the fit was made on: RAM, MemTotal and free bytes. */
const machines = KernelFacts.byCategory("plain-boot").flatMap(({ case: name, input, observed }) => {
  const { cmdline, ram } = input as { cmdline: string; ram: { total: number; nodes: ReadonlyArray<number> } }
  if (ram.nodes.length > 1 || /memmap=|mem=|numa=/.test(cmdline)) return []
  const { meminfo, pcp_pages } = (observed["phases"] as Record<string, Phase>)["boot"] as Phase
  return [{ name, ram: ram.total, managed: meminfo.MemTotal, free: meminfo.MemFree + Number(pcp_pages) * 4096 }]
})

const line = (points: ReadonlyArray<{ readonly x: number; readonly y: number }>) => {
  const n = points.length
  const sum = (f: (p: { readonly x: number; readonly y: number }) => number) => points.reduce((s, p) => s + f(p), 0)
  const slope = (n * sum((p) => p.x * p.y) - sum((p) => p.x) * sum((p) => p.y)) /
    (n * sum((p) => p.x * p.x) - sum((p) => p.x) ** 2)
  return { fixed: (sum((p) => p.y) - slope * sum((p) => p.x)) / n, perGiB: slope }
}

describe("Footprint", () => {
  it("with the memmap taken out, the constants are the least squares of thirteen recorded boots", () => {
    assert.strictEqual(machines.length, 13)
    const fit = (used: (m: (typeof machines)[number]) => number) =>
      line(machines.map((m) => ({ x: m.ram / GiB, y: used(m) })))
    const kernel = fit((m) => m.ram - m.ram / 64 - m.managed)
    const booted = fit((m) => m.managed - m.free)
    for (
      const [fitted, stated] of [[kernel, Footprint.recorded.kernel], [booted, Footprint.recorded.booted]] as const
    ) {
      assert.closeTo(fitted.fixed, stated.fixed, 2 * KiB)
      assert.closeTo(fitted.perGiB, stated.perGiB, KiB)
    }
  })

  it("MemTotal and free memory of every recorded machine within the stated residuals", () => {
    for (const { free, managed, name, ram } of machines) {
      const odd = name === "boot-4gp130m"
      assert.closeTo(Footprint.managed(Footprint.recorded, x86, 64, ram), managed, (odd ? 6.3 : 2) * MiB, name)
      assert.closeTo(Footprint.free(Footprint.recorded, x86, 64, ram), free, (odd ? 8.4 : 4.6) * MiB, name)
    }
  })

  it("a machine too small for its own kernel has nothing free, never less", () => {
    assert.strictEqual(Footprint.managed(Footprint.recorded, x86, 64, 64 * MiB), 0)
    assert.strictEqual(Footprint.free(Footprint.recorded, x86, 64, 64 * MiB), 0)
  })

  it("memory in ZONE_MOVABLE takes over part of what watermarks keep", () => {
    const zones = { kernel: 900 * MiB, movable: 0, kernelZones: 2 }
    const alone = Footprint.reserved(Footprint.recorded, x86, zones)
    const shared = Footprint.reserved(Footprint.recorded, x86, { ...zones, movable: 51 * GiB })
    assert.strictEqual(alone, 44 * MiB)
    // A recorded guest of this shape showed a minimum of 728 kB in its boot zone.
    assert.closeTo(shared, 728 * KiB, 48 * KiB)
    assert.strictEqual(
      Footprint.reserved(Footprint.recorded, x86, { kernel: 100 * MiB, movable: 0, kernelZones: 2 }),
      5 * MiB
    )
  })
})
