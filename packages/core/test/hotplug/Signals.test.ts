import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import { MemoryNotifier } from "../../src/hotplug/MemoryNotifier.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import { Iomem } from "../../src/resources/Iomem.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as Harness from "./Harness.ts"
import * as State from "./State.ts"

const { GiB, MiB } = Harness
const block = 128 * MiB
const blocks = { start: 64, end: 66 }

/** Everything that can be done to two blocks, of which `own` hold their own memmap. */
const life = (own: boolean) =>
  Effect.gen(function*() {
    const hotplug = yield* MemoryHotplug
    for (const i of [0, 1]) {
      yield* hotplug.addMemory({ start: 8 * GiB + i * block, size: block, node: 0, memmapOnMemory: own })
    }
    yield* hotplug.online(blocks, "online")
    yield* hotplug.offline({ start: 65, end: 66 })
    for (const i of [1, 0]) yield* hotplug.offlineAndRemove({ start: 8 * GiB + i * block, size: block })
  })

/** Blocks, sections and resources are there together or not at all. */
const isWhole = Effect.gen(function*() {
  const all = yield* MemoryBlocks
  const table = yield* SectionTable.SectionTable
  const resources = (yield* Iomem).tree().children
  for (const n of [64, 65]) {
    const there = all.runs({ start: n, end: n + 1 }).length === 1
    assert.strictEqual(SectionTable.flags(table, n) !== 0, there, `section ${n}`)
    assert.strictEqual(
      resources.some(({ end, start }) => start <= n * block && end > n * block),
      there,
      `resource ${n}`
    )
  }
})

describe("signals", () => {
  for (const own of [false, true]) {
    it.effect(`HOT-8: one at any step leaves no lock, no half state and no fiber (memmap ${own ? "on memory" : "in RAM"})`, () =>
      Effect.gen(function*() {
        for (let n = 0;; n++) {
          const isDone = yield* Effect.gen(function*() {
            const notifier = yield* MemoryNotifier
            yield* notifier.subscribe(() => Effect.yieldNow)
            let step = 0
            const hit = (fiber: () => Fiber.Fiber<unknown, unknown> | undefined) =>
              Steps.stepped(() =>
                Effect.suspend(() => {
                  if (step++ === n) fiber()?.interruptUnsafe()
                  return Effect.yieldNow
                })
              )
            let running: Fiber.Fiber<unknown, unknown> | undefined
            running = yield* Effect.forkChild(
              life(own).pipe(Effect.provideService(Steps.Steps, hit(() => running)))
            )
            yield* Fiber.await(running)
            yield* isWhole
            yield* State.check
            return step <= n
          }).pipe(
            Effect.scoped,
            Effect.provide(Harness.layer({ ...Harness.small, cmdline: "memory_hotplug.memmap_on_memory=1" }))
          )
          if (isDone) return
        }
      }))
  }
})
