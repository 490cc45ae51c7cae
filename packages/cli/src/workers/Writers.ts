/**
 * Threads that write struct pages into the memory of one pool: several jobs at once, each by one thread.
 *
 * A thread is told of a job by a message, and takes its lines piece by piece by atomics, so that the job can be looked at and made to
 * end while it goes on. A thread that dies ends its job, and another takes its place.
 *
 * @since 0.1.0
 */
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import type * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as JobSlot from "@vmemmap/core/bytes/JobSlot"
import * as PageJob from "@vmemmap/core/bytes/PageJob"
import type * as Stores from "@vmemmap/core/init/Stores"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Worker from "effect/workers/Worker"
import { WorkerError } from "effect/workers/WorkerError"
import * as Path from "node:path"
import { performance } from "node:perf_hooks"
import * as WorkerThreads from "node:worker_threads"
import type { Message, Reply } from "./WriterMessage.ts"

/**
 * - `begin` to write segments, at once or when a thread is free; `onEnd` is called with the lines that were written, once nobody writes
 *   any more and before anybody hears that the job has ended. One that is stopped ends at what is `whole`; one that `isUrgent` is next
 * - `abandon` all jobs: they are lost where they are, whole or not, for programs that want none of it any more
 * - `threads` there are; `progress`: lines of all jobs that have not ended, and how many of them are written
 *
 * @category models
 * @since 0.1.0
 */
export interface Writers {
  readonly threads: number
  readonly progress: () => { readonly done: number; readonly lines: number }
  readonly abandon: () => void
  readonly begin: (
    segments: ReadonlyArray<PageJob.Segment>,
    onEnd: (lines: number) => void,
    how?: { readonly whole?: Stores.Whole | undefined; readonly isUrgent?: boolean }
  ) => Stores.Job
}

/**
 * Threads cannot be started here.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoThreads extends Schema.TaggedError<NoThreads>("@vmemmap/cli/NoThreads")("NoThreads", {
  why: Schema.String
}) {
  override get message() {
    return `the threads that write struct pages do not start: ${this.why}`
  }
}

/** A job until all is over: `lines` that whoever waits wants; `nanos` its thread spent, `since` it began, on the process's clock. */
interface Running {
  readonly job: PageJob.PageJob
  readonly onEnd: (lines: number) => void
  readonly waiting: Set<(effect: Effect.Effect<void>) => void>
  lines: number
  state: "waiting" | "running" | "ended" | "lost"
  since: number
  nanos: number
}

/** One thread, as the others see it. */
interface Thread {
  readonly send: (message: Message) => void
  current: Running | null
}

/** The module beside this one, in the form in which this one runs: source, build or bundle. */
const entry = new URL(`./writer${Path.extname(import.meta.url)}`, import.meta.url)

const isWritten = ({ job, lines }: Running): boolean => JobSlot.done(job.slot) >= lines

const outcome = (running: Running): Effect.Effect<void> => isWritten(running) ? Effect.void : Effect.interrupt

/** What went wrong, in the words of whoever knows best. */
const reasonOf = (cause: Cause.Cause<WorkerError>): string => {
  const error = Cause.squash(cause)
  const known = error instanceof WorkerError ? error.reason.cause ?? error : error
  return Predicate.hasProperty(known, "message") ? String(known.message) : String(known)
}

/**
 * `threads` of their own on a pool that was made for one more, until the scope ends: then jobs end where they are. `past` the cache, as
 * `PageWriter.make` says; `spawn` starts a thread that answers as `writer.ts` does. Returns when all threads are there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  pool: BytePool.BytePool,
  { past = false, spawn = () => new WorkerThreads.Worker(entry), threads }: {
    readonly threads: number
    readonly past?: boolean
    readonly spawn?: (thread: number) => WorkerThreads.Worker
  }
): Effect.fn.Return<Writers, NoThreads, Scope.Scope> {
  const spawner = NodeWorker.layer(spawn)
  const queue: Array<Running> = []
  const free: Array<Thread> = []
  const all = new Set<Running>()
  /** Threads that are there, or will be again. */
  let left = threads

  const end = (running: Running, state: "ended" | "lost", nanos: number): void => {
    if (!all.delete(running)) return
    // What ends early because all threads do is lost, whatever its own managed to say.
    running.state = left > 0 ? state : "lost"
    running.nanos = nanos
    running.onEnd(JobSlot.done(running.job.slot))
    const waiting = [...running.waiting]
    running.waiting.clear()
    for (const resume of waiting) resume(outcome(running))
  }

  /** Nobody will do what waits. */
  const lose = (): void => {
    for (const running of queue.splice(0)) end(running, "lost", 0)
  }

  const next = (): void => {
    for (let thread = free[0]; thread !== undefined && queue.length > 0; thread = free[0]) {
      const running = queue.shift()
      if (running === undefined) return
      free.shift()
      running.state = "running"
      running.since = performance.now()
      thread.current = running
      thread.send({ _tag: "Write", job: running.job })
    }
  }

  /** One thread from its beginning to its end; `ready` once it can be told what to write. */
  const serve = Effect.fnUntraced(function*(number: number, ready: Effect.Effect<void>) {
    const platform = yield* Worker.WorkerPlatform
    const worker = yield* platform.spawn<Reply, Message>(number)
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const thread: Thread = { send: (message) => void run(Effect.ignore(worker.send(message))), current: null }
    const finish = (state: "ended" | "lost", nanos: number): void => {
      const running = thread.current
      thread.current = null
      if (running !== null) end(running, state, nanos)
    }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        const index = free.indexOf(thread)
        if (index >= 0) free.splice(index, 1)
        finish("lost", 0)
      })
    )
    const begun = Effect.sync(() => {
      thread.send({ _tag: "Begin", shared: pool.shared, thread: number })
      free.push(thread)
      next()
    })
    return yield* worker.run(({ nanos }: Reply) =>
      Effect.sync(() => {
        finish("ended", nanos)
        free.push(thread)
        next()
      }), { onSpawn: Effect.andThen(ready, begun) })
  })

  /** One thread after the other, each until it dies; `ready` tells whether the first began. */
  const keep = (number: number, ready: Deferred.Deferred<void, NoThreads>) => {
    let isThere = false
    const begins = Effect.sync(() => {
      isThere = true
      Deferred.doneUnsafe(ready, Exit.void)
    })
    return Effect.scoped(serve(number, begins)).pipe(
      Effect.catchCause((cause) => {
        if (isThere) {
          isThere = false
          return Effect.sleep("10 millis")
        }
        // One that did not begin would not begin the next time either.
        Deferred.doneUnsafe(ready, Exit.fail(new NoThreads({ why: reasonOf(cause) })))
        left--
        if (left <= 0) lose()
        return Effect.never
      }),
      Effect.forever
    )
  }

  const ready = yield* Effect.forEach(
    Array.from({ length: threads }, (_, i) => i + 1),
    (number) => {
      const ready = Deferred.makeUnsafe<void, NoThreads>()
      return Effect.as(Effect.forkScoped(Effect.provide(keep(number, ready), spawner)), ready)
    }
  )
  const abandon = (): void => {
    left = 0
    for (const running of all) JobSlot.shorten(running.job.slot, 0)
    lose()
  }
  yield* Effect.addFinalizer(() => Effect.sync(abandon))
  yield* Effect.forEach(ready, Deferred.await, { discard: true })

  /** What nobody has begun, and nothing is left of, ends here. */
  const withdraw = (running: Running): void => {
    const index = JobSlot.end(running.job.slot) === 0 ? queue.indexOf(running) : -1
    if (index < 0) return
    queue.splice(index, 1)
    end(running, "ended", 0)
  }

  const begin: Writers["begin"] = (segments, onEnd, { isUrgent = false, whole } = {}) => {
    const lines = PageJob.linesOf(segments)
    const slot = JobSlot.make(lines)
    const running: Running = {
      job: { segments, slot, past },
      onEnd,
      waiting: new Set(),
      lines,
      state: "waiting",
      since: 0,
      nanos: 0
    }
    all.add(running)
    if (lines === 0) end(running, "ended", 0)
    else if (left <= 0) end(running, "lost", 0)
    else {
      if (isUrgent) queue.unshift(running)
      else queue.push(running)
      next()
    }
    return {
      done: () => JobSlot.done(slot),
      processorNanos: () => running.state === "running" ? (performance.now() - running.since) * 1e6 : running.nanos,
      shorten: (to, wholeNow = whole) => {
        if (!all.has(running)) return JobSlot.end(slot)
        running.lines = JobSlot.shorten(slot, to, wholeNow)
        withdraw(running)
        return running.lines
      },
      failure: () => running.state === "lost" && !isWritten(running) ? "worker lost" : null,
      whenEnded: (callback) => {
        if (all.has(running)) running.waiting.add(callback)
        else callback()
      },
      finished: Effect.callback((resume) => {
        if (!all.has(running)) {
          resume(outcome(running))
          return
        }
        running.waiting.add(resume)
        return Effect.suspend(() => {
          running.waiting.delete(resume)
          JobSlot.shorten(slot, 0, whole)
          withdraw(running)
          // The thread does what it has claimed: nobody else may before that.
          return all.has(running)
            ? Effect.callback<void>((gone) => {
              running.waiting.add(() => gone(Effect.void))
            })
            : Effect.void
        })
      })
    }
  }

  const progress = () => {
    const sum = (of: (running: Running) => number) => [...all].reduce((total, one) => total + of(one), 0)
    return { done: sum(({ job }) => JobSlot.done(job.slot)), lines: sum(({ job }) => JobSlot.end(job.slot)) }
  }

  return { threads, progress, abandon, begin }
})
