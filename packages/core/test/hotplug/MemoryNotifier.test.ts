import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Result } from "effect"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import * as MemoryNotifier from "../../src/hotplug/MemoryNotifier.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import { LockOrder, Locks } from "../../src/kernel/Locks.ts"
import * as Harness from "./Harness.ts"
import * as State from "./State.ts"

const { GiB, MiB } = Harness
const block = 128 * MiB
const pages = block / 4096
const range = { start: 64, end: 67 }

const veto = new KernelError({ errno: "EBUSY", rule: "HOT-7", problem: "not now", remedy: "ask later" })

const errno = <A>(effect: Effect.Effect<A, KernelError>) =>
  Effect.map(Effect.result(effect), (done) => Result.isFailure(done) ? done.failure.errno : null)

/** Three offline blocks, with memmaps of their own. */
const added = Effect.gen(function*() {
  const hotplug = yield* MemoryHotplug
  for (const i of [0, 1, 2]) {
    yield* hotplug.addMemory({ start: 8 * GiB + i * block, size: block, node: 0, memmapOnMemory: true })
  }
  return hotplug
})

const observe = State.observe(8 * GiB / 4096, 9 * GiB / 4096)
const layer = Harness.layer({ ...Harness.small, cmdline: "memory_hotplug.memmap_on_memory=1" })

const listen = (heard: Array<string>, refuse: (event: MemoryNotifier.Event) => boolean = () => false) =>
  Effect.flatMap(MemoryNotifier.MemoryNotifier, (notifier) =>
    notifier.subscribe((event) => {
      heard.push(`${event.action} ${(event.start - 64 * pages) / 512}-${(event.end - 64 * pages) / 512}`)
      return refuse(event) ? Effect.fail(veto) : Effect.void
    }))

describe("MemoryNotifier", () => {
  it.effect("HOT-4, HOT-7, HOT-8: every block is told of by itself, without its own memmap", () =>
    Effect.gen(function*() {
      const hotplug = yield* added
      const heard: Array<string> = []
      yield* Effect.scoped(Effect.gen(function*() {
        yield* listen(heard)
        yield* hotplug.online({ start: 64, end: 66 }, "online")
        yield* hotplug.offline({ start: 64, end: 65 })
      }))
      yield* hotplug.offline({ start: 65, end: 66 })
      assert.deepStrictEqual(heard, [
        "GOING_ONLINE 1-64",
        "ONLINE 1-64",
        "GOING_ONLINE 65-128",
        "ONLINE 65-128",
        "GOING_OFFLINE 1-64",
        "OFFLINE 1-64"
      ])
    }).pipe(Effect.provide(layer)))

  it.effect("HOT-7, HOT-8: a veto is the answer, and everything is undone", () =>
    Effect.gen(function*() {
      const hotplug = yield* added
      yield* hotplug.online({ start: 64, end: 65 }, "online_movable")
      const before = yield* observe
      const heard: Array<string> = []
      const contents = (state: typeof before) => ({ ...state, contents: [], pageblocks: [] })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* listen(heard, ({ action }) => action.startsWith("GOING_"))
        assert.strictEqual(yield* errno(hotplug.online({ start: 65, end: 67 }, "online_kernel")), "EBUSY")
        // Struct pages were initialised; everything else is as before.
        assert.deepStrictEqual(contents(yield* observe), contents(before))
        assert.strictEqual(yield* errno(hotplug.offline(range)), "EBUSY")
        assert.deepStrictEqual(contents(yield* observe), contents(before))
      }))
      assert.deepStrictEqual(heard, [
        "GOING_ONLINE 65-128",
        "CANCEL_ONLINE 65-128",
        "GOING_OFFLINE 1-64",
        "CANCEL_OFFLINE 1-64"
      ])
      yield* State.check
    }).pipe(Effect.provide(layer)))

  for (const action of ["GOING_ONLINE", "ONLINE", "GOING_OFFLINE", "OFFLINE"] as const) {
    it.effect(`LCK-5: a callback that takes the hotplug lock in ${action} dies of it, and nothing is half done`, () =>
      Effect.gen(function*() {
        const hotplug = yield* added
        const locks = yield* Locks
        const notifier = yield* MemoryNotifier.MemoryNotifier
        yield* notifier.subscribe((event) => event.action === action ? locks.onlineMems(Effect.void) : Effect.void)
        const going = yield* Effect.exit(Effect.andThen(hotplug.online(range, "online"), hotplug.offline(range)))
        assert.isTrue(Exit.isFailure(going) && Cause.squash(going.cause) instanceof LockOrder)
        yield* State.check
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }

  it.effect("a callback that never answers can be interrupted, and the block is as before", () =>
    Effect.gen(function*() {
      const hotplug = yield* added
      yield* hotplug.online({ start: 64, end: 65 }, "online_movable")
      const before = yield* observe
      const notifier = yield* MemoryNotifier.MemoryNotifier
      yield* notifier.subscribe(({ action }) => action.startsWith("GOING_") ? Effect.never : Effect.void)
      for (const effect of [hotplug.offline(range), hotplug.online(range, "online")]) {
        const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual((yield* observe).shown, before.shown)
        yield* State.check
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))
})
