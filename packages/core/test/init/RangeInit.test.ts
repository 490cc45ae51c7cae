import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Fiber, Result, Schema, Scope } from "effect"
import type { PfnRange } from "../../src/geometry/PfnRange.ts"
import * as InitMemory from "../../src/init/InitMemory.ts"
import type * as InitStrategy from "../../src/init/InitStrategy.ts"
import * as RangeInit from "../../src/init/RangeInit.ts"
import * as SubRanges from "../../src/init/SubRanges.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import * as Timeline from "../../src/time/Timeline.ts"
import * as Waiting from "../../src/time/Waiting.ts"
import * as Fake from "./Fake.ts"
import * as Reference from "./reference.ts"

const isLong = process.env["VMEMMAP_LONG"] === "1"

const Ask = Schema.Struct({
  at: Schema.Union([
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 })),
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4000 }))
  ]),
  start: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2999 })),
  length: Schema.Literals([1, 16, 64, 100, 700])
})

const Case = Schema.Struct({
  reserve: Schema.Literals([0, 2, 5]),
  start: Schema.Literals([0, 64, 512]),
  pages: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3000 })),
  workers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })),
  subRanges: Schema.NullOr(Schema.Literals([1, 2, 7, 16, 128])),
  help: Schema.Literals(["none", "wait for the worker", "steal sub-ranges", "steal sub-ranges", "steal exactly"]),
  populate: Schema.Literals(["under the lock", "one barrier", "one barrier", "section by section"]),
  map: Schema.Literals([0, 1, 3]),
  asks: Schema.Array(Ask).check(Schema.isMaxLength(6))
})

/** Nanoseconds of one page; whoever asks comes a little later than a multiple of it, so that no two things happen at once. */
const store = 10

const section = 512
const subsection = 64

describe("RangeInit, two granularities", () => {
  it.effect.prop(
    "ASY-6, ASY-13: runs of any length end when sub-ranges done one by one do, and whoever asks waits as long",
    { spec: Arbitrary.schema(Case) },
    ({ spec }) => {
      const { map, pages, reserve, start, subRanges } = spec
      // Ours takes over what other workers have: alone it has nobody to take from.
      const workers = spec.populate === "one barrier" ? spec.workers : 1
      const help = spec.populate === "one barrier" || spec.help === "steal exactly" ? spec.help : "none"
      const range = { start, end: start + reserve + pages }
      const strategy: InitStrategy.InitStrategy = {
        ...Fake.preset("async-2018-v2"),
        workers,
        subRanges,
        help,
        populate: spec.populate
      }
      const fake = Fake.make(range, { first: start + reserve, section, subsection })
      const inside = { start: start + reserve, end: range.end }
      // Only one comes before all is mapped: several that wait for it would go on at the same instant.
      const barrier = spec.populate === "under the lock" ? 0 : 2 * (reserve + pages) * map
      const asks = spec.asks.filter((ask) => ask.start < pages).toSorted((a, b) => a.at - b.at).map((ask, i) => ({
        at: ask.at * store + i + 1 + (i > 0 ? Math.ceil(barrier / store) * store : 0),
        start: inside.start + ask.start,
        end: Math.min(inside.end, inside.start + ask.start + ask.length)
      }))
      const shares = spec.populate === "one barrier"
        ? SubRanges.posted(inside, workers, subRanges ?? 1)
        : SubRanges.aligned(inside, { workers, align: section, origin: 0, unit: subsection })
      const units = shares.map((share) =>
        subRanges === null
          ? { ...share, origin: 0, unit: subsection }
          : spec.populate === "one barrier"
          ? share
          : { ...share, unit: Math.ceil((share.end - share.start) / subRanges / subsection) * subsection }
      )
      const expected = Reference.simulate(
        { range, pages: inside, shares: units, help, populate: spec.populate, section, store, map },
        asks
      )
      assert.isTrue(expected.isComplete)
      return Fake.inTime(Effect.scoped(Effect.gen(function*() {
        const { around } = yield* Fake.around(strategy, { costs: { store, section: map * section } })
        if (spec.populate === "under the lock") yield* fake.memory.populate(range)
        const init = yield* RangeInit.make(fake.memory, around)
        const latencies = yield* Effect.forEach(asks, ({ at, end, start }, i) =>
          Effect.sleep(`${at} nanos`).pipe(
            Effect.andThen(init.need({ start, end }, { ...Fake.actor, track: { group: "dev", lane: `ask ${i}` } })),
            Effect.andThen(Timeline.now),
            Effect.map((now) => {
              assert.deepStrictEqual(fake.count({ start, end }), [1], `ask ${i} came back early`)
              return now - at
            }),
            Waiting.named(`ask ${i}`)
          ), { concurrency: "unbounded" }).pipe(Effect.forkChild)
        yield* init.finished
        const ready = yield* Timeline.now
        const answers = yield* Fiber.join(latencies)
        assert.deepStrictEqual(
          `${ready}: ${answers.join()}`,
          `${expected.ready}: ${expected.latencies.join()}`
        )
        assert.deepStrictEqual(fake.count(inside), [1])
        assert.deepStrictEqual(fake.lost, [])
      })))
    },
    { arbitrary: { runs: isLong ? 20_000 : 400, seed: "granularities" } }
  )
})

const named = (lane: string) => ({ node: 0, track: { group: "dev", lane } })

/** How long it takes, and what comes of it. */
const timed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const began = yield* Timeline.now
    const answer = yield* Effect.result(effect)
    return { nanos: (yield* Timeline.now) - began, answer }
  })

const reasonOf = (answer: Result.Result<unknown, { readonly reason: string }>): string =>
  Result.isSuccess(answer) ? "" : answer.failure.reason

describe("RangeInit, first faults", () => {
  /** 128 GiB with a reserve of 2, as ASY-12 has it; 10 ns a page and 1 µs to map a section. */
  const range = { start: 0, end: 33554432 }
  const map = 1024 * 1000
  const big = {
    first: 2,
    section: 32768,
    subsection: 512,
    populate: ({ end }: PfnRange) => Effect.succeed({ reached: end, error: null }),
    write: () => Effect.void
  }

  /** How long one fault at an instant takes, and when everything is ready. */
  const fault = (strategy: InitStrategy.InitStrategy, pfns: PfnRange, at: number) =>
    Fake.inTime(Effect.scoped(Effect.gen(function*() {
      const { around } = yield* Fake.around(strategy, { costs: { store: 10, template: 10, section: 1000 } })
      const init = yield* RangeInit.make(Fake.make(range, big).memory, around)
      yield* Effect.sleep(`${at} nanos`)
      const { nanos } = yield* timed(init.need(pfns, named("fault")))
      yield* init.finished
      return [nanos, yield* Timeline.now]
    })))

  const pmd = { start: 20 * 32768, end: 20 * 32768 + 512 }
  const pud = { start: 3 * 262144, end: 4 * 262144 }
  /** A sub-range of the posted design, and the last worker's share. */
  const unit = 32768 * 10
  const last = 4194309 * 10

  it.effect("ASY-13: v2 waits for the populate, for the sub-range its worker is in, and does its own", () =>
    Effect.gen(function*() {
      const v2 = Fake.preset("async-2018-v2")
      // It straddles (ASY-12): two sub-ranges, each behind one of the worker's.
      assert.deepStrictEqual(yield* fault(v2, pmd, 1), [map - 1 + 4 * unit, map + last])
      const beside = { start: pmd.start + 512, end: pmd.end + 512 }
      assert.deepStrictEqual(yield* fault(v2, beside, map + 7), [unit - 7 + unit, map + last])
      assert.deepStrictEqual(yield* fault(v2, pud, map + 7), [9 * 2 * unit - 7, map + last])
      assert.deepStrictEqual(yield* fault(v2, { start: 2, end: 514 }, map + unit), [0, map + last])
    }))

  it.effect("26.2: v1 waits for the whole worker; ours for the section and the pages", () =>
    Effect.gen(function*() {
      const v1 = Fake.preset("async-2018-v1")
      assert.deepStrictEqual(yield* fault(v1, pmd, 1), [map - 1 + 2097151 * 10, map + 2097165 * 10])
      const ours = Fake.preset("vmemmap")
      const [before] = yield* fault(ours, pmd, 1)
      // Its section is 20 further than the one being mapped.
      assert.strictEqual(before, 1000 + 512 * 10)
      const [after] = yield* fault(ours, pmd, 128 * 1000 + 7)
      assert.strictEqual(after, 512 * 10)
    }))
})

/** A few thousand pages, 10 ns each, 1 ns a page to map. */
const small = { start: 0, end: 4096 }
const costs = { store: 10, template: 10, section }
const strategies = ["async-2018-v1", "async-2018-v2", "vmemmap"].map(Fake.preset)

const begin = Effect.fnUntraced(function*(
  strategy: InitStrategy.InitStrategy,
  rest: Fake.Around = {},
  range: PfnRange = small,
  first = range.start
) {
  const fake = Fake.make(range, { first, section, subsection })
  const { around, lost, timeline } = yield* Fake.around(strategy, { costs, ...rest })
  return { fake, around, lost, timeline, init: yield* RangeInit.make(fake.memory, around) }
})

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

  const noMemory = new KernelError({
    errno: "ENOMEM",
    rule: "SEC-10",
    step: "section_activate",
    problem: "no memory for the memmap",
    remedy: "free memory"
  })

  /** Nothing can be mapped. */
  const failing = (fake: ReturnType<typeof Fake.make>) => ({
    ...fake.memory,
    populate: ({ start }: PfnRange) => Effect.succeed({ reached: start, error: noMemory })
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
