/**
 * Jobs that run side by side on shared processors and memories, in the time of whatever clock is in force (`FairShare`).
 *
 * A job is fluid: how far it has come can be asked at any instant, and it can be made to end earlier, so a thousand like units
 * are one event as long as nobody looks at one of them.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as FairShare from "./FairShare.ts"

/**
 * A job that has begun.
 *
 * - `done` is the number of units finished by now, with its fraction
 * - `processorNanos` is the time it had a processor to itself, as far as it got
 * - `shorten` makes it end once `units` are done, or now if they are
 * - `finished` returns when all units are done; interrupted, the job stops where it is
 *
 * @category models
 * @since 0.1.0
 */
export interface Job {
  readonly done: () => number
  readonly processorNanos: () => number
  readonly shorten: (units: number) => void
  readonly finished: Effect.Effect<void>
}

/**
 * Begins `units` of work at once.
 *
 * @category models
 * @since 0.1.0
 */
export type Begin = (demand: FairShare.Demand, units: number) => Job

interface Running {
  readonly demand: FairShare.Demand
  units: number
  done: number
  processorNanos: number
  share: FairShare.Share
  /** The instant at which it will be finished if nothing changes. */
  finishAt: number
  wake: ((effect: Effect.Effect<void>) => void) | null
}

/**
 * A place where jobs run until the scope ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  capacity: FairShare.Capacity
): Effect.fn.Return<Begin, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const fork = Effect.runForkWith(context)
  const running = new Set<Running>()
  let last = Number(clock.monotonicTimeNanosUnsafe())
  let alarm: Fiber.Fiber<void> | null = null
  /** The alarm rings at this instant, once whoever is ready has run: all that changes at one instant is divided once. */
  let isSoon = false

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      alarm?.interruptUnsafe()
      running.clear()
    })
  )

  /** Every job advances to the present. */
  const advance = () => {
    const now = Number(clock.monotonicTimeNanosUnsafe())
    const passed = now - last
    last = now
    if (passed <= 0) return
    for (const job of running) {
      job.done = job.finishAt <= now ? job.units : Math.min(job.units, job.done + job.share.rate * passed)
      job.processorNanos += job.share.processor * passed
    }
  }

  const divide = () => {
    const jobs = [...running]
    const shares = FairShare.divide(jobs.map(({ demand }) => demand), capacity)
    jobs.forEach((job, i) => {
      job.share = shares[i] as FairShare.Share
      predict(job)
    })
  }

  const predict = (job: Running) => {
    const left = job.units - job.done
    job.finishAt = left <= 0 ? last : last + Math.ceil(left / job.share.rate)
  }

  const set = (wait: Effect.Effect<void>, soon: boolean) => {
    alarm?.interruptUnsafe()
    isSoon = soon
    alarm = fork(Effect.andThen(wait, Effect.sync(ring)))
  }

  const changed = () => {
    if (!isSoon) set(Effect.yieldNow, true)
  }

  const ring = () => {
    alarm = null
    isSoon = false
    advance()
    const finished = [...running].filter((job) => job.finishAt <= last)
    for (const job of finished) {
      job.done = job.units
      running.delete(job)
    }
    divide()
    let at = Infinity
    for (const { finishAt } of running) at = Math.min(at, finishAt)
    if (at !== Infinity) set(clock.sleep(Duration.nanos(BigInt(at - last))), false)
    for (const { wake } of finished) wake?.(Effect.void)
  }

  const stop = (job: Running) => {
    if (!running.has(job)) return
    advance()
    running.delete(job)
    changed()
  }

  return (demand, units) => {
    advance()
    const job: Running = {
      demand,
      units,
      done: 0,
      processorNanos: 0,
      share: { processor: 0, rate: 0 },
      finishAt: Infinity,
      wake: null
    }
    if (units > 0) {
      running.add(job)
      changed()
    }
    return {
      done: () => {
        advance()
        return job.done
      },
      processorNanos: () => {
        advance()
        return job.processorNanos
      },
      shorten: (to) => {
        if (!running.has(job)) return
        advance()
        job.units = Math.min(job.units, Math.max(to, job.done))
        predict(job)
        changed()
      },
      finished: Effect.callback((resume) => {
        if (!running.has(job)) {
          resume(Effect.void)
          return
        }
        job.wake = resume
        return Effect.sync(() => stop(job))
      })
    }
  }
})
