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
  readonly kind: Kind
  /** Order in which jobs began. */
  readonly order: number
  runs: boolean
  units: number
  done: number
  processorNanos: number
  /** The instant up to which `done` counts. */
  since: number
  /** The instant at which it will be finished if nothing changes. */
  finishAt: number
  waiting: Array<(effect: Effect.Effect<void>) => void>
}

/** Jobs that want the same, and so get the same. */
interface Kind {
  readonly demand: FairShare.Demand
  readonly pool: Place
  readonly memory: Place
  readonly jobs: Set<Running>
  share: FairShare.Share
  /** When the first of its jobs will be finished if nothing changes. */
  finishAt: number
  seen: number
}

/** A pool of processors or a memory, and who uses it; `seen` in that round of looking for those whom a change concerns. */
interface Place {
  readonly users: Set<Kind>
  seen: number
}

const nothing: FairShare.Share = { processor: 0, rate: 0 }

/** What becomes of those who wait for a job that runs no more. */
const outcome = ({ done, units }: Running): Effect.Effect<void> => done < units ? Effect.interrupt : Effect.void

const wake = (job: Running): void => {
  const all = job.waiting
  job.waiting = []
  for (const resume of all) resume(outcome(job))
}

/** The job advances to the present. */
const advance = (job: Running, at: number): void => {
  const { share } = job.kind
  const passed = at - job.since
  if (passed <= 0) return
  job.since = at
  job.done = job.finishAt <= at ? job.units : Math.min(job.units, job.done + share.rate * passed)
  job.processorNanos += share.processor * passed
}

/** Quotients come out a little above the nanosecond at which the job ends: a thousandth of one is taken for rounding. */
const predict = (job: Running): void => {
  const left = job.units - job.done
  const { rate } = job.kind.share
  job.finishAt = left <= 0 ? job.since : job.since + Math.max(0, Math.ceil(left / rate - 1e-3))
}

const isSame = (a: FairShare.Demand, b: FairShare.Demand): boolean =>
  a.memory === b.memory && a.unitNanos === b.unitNanos && a.unitBytes === b.unitBytes && a.weight === b.weight

/** Jobs that run, by what they want and where. */
const makeKinds = () => {
  const pools = new Map<string, Place>()
  const memories = new Map<string, Place>()
  const all = new Set<Kind>()
  const placeIn = (places: Map<string, Place>, name: string): Place => {
    const found = places.get(name)
    if (found !== undefined) return found
    const place: Place = { users: new Set(), seen: 0 }
    places.set(name, place)
    return place
  }
  return {
    /** Uses its places from its first job to its last. */
    of: (demand: FairShare.Demand): Kind => {
      const pool = placeIn(pools, demand.pool)
      for (const kind of pool.users) if (isSame(kind.demand, demand)) return kind
      const memory = placeIn(memories, demand.memory)
      return { demand, pool, memory, jobs: new Set(), share: nothing, finishAt: Infinity, seen: 0 }
    },
    add: (job: Running): void => {
      const { kind } = job
      job.runs = true
      kind.jobs.add(job)
      for (const users of [all, kind.pool.users, kind.memory.users]) users.add(kind)
    },
    delete: (job: Running): void => {
      const { kind } = job
      job.runs = false
      kind.jobs.delete(job)
      if (kind.jobs.size > 0) return
      for (const users of [all, kind.pool.users, kind.memory.users]) users.delete(kind)
    },
    /** In the order in which they began. */
    jobs: (isMeant: (job: Running | Kind) => boolean): ReadonlyArray<Running> => {
      const found: Array<Running> = []
      for (const kind of all) {
        if (!isMeant(kind)) continue
        for (const job of kind.jobs) if (isMeant(job)) found.push(job)
      }
      return found.length < 2 ? found : found.toSorted((a, b) => a.order - b.order)
    },
    finishAt: (): number => {
      let first = Infinity
      for (const { finishAt } of all) if (finishAt < first) first = finishAt
      return first
    }
  }
}

/** Those that share something with some kinds, and those that share something with them. */
const concernedBy = (changed: Iterable<Kind>, round: number): ReadonlyArray<Kind> => {
  const found: Array<Kind> = []
  const look = (place: Place): void => {
    if (place.seen === round) return
    place.seen = round
    for (const kind of place.users) {
      if (kind.seen === round) continue
      kind.seen = round
      found.push(kind)
      look(kind.pool)
      look(kind.memory)
    }
  }
  for (const { memory, pool } of changed) {
    look(pool)
    look(memory)
  }
  return found
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
  const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
  // The alarm is part of the clock and nobody's fiber: others see it before it rings or after, never in between.
  const fork = Effect.runForkWith(Context.add(context, Scheduler.PreventSchedulerYield, true))
  const kinds = makeKinds()
  /** What came, went or became shorter since the last division. */
  const changes = new Set<Kind>()
  /** Sleeps until the first job is finished. */
  let alarm: Fiber.Fiber<void> | null = null
  let alarmAt = Infinity
  /** All is divided anew once whoever is ready has run. */
  let isSoon = false
  let isOpen = true
  let begun = 0
  let round = 0

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isOpen = false
      alarm?.interruptUnsafe()
      const stopped = kinds.jobs(() => true)
      for (const job of stopped) {
        advance(job, now())
        kinds.delete(job)
      }
      for (const job of stopped) wake(job)
    })
  )

  const now = () => Number(clock.monotonicTimeNanosUnsafe())

  const divide = (at: number) => {
    const concerned = concernedBy(changes, ++round)
    changes.clear()
    const shares = FairShare.divide(
      concerned.map(({ demand }) => demand),
      capacity,
      concerned.map(({ jobs }) => jobs.size)
    )
    concerned.forEach((kind, i) => {
      for (const job of kind.jobs) advance(job, at)
      kind.share = shares[i] as FairShare.Share
      kind.finishAt = Infinity
      for (const job of kind.jobs) {
        predict(job)
        kind.finishAt = Math.min(kind.finishAt, job.finishAt)
      }
    })
  }

  const setAlarm = (next: number, at: number) => {
    if (next === alarmAt) return
    alarm?.interruptUnsafe()
    alarmAt = next
    alarm = next === Infinity
      ? null
      : fork(Effect.andThen(Effect.sleep(Duration.nanos(BigInt(next - at))), Effect.sync(rings)))
  }

  const changed = (kind: Kind) => {
    changes.add(kind)
    if (isSoon) return
    isSoon = true
    dispatcher.scheduleTask(() => {
      isSoon = false
      if (isOpen) look()
    }, 0)
  }

  /** Jobs that are finished end, and what others get is divided anew. */
  const look = () => {
    const at = now()
    const finished = kinds.jobs(({ finishAt }) => finishAt <= at)
    for (const job of finished) {
      advance(job, at)
      job.done = job.units
      kinds.delete(job)
      changes.add(job.kind)
    }
    divide(at)
    setAlarm(kinds.finishAt(), at)
    for (const job of finished) wake(job)
  }

  const rings = () => {
    alarm = null
    alarmAt = Infinity
    look()
  }

  const stop = (job: Running) => {
    if (!job.runs) return
    advance(job, now())
    kinds.delete(job)
    changed(job.kind)
    wake(job)
  }

  return (demand, units) => {
    const kind = kinds.of(demand)
    const job: Running = {
      kind,
      order: begun++,
      runs: false,
      units,
      done: 0,
      processorNanos: 0,
      since: now(),
      finishAt: Infinity,
      waiting: []
    }
    if (isOpen && units > 0) {
      kinds.add(job)
      changed(kind)
    }
    const current = () => {
      if (job.runs) advance(job, now())
      return job
    }
    return {
      done: () => current().done,
      processorNanos: () => current().processorNanos,
      shorten: (to) => {
        if (!job.runs) return job.units
        advance(job, now())
        job.units = Math.min(job.units, Math.max(to, job.done))
        predict(job)
        kind.finishAt = Math.min(kind.finishAt, job.finishAt)
        changed(kind)
        return job.units
      },
      whenEnded: (callback) => {
        if (job.runs) job.waiting.push(callback)
        else callback()
      },
      finished: Effect.callback((resume) => {
        if (!job.runs) {
          resume(outcome(job))
          return
        }
        job.waiting.push(resume)
        return Effect.sync(() => {
          job.waiting = job.waiting.filter((one) => one !== resume)
          stop(job)
        })
      })
    }
  }
})
