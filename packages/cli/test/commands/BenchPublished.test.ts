import { assert, describe, it } from "@effect/vitest"
import { GiB, KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import type * as Testbed from "@vmemmap/core/simulation/Testbed"
import { Effect } from "effect"
import * as BenchPublished from "../../src/commands/BenchPublished.ts"
import * as TestbedSource from "../../src/sources/TestbedSource.ts"

const ms = 1_000_000

const device = (rest: Partial<Geometry.Geometry>): Geometry.Geometry => ({
  kind: "device",
  size: 128 * GiB,
  align: 4 * KiB,
  map: "mem",
  ...rest
})

/** A machine with a device and what is published of it. */
const testbed = (
  points: ReadonlyArray<Partial<Testbed.Point>>,
  devices = 1
): Testbed.Testbed => ({
  name: "test",
  about: "a test",
  machine: {
    devices: Array.from({ length: devices }, (_, i) => ({
      name: `region${i}`,
      kind: "pmem",
      start: (i + 1) * 1024 * GiB,
      size: 16 * GiB,
      configured: [{ name: `namespace${i}.0`, size: 16 * GiB, mode: "devdax", map: "mem", align: 2 * MiB }]
    }))
  },
  costs: {},
  variants: { dev: { map: "dev" }, base: { align: 4 * KiB } },
  published: points.map((point) => ({
    what: "something",
    source: "somebody",
    strategy: "linux-6.1",
    figure: "initialise",
    low: 5,
    high: 7,
    use: "predict",
    ...point
  }))
})

const found = (testbeds: ReadonlyArray<Testbed.Testbed>, geometry: Geometry.Geometry) =>
  BenchPublished.find(testbeds, geometry).map(({ highNs, lowNs }) => [lowNs, highNs])

describe("BenchPublished, the bundled machines", () => {
  it.effect("128 GiB with its memmap in RAM: what was measured of an NVDIMM, in base pages and compounds", () =>
    Effect.gen(function*() {
      const bundled = yield* TestbedSource.bundled
      const cases = [[4 * KiB, 268, 358], [2 * MiB, 80, 110], [GiB, 0, 1]] as const
      for (const [align, low, high] of cases) {
        assert.deepStrictEqual(found(bundled, device({ align })), [[low * ms, high * ms]])
        const [published] = BenchPublished.find(bundled, device({ align }))
        assert.match(published?.what ?? "", /^device-dax with /)
        assert.match(published?.source ?? "", /Joao Martins|the same/)
      }
    }))

  it.effect("nothing of other sizes, places of the memmap, and RAM", () =>
    Effect.gen(function*() {
      const bundled = yield* TestbedSource.bundled
      const others = [
        ...Geometry.all(128 * GiB).filter(({ kind, map }) => kind === "ram" || map === "dev"),
        ...[64, 127, 129, 256].flatMap((size) => Geometry.all(size * GiB))
      ]
      for (const geometry of others) assert.deepStrictEqual(found(bundled, geometry), [], JSON.stringify(geometry))
    }))
})

describe("BenchPublished, any machine", () => {
  const compounds = device({ size: 16 * GiB, align: 2 * MiB })

  it("a figure of how long struct pages take, of the only device, as large, in the same pages", () => {
    assert.deepStrictEqual(found([testbed([{}])], compounds), [[5, 7]])
    assert.deepStrictEqual(found([testbed([{}]), testbed([{ low: 1, high: 2 }, {}])], compounds), [[5, 7], [1, 2], [
      5,
      7
    ]])
    assert.deepStrictEqual(found([testbed([{}])], { ...compounds, align: 4 * KiB }), [])
    assert.deepStrictEqual(found([testbed([{}])], { ...compounds, size: 15 * GiB }), [])
    assert.deepStrictEqual(found([testbed([{}], 2)], compounds), [])
    assert.deepStrictEqual(found([testbed([{}], 0)], compounds), [])
  })

  it("none of other figures, and none that says how much less it is", () => {
    for (const figure of ["ready", "rebind", "boot", "lock held"] as const) {
      assert.deepStrictEqual(found([testbed([{ figure }])], compounds), [])
    }
    assert.deepStrictEqual(found([testbed([{ minus: "linux-4.19" }])], compounds), [])
  })

  it("the machine as the variant sets it up, in the pages that the strategy has", () => {
    assert.deepStrictEqual(found([testbed([{ variant: "dev" }])], compounds), [])
    assert.deepStrictEqual(found([testbed([{ variant: "dev" }])], { ...compounds, map: "dev" }), [[5, 7]])
    assert.deepStrictEqual(found([testbed([{ variant: "base" }])], { ...compounds, align: 4 * KiB }), [[5, 7]])
    // Before 5.17 compounds of device-dax have all their struct pages.
    assert.deepStrictEqual(found([testbed([{ strategy: "linux-4.20" }])], compounds), [])
    assert.deepStrictEqual(found([testbed([{ strategy: "linux-4.20" }])], { ...compounds, align: 4 * KiB }), [[5, 7]])
  })
})
