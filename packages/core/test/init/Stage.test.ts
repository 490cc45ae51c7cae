import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, type Duration, Effect, Exit, Fiber, FiberSet, Result, Schema } from "effect"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import { NotInitialised } from "../../src/init/NotInitialised.ts"
import * as Stage from "../../src/init/Stage.ts"
import * as SubRanges from "../../src/init/SubRanges.ts"
import * as CostModel from "../../src/time/CostModel.ts"
import * as Timeline from "../../src/time/Timeline.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import * as Waiting from "../../src/time/Waiting.ts"
import type * as Workload from "../../src/time/Workload.ts"
import { random } from "../random.ts"

const whole = { start: 100, end: 420 }
/** Ten nanoseconds a page. */
const nanos = 10
const actor = (lane: string): Stage.Actor => ({ node: 0, track: { group: "dev", lane } })

const failure = (reason: NotInitialised["reason"], { end, start }: PfnRange.PfnRange = whole) =>
  new NotInitialised({ device: "dev", start, end, reason })

interface Options {
  readonly shares?: ReadonlyArray<SubRanges.Share>
  readonly perform?: (range: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
  /** The job from this page on ends early for a reason of its own. */
  readonly dies?: { readonly from: number; readonly after: Duration.Input }
}

/** Whoever does the job stops, and whoever waits for it hears of it. */
const dying = (job: Workload.Job, after: Duration.Input): Stage.Begun => {
  const ends = Effect.andThen(Effect.andThen(Effect.sleep(after), Effect.sync(() => job.shorten(0))), Effect.interrupt)
  return {
    job: Object.create(job, { finished: { value: ends } }),
    failure: (left) => failure("worker lost", left)
  }
}

/** A stage over `whole` in sub-ranges of 32, and how often each page was done. */
const makeStage = Effect.fnUntraced(function*(
  { dies, perform = () => Effect.void, shares = [{ ...whole, origin: 100, unit: 32 }] }: Options = {}
) {
  const model = yield* CostModel.make({ ...CostModel.nothing, store: nanos })
  const timeline = Timeline.make()
  const times = new Uint8Array(whole.end)
  const stage = Stage.make(
    whole,
    shares,
    {
      name: "do",
      details: (range) => ({ pages: PfnRange.length(range) }),
      units: PfnRange.length,
      reach: (from, units) => from + Math.floor(units),
      begin: (_, range) => {
        const demand = { pool: "any", memory: "", unitNanos: nanos, unitBytes: 0 }
        const job = model.begin(demand, PfnRange.length(range))
        return dies?.from === range.start ? dying(job, dies.after) : { job, failure: () => null }
      },
      perform: (range) =>
        Effect.andThen(
          perform(range),
          Effect.sync(() => {
            for (let pfn = range.start; pfn < range.end; pfn++) times[pfn] = (times[pfn] ?? 0) + 1
          })
        )
    },
    timeline
  )
  const share = shares[0] ?? { ...whole, origin: 0, unit: 1 }
  const doneOf = ({ end, start }: PfnRange.PfnRange) => times.slice(start, end)
  return { stage, share, times, timeline, doneOf }
})

const inTime = <A, E>(effect: Effect.Effect<A, E, never>, options: VirtualTime.Options = {}) =>
  Effect.map(VirtualTime.run(effect, options), (run) => {
    assert.deepStrictEqual(run.left, [])
    return Exit.isSuccess(run.exit) ? { value: run.exit.value, nanos: run.nanos, events: run.events } : assert.fail(
      String(run.exit.cause)
    )
  })

describe("Stage", () => {
  it.effect("a run takes as long as its pages, carries them out at its end and is one event however long", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { share, stage, times, timeline } = yield* makeStage()
      yield* stage.run(actor("a"), share, whole)
      assert.strictEqual(yield* Timeline.now, 3200)
      assert.isTrue(SubRanges.isDone(stage.subRanges, whole))
      assert.isTrue(times.slice(100).every((n) => n === 1))
      assert.deepStrictEqual(timeline.entries.map(({ details, end, name, start }) => ({ name, start, end, details })), [
        { name: "do", start: 0, end: 3200, details: { pages: 320, cpuNs: 3200 } }
      ])
    }))).pipe(Effect.map(({ events }) => assert.isBelow(events, 12))))

  it.effect("whoever looks finds whole sub-ranges done, and no part of one", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { doneOf, share, stage } = yield* makeStage()
      const run = yield* Effect.forkChild(stage.run(actor("a"), share, whole))
      yield* Effect.sleep("955 nanos")
      const [claim] = stage.busy(whole)
      assert.strictEqual(claim === undefined ? 0 : stage.at(claim), 164)
      assert.strictEqual(doneOf(whole).indexOf(1), -1)
      yield* stage.settle({ start: 300, end: 301 })
      assert.isTrue(SubRanges.isDone(stage.subRanges, { start: 100, end: 164 }))
      assert.isFalse(SubRanges.isDone(stage.subRanges, { start: 163, end: 165 }))
      assert.deepStrictEqual([...new Set(doneOf({ start: 100, end: 164 }))], [1])
      yield* Fiber.join(run)
      assert.strictEqual(yield* Timeline.now, 3200)
      assert.deepStrictEqual([...new Set(doneOf(whole))], [1])
    }))))

  it.effect("a run yields after the sub-range in progress, and as if it had ended there", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { share, stage } = yield* makeStage()
      const run = yield* Effect.forkChild(stage.run(actor("a"), share, whole))
      yield* Effect.sleep("955 nanos")
      yield* stage.yields(whole)
      assert.deepStrictEqual(SubRanges.nextPending(stage.subRanges, whole), { start: 196, end: 420 })
      yield* Fiber.join(run)
      assert.strictEqual(yield* Timeline.now, 960)
      assert.isTrue(SubRanges.isDone(stage.subRanges, { start: 100, end: 196 }))
      // A range far ahead: the run goes on up to it.
      const second = yield* Effect.forkChild(stage.run(actor("b"), share, { start: 196, end: 420 }))
      yield* Effect.sleep("5 nanos")
      yield* stage.yields({ start: 300, end: 310 })
      yield* Fiber.join(second)
      assert.strictEqual(yield* Timeline.now, 960 + 1040)
      assert.deepStrictEqual(SubRanges.nextPending(stage.subRanges, whole), { start: 300, end: 420 })
    }))))

  it.effect("interrupted, a run keeps the sub-ranges it did and gives back the rest", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { doneOf, share, stage, timeline } = yield* makeStage()
      const run = yield* Effect.forkChild(stage.run(actor("a"), share, whole))
      yield* Effect.sleep("955 nanos")
      yield* Fiber.interrupt(run)
      assert.strictEqual(yield* Timeline.now, 955)
      assert.deepStrictEqual(SubRanges.undone(stage.subRanges, whole), [{ start: 164, end: 420, value: "pending" }])
      assert.deepStrictEqual(doneOf(whole).indexOf(0), 64)
      assert.deepStrictEqual(timeline.entries[0]?.details, { pages: 64, cpuNs: 955 })
      yield* stage.quiet
      yield* stage.run(actor("b"), share, whole)
      assert.deepStrictEqual([...new Set(doneOf(whole))], [1])
    }))))

  it.effect("two that claim the same pages at once: one does them, the other what is left", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { doneOf, share, stage } = yield* makeStage()
      yield* Effect.all(
        [
          stage.run(actor("a"), share, { start: 100, end: 300 }),
          stage.run(actor("b"), share, { start: 150, end: 420 }),
          stage.run(actor("c"), share, { start: 200, end: 250 })
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([...new Set(doneOf(whole))], [1])
      assert.strictEqual(yield* Timeline.now, 2000)
    }))))

  it.effect("waiting for a part ends with the sub-range it ends in", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { share, stage } = yield* makeStage()
      const run = yield* Effect.forkChild(Stage.take(stage, actor("a"), share, whole, "all"))
      yield* Effect.sleep("1 nanos")
      yield* stage.done({ start: 170, end: 171 }, "one page")
      assert.strictEqual(yield* Timeline.now, 960)
      yield* stage.done({ start: 170, end: 171 }, "one page")
      yield* stage.done({ start: 171, end: 171 }, "nothing")
      assert.strictEqual(yield* Timeline.now, 960)
      yield* Fiber.join(run)
      assert.strictEqual(yield* Timeline.now, 3200)
    }))))

  it.effect("whoever takes a part does what nobody does, waits for the rest, and does what comes back", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { doneOf, share, stage } = yield* makeStage()
      const first = yield* Effect.forkChild(stage.run(actor("a"), share, { start: 100, end: 164 }))
      yield* Effect.sleep("1 nanos")
      const second = yield* Effect.forkChild(
        Stage.take(stage, actor("b"), share, { start: 100, end: 196 }, "a part")
      )
      // It has done its own and waits for the first, which goes away in the middle of its second sub-range.
      yield* Effect.sleep("400 nanos")
      assert.isUndefined(second.pollUnsafe())
      yield* Fiber.interrupt(first)
      yield* Fiber.join(second)
      assert.strictEqual(yield* Timeline.now, 401 + 320)
      assert.deepStrictEqual([...new Set(doneOf({ start: 100, end: 196 }))], [1])
    }))))

  it.effect("what fails is given back, ends the run whoever looked, and is told to whoever waits, now and later", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const error = failure("population failed")
      const { doneOf, share, stage } = yield* makeStage({
        perform: (range) => range.end > 164 ? Effect.fail(error) : Effect.void
      })
      const run = yield* Effect.forkChild(Effect.result(stage.run(actor("a"), share, whole)))
      const waiting = yield* Effect.forkChild(Effect.result(stage.done({ start: 400, end: 410 }, "later pages")))
      yield* Effect.sleep("650 nanos")
      yield* stage.settle(whole)
      yield* Effect.sleep("350 nanos")
      const looked = yield* Effect.result(stage.yields(whole))
      assert.deepStrictEqual(looked, Result.fail(error))
      yield* Fiber.join(run)
      assert.strictEqual(yield* Timeline.now, 1000)
      assert.deepStrictEqual(SubRanges.undone(stage.subRanges, whole), [{ start: 164, end: 420, value: "pending" }])
      assert.isUndefined(waiting.pollUnsafe())
      stage.fail(error)
      assert.deepStrictEqual(yield* Fiber.join(waiting), Result.fail(error))
      assert.deepStrictEqual(yield* Effect.result(stage.run(actor("b"), share, whole)), Result.fail(error))
      assert.deepStrictEqual(yield* Effect.result(stage.done({ start: 200, end: 201 }, "one")), Result.fail(error))
      yield* stage.done({ start: 100, end: 164 }, "what was done")
      assert.strictEqual(doneOf(whole).indexOf(0), 64)
      yield* stage.quiet
    }))))

  it.effect("a job that ends for a reason of its own fails whoever waits for what is left of it, and nobody else", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { doneOf, share, stage } = yield* makeStage({ dies: { from: 100, after: "955 nanos" } })
      const waits = (start: number, end: number) =>
        Effect.forkChild(Effect.result(stage.done({ start, end }, `${start}`)))
      const run = yield* Effect.forkChild(Effect.result(stage.run(actor("a"), share, whole)))
      yield* Effect.sleep("400 nanos")
      yield* stage.yields({ start: 300, end: 420 })
      const waiters = [yield* waits(200, 300), yield* waits(310, 420)]
      const refused = yield* Fiber.join(run)
      const error = Result.isFailure(refused) ? refused.failure : assert.fail("it ended well")
      assert.deepStrictEqual([error.reason, error.start, error.end], ["worker lost", 164, 300])
      assert.deepStrictEqual([stage.refusal(whole), stage.refusal({ start: 300, end: 420 })], [error, undefined])
      yield* stage.run(actor("b"), share, { start: 300, end: 420 })
      const answers = yield* Effect.forEach(waiters, Fiber.join)
      assert.deepStrictEqual(answers, [Result.fail(error), Result.succeed(undefined)])
      yield* stage.done({ start: 100, end: 164 }, "what was done")
      assert.deepStrictEqual(yield* Effect.result(stage.done({ start: 163, end: 165 }, "some")), Result.fail(error))
      assert.deepStrictEqual([doneOf(whole).indexOf(0), doneOf(whole).lastIndexOf(0)], [64, 199])
    }))))

  it.effect("a job that ends when all is done that is wanted of it has failed nobody", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { share, stage } = yield* makeStage({ dies: { from: 100, after: "1290 nanos" } })
      const run = yield* Effect.forkChild(Effect.exit(stage.run(actor("a"), share, { start: 100, end: 228 })))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.join(run)))
      assert.isUndefined(stage.refusal(whole))
      yield* stage.done({ start: 100, end: 228 }, "all of it")
    }))))

  it.effect("where one run fails others yield all the same", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const error = failure("population failed")
      const { share, stage } = yield* makeStage({
        perform: ({ start }) => start === 100 ? Effect.fail(error) : Effect.void
      })
      yield* Effect.forkChild(Effect.ignore(stage.run(actor("a"), share, { start: 100, end: 228 })))
      const second = yield* Effect.forkChild(stage.run(actor("b"), share, { start: 228, end: 420 }))
      yield* Effect.sleep("400 nanos")
      assert.deepStrictEqual(yield* Effect.result(stage.yields(whole)), Result.fail(error))
      yield* Fiber.join(second)
      assert.strictEqual(yield* Timeline.now, 640)
      assert.deepStrictEqual(SubRanges.nextPending(stage.subRanges, { start: 228, end: 420 }), { start: 292, end: 420 })
    }))))

  it.effect("a failure concerns whoever waits for pages of its range, and nobody else", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { share, stage } = yield* makeStage()
      const waits = (start: number, end: number) =>
        Effect.forkChild(Effect.result(stage.done({ start, end }, `${start}`)))
      const waiters = [yield* waits(100, 120), yield* waits(190, 210), yield* waits(300, 310)]
      yield* Effect.yieldNow
      const error = failure("cancelled", { start: 200, end: 300 })
      stage.fail(error)
      const refused = yield* Effect.result(stage.run(actor("a"), share, { start: 190, end: 210 }))
      assert.deepStrictEqual([refused, yield* Timeline.now], [Result.fail(error), 0])
      yield* stage.run(actor("a"), share, { start: 100, end: 200 })
      yield* stage.run(actor("a"), share, { start: 300, end: 420 })
      const answers = yield* Effect.forEach(waiters, Fiber.join)
      assert.deepStrictEqual(answers, [Result.succeed(undefined), Result.fail(error), Result.succeed(undefined)])
    }))))

  it.effect("quiet is when nobody works, and nobody carries out what somebody else did", () =>
    inTime(Effect.scoped(Effect.gen(function*() {
      const { share, stage, times } = yield* makeStage({
        perform: ({ start }) => start === 132 ? Effect.sleep("2000 nanos") : Effect.sleep("50 nanos")
      })
      yield* stage.quiet
      const run = yield* Effect.forkChild(stage.run(actor("a"), share, { start: 100, end: 132 }))
      yield* Effect.sleep("1 nanos")
      yield* stage.quiet
      assert.strictEqual(yield* Timeline.now, 320 + 50)
      assert.strictEqual(times[100], 1)
      yield* Fiber.join(run)
      // Who looked is still at it when the run has ended.
      const second = yield* Effect.forkChild(stage.run(actor("a"), share, { start: 132, end: 196 }))
      yield* Effect.sleep("330 nanos")
      yield* Effect.forkChild(stage.settle(whole))
      const quiet = yield* Effect.forkChild(stage.quiet)
      yield* Fiber.join(second)
      assert.strictEqual(yield* Timeline.now, 370 + 640 + 50)
      assert.isFalse(SubRanges.isDone(stage.subRanges, { start: 132, end: 164 }))
      yield* Effect.yieldNow
      assert.isUndefined(quiet.pollUnsafe())
      yield* stage.quiet
      assert.strictEqual(yield* Timeline.now, 370 + 330 + 2000)
      assert.strictEqual(times[132], 1)
    }))))

  it.effect("who waits for what is told to whoever finds it waiting", () =>
    Effect.gen(function*() {
      const { exit } = yield* VirtualTime.run(Effect.scoped(Effect.gen(function*() {
        const { stage } = yield* makeStage()
        yield* Waiting.named(stage.done({ start: 100, end: 110 }, "struct pages of dev"), "reader")
      })))
      assert.match(String(exit), /reader waits for struct pages of dev/)
    }))
})

const Taker = Schema.Struct({
  at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4000 })),
  start: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 319 })),
  length: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 })),
  what: Schema.Literals(["take", "take", "take", "done", "look", "yields"]),
  /** Nanoseconds after which it is interrupted; 0: never. */
  patience: Schema.Literals([0, 0, 1, 37, 320, 700])
})

describe("Stage, whatever happens", () => {
  it.effect.prop(
    "every page is carried out once, everybody ends, whoever came and went and at whatever point others ran",
    {
      takers: Arbitrary.array(Arbitrary.schema(Taker), { maxLength: 12 }),
      unit: Schema.Literals([1, 7, 32, 1000]),
      shares: Schema.Literals([1, 3, 8]),
      slow: Schema.Literals([0, 0, 3]),
      seed: Schema.Natural
    },
    ({ seed, shares, slow, takers, unit }) => {
      const next = random(seed)
      const isPreempted = seed % 3 !== 0
      const parts = SubRanges.aligned(whole, { workers: shares, align: unit, origin: 0, unit })
      const shareOf = (pfn: number) => SubRanges.shareOf(parts, pfn) ?? assert.fail(`no share has ${pfn}`)
      /** Part by part of each share it touches. */
      const take = (stage: Stage.Stage, lane: string, range: PfnRange.PfnRange) =>
        Effect.forEach(
          parts.map((share) => ({ share, part: PfnRange.intersection(share, range) }))
            .filter(({ part }) => part.end > part.start),
          ({ part, share }) => Stage.take(stage, actor(lane), share, part, "a part"),
          { discard: true }
        )
      return inTime(
        Effect.scoped(Effect.gen(function*() {
          const { doneOf, stage } = yield* makeStage({
            shares: parts,
            perform: () => slow === 0 ? Effect.void : Effect.sleep(`${slow} nanos`)
          })
          const fibers = yield* FiberSet.make<void>()
          const ended: Array<string> = []
          for (const [i, { at, length, patience, start, what }] of takers.entries()) {
            const range = PfnRange.intersection(whole, PfnRange.fromLength(whole.start + start, length))
            const complete = () => {
              assert.isTrue(SubRanges.isDone(stage.subRanges, range), `${what} ${i} came back early`)
              assert.isTrue(doneOf(range).every((n) => n === 1), `${what} ${i} came back early`)
            }
            const act = {
              take: Effect.tap(take(stage, `taker ${i}`, range), () => Effect.sync(complete)),
              done: Effect.tap(stage.done(range, "a part"), () => Effect.sync(complete)),
              look: stage.settle(range),
              yields: stage.yields(range)
            }[what]
            const patient = patience === 0 ? act : Effect.timeoutOption(act, `${patience} nanos`)
            yield* FiberSet.run(
              fibers,
              Effect.sleep(`${at} nanos`).pipe(
                Effect.andThen(patient),
                Effect.andThen(Effect.sync(() => void ended.push(`${i}`))),
                Effect.orDie
              )
            )
          }
          yield* Effect.sleep("1500 nanos")
          // In the end somebody does it all, as workers do.
          yield* take(stage, "worker", { start: shareOf(whole.start).start, end: whole.end })
          yield* FiberSet.awaitEmpty(fibers)
          assert.strictEqual(ended.length, takers.length)
          assert.isTrue(doneOf(whole).every((n) => n === 1))
          assert.strictEqual(stage.busy(whole).length, 0)
          yield* stage.quiet
        })),
        isPreempted ? { preempt: () => next(10) === 0, choose: (ready) => next(ready.length), limit: 1e6 } : {}
      )
    },
    { arbitrary: { runs: process.env["VMEMMAP_LONG"] === "1" ? 20_000 : 400, seed: "stage" } }
  )
})
