import { assert, describe, it } from "@effect/vitest"
import type { Segment } from "@vmemmap/core/bytes/PageJob"
import type { Image } from "@vmemmap/core/memmap/Image"
import { Deferred, Effect, Fiber } from "effect"
import * as Writers from "../../src/workers/Writers.ts"
import * as Gates from "./gates.ts"
import {
  begin,
  type Begun,
  chunk,
  left,
  linesOf,
  outcome,
  type Place,
  placeOf,
  sameBytes,
  segment,
  single
} from "./jobs.ts"

const compound = (order: number, written: number): Image => ({
  _tag: "Compound",
  node: 0,
  zone: "Device",
  head: 0,
  order,
  written,
  refcount: 1,
  pagemap: 7,
  metadata: true
})

/** One of each kind of lines: all the same, to themselves, to heads, whole compounds and what is kept of some. */
const images: ReadonlyArray<Image> = [
  { _tag: "Poisoned" },
  single,
  { _tag: "InUse", node: 1, zone: "Normal" },
  { _tag: "Free", node: 0, zone: "Normal", order: 4, listed: true },
  compound(9, 512),
  compound(18, 128),
  compound(9, 64)
]

interface Gated {
  readonly gate: Gates.Gate
  readonly place: Place
  readonly writers: Writers.Writers
}

/** Threads that write as they are let, and memory for them. */
const gated = Effect.fnUntraced(function*(threads: number, lines: number) {
  const gate = Gates.make()
  const place = placeOf(threads, lines)
  const writers = yield* Writers.make(place.pool, { threads, spawn: Gates.spawning(gate).spawn })
  const all: Gated = { gate, place, writers }
  return all
})

describe("Writers", { timeout: 60_000 }, () => {
  it.live("jobs on any number of threads leave the bytes that one writer leaves", () =>
    Effect.gen(function*() {
      for (
        const [threads, wasm, past] of [[1, true, false], [2, false, false], [3, true, true]] as const
      ) {
        yield* Effect.scoped(Effect.gen(function*() {
          const place = placeOf(threads, 40 * chunk, wasm)
          const writers = yield* Writers.make(place.pool, { threads, past })
          assert.strictEqual(writers.threads, threads)
          const jobs = images.map((image, i) =>
            begin(writers, [
              segment(place, chunk + 7 * i + 1, image),
              segment(place, 3, single, 5),
              segment(place, 2 * chunk + 512, image, 2 ** 21)
            ])
          )
          const lines = jobs.map(linesOf)
          assert.deepStrictEqual(writers.progress().lines, lines.reduce((sum, one) => sum + one, 0))
          const outcomes = yield* Effect.forEach(jobs, outcome, { concurrency: "unbounded" })
          assert.deepStrictEqual([...new Set(outcomes)], ["returned"])
          jobs.forEach((job, i) => left(job, lines[i] ?? 0))
          for (const { job } of jobs) assert.isAbove(job.processorNanos(), 0)
          assert.deepStrictEqual(writers.progress(), { done: 0, lines: 0 })
          sameBytes(place, jobs)
        }))
      }
    }))

  it.live("as many jobs are under way as there are threads; the others wait, and begin in their order", () =>
    Effect.gen(function*() {
      const { gate, place, writers } = yield* gated(2, 20 * chunk)
      const jobs = Array.from({ length: 5 }, () => begin(writers, [segment(place, 2 * chunk)]))
      const begun = () => jobs.map(({ job }) => job.processorNanos() > 0 ? "begun" : "waits").join(" ")
      const seen: Array<string> = []
      for (const { job } of jobs) job.whenEnded(() => seen.push(begun()))
      yield* Gates.arrived(gate, 2)
      assert.strictEqual(begun(), "begun begun waits waits waits")
      assert.deepStrictEqual(writers.progress(), { done: 0, lines: 10 * chunk })
      Gates.open(gate)
      yield* Effect.forEach(jobs, outcome, { concurrency: "unbounded" })
      for (const job of jobs) left(job, 2 * chunk)
      assert.strictEqual(seen.length, 5)
      for (const one of seen) assert.match(one, /^begun( begun)+( waits)*$/)
      sameBytes(place, jobs)
    }).pipe(Effect.scoped))

  it.live("one thread does one job after the other", () =>
    Effect.gen(function*() {
      const { gate, place, writers } = yield* gated(1, 20 * chunk)
      const jobs = Array.from({ length: 4 }, () => begin(writers, [segment(place, chunk)]))
      const ended: Array<number> = []
      jobs.forEach(({ job }, i) => job.whenEnded(() => ended.push(i)))
      for (const i of [0, 1, 2, 3]) {
        yield* Gates.arrived(gate, i + 1)
        assert.deepStrictEqual(ended, [0, 1, 2, 3].slice(0, i))
        assert.deepStrictEqual(jobs.map(({ job }) => job.done()), [0, 1, 2, 3].map((k) => k < i ? chunk : 0))
        Gates.open(gate, i + 1)
      }
      yield* Effect.forEach(jobs, outcome)
      assert.deepStrictEqual(ended, [0, 1, 2, 3])
    }).pipe(Effect.scoped))

  it.live("onEnd is called before anybody hears that the job is over, and what it freed can be used at once", () =>
    Effect.gen(function*() {
      const place = placeOf(1, chunk)
      const writers = yield* Writers.make(place.pool, { threads: 1 })
      const heard: Array<string> = []
      const over = Deferred.makeUnsafe<void>()
      const one = segment(place, chunk)
      const job = writers.begin([one], () => {
        heard.push("onEnd")
        place.pool.release(one.at, one.lines * 64)
      })
      job.whenEnded(() => {
        heard.push("whenEnded")
        const next = begin(writers, [segment(place, chunk)])
        next.job.whenEnded(() => Deferred.doneUnsafe(over, Effect.void))
      })
      yield* job.finished
      heard.push("finished")
      assert.deepStrictEqual(heard, ["onEnd", "whenEnded", "finished"])
      yield* Deferred.await(over)
      // Whoever asks later is answered at once.
      job.whenEnded(() => heard.push("later"))
      yield* job.finished
      assert.strictEqual(heard.at(-1), "later")
    }).pipe(Effect.scoped))

  it.live("jobs without lines are over before begin returns, whatever the threads do", () =>
    Effect.gen(function*() {
      const { gate, place, writers } = yield* gated(1, 20 * chunk)
      const busy = begin(writers, [segment(place, chunk)])
      yield* Gates.arrived(gate, 1)
      for (const segments of [[], [{ ...segment(place, 1), lines: 0 }]]) {
        const nothing = begin(writers, segments)
        left(nothing, 0)
        assert.strictEqual(yield* outcome(nothing), "returned")
        assert.strictEqual(nothing.job.shorten(5), 0)
        left(nothing, 0)
      }
      assert.deepStrictEqual(writers.progress(), { done: 0, lines: chunk })
      const some = begin(writers, [{ ...segment(place, 1), lines: 0 }, segment(place, chunk + 1), {
        ...segment(place, 1),
        lines: 0
      }])
      Gates.open(gate)
      assert.strictEqual(yield* outcome(some), "returned")
      left(some, chunk + 1)
      left(busy, chunk)
      sameBytes(place, [busy, some])
    }).pipe(Effect.scoped))
})

describe("Writers, jobs made shorter", { timeout: 60_000 }, () => {
  /** A job of ten chunks whose thread is in the third of them, which it has claimed; `end` lets it go on and holds it against what it left. */
  const inTheThird = Effect.fnUntraced(function*({ gate, writers }: Gated, segments: ReadonlyArray<Segment>) {
    Gates.close(gate)
    const before = Gates.reached(gate)
    Gates.open(gate, before + 2)
    const begun = begin(writers, segments)
    yield* Gates.arrived(gate, before + 3)
    assert.strictEqual(begun.job.done(), 2 * chunk)
    return begun
  })

  const tenChunks = (place: Place) => [segment(place, 4 * chunk + 100), segment(place, 6 * chunk - 100, single, 99)]

  it.live("a job ends where it is told to while it runs, and no line behind is written", () =>
    Effect.gen(function*() {
      const all = yield* gated(1, 41 * chunk)
      const jobs: Array<Begun> = []
      for (const to of [3 * chunk, 3 * chunk + 1, 5 * chunk + 77, 10 * chunk - 1]) {
        const begun = yield* inTheThird(all, tenChunks(all.place))
        jobs.push(begun)
        const asked: Array<number> = []
        const whole = (lines: number) => {
          asked.push(lines)
          return lines
        }
        assert.strictEqual(begun.job.shorten(to, whole), to)
        assert.deepStrictEqual([asked, all.writers.progress()], [[], { done: 2 * chunk, lines: to }])
        // It never becomes longer.
        assert.strictEqual(begun.job.shorten(to + 1), to)
        Gates.open(all.gate)
        assert.strictEqual(yield* outcome(begun), "returned")
        left(begun, to)
        assert.strictEqual(begun.job.shorten(0), to)
      }
      sameBytes(all.place, jobs)
    }).pipe(Effect.scoped))

  it.live("what is claimed is written; the end is whole where somebody says what that is", () =>
    Effect.gen(function*() {
      const all = yield* gated(1, 51 * chunk)
      const jobs: Array<Begun> = []
      const cases: ReadonlyArray<readonly [to: number, whole: (lines: number) => number, end: number]> = [
        [0, (lines) => lines, 3 * chunk],
        [1, (lines) => lines + 1000, 3 * chunk + 1000],
        [2 * chunk, (lines) => Math.ceil(lines / 5000) * 5000, 15_000],
        [3 * chunk - 1, () => 0, 3 * chunk],
        [chunk, () => 2 ** 30, 10 * chunk]
      ]
      for (const [to, whole, until] of cases) {
        const begun = yield* inTheThird(all, tenChunks(all.place))
        jobs.push(begun)
        const asked: Array<number> = []
        const answer = begun.job.shorten(to, (lines) => {
          asked.push(lines)
          return whole(lines)
        })
        assert.deepStrictEqual([answer, asked], [until, [3 * chunk]])
        Gates.open(all.gate)
        assert.strictEqual(yield* outcome(begun), "returned")
        left(begun, until)
      }
      sameBytes(all.place, jobs)
    }).pipe(Effect.scoped))

  it.live("a job that nobody has begun ends at once at no lines, and the next one has its turn", () =>
    Effect.gen(function*() {
      const { gate, place, writers } = yield* gated(1, 20 * chunk)
      const [busy, queued, next] = [chunk, 2 * chunk, 3 * chunk].map((lines) => begin(writers, [segment(place, lines)]))
      if (busy === undefined || queued === undefined || next === undefined) return assert.fail()
      yield* Gates.arrived(gate, 1)
      const heard: Array<string> = []
      queued.job.whenEnded(() => heard.push("ended"))
      assert.strictEqual(queued.job.shorten(chunk + 9), chunk + 9)
      assert.deepStrictEqual([queued.ends, heard], [[], []])
      assert.strictEqual(queued.job.shorten(0), 0)
      left(queued, 0)
      assert.deepStrictEqual(heard, ["ended"])
      assert.strictEqual(yield* outcome(queued), "returned")
      Gates.open(gate)
      assert.deepStrictEqual([yield* outcome(busy), yield* outcome(next)], ["returned", "returned"])
      left(busy, chunk)
      left(next, 3 * chunk)
      left(queued, 0)
      sameBytes(place, [busy, queued, next])
    }).pipe(Effect.scoped))

  it.live("who waits and is interrupted stops the job after what is claimed, is gone once that is done, and others who wait are interrupted", () =>
    Effect.gen(function*() {
      const { gate, place, writers } = yield* gated(1, 20 * chunk)
      const [job, queued] = [8 * chunk, chunk].map((lines) => begin(writers, [segment(place, lines)]))
      if (job === undefined || queued === undefined) return assert.fail()
      const waiting = yield* Effect.forkChild(job.job.finished, { startImmediately: true })
      const other = yield* Effect.forkChild(outcome(job), { startImmediately: true })
      const behind = yield* Effect.forkChild(queued.job.finished, { startImmediately: true })
      yield* Gates.arrived(gate, 1)
      yield* Fiber.interrupt(behind)
      left(queued, 0)
      assert.strictEqual(yield* outcome(queued), "interrupted")
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(waiting), { startImmediately: true })
      assert.deepStrictEqual(job.ends, [])
      assert.isUndefined(interrupting.pollUnsafe())
      Gates.open(gate)
      yield* Fiber.join(interrupting)
      assert.strictEqual(job.ends.length, 1)
      assert.strictEqual(yield* Fiber.join(other), "interrupted")
      left(job, chunk)
      sameBytes(place, [job, queued])
      const again = begin(writers, [segment(place, chunk)])
      assert.strictEqual(yield* outcome(again), "returned")
      left(again, chunk)
    }).pipe(Effect.scoped))
})
