import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as BlockAttributes from "../../src/hotplug/BlockAttributes.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryGroups } from "../../src/hotplug/MemoryGroups.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import { OnlinePolicy } from "../../src/hotplug/OnlinePolicy.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import { Zones } from "../../src/zones/Zones.ts"
import * as Harness from "./Harness.ts"

const { GiB, MiB } = Harness
const block = 128 * MiB
const pages = block / 4096

const spec: MachineSpec.MachineSpec = {
  ...Harness.small,
  cmdline: "memory_hotplug.online_policy=auto-movable",
  nodes: [{ node: 0 }, { node: 1 }],
  ranges: [{ start: 0, size: 2 * GiB, kind: "ram", node: 0 }]
}
const layer = Harness.layer(spec)

/** Zone by run of blocks from block 64 on. */
const zonesOf = Effect.map(
  MemoryBlocks,
  (blocks) => blocks.runs({ start: 64, end: 4096 }).map(({ end, start, value }) => [start, end, value.zone])
)

const present = (name: "Normal" | "Movable") =>
  Effect.map(Zones, (zones) => zones.all().filter((z) => z.name === name).reduce((sum, z) => sum + z.present, 0))

describe("auto-movable", () => {
  it.effect("HOT-16: Movable up to the ratio of boot memory, kernel after", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      yield* hotplug.addMemory({ start: 8 * GiB, size: 16 * GiB, node: 0 })
      const zones = yield* Zones
      const kernel = zones.all().reduce((sum, zone) => sum + zone.present, 0)
      yield* hotplug.online({ start: 64, end: 64 + 128 }, "online")
      const movable = yield* present("Movable")
      assert.strictEqual(movable, Math.floor(Math.floor(3.01 * kernel) / pages) * pages)
      assert.strictEqual(yield* present("Normal"), 128 * pages - movable)
    }).pipe(Effect.provide(layer)))

  it.effect("HOT-16: NUMA-aware, a node without kernel memory of boot gets no Movable", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const policy = yield* OnlinePolicy
      yield* hotplug.addMemory({ start: 8 * GiB, size: 2 * block, node: 1 })
      yield* hotplug.online({ start: 64, end: 65 }, "online")
      policy.set({ autoMovableNumaAware: false })
      yield* hotplug.online({ start: 65, end: 66 }, "online")
      assert.deepStrictEqual(yield* zonesOf, [[64, 65, "Normal"], [65, 66, "Movable"]])
    }).pipe(Effect.provide(layer)))

  it.effect("HOT-16: a static group is Movable as a whole, or, once it has kernel memory, not at all", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const groups = yield* MemoryGroups
      const group = (size: number) =>
        Result.getOrThrow(groups.register({ kind: "static", node: 0, maxPages: size / 4096 }))
      yield* hotplug.addMemory({ start: 8 * GiB, size: 8 * GiB, group: group(8 * GiB) })
      yield* hotplug.addMemory({ start: 16 * GiB, size: 2 * block, group: group(2 * block) })
      yield* hotplug.online({ start: 64, end: 130 }, "online")
      assert.deepStrictEqual(yield* zonesOf, [[64, 128, "Normal"], [128, 130, "Movable"]])
      yield* hotplug.offline({ start: 128, end: 130 })
      yield* hotplug.online({ start: 128, end: 129 }, "online_kernel")
      yield* hotplug.online({ start: 129, end: 130 }, "online")
      assert.deepStrictEqual((yield* zonesOf).at(-1), [128, 130, "Normal"])
    }).pipe(Effect.provide(layer)))

  it.effect("HOT-16: a unit of a dynamic group stays in one kind of zone", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const groups = yield* MemoryGroups
      const unitPages = 4 * pages
      const group = Result.getOrThrow(groups.register({ kind: "dynamic", node: 0, unitPages }))
      yield* hotplug.addMemory({ start: 8 * GiB, size: 12 * block, group })
      yield* hotplug.online({ start: 69, end: 70 }, "online_kernel")
      yield* hotplug.online({ start: 64, end: 76 }, "online")
      assert.deepStrictEqual(yield* zonesOf, [[64, 68, "Movable"], [68, 72, "Normal"], [72, 76, "Movable"]])
      assert.deepStrictEqual([groups.find(group)?.kernel, groups.find(group)?.movable], [4 * pages, 8 * pages])
      const { hotplug: _, ...source } = {
        blocks: yield* MemoryBlocks,
        policy: yield* OnlinePolicy,
        zones: yield* Zones,
        hotplug
      }
      yield* hotplug.offline({ start: 69, end: 70 })
      yield* hotplug.offline({ start: 73, end: 74 })
      assert.deepStrictEqual(
        BlockAttributes.runs(source).filter(({ state }) => state === "offline").map((
          { first, validZones }
        ) => [first, validZones]),
        [[69, "Normal Movable"], [73, "Movable Normal"]]
      )
    }).pipe(Effect.provide(layer)))
})

describe("MemoryGroups", () => {
  it.effect("HOT-15: what cannot be registered", () =>
    Effect.gen(function*() {
      const groups = yield* MemoryGroups
      const errno = (done: Result.Result<unknown, { readonly errno: string }>) =>
        Result.isFailure(done) ? done.failure.errno : null
      assert.strictEqual(errno(groups.register({ kind: "static", node: 0, maxPages: 0 })), "EINVAL")
      assert.strictEqual(errno(groups.register({ kind: "static", node: 9, maxPages: 1 })), "EINVAL")
      assert.strictEqual(errno(groups.register({ kind: "dynamic", node: 0, unitPages: pages / 2 })), "EINVAL")
      assert.strictEqual(errno(groups.register({ kind: "dynamic", node: 0, unitPages: 3 * pages })), "EINVAL")
      assert.strictEqual(errno(groups.unregister(0)), "EINVAL")
      const id = Result.getOrThrow(groups.register({ kind: "dynamic", node: 0, unitPages: pages }))
      assert.isNull(errno(groups.unregister(id)))
    }).pipe(Effect.provide(layer)))
})

describe("contig-zones", () => {
  it.effect("ZON-2: a hole in Normal draws memory to Normal, one in Movable to Movable", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const policy = yield* OnlinePolicy
      policy.set({ onlinePolicy: "contig-zones" })
      yield* hotplug.addMemory({ start: 8 * GiB, size: 12 * block, node: 0 })
      yield* hotplug.online({ start: 67, end: 68 }, "online_kernel")
      yield* hotplug.online({ start: 70, end: 71 }, "online_movable")
      yield* hotplug.online({ start: 73, end: 74 }, "online_movable")
      yield* hotplug.online({ start: 64, end: 76 }, "online")
      assert.deepStrictEqual(yield* zonesOf, [[64, 70, "Normal"], [70, 74, "Movable"], [74, 76, "Normal"]])
    }).pipe(Effect.provide(layer)))
})
