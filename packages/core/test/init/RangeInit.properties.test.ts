/** Ranges initialised by any strategy, whoever asks, leaves, dies, cancels or fails meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Exit, Fiber, FiberSet, Option, Result, Schema, Scope } from "effect"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import type * as InitMemory from "../../src/init/InitMemory.ts"
import type * as InitStrategy from "../../src/init/InitStrategy.ts"
import type * as NotInitialised from "../../src/init/NotInitialised.ts"
import * as RangeInit from "../../src/init/RangeInit.ts"
import type { Image } from "../../src/memmap/Image.ts"
import type * as VirtualTime from "../../src/time/VirtualTime.ts"
import * as Waiting from "../../src/time/Waiting.ts"
import { random } from "../random.ts"
import * as Fake from "./Fake.ts"

const isLong = process.env["VMEMMAP_LONG"] === "1"
const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const section = 512
const subsection = 64

const Ask = Schema.Struct({
  device: Schema.Literals([0, 1]),
  at: Schema.Union([int(0, 3000), int(0, 30_000)]),
  start: int(0, 2999),
  length: Schema.Literals([1, 16, 64, 100, 700]),
  /** Nanoseconds after which it is interrupted; 0: never. */
  patience: Schema.Literals([0, 0, 0, 1, 200, 3000])
})

const Device = Schema.Struct({
  /** Subsections. */
  start: int(0, 20),
  reserve: Schema.Literals([0, 2, 64]),
  length: int(1, 40),
  order: Schema.Literals([0, 0, 4, 6, 9]),
  shared: Schema.Boolean
})

const Strategy = Schema.Struct({
  workers: int(1, 6),
  limit: Schema.NullOr(Schema.Literals([1, 3])),
  subRanges: Schema.NullOr(Schema.Literals([1, 3, 16, 128])),
  help: Schema.Literals(["none", "wait for the worker", "steal sub-ranges", "steal exactly"]),
  populate: Schema.Literals(["under the lock", "one barrier", "section by section"]),
  division: Schema.Literals(["own share", "own share", "one cursor"]),
  unload: Schema.Literals(["wait", "cancel"])
})

const Case = Schema.Struct({
  strategy: Strategy,
  devices: Schema.Array(Device).check(Schema.isMinLength(1), Schema.isMaxLength(2)),
  processors: Schema.Literals([1, 3, 1000]),
  bandwidth: Schema.Literals([10, 1000]),
  map: Schema.Literals([0, 1, 4]),
  asks: Schema.Array(Ask).check(Schema.isMaxLength(8)),
  /** Nanoseconds that carrying out takes while others run; 0: it happens at once. */
  slow: Schema.Literals([0, 0, 5]),
  seed: Schema.Natural
})
type Case = typeof Case.Type

const compound = (order: number, head: number, shared: boolean): Image => ({
  _tag: "Compound",
  node: 0,
  zone: "Device",
  head,
  order,
  written: shared ? Math.min(2 ** order, 128) : 2 ** order,
  refcount: 1,
  pagemap: 0,
  metadata: true
})

/** The devices one after the other, their pages a whole number of compounds. */
const memories = ({ devices, slow }: Case) => {
  let end = 0
  return devices.map(({ length, order, reserve, shared, start }, i) => {
    const from = end + (start + 1) * subsection
    const first = from + reserve
    const pages = Math.max(2 ** order, Math.floor((length * subsection - reserve) / 2 ** order) * 2 ** order)
    end = Math.ceil((first + pages) / subsection) * subsection
    return Fake.make(
      { start: from, end: first + pages },
      { name: `dev${i}`, first, section, subsection },
      order === 0 ? undefined : compound(order, first, shared),
      slow
    )
  })
}

const strategyOf = ({ strategy }: Case): InitStrategy.InitStrategy => ({ ...Fake.preset("async-2018-v2"), ...strategy })

/** What becomes of a range while it is initialised. */
interface Story {
  readonly failsAt?: (range: PfnRange.PfnRange) => number
  readonly dies?: (worker: string) => number
  readonly ends?: ReadonlyArray<{ readonly at: number; readonly how: "cancelled" | "unloaded" }>
}

const failing = (fake: ReturnType<typeof Fake.make>, pfn: number): InitMemory.InitMemory => ({
  ...fake.memory,
  populate: (part) => {
    if (!PfnRange.contains(part, { start: pfn, end: pfn + 1 })) return fake.memory.populate(part)
    const reached = Math.max(part.start, Math.floor(pfn / section) * section)
    return Effect.as(fake.memory.populate({ ...part, end: reached }), { reached, error: Fake.noMemory })
  }
})

type Answer = Exit.Exit<Option.Option<void>, NotInitialised.NotInitialised>

/** Runs a story: how every ask ended, how `finished` did, and what was written when it is all over. */
const tell = Effect.fnUntraced(function*(spec: Case, { dies = () => Infinity, ends = [], failsAt }: Story = {}) {
  const strategy = strategyOf(spec)
  const fakes = memories(spec)
  const { around } = yield* Fake.around(strategy, {
    costs: { store: 7, section: spec.map * section, processors: spec.processors, ramBandwidth: spec.bandwidth },
    ...(strategy.limit === null ? {} : { limit: strategy.limit }),
    disturbance: (_, worker) => ({
      speed: 1,
      dies: dies(worker) === Infinity ? Effect.never : Effect.sleep(`${dies(worker)} nanos`)
    })
  })
  const scope = yield* Scope.fork(yield* Effect.scope)
  const inits = yield* Effect.forEach(fakes, (fake) => {
    const memory = failsAt === undefined ? fake.memory : failing(fake, failsAt(fake.memory.range))
    const mapped = strategy.populate === "under the lock" ? memory.populate(memory.range) : Effect.void
    return Effect.andThen(mapped, RangeInit.make(memory, around).pipe(Scope.provide(scope)))
  })
  const asked = spec.asks.flatMap((ask) => {
    const fake = fakes[ask.device]
    const init = inits[ask.device]
    if (fake === undefined || init === undefined) return []
    const { first, range } = fake.memory
    const start = first + ask.start % (range.end - first)
    return [{ ...ask, fake, init, pfns: { start, end: Math.min(range.end, start + ask.length) } }]
  })
  const answers: Array<Answer> = []
  const fibers = yield* FiberSet.make<void>()
  for (const [i, { at, fake, init, patience, pfns }] of asked.entries()) {
    const { first, order } = fake.memory
    // What a tail says is its head's (INI-3).
    const head = pfns.start - (pfns.start - first) % 2 ** order
    const need = init.need(pfns, { node: 0, track: { group: fake.memory.name, lane: `ask ${i}` } }).pipe(
      // At the very instant at which it comes back.
      Effect.tap(() =>
        Effect.sync(() => assert.deepStrictEqual(fake.count({ ...pfns, start: head }), [1], `ask ${i} came back early`))
      )
    )
    yield* FiberSet.run(
      fibers,
      Effect.sleep(`${at} nanos`).pipe(
        Effect.andThen(
          Effect.exit(patience === 0 ? Effect.map(need, Option.some) : Effect.timeoutOption(need, `${patience} nanos`))
        ),
        Effect.map((answer) => {
          answers[i] = answer
        }),
        Waiting.named(`ask ${i}`)
      )
    )
  }
  const ending = yield* Effect.forkChild(
    Effect.forEach(ends, ({ at, how }) =>
      Effect.andThen(
        Effect.sleep(`${at} nanos`),
        Effect.forEach(inits, (init) => init.stop(how, how === "unloaded" && strategy.unload === "wait"))
      ), { concurrency: "unbounded", discard: true })
  )
  const finished = yield* Effect.forEach(inits, (init) => Effect.result(init.finished))
  yield* FiberSet.awaitEmpty(fibers)
  yield* Fiber.join(ending)
  const progress = inits.map((init) => init.progress())
  for (const init of inits) assert.isFalse(init.isActive())
  yield* Effect.forEach(inits, (init) => init.stop("unloaded", strategy.unload === "wait"), { discard: true })
  for (const fake of fakes) fake.close()
  yield* Scope.close(scope, Exit.void)
  yield* Effect.sleep("1 millis")
  for (const fake of fakes) {
    assert.deepStrictEqual(fake.lost, [], "stored where nothing is mapped")
    assert.isTrue(fake.written.every((n) => n <= 1), "stored twice")
    assert.isTrue(fake.written.subarray(0, fake.memory.first - fake.memory.range.start).every((n) => n === 0))
  }
  return { strategy, fakes, answers, finished, progress, asked }
})

const reasons = (answers: ReadonlyArray<Answer>) =>
  answers.flatMap((answer) =>
    Exit.isSuccess(answer) ? [] : [Option.getOrElse(
      Option.map(Cause.findErrorOption(answer.cause), ({ reason }): string => reason),
      () => String(answer.cause)
    )]
  )

/** One order of events in every third run, else others run wherever they could, in any order. */
const options = (seed: number): VirtualTime.Options => {
  const next = random(seed)
  return seed % 3 === 0
    ? { seed }
    : { seed, preempt: () => next(12) === 0, choose: (ready) => next(ready.length), limit: 3e6 }
}

const arbitrary = { spec: Arbitrary.schema(Case) }
const runs = (many: number) => ({ arbitrary: { runs: isLong ? 40 * many : many, seed: "ranges" } })

describe("RangeInit, whatever happens", () => {
  it.effect.prop(
    "each struct page is written once, no await comes back early, none hangs, interruption loses nothing",
    arbitrary,
    ({ spec }) =>
      Fake.inTime(
        Effect.scoped(Effect.gen(function*() {
          const { answers, asked, fakes, finished, progress } = yield* tell(spec)
          assert.deepStrictEqual(reasons(answers), [])
          for (const [i, answer] of answers.entries()) {
            if (asked[i]?.patience === 0) assert.deepStrictEqual(answer, Exit.succeed(Option.some(undefined)))
          }
          assert.isTrue(finished.every(Result.isSuccess))
          for (const { count, memory: { first, range } } of fakes) {
            assert.deepStrictEqual(count({ start: first, end: range.end }), [1])
          }
          assert.deepStrictEqual(
            progress.map(({ done, pending, state, total }) => [state, done - total, pending]),
            fakes.map(() => ["idle", 0, 0])
          )
        })),
        options(spec.seed)
      ),
    runs(200)
  )

  it.effect.prop(
    "26.5: cancelled or unloaded at any instant, everybody is told and nobody is left",
    { ...arbitrary, at: int(0, 30_000), again: int(0, 3000), how: Schema.Literals(["cancelled", "unloaded"]) },
    ({ again, at, how, spec }) =>
      Fake.inTime(
        Effect.scoped(Effect.gen(function*() {
          const ends = [{ at, how }, { at: at + again, how: "unloaded" as const }]
          const { answers, fakes, finished, strategy } = yield* tell(spec, { ends })
          for (const reason of reasons(answers)) assert.include(["cancelled", "unloaded"], reason)
          if (how === "unloaded" && strategy.unload === "wait") {
            for (const { count, memory: { first, range } } of fakes) {
              assert.deepStrictEqual(count({ start: first, end: range.end }), [1])
            }
          }
          for (const answer of finished) {
            if (Result.isFailure(answer)) assert.strictEqual(answer.failure.reason, "cancelled")
          }
        })),
        options(spec.seed)
      ),
    runs(200)
  )

  it.effect.prop(
    "26.2: where memory for the memmap runs out, whoever waits is told so, with what it was",
    { ...arbitrary, place: int(0, 99) },
    ({ place, spec }) =>
      spec.strategy.populate === "under the lock" ? Effect.void : Fake.inTime(
        Effect.scoped(Effect.gen(function*() {
          const failsAt = ({ end, start }: PfnRange.PfnRange) => start + Math.floor((end - start) * place / 100)
          const { answers, finished, progress, strategy } = yield* tell(spec, { failsAt })
          for (const answer of answers) {
            if (Exit.isSuccess(answer)) continue
            const error = Option.getOrUndefined(Cause.findErrorOption(answer.cause))
            assert.deepStrictEqual([error?.reason, error?.cause?.errno], ["population failed", "ENOMEM"])
          }
          if (strategy.populate === "one barrier") {
            assert.isTrue(answers.every((answer) => Exit.isFailure(answer) || Option.isNone(answer.value)))
          }
          for (const answer of finished) {
            assert.strictEqual(Result.isFailure(answer) ? answer.failure.cause?.errno : "", "ENOMEM")
          }
          assert.isTrue(progress.every(({ state }) => state === "failed"))
        })),
        options(spec.seed)
      ),
    runs(150)
  )

  it.effect.prop(
    "26.3: workers that die: shares are taken over or given up, whoever waits for those is told",
    {
      ...arbitrary,
      all: Schema.Boolean,
      dying: Schema.Tuple(Array.from({ length: 6 }, () => Schema.NullOr(int(0, 20_000))))
    },
    ({ all, dying, spec }) =>
      Fake.inTime(
        Effect.scoped(Effect.gen(function*() {
          const dies = (worker: string) =>
            worker.startsWith("worker") ? dying[Number(worker.slice(7))] ?? (all ? 5000 : Infinity) : Infinity
          const { answers, asked, fakes, finished, strategy } = yield* tell(spec, { dies })
          const isSurvived = Array.from({ length: strategy.workers }, (_, i) => dies(`worker ${i}`)).includes(Infinity)
          const isTakenOver = strategy.populate !== "one barrier" || strategy.division === "one cursor"
          const isHelped = strategy.help === "steal sub-ranges" || strategy.help === "steal exactly"
          for (const reason of reasons(answers)) assert.strictEqual(reason, "cancelled")
          if (isHelped) assert.deepStrictEqual(reasons(answers), [])
          // There may be fewer workers than the strategy has.
          if (isSurvived && isTakenOver && dies("worker 0") === Infinity) {
            assert.deepStrictEqual(reasons(answers), [])
            assert.isTrue(finished.every(Result.isSuccess))
          }
          for (const [i, answer] of finished.entries()) {
            const { count, memory: { first, range } } = fakes[i] ?? assert.fail("no range")
            const isDone = count({ start: first, end: range.end }).join() === "1"
            if (isDone && asked.length === 0) assert.isTrue(Result.isSuccess(answer))
            if (Result.isSuccess(answer)) assert.isTrue(isDone)
            else assert.strictEqual(answer.failure.reason, "cancelled")
          }
        })),
        options(spec.seed)
      ),
    runs(150)
  )
})
