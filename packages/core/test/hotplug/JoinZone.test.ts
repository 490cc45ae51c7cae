import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import { Zones } from "../../src/zones/Zones.ts"
import * as Harness from "./Harness.ts"

const { GiB, MiB } = Harness
const block = 128 * MiB

/** The steps of an effect on zones, sections' taints, pagemaps and struct pages, in order. */
const stepsOf = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const steps: Array<string> = []
  yield* effect.pipe(Effect.provideService(
    Steps.Steps,
    Steps.stepped(({ name, object }) =>
      Effect.sync(() => {
        if (/^(zone|page|pagemap)\.|taint/.test(name)) steps.push(`${name} ${object}`)
      })
    )
  ))
  return steps
})

const device = (start: number, size: number): Parameters<Pagemaps.Pagemaps["Service"]["memremap"]>[0] => ({
  name: "dev",
  type: "generic",
  node: 0,
  ranges: [{ start, end: start + size }]
})

describe("move_pfn_range_to_zone", () => {
  it.effect("ZON-3, ZON-4: contiguous, span, the taint of each shared section, struct pages, contiguous", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const zone = (name: string) => `${name} zone:0/Device`
      const joined = Effect.map(
        stepsOf(pagemaps.memremap(device(8 * GiB + 64 * MiB, 128 * MiB))),
        (steps) => steps.slice(steps.indexOf(zone("zone.clear-contiguous")))
      )
      assert.deepStrictEqual((yield* joined).slice(0, 6), [
        zone("zone.clear-contiguous"),
        zone("zone.grow-span"),
        "section.taint section:64",
        "section.taint section:65",
        zone("zone.set-contiguous"),
        "page.init memmap:64"
      ])
      const whole = yield* stepsOf(pagemaps.memremap(device(16 * GiB, 128 * MiB)))
      assert.isFalse(whole.some((step) => step.startsWith("section.taint")))
    }).pipe(Effect.scoped, Effect.provide(Harness.layer())))

  it.effect("ZON-8: memory that just joined is not online yet, so its zone is found contiguous only at the next change", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const pagemaps = yield* Pagemaps.Pagemaps
      const zones = yield* Zones
      const contiguous = (name: "DMA32" | "Movable" | "Device") => zones.of({ node: 0, name }).contiguous
      assert.isTrue(contiguous("DMA32"))
      yield* hotplug.addMemory({ start: 8 * GiB, size: 4 * block, node: 0 })
      yield* hotplug.online({ start: 64, end: 68 }, "online_movable")
      assert.isFalse(contiguous("Movable"))
      yield* hotplug.offline({ start: 67, end: 68 })
      assert.isTrue(contiguous("Movable"))
      yield* hotplug.offline({ start: 65, end: 66 })
      assert.isFalse(contiguous("Movable"))
      yield* pagemaps.memremap(device(16 * GiB, GiB))
      assert.isFalse(contiguous("Device"))
    }).pipe(Effect.scoped, Effect.provide(Harness.layer())))

  it.effect("ZON-8: a hole in the struct pages of a zone breaks it, one inside a pageblock does not", () =>
    Effect.gen(function*() {
      const zones = yield* Zones
      // The BIOS hole lies in the first pageblock, whose first page (pfn 1) and last are the zone's.
      assert.isTrue(zones.of({ node: 0, name: "DMA" }).contiguous)
      assert.isFalse(zones.of({ node: 0, name: "DMA32" }).contiguous)
    }).pipe(Effect.provide(Harness.layer({
      ...Harness.small,
      ranges: [
        { start: 0, size: 0x9fc00, kind: "ram" },
        { start: MiB, size: GiB - MiB, kind: "ram" },
        { start: GiB + 512 * MiB, size: 512 * MiB, kind: "ram" }
      ]
    }))))

  it.effect("ZON-8: the span of a petabyte is looked at by its holes, not by its pageblocks", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const zones = yield* Zones
      const size = 2 * GiB
      yield* hotplug.addMemory({ start: 2 ** 45, size, node: 0 })
      yield* hotplug.addMemory({ start: 2 ** 44, size, node: 0 })
      yield* hotplug.online({ start: 2 ** 44 / size, end: 2 ** 45 / size + 1 }, "online_movable")
      assert.deepInclude(zones.of({ node: 0, name: "Movable" }), { start: 2 ** 32, contiguous: false })
    }).pipe(Effect.provide(Harness.layer({ ...Harness.small, blockSize: 2 * GiB }))))
})
