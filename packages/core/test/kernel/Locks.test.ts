import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import * as Locks from "../../src/kernel/Locks.ts"

const isLockOrder = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) => Cause.isDieReason(reason) && reason.defect instanceof Locks.LockOrder)

describe("Locks", () => {
  it.effect("LCK-1: there is one writer in the machine; the next waits until it is done", () =>
    Effect.gen(function*() {
      const locks = yield* Locks.Locks
      const gate = yield* Deferred.make<void>()
      const order: Array<string> = []
      const first = yield* Effect.forkChild(locks.memHotplug(Effect.gen(function*() {
        order.push("first in")
        yield* Deferred.await(gate)
        order.push("first out")
      })))
      yield* Effect.yieldNow
      const second = yield* Effect.forkChild(locks.memHotplug(Effect.sync(() => order.push("second in"))))
      yield* Effect.yieldNow
      assert.deepStrictEqual(order, ["first in"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual(order, ["first in", "first out", "second in"])
    }).pipe(Effect.provide(Locks.layer)))

  it.effect("LCK-2: readers hold together, and a writer waits for all of them", () =>
    Effect.gen(function*() {
      const locks = yield* Locks.Locks
      const gate = yield* Deferred.make<void>()
      let readers = 0
      const reader = locks.onlineMems(Effect.andThen(Effect.sync(() => readers++), Deferred.await(gate)))
      const held = yield* Effect.all([Effect.forkChild(reader), Effect.forkChild(reader)])
      yield* Effect.yieldNow
      let wrote = false
      const writer = yield* Effect.forkChild(locks.memHotplug(Effect.sync(() => {
        wrote = true
      })))
      yield* Effect.yieldNow
      assert.deepStrictEqual([readers, wrote], [2, false])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([...held, writer])
      assert.isTrue(wrote)
    }).pipe(Effect.provide(Locks.layer)))

  it.effect("LCK-5: taking a lock again, or an outer one inside, dies at once instead of hanging", () =>
    Effect.gen(function*() {
      const { deviceHotplug, memHotplug, onlineMems } = yield* Locks.Locks
      assert.isTrue(isLockOrder(yield* Effect.exit(memHotplug(memHotplug(Effect.void)))))
      assert.isTrue(isLockOrder(yield* Effect.exit(memHotplug(onlineMems(Effect.void)))))
      assert.isTrue(isLockOrder(yield* Effect.exit(memHotplug(deviceHotplug(Effect.void)))))
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(deviceHotplug(memHotplug(Effect.void)))))
    }).pipe(Effect.provide(Locks.layer)))

  it.effect("a holder or a waiter that is interrupted leaves the lock free", () =>
    Effect.gen(function*() {
      const locks = yield* Locks.Locks
      const holder = yield* Effect.forkChild(locks.memHotplug(Effect.never))
      yield* Effect.yieldNow
      const waiter = yield* Effect.forkChild(locks.memHotplug(Effect.never))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(waiter)
      yield* Fiber.interrupt(holder)
      assert.strictEqual(yield* locks.memHotplug(Effect.succeed("free")), "free")
    }).pipe(Effect.provide(Locks.layer)))
})
