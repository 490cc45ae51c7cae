import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import type { PfnRange } from "../../src/geometry/PfnRange.ts"
import * as InitMemory from "../../src/init/InitMemory.ts"
import type * as InitStrategy from "../../src/init/InitStrategy.ts"
import * as RangeInit from "../../src/init/RangeInit.ts"
import * as Timeline from "../../src/time/Timeline.ts"
import * as Waiting from "../../src/time/Waiting.ts"
import * as Fake from "./Fake.ts"

const { begin, costs, named, reasonOf, section, small, subsection, timed } = Fake

describe("RangeInit, flaws", () => {
  const flawed = (name: string, ...flaws: InitStrategy.InitStrategy["flaws"]) => ({ ...Fake.preset(name), flaws })

  it.effect("BUG-26: a request that straddles comes back with 510 pages that nobody initialised", () =>
    Effect.gen(function*() {
      const range = { start: 0, end: 33554432 }
      const untouched = (strategy: InitStrategy.InitStrategy) =>
        Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const fake = Fake.make(range, { first: 2, section: 32768, subsection: 512 })
          const { around } = yield* Fake.around(strategy, { costs: { store: 10 } })
          const init = yield* RangeInit.make(fake.memory, around)
          yield* Effect.sleep("5 nanos")
          // The second sub-range of the first worker begins at pfn 32770.
          yield* init.need({ start: 32768, end: 33280 }, named("fault"))
          const count = fake.written.subarray(32768, 33280).filter((n) => n === 0).length
          yield* init.stop("cancelled", false)
          return count
        })))
      assert.strictEqual(yield* untouched(flawed("async-2018-v2", "straddle-miss")), 510)
      assert.strictEqual(yield* untouched(flawed("async-2018-v2")), 0)
    }))

  it.effect("BUG-27: sync comes back while the highest worker writes", () =>
    Effect.gen(function*() {
      const left = (strategy: InitStrategy.InitStrategy) =>
        Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { init } = yield* begin(strategy, {}, { start: 0, end: 4099 })
          yield* init.finished
          const { done, total } = init.progress()
          const isActive = init.isActive()
          yield* init.stop("unloaded", true)
          return [isActive, total - done]
        })))
      // The last of 16 has the remainder of 3 pages, and is one sub-range.
      assert.deepStrictEqual(yield* left(flawed("async-2018-v1", "exclusive-sync")), [true, 259])
      assert.deepStrictEqual(yield* left(flawed("async-2018-v1")), [false, 0])
    }))

  it.effect("BUG-28: the bit of a worker that was too fast stays set", () =>
    Effect.gen(function*() {
      const active = (strategy: InitStrategy.InitStrategy, range: PfnRange) =>
        Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { init } = yield* begin(strategy, {}, range)
          yield* init.finished
          yield* Effect.sleep("1 second")
          return [init.isActive(), init.progress().state]
        })))
      const stuck = flawed("async-2018-v2", "stuck-active")
      assert.deepStrictEqual(yield* active(stuck, small), [true, "idle"])
      assert.deepStrictEqual(yield* active(stuck, { start: 0, end: 5 }), [true, "idle"])
      assert.deepStrictEqual(yield* active(flawed("async-2018-v2"), { start: 0, end: 5 }), [false, "idle"])
    }))

  it.effect("26.6: a lookup that finds a worker without pages finds nobody", () =>
    Effect.gen(function*() {
      const early = (strategy: InitStrategy.InitStrategy) =>
        Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { fake, init } = yield* begin(strategy, {}, { start: 0, end: 5 })
          yield* init.need({ start: 0, end: 1 }, named("fault"))
          const count = fake.count({ start: 0, end: 1 })
          yield* init.finished
          return count
        })))
      for (const name of ["async-2018-v1", "async-2018-v2"]) {
        assert.deepStrictEqual(yield* early(flawed(name, "zero-length-lookup")), [0])
        assert.deepStrictEqual(yield* early(flawed(name)), [1])
      }
    }))

  /** Nothing can be mapped. */
  const failing = (fake: ReturnType<typeof Fake.make>) => ({
    ...fake.memory,
    populate: ({ start }: PfnRange) => Effect.succeed({ reached: start, error: Fake.noMemory })
  })

  it.effect("BUG-29: nobody reads why nothing was mapped, and whoever waits gets pages that nothing backs", () =>
    Effect.gen(function*() {
      const asked = (strategy: InitStrategy.InitStrategy) =>
        Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const fake = Fake.make(small, { section, subsection })
          const { around, lost } = yield* Fake.around(strategy, { costs })
          const init = yield* RangeInit.make(failing(fake), around)
          const { answer } = yield* timed(init.need({ start: 0, end: 1 }, named("fault")))
          const finished = yield* Effect.result(init.finished)
          assert.deepStrictEqual(fake.count(small), [0])
          assert.deepStrictEqual(init.populated(), [])
          const why = Result.isFailure(answer) ? answer.failure.cause : undefined
          return [reasonOf(answer), why?.errno, reasonOf(finished), lost.map(({ reason }) => reason)]
        })))
      for (const name of ["async-2018-v1", "async-2018-v2"]) {
        assert.deepStrictEqual(yield* asked(flawed(name, "lost-populate-error")), [
          "",
          undefined,
          "",
          ["population failed"]
        ])
        assert.deepStrictEqual(yield* asked(flawed(name)), ["population failed", "ENOMEM", "population failed", []])
      }
    }))

  it.effect("BUG-29: whoever populates after a population that failed waits for its mutex for ever", () =>
    Effect.gen(function*() {
      const both = (strategy: InitStrategy.InitStrategy) =>
        Effect.scoped(Effect.gen(function*() {
          const { around } = yield* Fake.around(strategy, { costs })
          const first = yield* RangeInit.make(failing(Fake.make(small, { section, subsection })), around)
          assert.isTrue(Result.isFailure(yield* Effect.result(first.finished)))
          const second = yield* RangeInit.make(
            Fake.make(small, { name: "second", section, subsection }).memory,
            around
          )
          yield* second.finished
        }))
      assert.match(
        yield* Fake.deadlock(both(flawed("async-2018-v1", "leaked-mutex"))),
        /second map waits for the page table mutex; second worker 0 waits for the memmap of second;/
      )
      yield* Fake.inTime(both(flawed("async-2018-v1")))
    }))
})

describe("RangeInit, disturbed", () => {
  it("who stands still does nothing, also what would take no time", () => {
    assert.deepStrictEqual([InitMemory.paced(10, 1), InitMemory.paced(10, 0.5), InitMemory.paced(0, 0)], [
      10,
      20,
      Infinity
    ])
  })

  const only = (worker: string, what: { readonly speed?: number; readonly dies?: Effect.Effect<void> }) => ({
    disturbance: (_: string, name: string) => ({
      speed: name === worker ? what.speed ?? 1 : 1,
      dies: name === worker ? what.dies ?? Effect.never : Effect.never
    })
  })

  /** Pages of worker 3 of 8, not at its beginning; and of worker 5. */
  const its = { start: 3 * 512 + 300, end: 3 * 512 + 301 }
  const another = { start: 5 * 512 + 300, end: 5 * 512 + 301 }
  const eight = (name: string) => ({ ...Fake.preset(name), workers: 8 })

  it.effect("a slow worker: v1 waits for it, v2 for one of its sub-ranges, ours finishes its share", () =>
    Effect.gen(function*() {
      const slow = only("worker 3", { speed: 0.1 })
      const run = (strategy: InitStrategy.InitStrategy) =>
        Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { fake, init } = yield* begin(strategy, slow)
          yield* Effect.sleep("4101 nanos")
          const { nanos } = yield* timed(init.need(its, named("fault")))
          assert.deepStrictEqual(fake.count(its), [1])
          yield* init.finished
          assert.deepStrictEqual(fake.count(small), [1])
          return [nanos, yield* Timeline.now]
        })))
      const share = 512 * 10
      assert.deepStrictEqual(yield* run(eight("async-2018-v1")), [10 * share - 5, 4096 + 10 * share])
      // A sub-range of v2 has 4 pages.
      assert.deepStrictEqual(yield* run(eight("async-2018-v2")), [400 - 5 + 40, 4096 + 10 * (share - 40) + 40])
      const [nanos, ready] = yield* run(eight("vmemmap"))
      // Its section is being mapped by the slow one; what is left of the share others take over.
      assert.strictEqual(nanos, 5120 - 4101 + 10)
      assert.isBelow(ready ?? Infinity, 5120 + 3 * share)
    }))

  it.effect("a worker that dies: v1 waiters of its share are told, others and other strategies get their pages", () =>
    Effect.gen(function*() {
      const dead = only("worker 3", { dies: Effect.sleep("4500 nanos") })
      const run = (strategy: InitStrategy.InitStrategy) =>
        Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { fake, init } = yield* begin(strategy, dead)
          const early = yield* Effect.forkChild(timed(init.need(its, named("early"))))
          const other = yield* Effect.forkChild(timed(init.need(another, named("other"))))
          yield* Effect.sleep("5000 nanos")
          const late = yield* timed(init.need({ start: its.end, end: its.end + 1 }, named("late")))
          const finished = yield* Effect.result(init.finished)
          const told = yield* Fiber.join(early)
          // At once, not when everybody else is done.
          if (Result.isFailure(told.answer)) assert.strictEqual(told.nanos, 4500)
          const answers = [told, yield* Fiber.join(other), late].map(({ answer }) => reasonOf(answer))
          return [...answers, reasonOf(finished), init.progress().state, fake.count(small).length]
        })))
      assert.deepStrictEqual(yield* run(eight("async-2018-v1")), [
        "cancelled",
        "",
        "cancelled",
        "cancelled",
        "cancelled",
        2
      ])
      assert.deepStrictEqual(yield* run(eight("async-2018-v2")), ["", "", "", "cancelled", "cancelled", 2])
      assert.deepStrictEqual(yield* run(eight("vmemmap")), ["", "", "", "", "idle", 1])
    }))

  it.effect("the worker that maps dies: nothing goes on, and everybody is told", () =>
    Effect.gen(function*() {
      const dead = only("map", { dies: Effect.sleep("1000 nanos") })
      for (const name of ["async-2018-v1", "async-2018-v2"]) {
        yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { init } = yield* begin(eight(name), dead)
          const { answer, nanos } = yield* timed(init.need(its, named("fault")))
          assert.deepStrictEqual([reasonOf(answer), nanos], ["cancelled", 1000])
          assert.strictEqual(reasonOf(yield* Effect.result(init.finished)), "cancelled")
          assert.isFalse(init.isActive())
        })))
      }
    }))

  it.effect("every worker dies: ours is told for all shares what nobody will do, its waiters help themselves", () =>
    Fake.inTime(Effect.scoped(Effect.gen(function*() {
      const { init } = yield* begin(eight("vmemmap"), {
        disturbance: (_, name) => ({
          speed: 1,
          dies: name.startsWith("worker") ? Effect.sleep(`${1000 + 100 * Number(name.slice(7))} nanos`) : Effect.never
        })
      })
      yield* Effect.sleep("2000 nanos")
      assert.deepStrictEqual([init.progress().state, init.isActive()], ["cancelled", false])
      assert.strictEqual(reasonOf(yield* Effect.result(init.finished)), "cancelled")
      yield* init.need(small, named("reader"))
      assert.deepStrictEqual(yield* Effect.result(init.finished), Result.succeed(undefined))
      assert.strictEqual(init.progress().state, "idle")
    }))))

  it.effect("a worker that stands still for ever: who waits for it is named, with what it waits for", () =>
    Effect.gen(function*() {
      const still = only("worker 3", { speed: 0 })
      const waits = (strategy: InitStrategy.InitStrategy) =>
        Fake.deadlock(Effect.scoped(Effect.gen(function*() {
          const { fake, init } = yield* begin(strategy, still)
          yield* Effect.sleep("4101 nanos")
          yield* Waiting.named(init.need(another, named("another")), "another")
          assert.deepStrictEqual(fake.count(another), [1])
          yield* Waiting.named(init.need({ start: its.end, end: its.end + 1 }, named("its")), "its")
        })))
      assert.match(yield* waits(eight("async-2018-v1")), /its waits for worker 3 of dev/)
      assert.match(yield* waits(eight("async-2018-v2")), /its waits for the mutex of dev worker 3/)
    }))

  it.effect("ours needs nobody who stands still, but for the sub-range it is in", () =>
    Effect.gen(function*() {
      const program = (end: number) =>
        Effect.scoped(Effect.gen(function*() {
          const { fake, init } = yield* begin(eight("vmemmap"), only("worker 3", { speed: 0 }))
          yield* Effect.sleep("20000 nanos")
          // It stands still with the first section of its share mapped by nobody else.
          yield* Waiting.named(init.need({ start: 0, end: 3 * 512 }, named("before")), "before")
          yield* Waiting.named(init.need({ start: 4 * 512, end }, named("behind")), "behind")
          assert.deepStrictEqual(fake.count({ start: 4 * 512, end }), [1])
          yield* Waiting.named(init.need(its, named("its")), "its")
        }))
      assert.match(yield* Fake.deadlock(program(4096)), /its waits for the memmap of dev/)
    }))

  it.effect("a mapper that stands still: everybody waits for the memmap", () =>
    Effect.gen(function*() {
      const text = yield* Fake.deadlock(Effect.scoped(Effect.gen(function*() {
        const { init } = yield* begin(eight("async-2018-v2"), only("map", { speed: 0 }))
        yield* Waiting.named(init.finished, "sync")
      })))
      assert.match(text, /sync waits for the workers of dev; dev map waits; dev worker 0 waits for the memmap of dev/)
    }))
})
