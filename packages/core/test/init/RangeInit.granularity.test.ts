import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Schema } from "effect"
import type { PfnRange } from "../../src/geometry/PfnRange.ts"
import type * as InitStrategy from "../../src/init/InitStrategy.ts"
import * as RangeInit from "../../src/init/RangeInit.ts"
import * as SubRanges from "../../src/init/SubRanges.ts"
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

const { named, section, subsection, timed } = Fake

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
      // What is written already is known under the mutex, which the worker holds for its next sub-range.
      assert.deepStrictEqual(yield* fault(v2, { start: 2, end: 514 }, map + unit + 7), [unit - 7, map + last])
      assert.deepStrictEqual(yield* fault(v2, { start: 2, end: 514 }, map + last), [0, map + last])
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
