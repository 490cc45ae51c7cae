import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, Scope } from "effect"
import * as WorkerThreads from "node:worker_threads"
import * as Writers from "../../src/workers/Writers.ts"
import * as Gates from "./gates.ts"
import { begin, type Begun, chunk, left, linesOf, outcome, placeOf, sameBytes, segment } from "./jobs.ts"

const waitFor = (job: Begun) => Effect.forkChild(outcome(job), { startImmediately: true })

/** A thread of a few lines of JavaScript. */
const evaluated = (code: string) => () => new WorkerThreads.Worker(code, { eval: true, stderr: true })

/** What threads that were started say of themselves first. */
const ready = "require('node:worker_threads').parentPort.postMessage([0]);"

describe("Writers, threads that die", { timeout: 60_000 }, () => {
  const dying = Effect.fnUntraced(function*(threads: number, at: number, death?: Gates.Death) {
    const gate = Gates.make(death)
    Gates.doom(gate, at)
    const { spawn, started } = Gates.spawning(gate)
    const place = placeOf(threads, 20 * chunk)
    const writers = yield* Writers.make(place.pool, { threads, spawn })
    return { gate, place, started, writers }
  })

  it.live("one that exits or throws in the middle of a job ends it; the next jobs are done by another in its place", () =>
    Effect.gen(function*() {
      for (const by of ["exit", "throw"] as const) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { gate, place, started, writers } = yield* dying(1, 3, by)
          const [lost, queued] = [6, 2].map((chunks) => begin(writers, [segment(place, chunks * chunk)]))
          if (lost === undefined || queued === undefined) return assert.fail()
          const heard: Array<string> = []
          lost.job.whenEnded(() => heard.push(`ended with ${lost.ends.join()}`))
          const waiting = [yield* waitFor(lost), yield* waitFor(lost)]
          Gates.open(gate)
          assert.deepStrictEqual(yield* Fiber.joinAll(waiting), ["interrupted", "interrupted"])
          assert.deepStrictEqual(heard, [`ended with ${2 * chunk}`])
          left(lost, 2 * chunk, "worker lost")
          // Whoever comes late hears the same.
          assert.strictEqual(yield* outcome(lost), "interrupted")
          assert.strictEqual(yield* outcome(queued), "returned")
          left(queued, 2 * chunk)
          const next = begin(writers, [segment(place, 5)])
          assert.strictEqual(yield* outcome(next), "returned")
          assert.strictEqual(started.length, 2)
          left(lost, 2 * chunk, "worker lost")
          sameBytes(place, [lost, queued, next])
        }))
      }
    }))

  it.live("it is nothing to the jobs of other threads", () =>
    Effect.gen(function*() {
      const { gate, place, started, writers } = yield* dying(2, 2)
      const jobs = [begin(writers, [segment(place, 4 * chunk)]), begin(writers, [segment(place, 4 * chunk)])]
      yield* Gates.arrived(gate, 2)
      Gates.open(gate)
      const outcomes = yield* Effect.forEach(jobs, outcome, { concurrency: "unbounded" })
      assert.sameMembers(outcomes, ["interrupted", "returned"])
      for (const [i, job] of jobs.entries()) {
        if (outcomes[i] === "returned") left(job, 4 * chunk)
        else left(job, 0, "worker lost")
      }
      const more = Array.from({ length: 4 }, () => begin(writers, [segment(place, chunk)]))
      yield* Effect.forEach(more, outcome, { concurrency: "unbounded" })
      for (const job of more) left(job, chunk)
      assert.isAtMost(started.length, 3)
      sameBytes(place, [...jobs, ...more])
    }).pipe(Effect.scoped))

  it.live("one that somebody kills is as dead, with a job or without", () =>
    Effect.gen(function*() {
      const { gate, place, started, writers } = yield* dying(1, 0)
      const job = begin(writers, [segment(place, 4 * chunk)])
      yield* Gates.arrived(gate, 1)
      yield* Effect.promise(() => started[0]?.terminate() ?? Promise.reject(new Error("no thread")))
      assert.strictEqual(yield* outcome(job), "interrupted")
      left(job, 0, "worker lost")
      Gates.open(gate)
      assert.strictEqual(yield* outcome(begin(writers, [segment(place, chunk)])), "returned")
      yield* Effect.promise(() => started[1]?.terminate() ?? Promise.reject(new Error("no thread")))
      const next = begin(writers, [segment(place, chunk)])
      yield* outcome(next)
      const after = begin(writers, [segment(place, chunk)])
      assert.strictEqual(yield* outcome(after), "returned")
      left(after, chunk)
      assert.strictEqual(started.length, 3)
    }).pipe(Effect.scoped))

  it.live("one that dies when all is written has done its job", () =>
    Effect.gen(function*() {
      const { gate, place, started, writers } = yield* dying(1, 2, "silence")
      const job = begin(writers, [segment(place, 2 * chunk)])
      Gates.open(gate)
      assert.strictEqual(yield* outcome(job), "returned")
      left(job, 2 * chunk)
      yield* Effect.promise(() => started[0]?.terminate() ?? Promise.reject(new Error("no thread")))
      assert.deepStrictEqual(started.map(({ threadId }) => threadId), [-1])
      sameBytes(place, [job])
    }).pipe(Effect.scoped))

  it.live("where none can take its place nobody waits for ever: what waits is lost, and what comes is", () =>
    Effect.gen(function*() {
      const gate = Gates.make()
      Gates.doom(gate, 1)
      const { spawn, started } = Gates.spawning(gate)
      const place = placeOf(1, 20 * chunk)
      const writers = yield* Writers.make(place.pool, {
        threads: 1,
        spawn: () => started.length === 0 ? spawn() : evaluated("process.exit(1)")()
      })
      const jobs = Array.from({ length: 3 }, () => begin(writers, [segment(place, chunk)]))
      Gates.open(gate)
      assert.deepStrictEqual(
        yield* Effect.forEach(jobs, outcome, { concurrency: "unbounded" }),
        ["interrupted", "interrupted", "interrupted"]
      )
      for (const job of jobs) left(job, 0, "worker lost")
      const late = begin(writers, [segment(place, chunk)])
      left(late, 0, "worker lost")
      assert.strictEqual(yield* outcome(late), "interrupted")
      assert.deepStrictEqual(writers.progress(), { done: 0, lines: 0 })
    }).pipe(Effect.scoped))
})

describe("Writers, threads that do not start", { timeout: 60_000 }, () => {
  const refused = (threads: number, spawn: (thread: number) => WorkerThreads.Worker) =>
    Effect.scoped(Effect.gen(function*() {
      const made = yield* Effect.result(Writers.make(placeOf(threads, chunk).pool, { threads, spawn }))
      return Result.isFailure(made) ? [made.failure._tag, made.failure.message] : assert.fail("they started")
    }))

  it.live("NoThreads says why: no such module, one that throws, one that exits, no more threads", () =>
    Effect.gen(function*() {
      const nowhere = new URL("./nowhere.ts", import.meta.url)
      const cases: ReadonlyArray<readonly [spawn: () => WorkerThreads.Worker, why: RegExp]> = [
        [() => new WorkerThreads.Worker(nowhere), /do not start: Cannot find module .*nowhere\.ts/],
        [evaluated("throw new Error('not here')"), /do not start: not here$/],
        [evaluated("process.exit(7)"), /do not start: .*exited with code: 7$/],
        [evaluated(""), /do not start: .*exited with code: 0$/],
        [() => {
          throw new Error("no more of them")
        }, /do not start: no more of them$/]
      ]
      for (const [spawn, why] of cases) {
        const [tag, message = ""] = yield* refused(1, spawn)
        assert.strictEqual(tag, "NoThreads")
        assert.match(message, why)
      }
    }))

  it.live("one of several is enough, and the others end with the scope", () =>
    Effect.gen(function*() {
      const others = Gates.spawning(Gates.make())
      const [, message = ""] = yield* refused(
        3,
        (thread) => thread === 2 ? evaluated("process.exit(9)")() : others.spawn()
      )
      assert.match(message, /exited with code: 9/)
      assert.deepStrictEqual(others.started.map(({ threadId }) => threadId), [-1, -1])
    }))

  it.live("who does not wait for them any longer is let go", () =>
    Effect.gen(function*() {
      const begun = evaluated("setInterval(() => {}, 1000)")()
      const making = yield* Effect.forkChild(refused(1, () => begun))
      yield* Effect.callback<void>((resume) => void begun.once("online", () => resume(Effect.void)))
      const ending = yield* Effect.forkChild(Fiber.interrupt(making), { startImmediately: true })
      yield* Effect.promise(() => begun.terminate())
      yield* Fiber.join(ending)
    }))
})

describe("Writers, the end of the scope", { timeout: 60_000 }, () => {
  it.live("ends all jobs: what is claimed is written first; everybody hears of it, once", () =>
    Effect.gen(function*() {
      const gate = Gates.make()
      const place = placeOf(2, 40 * chunk)
      const scope = yield* Scope.make()
      const writers = yield* Writers.make(place.pool, { threads: 2, spawn: Gates.spawning(gate).spawn }).pipe(
        Scope.provide(scope)
      )
      const jobs = Array.from({ length: 5 }, () => begin(writers, [segment(place, 5 * chunk)]))
      const waiting = yield* Effect.forEach(jobs, waitFor)
      const called: Array<number> = []
      jobs.forEach(({ job }, i) => job.whenEnded(() => called.push(i)))
      // Whoever hears of an end and wants more is told that there is nobody.
      const late: Array<Begun> = []
      jobs[4]?.job.whenEnded(() => late.push(begin(writers, [segment(place, chunk)])))
      yield* Gates.arrived(gate, 2)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      // Nobody gets the memory back of those who still write.
      assert.deepStrictEqual(jobs.map(({ ends }) => ends.length), [0, 0, 1, 1, 1])
      Gates.open(gate)
      yield* Fiber.join(closing)
      assert.deepStrictEqual([...new Set(yield* Fiber.joinAll(waiting))], ["interrupted"])
      jobs.forEach((job, i) => left(job, i < 2 ? chunk : 0, "worker lost"))
      assert.sameMembers(called, [0, 1, 2, 3, 4])
      const [after = assert.fail("nobody heard")] = late
      left(after, 0, "worker lost")
      assert.strictEqual(yield* outcome(after), "interrupted")
      sameBytes(place, jobs)
      assert.deepStrictEqual(writers.progress(), { done: 0, lines: 0 })
    }))

  it.live("afterwards no job begins, none is waited for, and no thread is left", () =>
    Effect.gen(function*() {
      const place = placeOf(2, 10 * chunk)
      const { spawn, started } = Gates.spawning(Gates.make())
      const writers = yield* Effect.scoped(Writers.make(place.pool, { threads: 2, spawn }))
      assert.deepStrictEqual(started.map(({ threadId }) => threadId), [-1, -1])
      const job = begin(writers, [segment(place, chunk)])
      left(job, 0, "worker lost")
      assert.strictEqual(yield* outcome(job), "interrupted")
      const nothing = begin(writers, [])
      left(nothing, 0)
      assert.strictEqual(yield* outcome(nothing), "returned")
      assert.strictEqual(linesOf(job), chunk)
      sameBytes(place, [job])
    }))

  it.live("while a dead thread is being replaced, hangs nobody", () =>
    Effect.gen(function*() {
      const place = placeOf(1, 10 * chunk)
      const scope = yield* Scope.make()
      const writers = yield* Writers.make(place.pool, {
        threads: 1,
        spawn: evaluated(`${ready} require('node:worker_threads').parentPort.on('message', () => process.exit(1))`)
      }).pipe(Scope.provide(scope))
      const jobs = Array.from({ length: 3 }, () => begin(writers, [segment(place, chunk)]))
      const [first] = jobs
      assert.strictEqual(yield* outcome(first ?? assert.fail()), "interrupted")
      yield* Scope.close(scope, Exit.void)
      for (const job of jobs) left(job, 0, "worker lost")
    }))
})
