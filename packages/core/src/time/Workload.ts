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
 * - `whenEnded` calls back once all units are done or the job was stopped, for who is not a fiber; at the same instant others may wait
 *   for it, so it does not throw
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

/** What a job needs of the place where it runs: the time, and to say that its kind changed, or that it runs no more. */
interface Place {
  readonly now: () => number
  readonly changed: (kind: Kind) => void
  readonly stop: (job: Running) => void
}

type Resume = (effect: Effect.Effect<void>) => void

/** Thousands of them may be there at a time: one object each. */
class Running implements Job {
  readonly place: Place
  readonly kind: Kind
  /** Order in which jobs began. */
  readonly order: number
  units: number
  /** The instant up to which it has come `reached` units far, and spent so many nanoseconds of processors. */
  since: number
  reached = 0
  spent = 0
  /** The instant at which it will be finished if nothing changes. */
  finishAt = Infinity
  runs = false
  waiting: Array<Resume> = []

  constructor(place: Place, kind: Kind, order: number, units: number) {
    this.place = place
    this.kind = kind
    this.order = order
    this.units = units
    this.since = place.now()
  }

  done(): number {
    if (this.runs) this.advance(this.place.now())
    return this.reached
  }

  processorNanos(): number {
    if (this.runs) this.advance(this.place.now())
    return this.spent
  }

  shorten(to: number): number {
    if (!this.runs) return this.units
    this.advance(this.place.now())
    this.units = Math.min(this.units, Math.max(to, this.reached))
    this.predict()
    this.kind.finishAt = Math.min(this.kind.finishAt, this.finishAt)
    this.place.changed(this.kind)
    return this.units
  }

  whenEnded(callback: () => void): void {
    if (this.runs) this.waiting.push(callback)
    else callback()
  }

  get finished(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (!this.runs) {
        resume(this.outcome())
        return
      }
      this.waiting.push(resume)
      return Effect.sync(() => {
        this.waiting = this.waiting.filter((one) => one !== resume)
        this.place.stop(this)
      })
    })
  }

  advance(at: number): void {
    const { processor, rate } = this.kind.share
    const passed = at - this.since
    if (passed <= 0) return
    this.since = at
    this.reached = this.finishAt <= at ? this.units : Math.min(this.units, this.reached + rate * passed)
    this.spent += processor * passed
  }

  /** Quotients come out a little above the nanosecond at which the job ends: a thousandth of one is taken for rounding. */
  predict(): void {
    const left = this.units - this.reached
    this.finishAt = left <= 0
      ? this.since
      : this.since + Math.max(0, Math.ceil(left / this.kind.share.rate - 1e-3))
  }

  /** What becomes of those who wait for a job that runs no more. */
  outcome(): Effect.Effect<void> {
    return this.reached < this.units ? Effect.interrupt : Effect.void
  }

  wake(): void {
    const all = this.waiting
    this.waiting = []
    for (const resume of all) resume(this.outcome())
  }
}

/** Jobs that want the same, and so get the same. */
interface Kind extends FairShare.Demand {
  readonly processors: Resource
  readonly bandwidth: Resource
  readonly jobs: Set<Running>
  share: FairShare.Share
  /** When the first of its jobs will be finished if nothing changes; of the past between a change and the division that follows. */
  finishAt: number
  seen: number
}

/** A pool of processors or a memory, and who uses it; `seen` in that round of looking for those whom a change concerns. */
interface Resource {
  readonly users: Set<Kind>
  seen: number
}

const nothing: FairShare.Share = { processor: 0, rate: 0 }

const isSame = (a: FairShare.Demand, b: FairShare.Demand): boolean =>
  a.memory === b.memory && a.unitNanos === b.unitNanos && a.unitBytes === b.unitBytes && a.weight === b.weight

/** Jobs that run, by what they want and where. */
const makeKinds = () => {
  const pools = new Map<string, Resource>()
  const memories = new Map<string, Resource>()
  const all = new Set<Kind>()
  const named = (resources: Map<string, Resource>, name: string): Resource => {
    const found = resources.get(name)
    if (found !== undefined) return found
    const resource: Resource = { users: new Set(), seen: 0 }
    resources.set(name, resource)
    return resource
  }
  return {
    /** Uses its resources from its first job to its last. */
    of: (demand: FairShare.Demand): Kind => {
      const { memory, pool, unitBytes, unitNanos, weight } = demand
      const processors = named(pools, pool)
      for (const kind of processors.users) if (isSame(kind, demand)) return kind
      const jobs = new Set<Running>()
      return {
        pool,
        memory,
        unitNanos,
        unitBytes,
        weight,
        get count() {
          return jobs.size
        },
        processors,
        bandwidth: named(memories, memory),
        jobs,
        share: nothing,
        finishAt: Infinity,
        seen: 0
      }
    },
    add: (job: Running): void => {
      const { kind } = job
      job.runs = true
      kind.jobs.add(job)
      for (const users of [all, kind.processors.users, kind.bandwidth.users]) users.add(kind)
    },
    delete: (job: Running): void => {
      const { kind } = job
      job.runs = false
      kind.jobs.delete(job)
      if (kind.jobs.size > 0) return
      for (const users of [all, kind.processors.users, kind.bandwidth.users]) users.delete(kind)
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
  const look = (resource: Resource): void => {
    if (resource.seen === round) return
    resource.seen = round
    for (const kind of resource.users) {
      if (kind.seen === round) continue
      kind.seen = round
      found.push(kind)
      look(kind.processors)
      look(kind.bandwidth)
    }
  }
  for (const { bandwidth, processors } of changed) {
    look(processors)
    look(bandwidth)
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
        job.advance(now())
        kinds.delete(job)
      }
      for (const job of stopped) job.wake()
    })
  )

  const now = () => Number(clock.monotonicTimeNanosUnsafe())

  const divide = (at: number) => {
    const concerned = concernedBy(changes, ++round)
    changes.clear()
    const shares = FairShare.divide(concerned, capacity)
    concerned.forEach((kind, i) => {
      for (const job of kind.jobs) job.advance(at)
      kind.share = shares[i] as FairShare.Share
      kind.finishAt = Infinity
      for (const job of kind.jobs) {
        job.predict()
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
      job.advance(at)
      job.reached = job.units
      kinds.delete(job)
      changes.add(job.kind)
    }
    try {
      for (const job of finished) job.wake()
    } finally {
      // Where a division is due anyway, mostly because whoever was woken began something else, it sets the alarm as well.
      if (!isSoon) {
        divide(at)
        setAlarm(kinds.finishAt(), at)
      }
    }
  }

  const rings = () => {
    alarm = null
    alarmAt = Infinity
    look()
  }

  const stop = (job: Running) => {
    if (!job.runs) return
    job.advance(now())
    kinds.delete(job)
    changed(job.kind)
    job.wake()
  }

  const place: Place = { now, changed, stop }

  return (demand, units) => {
    const job = new Running(place, kinds.of(demand), begun++, units)
    if (isOpen && units > 0) {
      kinds.add(job)
      changed(job.kind)
    }
    return job
  }
})
