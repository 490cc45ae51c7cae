import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import { MemoryNotifier } from "../../src/hotplug/MemoryNotifier.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import { Zones } from "../../src/zones/Zones.ts"
import * as Harness from "./Harness.ts"

const { GiB, MiB } = Harness
const block = 128 * MiB
const range = { start: 64, end: 65 }
const layer = Harness.layer({ ...Harness.small, cmdline: "memory_hotplug.memmap_on_memory=1" })

/** A block that holds its own memmap; what is done to it, and what is seen before each step and by a notifier. */
const order = <A, E, R>(act: (hotplug: MemoryHotplug["Service"]) => Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const hotplug = yield* MemoryHotplug
    const notifier = yield* MemoryNotifier
    const memmap = yield* Memmap
    const zones = yield* Zones
    const blocks = yield* MemoryBlocks
    yield* hotplug.addMemory({ start: 8 * GiB, size: block, node: 0, memmapOnMemory: true })
    const seen: Array<string> = []
    const look = (name: string) => {
      const page = memmap.read(64 * 32768 + 1024)
      const isFree = page._tag === "Initialised" && page.buddyOrder !== null
      const { present } = zones.of({ node: 0, name: "Normal" })
      seen.push(`${name}: ${isFree ? "free" : "-"} ${present} ${blocks.runs(range)[0]?.value.state}`)
    }
    yield* notifier.subscribe(({ action }) =>
      Effect.gen(function*() {
        look(action)
        if (action === "GOING_OFFLINE") {
          return yield* new KernelError({ errno: "EBUSY", rule: "HOT-8", problem: "not now", remedy: "later" })
        }
      })
    )
    yield* Effect.exit(act(hotplug)).pipe(Effect.provideService(
      Steps.Steps,
      Steps.stepped(({ name }) =>
        Effect.sync(() => {
          if (/add-free|set-online|set-present|undo-isolation|going-offline|zone\.isolate/.test(name)) look(name)
        })
      )
    ))
    return seen
  }).pipe(Effect.scoped, Effect.provide(layer))

describe("order of onlining and offlining", () => {
  it.effect("HOT-6, HOT-7, LCK-9: free, online, counted, allocatable, told of; then the block's own memmap and state", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* order((hotplug) => hotplug.online(range, "online")), [
        "GOING_ONLINE: - 0 offline",
        "zone.add-free: - 0 offline",
        "section.set-online: free 0 offline",
        "zone.set-present: free 0 offline",
        "zone.undo-isolation: free 32256 offline",
        "ONLINE: free 32256 offline",
        "zone.set-present: free 32256 offline",
        "block.set-online: free 32768 offline"
      ])
    }))

  it.effect("HOT-4, HOT-8: a veto: isolation undone, cancelled, then the own memmap counts again and the state is back", () =>
    Effect.gen(function*() {
      const seen = yield* order((hotplug) => Effect.andThen(hotplug.online(range, "online"), hotplug.offline(range)))
      assert.deepStrictEqual(seen.slice(8), [
        "block.set-going-offline: free 32768 online",
        "zone.set-present: free 32768 going-offline",
        "zone.isolate: free 32256 going-offline",
        "GOING_OFFLINE: free 32256 going-offline",
        "zone.undo-isolation: free 32256 going-offline",
        "CANCEL_OFFLINE: free 32256 going-offline",
        "zone.set-present: free 32256 going-offline",
        "block.set-online: free 32768 going-offline"
      ])
    }))
})
