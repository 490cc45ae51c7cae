import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Latch,
  Queue,
  Random,
  Ref,
  Schedule,
  Scheduler,
  Semaphore
} from "effect"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import { random } from "../random.ts"

const each = { concurrency: "unbounded" } as const

/** Programs that take some units of time; what is said of them does not depend on how long a unit is. */
const programs = {
  sleeps: (unit: number) =>
    Effect.gen(function*() {
      const order: Array<number> = []
      yield* Effect.forEach(
        [3, 1, 2],
        (n) => Effect.andThen(Effect.sleep(n * unit), Effect.sync(() => order.push(n))),
        each
      )
      return order
    }),
  timeouts: (unit: number) =>
    Effect.all([
      Effect.timeoutOption(Effect.as(Effect.sleep(unit), "in time"), 5 * unit),
      Effect.timeoutOption(Effect.as(Effect.sleep(5 * unit), "late"), unit)
    ]),
  races: (unit: number) =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const runner = (name: string, n: number) =>
        Effect.as(Effect.sleep(n * unit), name).pipe(
          Effect.onInterrupt(() => Effect.sync(() => log.push(`${name} out`)))
        )
      return [yield* Effect.raceAll([runner("a", 4), runner("b", 1), runner("c", 6)]), ...log.toSorted()]
    }),
  schedules: (unit: number) =>
    Effect.gen(function*() {
      let runs = 0
      const counted = Effect.sync(() => ++runs)
      yield* Effect.repeat(counted, { schedule: Schedule.spaced(unit), times: 3 })
      yield* Effect.repeat(counted, { schedule: Schedule.exponential(unit), times: 2 })
      return runs
    }),
  retries: (unit: number) =>
    Effect.gen(function*() {
      const attempts = yield* Ref.make(0)
      return yield* Ref.updateAndGet(attempts, (n) => n + 1).pipe(
        Effect.flatMap((n) => n < 4 ? Effect.fail(n) : Effect.succeed(n)),
        Effect.retry(Schedule.spaced(unit))
      )
    }),
  queue: (unit: number) =>
    Effect.gen(function*() {
      const queue = yield* Queue.bounded<number>(2)
      const producer = yield* Effect.forkChild(Effect.forEach([1, 2, 3, 4, 5, 6], (n) => Queue.offer(queue, n)))
      const taken = yield* Effect.forEach(
        [1, 2, 3, 4, 5, 6],
        () => Effect.andThen(Effect.sleep(unit), Queue.take(queue))
      )
      yield* Fiber.join(producer)
      return taken
    }),
  semaphore: (unit: number) =>
    Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(2)
      const ends: Array<number> = []
      yield* Effect.forEach(
        [0, 1, 2, 3, 4],
        (i) => semaphore.withPermits(1)(Effect.andThen(Effect.sleep(2 * unit), Effect.sync(() => ends.push(i)))),
        each
      )
      return ends
    }),
  latch: (unit: number) =>
    Effect.gen(function*() {
      const latch = yield* Latch.make()
      const waiting = yield* Effect.forkChild(Effect.forEach([1, 2, 3], (n) => Effect.as(latch.await, n), each))
      yield* Effect.sleep(unit)
      yield* latch.open
      return yield* Fiber.join(waiting)
    }),
  deferred: (unit: number) =>
    Effect.gen(function*() {
      const deferred = yield* Deferred.make<string, string>()
      yield* Effect.forkChild(Effect.andThen(Effect.sleep(unit), Deferred.fail(deferred, "no")))
      return yield* Effect.flip(Deferred.await(deferred))
    }),
  interruption: (unit: number) =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const fiber = yield* Effect.sleep(100 * unit).pipe(
        Effect.onExit((exit) => Effect.sync(() => log.push(Exit.hasInterrupts(exit) ? "interrupted" : "slept"))),
        Effect.forkChild
      )
      yield* Effect.sleep(unit)
      yield* Fiber.interrupt(fiber)
      return log
    })
} satisfies Record<string, (unit: number) => Effect.Effect<unknown, unknown>>

const unitsTaken = {
  sleeps: 3,
  timeouts: 2,
  races: 1,
  schedules: 6,
  retries: 3,
  queue: 6,
  semaphore: 6,
  latch: 1,
  deferred: 1,
  interruption: 1
} satisfies Record<keyof typeof programs, number>

const day = 86_400_000

const spin = (millis: number): void => {
  const end = performance.now() + millis
  while (performance.now() < end);
}

describe("VirtualTime", () => {
  for (const [name, program] of Object.entries<(unit: number) => Effect.Effect<unknown, unknown>>(programs)) {
    it.live(`ends as under the live runtime, days later and at once: ${name}`, () =>
      Effect.gen(function*() {
        const live = yield* Effect.exit(program(5))
        const { exit, left, nanos } = yield* VirtualTime.run(program(day))
        assert.isTrue(Exit.isSuccess(live))
        assert.deepStrictEqual(exit, live)
        assert.strictEqual(nanos, unitsTaken[name as keyof typeof programs] * day * 1e6)
        assert.deepStrictEqual(left, [])
      }))
  }

  it.effect("a program that never waits takes no time", () =>
    Effect.gen(function*() {
      const { events, exit, nanos } = yield* VirtualTime.run(Effect.succeed(1))
      assert.deepStrictEqual([exit, nanos, events], [Exit.succeed(1), 0, 0])
    }))

  it.effect("equal instants come in the order in which sleepers fell asleep, after everything that is ready", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const says = (name: string) => Effect.sync(() => order.push(name))
      yield* VirtualTime.provide(Effect.all([
        Effect.andThen(Effect.sleep("2 millis"), says("a")),
        Effect.sleep("1 millis").pipe(
          Effect.andThen(Effect.forkChild(Effect.andThen(Effect.yieldNow, says("task")))),
          Effect.andThen(Effect.sleep("1 millis")),
          Effect.andThen(says("c"))
        ),
        Effect.sleep("1 millis").pipe(Effect.andThen(says("at once")), Effect.andThen(Effect.sleep("1 millis"))),
        Effect.andThen(Effect.sleep("2000 micros"), says("b"))
      ], each))
      assert.deepStrictEqual(order, ["task", "at once", "a", "b", "c"])
    }))

  it.effect("the clock is nanoseconds since the beginning, in every unit", () =>
    Effect.gen(function*() {
      const read = Effect.all([Clock.currentTimeMillis, Clock.currentTimeNanos, Clock.monotonicTimeNanos])
      const program = Effect.all([
        read,
        Effect.andThen(Effect.sleep("1500 micros"), read),
        Effect.andThen(Effect.sleep("1 nanos"), read),
        Effect.andThen(Effect.sleep(0), read),
        Effect.andThen(Effect.sleep(Duration.negativeInfinity), read)
      ])
      const last = [1, 1_500_001n, 1_500_001n]
      assert.deepStrictEqual(yield* VirtualTime.provide(program), [
        [0, 0n, 0n],
        [1, 1_500_000n, 1_500_000n],
        last,
        last,
        last
      ])
    }))

  it.effect("a sleep of no length lets others run", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const says = (name: string) => Effect.sync(() => order.push(name))
      const { nanos } = yield* VirtualTime.run(Effect.all([
        Effect.andThen(Effect.sleep(0), says("a")),
        says("b"),
        Effect.andThen(Effect.sleep(Duration.nanos(-1n)), says("c")),
        says("d")
      ], each))
      assert.deepStrictEqual([order.join(""), nanos], ["bdac", 0])
    }))

  it.effect("ten years are one event", () =>
    Effect.gen(function*() {
      const { events, exit, nanos } = yield* VirtualTime.run(
        Effect.andThen(Effect.sleep("3653 days"), Clock.currentTimeMillis)
      )
      assert.deepStrictEqual([exit, nanos, events], [Exit.succeed(3653 * day), 3653 * day * 1e6, 1])
    }))

  it.effect("an infinite sleep is `never`", () =>
    Effect.gen(function*() {
      const asleep = Effect.sleep(Duration.infinity)
      assert.deepStrictEqual((yield* VirtualTime.run(Effect.timeoutOption(asleep, "1 hour"))).nanos, 3600e9)
      const { exit, nanos } = yield* VirtualTime.run(asleep)
      assert.strictEqual(Exit.isFailure(exit) && Cause.hasFails(exit.cause), true)
      assert.strictEqual(nanos, 0)
    }))

  it.effect("sleeps that are cancelled take no time and are no events", () =>
    Effect.gen(function*() {
      const hurried = Effect.timeout(Effect.yieldNow, "1 hour")
      const { events, nanos } = yield* VirtualTime.run(Effect.repeat(hurried, { times: 999 }))
      assert.strictEqual(nanos, 0)
      assert.isBelow(events, 3001)
    }))

  it.effect("two runs are alike byte by byte, however long they take", () =>
    Effect.gen(function*() {
      const program = (slow: boolean) =>
        Effect.gen(function*() {
          const lines: Array<string> = []
          const queue = yield* Queue.bounded<string>(3)
          const says = (text: string) =>
            Effect.map(Clock.currentTimeNanos, (at) => {
              if (slow) spin(0.2)
              lines.push(`${at} ${text}`)
            })
          const worker = (i: number) =>
            Effect.gen(function*() {
              for (let n = 0; n < 20; n++) {
                yield* Effect.sleep(Duration.micros(BigInt(yield* Random.nextIntBetween(1, 50))))
                yield* Queue.offer(queue, `${i}.${n}`)
                yield* says(`offered ${i}.${n}`)
              }
            })
          yield* Effect.forkChild(Effect.forever(Effect.flatMap(Queue.take(queue), (text) => says(`took ${text}`))))
          yield* Effect.forEach([1, 2, 3, 4], worker, each)
          return lines.join("\n")
        })
      const [one, two] = [
        yield* VirtualTime.run(program(false), { seed: "alike" }),
        yield* VirtualTime.run(program(true), { seed: "alike" })
      ]
      assert.strictEqual(JSON.stringify(one), JSON.stringify(two))
      assert.isAbove(one.nanos, 1000)
    }))

  it.effect("random numbers come from the seed, without one from whoever is around", () =>
    Effect.gen(function*() {
      const drawn = (seed?: string | number) => VirtualTime.provide(Effect.all([Random.next, Random.nextInt]), { seed })
      assert.deepStrictEqual(yield* drawn("a"), yield* drawn("a"))
      assert.notDeepEqual(yield* drawn("a"), yield* drawn(1))
      assert.deepStrictEqual(yield* Random.withSeed(drawn(), "a"), yield* drawn("a"))
      assert.deepStrictEqual(yield* Random.withSeed(drawn(1), "a"), yield* drawn(1))
    }))

  it.effect("runs nest and do not disturb one another", () =>
    Effect.gen(function*() {
      const inner = (depth: number): Effect.Effect<ReadonlyArray<number>> =>
        Effect.gen(function*() {
          yield* Effect.sleep(`${depth} seconds`)
          yield* Effect.forkDetach(Effect.sleep("1 day"))
          yield* Effect.yieldNow
          const before = yield* Clock.currentTimeMillis
          const run = depth === 3 ? undefined : yield* VirtualTime.run(inner(depth + 1))
          const stuck = yield* VirtualTime.run(Effect.andThen(Effect.sleep("5 seconds"), Effect.never))
          assert.strictEqual(stuck.exit._tag, "Failure")
          assert.strictEqual(yield* Clock.currentTimeMillis, before)
          return [before, ...(run?.exit._tag === "Success" ? run.exit.value : [])]
        })
      const ticks: Array<string> = []
      const ticker = (name: string, millis: number) =>
        Effect.repeat(
          Effect.andThen(Effect.sleep(millis), Effect.sync(() => ticks.push(name))),
          { times: 9 }
        )
      const outer = (middle: Effect.Effect<unknown>) => Effect.all([ticker("a", 200), middle, ticker("b", 300)], each)
      const alone = yield* VirtualTime.run(outer(Effect.sleep("1 seconds")))
      const expected = ticks.splice(0)
      const { exit, left, nanos } = yield* VirtualTime.run(outer(inner(1)))
      assert.deepStrictEqual(ticks, expected)
      assert.deepStrictEqual(Exit.map(exit, (all) => all[1]), Exit.succeed([1000, 2000, 3000]))
      assert.strictEqual(nanos, alone.nanos)
      assert.deepStrictEqual(left.length, 1)
    }))

  it.effect("the caller's services are there, but the clock and the scheduler", () =>
    Effect.gen(function*() {
      class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}
      const program = Effect.all([Greeting, Clock.Clock, Scheduler.Scheduler, Scheduler.PreventSchedulerYield])
      const [greeting, clock, scheduler, prevented] = yield* VirtualTime.provide(program).pipe(
        Effect.provideService(Greeting, "hello"),
        Effect.provideService(Scheduler.PreventSchedulerYield, true)
      )
      assert.strictEqual(greeting, "hello")
      assert.notStrictEqual(clock, yield* Clock.Clock)
      assert.notStrictEqual(scheduler, yield* Scheduler.Scheduler)
      assert.isFalse(prevented)
    }))

  it.effect("who is still there is left; a clean program leaves nobody", () =>
    Effect.gen(function*() {
      const left = (effect: Effect.Effect<unknown>) => Effect.map(VirtualTime.run(effect), ({ left }) => left)
      const nap = Effect.sleep("1 hour")
      const detached = Effect.andThen(Effect.forkDetach(nap), Effect.yieldNow)
      assert.deepStrictEqual(yield* left(detached), [{ name: "fiber 0", waitsFor: null }])
      assert.deepStrictEqual(yield* left(Effect.andThen(detached, Effect.sleep("2 hours"))), [])
      assert.deepStrictEqual(yield* left(Effect.andThen(Effect.forkChild(nap), Effect.yieldNow)), [])
      assert.deepStrictEqual(yield* left(Effect.scoped(Effect.andThen(Effect.forkScoped(nap), Effect.yieldNow))), [])
      assert.deepStrictEqual(yield* left(Effect.raceAll([nap, Effect.never, Effect.yieldNow])), [])
    }))

  it.effect("failures, defects and interruption come back as they are", () =>
    Effect.gen(function*() {
      const after = <A, E>(effect: Effect.Effect<A, E>) =>
        VirtualTime.run(Effect.andThen(Effect.sleep("1 second"), effect))
      assert.deepStrictEqual((yield* after(Effect.fail("no"))).exit, Exit.fail("no"))
      assert.deepStrictEqual((yield* after(Effect.die("bug"))).exit, Exit.die("bug"))
      const { exit, nanos } = yield* after(Effect.interrupt)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.strictEqual(nanos, 1e9)
      assert.strictEqual(yield* Effect.flip(VirtualTime.provide(Effect.fail("no"))), "no")
      const both = Effect.ensuring(Effect.fail("no"), Effect.die("bug"))
      assert.deepStrictEqual(yield* Effect.exit(VirtualTime.provide(both)), yield* Effect.exit(both))
    }))

  it.effect("a long program yields as usual, so that others run", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const busy = (name: string) =>
        Effect.forEach(Array.from({ length: 5000 }), () => Effect.void, { discard: true }).pipe(
          Effect.andThen(Effect.sync(() => order.push(name)))
        )
      yield* VirtualTime.provide(Effect.all([busy("long"), Effect.sync(() => order.push("short"))], each))
      assert.deepStrictEqual(order, ["short", "long"])
    }))

  it.effect("priorities of tasks are respected, first come first served within one", () =>
    Effect.gen(function*() {
      const order: Array<number> = []
      const next = random(7)
      const tasks = Array.from({ length: 200 }, (_, i) => ({ i, priority: next(5) - 2 }))
      yield* VirtualTime.provide(Effect.forEach(
        tasks,
        ({ i, priority }) => Effect.andThen(Effect.yieldNowWith(priority), Effect.sync(() => order.push(i))),
        each
      ))
      assert.deepStrictEqual(order, tasks.toSorted((a, b) => a.priority - b.priority).map(({ i }) => i))
    }))

  it("what programs run on can be used again: each begins at 0, with nothing left of the one before", () => {
    const runner = VirtualTime.runner({ limit: 1000 })
    const order: Array<string> = []
    const all: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.sleep(10), Effect.sync(() => order.push("left behind"))))),
      Effect.never,
      Effect.fail("no"),
      Effect.forever(Effect.yieldNow),
      Effect.andThen(Effect.sleep(5), Clock.currentTimeMillis)
    ]
    for (const effect of [...all, ...all.toReversed()]) {
      assert.deepStrictEqual(runner(effect), Effect.runSync(VirtualTime.run(effect, { limit: 1000 })))
    }
    assert.deepStrictEqual(order, [])
  })

  it("nor of what ran last, where a driver decides: the first to run is nobody's to wake", () => {
    const runner = VirtualTime.runner({ driver: { count: () => 0, decide: () => 0, resume: () => {} } })
    const program = Effect.flatMap(Effect.forkChild(Effect.yieldNow), Fiber.join)
    const [first, ...rest] = Array.from({ length: 3 }, () => runner(program))
    assert.deepStrictEqual(rest, [first, first])
  })
})
