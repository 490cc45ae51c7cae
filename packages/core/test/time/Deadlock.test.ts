import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Latch, Queue, Schema, Semaphore } from "effect"
import * as Deadlock from "../../src/time/Deadlock.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import * as Waiting from "../../src/time/Waiting.ts"

const each = { concurrency: "unbounded", discard: true } as const

const deadlockOf = <A, E>(exit: Exit.Exit<A, E | Deadlock.Deadlock>): Deadlock.Deadlock => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(error, Deadlock.Deadlock)
  return error
}

/** Two that take two locks in opposite orders. */
const embrace = Effect.gen(function*() {
  const [a, b] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
  const taker = (name: string, first: Semaphore.Semaphore, second: Semaphore.Semaphore, what: string) =>
    second.withPermits(1)(Effect.void).pipe(
      Waiting.waitingFor(what),
      (inner) => first.withPermits(1)(Effect.andThen(Effect.sleep(10), inner)),
      Waiting.named(name)
    )
  yield* Effect.all([taker("one", a, b, "b"), taker("two", b, a, "a")], each)
})

describe("Deadlock", () => {
  it.effect("is reported at once: when, who waits, and for what", () =>
    Effect.gen(function*() {
      const { exit, left, nanos } = yield* VirtualTime.run(embrace)
      const deadlock = deadlockOf(exit)
      assert.strictEqual(deadlock.reason, "everybody waits")
      assert.strictEqual(deadlock.nanos, 10e6)
      assert.strictEqual(nanos, 10e6)
      assert.deepStrictEqual(deadlock.waiters, [
        { name: "the program", waitsFor: null },
        { name: "one", waitsFor: "b" },
        { name: "two", waitsFor: "a" }
      ])
      assert.strictEqual(
        deadlock.message,
        "deadlock at 10000000 ns: the program waits; one waits for b; two waits for a"
      )
      assert.deepStrictEqual(left, [])
    }))

  it.effect("is found whatever the program waits for", () =>
    Effect.gen(function*() {
      const programs = {
        never: Effect.never,
        deferred: Effect.flatMap(Deferred.make<void>(), Deferred.await),
        queue: Effect.flatMap(Queue.unbounded<number>(), Queue.take),
        latch: Effect.flatMap(Latch.make(), (latch) => latch.await),
        permits: Effect.flatMap(Semaphore.make(0), (semaphore) => semaphore.take(1)),
        itself: Effect.withFiber((fiber) => Fiber.await(fiber)),
        promise: Effect.promise(() => Promise.resolve(1))
      }
      for (const program of Object.values<Effect.Effect<unknown, unknown>>(programs)) {
        const { exit, nanos } = yield* VirtualTime.run(Effect.andThen(Effect.sleep(1), program))
        assert.deepStrictEqual(deadlockOf(exit).waiters, [{ name: "the program", waitsFor: null }])
        assert.strictEqual(nanos, 1e6)
      }
    }))

  it.effect("is none as long as somebody sleeps, and none once the program has ended", () =>
    Effect.gen(function*() {
      const rescued = Effect.gen(function*() {
        const deferred = yield* Deferred.make<string>()
        yield* Effect.forkDetach(Effect.andThen(Effect.sleep("1 hour"), Deferred.succeed(deferred, "rescued")))
        return yield* Deferred.await(deferred)
      })
      assert.deepStrictEqual((yield* VirtualTime.run(rescued)).exit, Exit.succeed("rescued"))
      const stuck = Effect.never.pipe(Waiting.waitingFor("nothing"), Waiting.named("stuck"), Effect.forkDetach)
      const { exit, left } = yield* VirtualTime.run(Effect.andThen(stuck, Effect.as(Effect.yieldNow, "done")))
      assert.deepStrictEqual(exit, Exit.succeed("done"))
      assert.deepStrictEqual(left, [{ name: "stuck", waitsFor: "nothing" }])
    }))

  it.effect("children have the name of whoever forked them unless they get their own, others a number by age", () =>
    Effect.gen(function*() {
      const forked = Effect.gen(function*() {
        yield* Effect.forkChild(Effect.never)
        yield* Effect.forkChild(Waiting.waitingFor(Waiting.named(Effect.never, "own"), "x"))
        return yield* Effect.never
      })
      const program = Effect.all([Effect.never, Waiting.named(forked, "parent"), Effect.never], each)
      assert.deepStrictEqual(deadlockOf((yield* VirtualTime.run(program)).exit).waiters, [
        { name: "the program", waitsFor: null },
        { name: "fiber 1", waitsFor: null },
        { name: "parent", waitsFor: null },
        { name: "parent", waitsFor: null },
        { name: "own", waitsFor: "x" },
        { name: "fiber 5", waitsFor: null }
      ])
      const named = yield* VirtualTime.run(Waiting.waitingFor(Waiting.named(Effect.never, "main"), "godot"))
      assert.deepStrictEqual(deadlockOf(named.exit).waiters, [{ name: "main", waitsFor: "godot" }])
    }))

  it.effect("what was waited for before is forgotten", () =>
    Effect.gen(function*() {
      const program = Effect.andThen(Waiting.waitingFor(Effect.sleep(1), "a while"), Effect.never)
      assert.strictEqual(deadlockOf((yield* VirtualTime.run(program)).exit).waiters[0]?.waitsFor, null)
    }))

  it.effect("finalizers run, may take time, and do not change when it was", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const says = (text: string) => Effect.sync(() => log.push(text))
      const holding = (name: string) =>
        Effect.acquireUseRelease(
          says(`${name} in`),
          () => Effect.never,
          () => Effect.andThen(Effect.sleep("1 second"), says(`${name} out`))
        )
      const program = Effect.sleep(5).pipe(Effect.andThen(Effect.all([holding("a"), holding("b")], each)))
      const { events, exit, left, nanos } = yield* VirtualTime.run(program)
      assert.strictEqual(deadlockOf(exit).nanos, 5e6)
      assert.deepStrictEqual([nanos, events, left], [5e6, 1, []])
      assert.deepStrictEqual(log.toSorted(), ["a in", "a out", "b in", "b out"])
    }))

  it.effect("who waits in a finalizer, or cannot be interrupted, is left", () =>
    Effect.gen(function*() {
      const lock = Waiting.waitingFor(Effect.never, "its lock")
      const { exit, left } = yield* VirtualTime.run(Effect.onInterrupt(Effect.never, () => lock))
      assert.deepStrictEqual(deadlockOf(exit).waiters, [{ name: "the program", waitsFor: null }])
      assert.deepStrictEqual(left, [{ name: "the program", waitsFor: "its lock" }])
      const stubborn = yield* VirtualTime.run(Effect.uninterruptible(lock))
      assert.deepStrictEqual(stubborn.left, deadlockOf(stubborn.exit).waiters)
    }))

  it.effect("late deadlocks are reported too", () =>
    Effect.gen(function*() {
      const { exit } = yield* VirtualTime.run(Effect.andThen(Effect.sleep("7300 days"), Effect.never))
      assert.strictEqual(deadlockOf(exit).nanos, 7300 * 86_400e9)
    }))

  it.effect("is an error of its own for `provide`, which can be caught and written as JSON", () =>
    Effect.gen(function*() {
      const caught = yield* VirtualTime.provide(Effect.andThen(embrace, Effect.fail("no" as const))).pipe(
        Effect.catchTag("Deadlock", (deadlock) => Effect.succeed(deadlock))
      )
      const codec = Schema.toCodecJson(Deadlock.Deadlock)
      const json = yield* Schema.encodeEffect(codec)(caught)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(json)), {
        _tag: "Deadlock",
        reason: "everybody waits",
        nanos: 10e6,
        waiters: [
          { name: "the program", waitsFor: null },
          { name: "one", waitsFor: "b" },
          { name: "two", waitsFor: "a" }
        ]
      })
      assert.strictEqual((yield* Schema.decodeUnknownEffect(codec)(json)).message, caught.message)
    }))

  it.effect("of many waiters the message names twenty", () =>
    Effect.gen(function*() {
      const { exit } = yield* VirtualTime.run(Effect.all(Array.from({ length: 100 }, () => Effect.never), each))
      const deadlock = deadlockOf(exit)
      assert.strictEqual(deadlock.waiters.length, 101)
      assert.match(deadlock.message, /fiber 19 waits; and 81 more$/)
    }))
})

describe("VirtualTime: limit", () => {
  it.effect("ends a program that goes round in circles, with and without time", () =>
    Effect.gen(function*() {
      for (const round of [Effect.yieldNow, Effect.void, Effect.sleep(1)]) {
        const { events, exit, nanos } = yield* VirtualTime.run(Effect.forever(round), { limit: 1000 })
        const deadlock = deadlockOf(exit)
        assert.strictEqual(deadlock.reason, "too many wake-ups")
        assert.strictEqual(events, 1000)
        assert.strictEqual(deadlock.nanos, nanos)
        assert.match(deadlock.message, /^too many wake-ups at \d+ ns: the program waits$/)
      }
    }))

  it.effect("counts wake-ups: a program that needs no more of them ends, a deadlock stays one", () =>
    Effect.gen(function*() {
      const program = Effect.forEach(Array.from({ length: 10 }), () => Effect.sleep(1), { discard: true })
      assert.isTrue(Exit.isSuccess((yield* VirtualTime.run(program, { limit: 10 })).exit))
      assert.isTrue(Exit.isFailure((yield* VirtualTime.run(program, { limit: 9 })).exit))
      const stuck = yield* VirtualTime.run(Effect.andThen(program, Effect.never), { limit: 10 })
      assert.strictEqual(deadlockOf(stuck.exit).reason, "everybody waits")
    }))

  it.effect("a finalizer that polls for ever keeps no deadlock from being reported", () =>
    Effect.gen(function*() {
      const program = Effect.acquireUseRelease(
        Effect.void,
        () => Effect.never.pipe(Waiting.waitingFor("godot")),
        () => Effect.forever(Effect.sleep("1 second"))
      )
      const { exit, left, nanos } = yield* VirtualTime.run(program)
      assert.deepStrictEqual(deadlockOf(exit).waiters, [{ name: "the program", waitsFor: "godot" }])
      assert.deepStrictEqual([left.length, nanos], [1, 0])
    }))

  it.effect("finalizers may go on as long again", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const program = Effect.forever(Effect.yieldNow).pipe(
        Effect.onInterrupt(() => Effect.andThen(Effect.sleep(1), Effect.sync(() => log.push("out"))))
      )
      assert.deepStrictEqual((yield* VirtualTime.run(program, { limit: 10 })).left, [])
      assert.deepStrictEqual(log, ["out"])
      const stubborn = Effect.uninterruptible(Effect.forever(Effect.yieldNow))
      const { events, left } = yield* VirtualTime.run(stubborn, { limit: 10 })
      assert.deepStrictEqual([events, left], [10, [{ name: "the program", waitsFor: null }]])
    }))
})
