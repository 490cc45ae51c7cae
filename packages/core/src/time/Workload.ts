/**
 * Jobs that run side by side on shared processors and memories, in the time of whatever clock is in force (`FairShare`).
 *
 * A job is fluid: how far it has come can be asked at any instant, and it can be made to end earlier, so a thousand like units
 * are one event as long as nobody looks at one of them.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as FairShare from "./FairShare.ts"

/**
 * A job that has begun.
 *
 * - `done` is the number of units finished by now, with its fraction
 * - `processorNanos` is the time it had a processor to itself, as far as it got
 * - `shorten` makes it end once `units` are done, or now if they are; answers how many will be. Where more are under way already and
 *   cannot be stopped, it ends at what is `whole` of those: a number of units not below the one it is given
 * - `finished` returns when all units are done. Whoever waits is interrupted when the job is stopped: by the end of the place, or
 *   by another who waits and is interrupted, which takes until nothing is done any more
 * - `whenEnded` calls back once all units are done or the job was stopped, for who is not a fiber
 *
 * @category models
 * @since 0.1.0
 */
export interface Job {
  readonly done: () => number
  readonly processorNanos: () => number
  readonly shorten: (units: number, whole?: (units: number) => number) => number
  readonly finished: Effect.Effect<void>
  readonly whenEnded: (callback: () => void) => void
}

/**
 * Of a unit: what `done` may lose in adding up.
 *
 * @category constants
 * @since 0.1.0
 */
export const rounding = 1e-6

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
  /** The instant up to which `done` counts. */
  since: number
  /** The instant at which it will be finished if nothing changes. */
  finishAt: number
  readonly waiting: Set<(effect: Effect.Effect<void>) => void>
}

const nothing: FairShare.Share = { processor: 0, rate: 0 }

const noUsers: ReadonlySet<Running> = new Set()

/** What becomes of those who wait for a job that runs no more. */
const outcome = ({ done, units }: Running): Effect.Effect<void> => done < units ? Effect.interrupt : Effect.void

const wake = (job: Running): void => {
  const all = [...job.waiting]
  job.waiting.clear()
  for (const resume of all) resume(outcome(job))
}

/** Jobs by what they use, to find those that a change concerns. */
const makeUsers = (key: (demand: FairShare.Demand) => string) => {
  const users = new Map<string, Set<Running>>()
  return {
    add: (job: Running) => {
      const name = key(job.demand)
      const found = users.get(name)
      if (found === undefined) users.set(name, new Set([job]))
      else found.add(job)
    },
    delete: (job: Running) => {
      users.get(key(job.demand))?.delete(job)
    },
    of: (demand: FairShare.Demand): ReadonlySet<Running> => users.get(key(demand)) ?? noUsers
  }
}

/**
 * A place where jobs run until the scope ends, which stops them and interrupts whoever waits; none begins thereafter. All that
 * changes at one instant is divided anew once, and only for jobs that share a processor or a memory with what changed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  capacity: FairShare.Capacity
): Effect.fn.Return<Begin, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  // The alarm is part of the clock and nobody's fiber: others see it before it rings or after, never in between.
  const fork = Effect.runForkWith(Context.add(context, Scheduler.PreventSchedulerYield, true))
  const running = new Set<Running>()
  const pools = makeUsers(({ pool }) => pool)
  const memories = makeUsers(({ memory }) => memory)
  /** What came, went or became shorter since the last division. */
  let changes: Array<FairShare.Demand> = []
  let alarm: Fiber.Fiber<void> | null = null
  /** The alarm rings at this instant, once whoever is ready has run. */
  let isSoon = false
  let isOpen = true

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isOpen = false
      alarm?.interruptUnsafe()
      const stopped = [...running]
      running.clear()
      for (const job of stopped) advance(job, now())
      for (const job of stopped) wake(job)
    })
  )

  const now = () => Number(clock.monotonicTimeNanosUnsafe())

  /** The job advances to the present. */
  const advance = (job: Running, at: number) => {
    const passed = at - job.since
    if (passed <= 0) return
    job.since = at
    job.done = job.finishAt <= at ? job.units : Math.min(job.units, job.done + job.share.rate * passed)
    job.processorNanos += job.share.processor * passed
  }

  /** Quotients come out a little above the nanosecond at which the job ends: a thousandth of one is taken for rounding. */
  const predict = (job: Running) => {
    const left = job.units - job.done
    job.finishAt = left <= 0 ? job.since : job.since + Math.max(0, Math.ceil(left / job.share.rate - 1e-3))
  }

  /** Jobs that share something with what changed, and those that share something with them. */
  const concerned = (): ReadonlyArray<Running> => {
    const found = new Set<Running>()
    const seen = new Set<ReadonlySet<Running>>()
    const open = changes
    changes = []
    for (let demand = open.pop(); demand !== undefined; demand = open.pop()) {
      for (const users of [pools.of(demand), memories.of(demand)]) {
        if (seen.has(users)) continue
        seen.add(users)
        for (const job of users) {
          found.add(job)
          open.push(job.demand)
        }
      }
    }
    return [...found]
  }

  const divide = (at: number) => {
    const jobs = concerned()
    const shares = FairShare.divide(jobs.map(({ demand }) => demand), capacity)
    jobs.forEach((job, i) => {
      advance(job, at)
      job.share = shares[i] as FairShare.Share
      predict(job)
    })
  }

  const set = (wait: Effect.Effect<void>, soon: boolean) => {
    alarm?.interruptUnsafe()
    isSoon = soon
    alarm = fork(Effect.andThen(wait, Effect.sync(ring)))
  }

  const changed = (demand: FairShare.Demand) => {
    changes.push(demand)
    if (!isSoon) set(Effect.yieldNow, true)
  }

  const remove = (job: Running) => {
    running.delete(job)
    pools.delete(job)
    memories.delete(job)
  }

  const ring = () => {
    alarm = null
    isSoon = false
    const at = now()
    const finished: Array<Running> = []
    for (const job of running) if (job.finishAt <= at) finished.push(job)
    for (const job of finished) {
      advance(job, at)
      job.done = job.units
      remove(job)
      changes.push(job.demand)
    }
    divide(at)
    let next = Infinity
    for (const { finishAt } of running) if (finishAt < next) next = finishAt
    if (next !== Infinity) set(clock.sleep(Duration.nanos(BigInt(next - at))), false)
    for (const job of finished) wake(job)
  }

  const stop = (job: Running) => {
    if (!running.has(job)) return
    advance(job, now())
    remove(job)
    changed(job.demand)
    wake(job)
  }

  return (demand, units) => {
    const job: Running = {
      demand,
      units,
      done: 0,
      processorNanos: 0,
      share: nothing,
      since: now(),
      finishAt: Infinity,
      waiting: new Set()
    }
    if (isOpen && units > 0) {
      running.add(job)
      pools.add(job)
      memories.add(job)
      changed(demand)
    }
    const current = () => {
      if (running.has(job)) advance(job, now())
      return job
    }
    return {
      done: () => current().done,
      processorNanos: () => current().processorNanos,
      shorten: (to) => {
        if (!running.has(job)) return job.units
        advance(job, now())
        job.units = Math.min(job.units, Math.max(to, job.done))
        predict(job)
        changed(demand)
        return job.units
      },
      whenEnded: (callback) => {
        if (running.has(job)) job.waiting.add(callback)
        else callback()
      },
      finished: Effect.callback((resume) => {
        if (!running.has(job)) {
          resume(outcome(job))
          return
        }
        job.waiting.add(resume)
        return Effect.sync(() => {
          job.waiting.delete(resume)
          stop(job)
        })
      })
    }
  }
})
