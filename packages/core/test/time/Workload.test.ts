import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Scope } from "effect"
import type * as FairShare from "../../src/time/FairShare.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import * as Workload from "../../src/time/Workload.ts"

const each = { concurrency: "unbounded" } as const

const machine = (processors: number, bandwidth = Infinity): FairShare.Capacity => ({
  processors: () => processors,
  bandwidth: () => bandwidth
})

const demand = (unitNanos: number, unitBytes = 0, pool = "p", memory = "m"): FairShare.Demand => ({
  pool,
  memory,
  unitNanos,
  unitBytes
})

const sleep = (nanos: number) => Effect.sleep(Duration.nanos(BigInt(nanos)))

const now = Effect.map(Clock.monotonicTimeNanos, Number)

/** When the job ends. */
const end = (job: Workload.Job) => Effect.andThen(job.finished, now)

/** When whoever waits for the job is interrupted. */
const stop = (job: Workload.Job) =>
  Effect.flatMap(Effect.exit(job.finished), (exit) => Exit.hasInterrupts(exit) ? now : Effect.die("it ended"))

const inTime = <A>(
  capacity: FairShare.Capacity,
  program: (begin: Workload.Begin) => Effect.Effect<A, never, Scope.Scope>,
  options?: VirtualTime.Options
) =>
  Effect.map(
    VirtualTime.run(Effect.scoped(Effect.flatMap(Workload.make(capacity), program)), options),
    ({ events, exit, left }) => {
      assert.deepStrictEqual(left, [])
      assert.strictEqual(exit._tag, "Success")
      return { value: exit._tag === "Success" ? exit.value : undefined, events }
    }
  )

const closeTo = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>): void => {
  assert.strictEqual(actual.length, expected.length)
  expected.forEach((value, i) => assert.approximately(actual[i] ?? Number.NaN, value, 1e-9))
}

describe("Workload", () => {
  it.effect("equal jobs take what arithmetic says, to the nanosecond", () =>
    Effect.gen(function*() {
      for (const jobs of [1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 49, 100]) {
        for (const [processors, units, unitNanos] of [[1, 1, 7], [1, 1000, 7], [4, 977, 12], [7, 1e6, 333]] as const) {
          const { value } = yield* inTime(machine(processors), (begin) =>
            Effect.gen(function*() {
              const all = Array.from({ length: jobs }, () => begin(demand(unitNanos), units))
              const ends = yield* Effect.all(all.map(end), each)
              closeTo(all.map((job) => job.done()), all.map(() => units))
              return { ends: new Set(ends), busy: all.map((job) => job.processorNanos()) }
            }))
          const expected = Math.ceil(units * unitNanos * Math.max(jobs, processors) / processors)
          assert.deepStrictEqual(value?.ends, new Set([expected]))
          const busy = value?.busy.reduce((a, b) => a + b) ?? 0
          assert.approximately(busy, jobs * units * unitNanos, jobs)
        }
      }
    }))

  it.effect("who shares memory is slowed down by it", () =>
    Effect.gen(function*() {
      // alone 10 ns a unit; together 2 and 0.5 bytes a nanosecond are wanted of 1
      const { value } = yield* inTime(machine(2, 1), (begin) =>
        Effect.all([end(begin(demand(10, 20), 100)), end(begin(demand(10, 5), 100))], each))
      // the second ends at 1000, undisturbed; the first did 25 units by then, and has the memory for itself for 75
      assert.deepStrictEqual(value, [1000 + 75 * 20, 1000])
    }))

  it.effect("a job that joins slows the other down, and one that leaves speeds it up", () =>
    Effect.gen(function*() {
      const joined = yield* inTime(machine(1), (begin) =>
        Effect.gen(function*() {
          const first = begin(demand(10), 100)
          yield* sleep(500)
          const second = begin(demand(10), 100)
          closeTo([first.done(), second.done()], [50, 0])
          return yield* Effect.all([end(first), end(second)], each)
        }))
      // 50 units alone, 50 at half the speed; then the other has done 50 and is alone
      assert.deepStrictEqual(joined.value, [1500, 2000])

      const left = yield* inTime(machine(1), (begin) =>
        Effect.gen(function*() {
          const [first, second] = [begin(demand(10), 100), begin(demand(10), 100)]
          const waiting = yield* Effect.forkChild(second.finished)
          yield* sleep(700)
          yield* Fiber.interrupt(waiting)
          const at = yield* end(first)
          return [at, second.done(), second.processorNanos(), first.processorNanos()]
        }))
      // 35 units each by 700, then 65 alone
      closeTo(left.value ?? [], [700 + 650, 35, 350, 1000])
    }))

  it.effect("jobs elsewhere are not concerned", () =>
    Effect.gen(function*() {
      const { value } = yield* inTime(machine(1, 2), (begin) =>
        Effect.gen(function*() {
          const far = begin(demand(10, 10, "b", "y"), 100)
          const near = begin(demand(10, 20, "a", "x"), 100)
          yield* sleep(100)
          const third = begin(demand(10, 20, "c", "x"), 100)
          return yield* Effect.all([end(far), end(near), end(third)], each)
        }))
      // 10 units at 2 bytes a nanosecond, 90 at 1; then the third has done 90 and has 10 at 2
      assert.deepStrictEqual(value, [1000, 1900, 2000])
    }))

  it.effect("a change reaches those who share only with those who share", () =>
    Effect.gen(function*() {
      const { value } = yield* inTime(machine(1, 1), (begin) =>
        Effect.gen(function*() {
          const one = begin(demand(10, 20, "a", "x"), 100)
          const two = begin(demand(10, 5, "b", "x"), 100)
          yield* sleep(200)
          const three = begin(demand(10, 0, "b", "y"), 100)
          return yield* Effect.all([end(one), end(two), end(three)], each)
        }))
      // the third takes half of the second's processor, whereupon the first gets 0.75 of the memory instead of 0.5
      assert.deepStrictEqual(value, [2500, 1800, 2000])
    }))

  it.effect("how far a job is can be asked at any instant, with its fraction", () =>
    Effect.gen(function*() {
      const { value } = yield* inTime(machine(2), (begin) =>
        Effect.gen(function*() {
          const jobs = [begin(demand(7), 10), begin(demand(10), 10), begin(demand(14), 10)]
          const seen: Array<number> = []
          for (const nanos of [0, 1, 20, 84]) {
            yield* sleep(nanos)
            seen.push(...jobs.map((job) => job.done()), jobs[1]?.processorNanos() ?? 0)
          }
          yield* Effect.all(jobs.map(({ finished }) => finished), each)
          return seen
        }))
      // two thirds of a processor each, until the first has done its 70 ns at 105
      const at = (nanos: number) => [7, 10, 14].map((unit) => nanos * 2 / 3 / unit)
      closeTo(value ?? [], [
        ...at(0),
        0,
        ...at(1),
        2 / 3,
        ...at(21),
        14,
        ...at(105),
        70
      ])
    }))

  it.effect("a job is made to end earlier, never later, and not before what it has done", () =>
    Effect.gen(function*() {
      const shortened = (to: number, at: number) =>
        Effect.map(
          inTime(machine(1), (begin) =>
            Effect.gen(function*() {
              const [job, other] = [begin(demand(10), 100), begin(demand(10), 100)]
              yield* sleep(at)
              job.shorten(to)
              const ends = yield* Effect.all([end(job), end(other)], each)
              job.shorten(1)
              return [...ends, job.done(), other.done()]
            })),
          ({ value }) => value ?? []
        )
      closeTo(yield* shortened(100, 500), [2000, 2000, 100, 100])
      closeTo(yield* shortened(1000, 500), [2000, 2000, 100, 100])
      closeTo(yield* shortened(60, 500), [1200, 1600, 60, 100])
      closeTo(yield* shortened(60.5, 500), [1210, 1605, 60.5, 100])
      closeTo(yield* shortened(25, 500), [500, 1250, 25, 100])
      closeTo(yield* shortened(3, 510), [510, 510 + 745, 25.5, 100])
      closeTo(yield* shortened(-1, 0), [0, 1000, 0, 100])
    }))

  it.effect("several wait for one job; if one of them is interrupted so are the others", () =>
    Effect.gen(function*() {
      const { value } = yield* inTime(machine(1), (begin) =>
        Effect.gen(function*() {
          const job = begin(demand(10), 10)
          const ends = yield* Effect.all([end(job), end(job), end(job)], each)
          const next = begin(demand(10), 10)
          const first = yield* Effect.forkChild(next.finished)
          const second = yield* Effect.forkChild(stop(next))
          yield* sleep(42)
          yield* Fiber.interrupt(first)
          return [...ends, yield* Fiber.join(second), next.done(), yield* stop(next)]
        }))
      closeTo(value ?? [], [100, 100, 100, 142, 4.2, 142])
    }))

  it.effect("whoever is no fiber is called back when the job ends or is stopped, at once if it is over", () =>
    Effect.gen(function*() {
      const { value } = yield* inTime(machine(1), (begin) =>
        Effect.gen(function*() {
          const clock = yield* Clock.Clock
          const calls: Array<string> = []
          const noting = (job: Workload.Job, name: string) =>
            job.whenEnded(() => calls.push(`${name} ${clock.currentTimeNanosUnsafe()}`))
          const job = begin(demand(10), 10)
          noting(job, "ended")
          yield* job.finished
          noting(job, "over")
          const stopped = begin(demand(10), 10)
          noting(stopped, "stopped")
          const waiting = yield* Effect.forkChild(stopped.finished)
          yield* sleep(25)
          yield* Fiber.interrupt(waiting)
          noting(begin(demand(10), 0), "nothing")
          return calls
        }))
      assert.deepStrictEqual(value, ["ended 100", "over 100", "stopped 125", "nothing 125"])
    }))

  it.effect("what is nothing, or costs nothing, is done at once", () =>
    Effect.gen(function*() {
      const { value } = yield* inTime(machine(1), (begin) =>
        Effect.gen(function*() {
          const jobs = [begin(demand(10), 0), begin(demand(0), 1e9), begin(demand(0, 8), 5)]
          const ends = yield* Effect.all(jobs.map(end), each)
          return [...ends, ...jobs.map((job) => job.done())]
        }))
      assert.deepStrictEqual(value, [0, 0, 0, 0, 1e9, 5])
    }))

  it.effect("a job that gets nothing is a deadlock", () =>
    Effect.gen(function*() {
      const program = Effect.flatMap(Workload.make(machine(0)), (begin) => begin(demand(10), 1).finished)
      const deadlock = yield* Effect.flip(VirtualTime.provide(Effect.scoped(program)))
      assert.deepStrictEqual([deadlock.reason, deadlock.nanos, deadlock.waiters.length], ["everybody waits", 0, 1])
    }))

  it.effect("the end of the scope stops the jobs where they are, interrupts who waits, and leaves no fiber", () =>
    Effect.gen(function*() {
      const { exit, left, nanos } = yield* VirtualTime.run(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const begin = yield* Scope.provide(Workload.make(machine(1)), scope)
        const job = begin(demand(10), 1000)
        const waiting = yield* Effect.forkChild(stop(job))
        yield* sleep(55)
        yield* Scope.close(scope, Exit.void)
        const stoppedAt = yield* Fiber.join(waiting)
        yield* sleep(100)
        const late = begin(demand(10), 1)
        job.shorten(1)
        return [stoppedAt, job.done(), job.processorNanos(), late.done(), yield* stop(late)]
      }))
      assert.deepStrictEqual(left, [])
      closeTo(exit._tag === "Success" ? exit.value : [], [55, 5.5, 55, 0, 155])
      assert.strictEqual(nanos, 155)
    }))

  it.effect("thousands of units are one event, and thousands of jobs that begin together are divided once", () =>
    Effect.gen(function*() {
      const { events } = yield* inTime(machine(3), (begin) => end(begin(demand(10), 1e6)))
      assert.isAtMost(events, 3)
      const many = yield* inTime(machine(3), (begin) => {
        const jobs = Array.from({ length: 5000 }, () => begin(demand(10), 100))
        return Effect.forEach(jobs, ({ finished }) => finished, each)
      })
      assert.isAtMost(many.events, 5)
    }))

  it.effect("is the same wherever fibers are preempted, and leaves nobody", () =>
    Effect.gen(function*() {
      for (const preempt of [() => false, () => true]) {
        const { value } = yield* inTime(machine(1), (begin) =>
          Effect.gen(function*() {
            const lasting = begin(demand(10), 1e6)
            const waiting = yield* Effect.forkChild(lasting.finished)
            const ends = yield* Effect.all([end(begin(demand(10), 10)), end(begin(demand(10), 20))], each)
            yield* Fiber.interrupt(waiting)
            begin(demand(10), 100)
            return [...ends, lasting.done()]
          }), { preempt })
        closeTo(value ?? [], [300, 500, 20])
      }
    }))

  it.effect("whoever makes a mistake when a job has ended keeps no other from ending", () =>
    Effect.gen(function*() {
      const { value } = yield* inTime(machine(4), (begin) => {
        begin(demand(10), 10).whenEnded(() => {
          throw new Error("a mistake")
        })
        return end(begin(demand(10), 20))
      })
      assert.strictEqual(value, 200)
    }))
})
