import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import type { PfnRange } from "../../src/geometry/PfnRange.ts"
import type * as InitMemory from "../../src/init/InitMemory.ts"
import * as RangeInit from "../../src/init/RangeInit.ts"
import * as Timeline from "../../src/time/Timeline.ts"
import * as Fake from "./Fake.ts"

const { begin, costs, named, reasonOf, section, small, subsection, timed } = Fake
const strategies = ["async-2018-v1", "async-2018-v2", "vmemmap"].map(Fake.preset)

describe("RangeInit, shares", () => {
  it.effect("26.6: workers without pages have nothing to do, and those who have are found", () =>
    Effect.gen(function*() {
      for (const strategy of strategies) {
        for (const pages of [0, 1, 5, 15]) {
          yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
            const { fake, init } = yield* begin(strategy, {}, { start: 64, end: 64 + 2 + pages }, 66)
            const pfns = { start: 66, end: 66 + pages }
            if (pages > 0) {
              yield* init.need({ start: 66, end: 67 }, named("fault"))
              assert.deepStrictEqual(fake.count({ start: 66, end: 67 }), [1])
            }
            yield* init.finished
            assert.deepStrictEqual(fake.count(pfns), pages === 0 ? [] : [1])
            assert.isFalse(init.isActive())
            assert.strictEqual(init.progress().state, "idle")
          })))
        }
      }
    }))

  it.effect("INI-10: whoever asks for what belongs to the driver is told that it never will be", () =>
    Effect.gen(function*() {
      for (const strategy of strategies) {
        yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { init } = yield* begin(strategy, {}, small, 2)
          const { answer, nanos } = yield* timed(init.need({ start: 1, end: 5 }, named("fault")))
          assert.deepStrictEqual([reasonOf(answer), nanos], ["never", 0])
          yield* init.need({ start: 2, end: 5 }, named("fault"))
        })))
      }
    }))

  it.effect("sub-ranges that reach over sections nobody has mapped are mapped by whoever initialises them", () =>
    Fake.inTime(Effect.scoped(Effect.gen(function*() {
      const { fake, init } = yield* begin({
        ...Fake.preset("async-2018-v2"),
        populate: "section by section",
        workers: 1,
        subRanges: 1
      }, { costs: { store: 1, section: 100 * section } })
      yield* Effect.sleep("100 nanos")
      yield* init.need({ start: 3000, end: 3001 }, named("fault"))
      yield* init.finished
      assert.deepStrictEqual(fake.count(small), [1])
      assert.deepStrictEqual(fake.lost, [])
    }))))

  it.effect("CMP-2: compounds larger than a section are mapped and written whole, also when asked for in the middle", () =>
    Fake.inTime(Effect.scoped(Effect.gen(function*() {
      const order = 9
      const range = { start: 64, end: 64 + 8 * 512 }
      const image = {
        _tag: "Compound",
        node: 0,
        zone: "Device",
        head: 64,
        order,
        written: 128,
        refcount: 1,
        pagemap: 0
      } as const
      const parts: Array<PfnRange> = []
      const fake = Fake.make(range, { section: 128, subsection: 64 }, { ...image, metadata: true })
      const memory: InitMemory.InitMemory = {
        ...fake.memory,
        populate: (part) => {
          parts.push(part)
          return fake.memory.populate(part)
        }
      }
      const { around } = yield* Fake.around({ ...Fake.preset("vmemmap"), workers: 3 }, {
        costs: { ...costs, section: 128 }
      })
      const init = yield* RangeInit.make(memory, around)
      yield* Effect.sleep("100 nanos")
      yield* init.need({ start: 64 + 5 * 512 + 300, end: 64 + 5 * 512 + 301 }, named("fault"))
      assert.deepStrictEqual(fake.count({ start: 64 + 5 * 512, end: 64 + 6 * 512 }), [1])
      yield* init.finished
      assert.deepStrictEqual(fake.count(range), [1])
      assert.isTrue(parts.every(({ end, start }) => (start - 64) % 512 === 0 && (end - 64) % 512 === 0))
    }))))

  it.effect("progress adds up at every instant", () =>
    Effect.gen(function*() {
      for (const strategy of strategies) {
        yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { init } = yield* begin(strategy)
          const states: Array<string> = []
          let before = 0
          for (let i = 0; i < 100; i++) {
            const { busy, done, pending, state, total } = init.progress()
            assert.strictEqual(busy + done + pending, total)
            assert.isAtLeast(done, before)
            before = done
            if (states.at(-1) !== state) states.push(state)
            yield* Effect.sleep("137 nanos")
          }
          assert.deepStrictEqual(states, ["mapping", "initialising", "idle"])
          assert.strictEqual(before, 4096)
        })))
      }
    }))

  it.effect("as many workers as the machine lets run, whichever range they are of", () =>
    Fake.inTime(Effect.scoped(Effect.gen(function*() {
      const { around, init, timeline } = yield* begin(Fake.preset("async-2018-v1"), { limit: 3 })
      const other = yield* RangeInit.make(Fake.make(small, { name: "other", section, subsection }).memory, around)
      yield* init.finished
      yield* other.finished
      const runs = timeline.entries.filter(({ name }) => name === "initialise")
      assert.strictEqual(runs.length, 32)
      for (const { start } of runs) {
        assert.isAtMost(runs.filter((run) => run.start <= start && start < run.end).length, 3)
      }
      // All were needed, and none was idle.
      assert.strictEqual(yield* Timeline.now, 4096 + Math.ceil(32 / 3) * 2560)
    }))))
})

describe("RangeInit, ends", () => {
  it.effect("26.5: cancelled it ends after the sub-ranges in progress, also workers whose turn has not come", () =>
    Effect.gen(function*() {
      /** Four of the first range work; of the second as many as are let. */
      const cancelled = (limit: number) =>
        Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { around, fake, init } = yield* begin({ ...Fake.preset("async-2018-v2"), workers: 4 }, { limit })
          const second = Fake.make(small, { name: "second", section, subsection })
          const other = yield* RangeInit.make(second.memory, around)
          const waiting = yield* Effect.forkChild(other.need({ start: 4000, end: 4001 }, named("fault")))
          yield* Effect.sleep(`${4096 + 45} nanos`)
          const { nanos } = yield* timed(other.stop("cancelled", false))
          // Whoever does it itself ends with the sub-range it is in.
          yield* Fiber.join(waiting)
          assert.deepStrictEqual(second.count({ start: 8, end: 4000 }), [0])
          assert.deepStrictEqual([other.progress().state, other.isActive()], ["cancelled", false])
          assert.strictEqual(reasonOf(yield* Effect.result(other.finished)), "cancelled")
          assert.strictEqual(reasonOf(yield* Effect.result(other.need({ start: 9, end: 10 }, named("f")))), "cancelled")
          yield* init.finished
          assert.deepStrictEqual(fake.count(small), [1])
          return [nanos, second.count({ start: 0, end: 8 })]
        })))
      // A sub-range has 8 pages.
      assert.deepStrictEqual(yield* cancelled(5), [80 - 45, [1]])
      assert.deepStrictEqual(yield* cancelled(4), [80 - 45, [0]])
    }))

  it.effect("the end of its scope ends it wherever it is, and tells whoever waits", () =>
    Effect.gen(function*() {
      for (const name of ["async-2018-v1", "async-2018-v2", "vmemmap"]) {
        for (const at of [1, 2000, 4100, 5000]) {
          yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
            const scope = yield* Scope.make()
            const { around } = yield* Fake.around({ ...Fake.preset(name), help: "none" }, { costs })
            const { memory } = Fake.make(small, { section, subsection })
            const init = yield* RangeInit.make(memory, around).pipe(Scope.provide(scope))
            const waiting = yield* Effect.forkChild(timed(init.need({ start: 4095, end: 4096 }, named("fault"))))
            yield* Effect.sleep(`${at} nanos`)
            yield* Scope.close(scope, Exit.void)
            const { answer, nanos } = yield* Fiber.join(waiting)
            // Whoever maps its section itself does so to the end.
            const until = name === "vmemmap" ? Math.max(at, 512) : at
            assert.deepStrictEqual([reasonOf(answer), nanos], ["cancelled", until])
          })))
        }
      }
    }))

  it.effect("the end of its scope waits for whoever helps, who ends after the sub-range in progress", () =>
    Effect.gen(function*() {
      for (const populate of ["under the lock", "one barrier", "section by section"] as const) {
        yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const scope = yield* Scope.make()
          const strategy = { ...Fake.preset("vmemmap"), populate, workers: 1 }
          const { around } = yield* Fake.around(strategy, { costs: { ...costs, section: 0 } })
          const fake = Fake.make(small, { section, subsection })
          if (populate === "under the lock") yield* fake.memory.populate(small)
          const init = yield* RangeInit.make(fake.memory, around).pipe(Scope.provide(scope))
          const helping = yield* Effect.forkChild(timed(init.need({ start: 2048, end: 4096 }, named("fault"))))
          yield* Effect.sleep("5000 nanos")
          yield* Scope.close(scope, Exit.void)
          fake.close()
          // Ten nanoseconds a page, 64 pages a sub-range.
          assert.strictEqual(yield* Timeline.now, 8 * 640)
          const { answer, nanos } = yield* Fiber.join(helping)
          assert.deepStrictEqual([reasonOf(answer), nanos, fake.lost], ["cancelled", 8 * 640, []])
        })))
      }
    }))

  it.effect("a mistake in the program is what whoever waits dies of, whoever ran into it", () =>
    Effect.gen(function*() {
      const bug = new Error("a mistake")
      for (const strategy of strategies) {
        for (const part of ["populate", "write"] as const) {
          const { memory } = Fake.make(small, { section, subsection })
          const { end, start } = { start: 4000, end: 4001 }
          const seen = Fake.inTime(Effect.scoped(Effect.gen(function*() {
            const { around } = yield* Fake.around({ ...strategy, help: "none" }, { costs })
            const init = yield* RangeInit.make({ ...memory, [part]: () => Effect.die(bug) }, around)
            const waiting = yield* Effect.forkChild(Effect.exit(init.need({ start, end }, named("fault"))))
            const finished = yield* Effect.exit(init.finished)
            return [finished, yield* Fiber.join(waiting), yield* Effect.exit(init.done)]
          })))
          for (const exit of yield* seen) assert.deepStrictEqual(exit, Exit.die(bug), `${strategy.name} ${part}`)
        }
      }
    }))

  it.effect("26.5: cancelled while it maps it ends after the section in progress", () =>
    Effect.gen(function*() {
      for (const strategy of ["async-2018-v2", "vmemmap"].map((name) => ({ ...Fake.preset(name), workers: 8 }))) {
        yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
          const { fake, init } = yield* begin(strategy)
          yield* Effect.sleep("100 nanos")
          const { nanos } = yield* timed(init.stop("cancelled", false))
          assert.strictEqual(nanos, 512 - 100)
          assert.isTrue(init.populated().every(({ end, start }) => (end - start) % 512 === 0))
          assert.strictEqual(init.populated()[0]?.end, strategy.populate === "one barrier" ? 512 : 4096)
          assert.deepStrictEqual(fake.count(small), [0])
        })))
      }
    }))

  it.effect("ASY-10: unloading waits for all workers; who asks meanwhile is told that the device goes", () =>
    Fake.inTime(Effect.scoped(Effect.gen(function*() {
      const { fake, init } = yield* begin(Fake.preset("async-2018-v1"))
      const earlier = yield* Effect.forkChild(init.need({ start: 4000, end: 4001 }, named("earlier")))
      yield* Effect.sleep("5000 nanos")
      const stopping = yield* Effect.forkChild(init.stop("unloaded", true))
      yield* Effect.sleep("1 nanos")
      assert.strictEqual(init.progress().state, "dying")
      const { answer, nanos } = yield* timed(init.need({ start: 4000, end: 4001 }, named("late")))
      assert.deepStrictEqual([reasonOf(answer), nanos], ["unloaded", 0])
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* Timeline.now, 4096 + 2560)
      assert.deepStrictEqual(fake.count(small), [1])
      yield* Fiber.join(earlier)
    }))))
})
