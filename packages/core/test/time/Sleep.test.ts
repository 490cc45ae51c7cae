import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Scheduler, Tracer } from "effect"
import * as Sleep from "../../src/time/Sleep.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"

const each = { concurrency: "unbounded" } as const

/** A driver that decides as nobody does: the first. */
const first: VirtualTime.Driver = { count: () => 0, decide: () => 0, resume: () => {} }

const modes: Readonly<Record<string, VirtualTime.Options>> = {
  "nobody decides": {},
  "somebody chooses": { choose: (ready) => ready.length - 1 },
  "fibers are preempted": { preempt: () => true },
  "a driver decides": { driver: first }
}

const surroundings: Readonly<Record<string, <A, E>(program: Effect.Effect<A, E>) => Effect.Effect<A, E>>> = {
  "": (program) => program,
  ", fibers that never yield": Effect.provideService(Scheduler.PreventSchedulerYield, true),
  ", a tracer evaluates": Effect.withTracer(Tracer.make({
    span: (options) => new Tracer.NativeSpan(options),
    context: (primitive, fiber) => primitive["~effect/Effect/evaluate"](fiber)
  }))
}

/** A sleep of a day that is interrupted after a millisecond, and what is done then. */
const interrupted = (then: Effect.Effect<unknown>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.sleep("1 day").pipe(Effect.onInterrupt(() => then), Effect.forkChild)
    yield* Effect.sleep("1 millis")
    yield* Fiber.interrupt(fiber)
  })

describe("sleeping", () => {
  for (const [mode, options] of Object.entries(modes)) {
    for (const [where, around] of Object.entries(surroundings)) {
      const nanosOf = (program: Effect.Effect<unknown, unknown>) =>
        Effect.map(VirtualTime.run(around(program), options), ({ exit, left, nanos }) => {
          assert.isTrue(Exit.isSuccess(exit))
          assert.deepStrictEqual(left, [])
          return nanos
        })

      it.effect(`who is interrupted does not sleep any more (${mode}${where})`, () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* nanosOf(interrupted(Effect.void)), 1e6)
          assert.strictEqual(yield* nanosOf(interrupted(Effect.sleep("2 millis"))), 3e6)
          const both = Effect.andThen(interrupted(Effect.void), Effect.sleep("1 millis"))
          assert.strictEqual(yield* nanosOf(Effect.all([both, both], each)), 2e6)
        }))

      it.effect(`a deadlock is where the last one woke, not where an interrupted one would have (${mode}${where})`, () =>
        Effect.gen(function*() {
          const waits = Effect.andThen(interrupted(Effect.void), Effect.never)
          const { exit, nanos } = yield* VirtualTime.run(around(waits), options)
          assert.isTrue(Exit.isFailure(exit))
          assert.strictEqual(nanos, 1e6)
        }))

      it.effect(`a sleep that cannot be interrupted is slept to its end (${mode}${where})`, () =>
        Effect.gen(function*() {
          const program = Effect.gen(function*() {
            const begun = yield* Deferred.make<void>()
            const fiber = yield* Effect.forkChild(
              Effect.uninterruptible(Effect.andThen(Deferred.succeed(begun, undefined), Effect.sleep("7 millis")))
            )
            yield* Deferred.await(begun)
            yield* Effect.sleep("1 millis")
            yield* Fiber.interrupt(fiber)
          })
          assert.strictEqual(yield* nanosOf(program), 7e6)
        }))

      it.effect(`a sleep is a value: whoever runs it, and how often, it is as long (${mode}${where})`, () =>
        Effect.gen(function*() {
          const program = Effect.gen(function*() {
            const clock = yield* Clock.Clock
            const [one, five] = [clock.sleep(Duration.millis(1)), clock.sleep(Duration.millis(5))]
            yield* Effect.all([one, five], each)
            assert.strictEqual(clock.currentTimeMillisUnsafe(), 5)
            yield* five
            yield* one
            yield* one
          })
          assert.strictEqual(yield* nanosOf(program), 12e6)
        }))
    }
  }

  it("a duration is whole nanoseconds, below one of them too", () => {
    const nanos = (input: Duration.Input) => Sleep.nanosOf(Duration.fromInputUnsafe(input))
    assert.deepStrictEqual(["1 day", 1.5, "1 nanos", 0.3e-6, 0].map((input) => nanos(input as Duration.Input)), [
      86_400e9,
      1_500_000,
      1,
      0,
      0
    ])
    assert.strictEqual(nanos(Duration.infinity), Infinity)
    assert.strictEqual(nanos(Duration.negativeInfinity), 0)
  })

  it.effect("fibers on a scheduler of their own sleep as long", () =>
    Effect.gen(function*() {
      const scheduler = new Scheduler.MixedScheduler("sync")
      const program = Effect.gen(function*() {
        yield* Effect.provideService(Effect.sleep("3 millis"), Scheduler.Scheduler, scheduler)
        yield* Effect.sleep("1 millis")
      })
      assert.strictEqual((yield* VirtualTime.run(program)).nanos, 4e6)
    }))

  it.effect("a sleep that was made elsewhere is slept by whoever runs it, on its scheduler", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const clock = yield* Clock.Clock
        const sleep = clock.sleep(Duration.millis(3))
        yield* Effect.provideService(sleep, Scheduler.Scheduler, new Scheduler.MixedScheduler("sync"))
        assert.strictEqual(clock.currentTimeMillisUnsafe(), 3)
        const hour = clock.sleep(Duration.hours(1))
        const never = Effect.provideService(hour, Scheduler.PreventSchedulerYield, true)
        const fiber = yield* Effect.forkChild(Effect.ensuring(never, Effect.sleep("2 hours")))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      })
      const { exit, nanos } = yield* VirtualTime.run(program)
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(nanos, 2 * 3600e9 + 3e6)
    }))

  it("a sleeper that an earlier run left takes nobody's place in a later one", () => {
    const run = VirtualTime.runner()
    let left: Fiber.Fiber<void> | undefined
    const sleeper = Effect.sleep("1 hour").pipe(Effect.provideService(Scheduler.PreventSchedulerYield, true))
    run(Effect.gen(function*() {
      left = yield* Effect.forkDetach(sleeper)
      yield* Effect.yieldNow
    }))
    const { exit, nanos } = run(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.sleep("1 second"))
      yield* Effect.yieldNow
      left?.interruptUnsafe()
      yield* Fiber.join(fiber)
    }))
    assert.deepStrictEqual([Exit.isSuccess(exit), nanos], [true, 1e9])
  })

  it("whoever is interrupted right before it falls asleep does not", () => {
    for (let operation = 1; operation < 8; operation++) {
      let victim: Fiber.Fiber<unknown, unknown> | undefined
      let operations = 0
      const preempt = () => {
        if (victim === undefined || Fiber.getCurrent() !== victim || ++operations !== operation) return false
        victim.interruptUnsafe()
        return false
      }
      const sleeps = Effect.gen(function*() {
        victim = Fiber.getCurrent()
        yield* Effect.sleep("1 hour")
      })
      const program = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.onExit(sleeps, () => Effect.sleep("1 second")))
        return yield* Fiber.await(fiber)
      })
      const { events, exit, nanos } = VirtualTime.run(program, { preempt }).pipe(Effect.runSync)
      assert.isTrue(Exit.isSuccess(exit))
      assert.include([1e9, 3601e9], nanos)
      assert.strictEqual(events, nanos === 1e9 ? 2 : 3)
    }
  })

  for (const position of ["before", "after"]) {
    it(`whoever a tracer interrupts ${position} it falls asleep does not sleep`, () => {
      let interrupted = 0
      const tracer = Tracer.make({
        span: (options) => new Tracer.NativeSpan(options),
        context: (primitive, fiber) => {
          const isMeant = primitive instanceof Sleep.Sleep && interrupted++ === 0
          if (isMeant && position === "before") fiber.interruptUnsafe()
          const evaluated = primitive["~effect/Effect/evaluate"](fiber)
          if (isMeant && position === "after") fiber.interruptUnsafe()
          return evaluated
        }
      })
      const program = Effect.gen(function*() {
        yield* Fiber.await(yield* Effect.forkChild(Effect.withTracer(Effect.sleep("1 hour"), tracer)))
        return yield* Effect.never
      })
      const { events, nanos } = Effect.runSync(VirtualTime.run(program))
      assert.strictEqual(interrupted, 1)
      assert.deepStrictEqual({ events, nanos }, { events: 1, nanos: 0 })
    })
  }
})
