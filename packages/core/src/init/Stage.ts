/**
 * One kind of work over the sub-ranges of a range, done by anybody at any time, each sub-range once (ASY-6, ASY-14).
 *
 * Somebody claims a run of pending sub-ranges and works through it as one fluid job. Nobody knows how far it is until
 * somebody looks: then what has been done so far is carried out and marked, and the run can be made to end after the sub-range
 * in progress. So a run of any length costs one event, and a run that is looked at ends exactly as one done piece by piece.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import * as Workload from "../time/Workload.ts"
import * as Crew from "./Crew.ts"
import type { NotInitialised } from "./NotInitialised.ts"
import * as SubRanges from "./SubRanges.ts"

/**
 * Who works: on the processors of `node`, shown on `track`; `weight` against others who want the same, 1 unless said otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export interface Actor {
  readonly node: number
  readonly track: Timeline.Track
  readonly weight?: number | undefined
}

/**
 * A job of a stage that has begun; `failure` says why it ended before pages that are left of it were done, where that is nobody's
 * wish.
 *
 * @category models
 * @since 0.1.0
 */
export interface Begun {
  readonly job: Workload.Job
  readonly failure: (left: PfnRange.PfnRange) => NotInitialised | null
}

/**
 * A run being worked through by `actor` since `began`: pages `[start, end)` of `share`, done and marked up to `settled`, carried out
 * up to `carried`. `end` comes nearer when somebody shortens it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Claim extends PfnRange.PfnRange, Begun {
  readonly actor: Actor
  readonly share: SubRanges.Share
  readonly began: number
  end: number
  settled: number
  carried: number
}

/**
 * What is done to the pages, and what it costs.
 *
 * - `name` of its spans, and what those say of pages `[start, end)`
 * - `units` of work in a range; `reach`: up to which pfn so many units get from a pfn on
 * - `begin`: somebody begins to do a range; a job that is stopped ends at `whole` sub-ranges where more is under way
 * - `perform` carries it out; it may fail
 *
 * @category models
 * @since 0.1.0
 */
export interface Work {
  readonly name: string
  readonly details: (range: PfnRange.PfnRange) => Timeline.Details
  readonly units: (range: PfnRange.PfnRange) => number
  readonly reach: (from: number, units: number) => number
  readonly begin: (actor: Actor, range: PfnRange.PfnRange, whole: (units: number) => number) => Begun
  readonly perform: (range: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
}

/**
 * - `run` claims the first pending pages of a range and works through them, if any are; interrupted or failed it gives back what
 *   was not done. Fails at once for pages that `fail` was called for
 * - `crew`: several work through a share, each taking the next sub-range when it is done with one, as if each were a fiber that
 *   does `run` again and again; for a thousand of them that is one fiber
 * - `settle` carries out what is done by now of the runs that touch a range
 * - `yields` makes runs over a range end after the sub-range in progress, so that the rest of it is pending
 * - `done` waits until all pages of a range are done; `available` until they are, or some are pending again. Runs end where it
 *   ends, to be looked at
 * - `busy` are the runs that touch a range; `at`: how far one is now, whole sub-ranges only
 * - `quiet` returns when nobody works any more
 * - `fail` fails whoever waits for pages of the error's range, now and later; `refusal` is the first such error for a range
 *
 * @category models
 * @since 0.1.0
 */
export interface Stage {
  readonly subRanges: SubRanges.SubRanges<Claim>
  readonly run: (actor: Actor, share: SubRanges.Share, range: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
  readonly crew: (actors: ReadonlyArray<Actor>, share: SubRanges.Share) => Effect.Effect<void, NotInitialised>
  readonly settle: (range: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
  readonly yields: (range: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
  readonly done: (range: PfnRange.PfnRange, what: string) => Effect.Effect<void, NotInitialised>
  readonly available: (range: PfnRange.PfnRange, what: string) => Effect.Effect<void, NotInitialised>
  readonly busy: (range: PfnRange.PfnRange) => ReadonlyArray<Claim>
  readonly at: (claim: Claim) => number
  readonly quiet: Effect.Effect<void>
  readonly fail: (error: NotInitialised) => void
  readonly refusal: (range: PfnRange.PfnRange) => NotInitialised | undefined
}

interface Waiter {
  readonly range: PfnRange.PfnRange
  readonly isReady: () => boolean
  readonly deferred: Deferred.Deferred<void, NotInitialised>
}

/**
 * A stage at which nothing is done yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  range: PfnRange.PfnRange,
  shares: ReadonlyArray<SubRanges.Share>,
  work: Work,
  timeline: Timeline.Timeline | null
): Stage => {
  const subRanges = SubRanges.make<Claim>(range, shares)
  const claims = new Set<Claim>()
  const waiters = new Set<Waiter>()
  const idle: Array<Deferred.Deferred<void>> = []
  const failed: Array<NotInitialised> = []
  /** How many carry something out now. */
  let performing = 0

  const notify = (changed: PfnRange.PfnRange): void => {
    const ready = [...waiters].filter(({ isReady, range }) => PfnRange.overlaps(range, changed) && isReady())
    for (const waiter of ready) waiters.delete(waiter)
    for (const { deferred } of ready) Deferred.doneUnsafe(deferred, Exit.void)
  }

  const fail = (error: NotInitialised): void => {
    failed.push(error)
    const told = [...waiters].filter(({ range }) => PfnRange.overlaps(range, error))
    for (const waiter of told) waiters.delete(waiter)
    for (const { deferred } of told) Deferred.doneUnsafe(deferred, Exit.fail(error))
  }

  const giveBack = (range: PfnRange.PfnRange): void => {
    if (range.start >= range.end) return
    SubRanges.giveBack(subRanges, range)
    notify(range)
  }

  const rest = (): void => {
    if (claims.size > 0 || performing > 0) return
    for (const deferred of idle.splice(0)) Deferred.doneUnsafe(deferred, Exit.void)
  }

  /** Only whole sub-ranges are done, or all of the run. */
  const reached = ({ end, job, settled, share, start }: Claim): number => {
    const at = work.reach(start, job.done() + Workload.rounding)
    return at >= end ? end : Math.max(settled, SubRanges.unitStart(share, at))
  }

  /** Pages that some claims are marked to have settled are done for real. What failed once is not tried again. */
  const carryOut = (
    done: PfnRange.PfnRange,
    by: ReadonlyArray<Claim>
  ): Effect.Effect<void, NotInitialised> => {
    performing++
    return Effect.matchCauseEffect(work.perform(done), {
      onSuccess: () =>
        Effect.sync(() => {
          performing--
          SubRanges.finish(subRanges, done)
          for (const claim of by) {
            if (PfnRange.overlaps(claim, done)) {
              claim.carried = Math.max(claim.carried, Math.min(done.end, claim.settled))
            }
          }
          notify(done)
          rest()
        }),
      onFailure: (cause) => {
        performing--
        giveBack(done)
        // The run ends here, whoever looked at it.
        for (const claim of by) shorten(claim, claim.settled)
        rest()
        return Effect.failCause(cause)
      }
    })
  }

  /** What claims have done since they were looked at last; neighbours are carried out together. Who calls it is not interrupted. */
  const settleAll = (some: ReadonlyArray<Claim>): Effect.Effect<void, NotInitialised> =>
    Effect.suspend(() => {
      const found: Array<PfnRange.PfnRange> = []
      for (const claim of some) {
        const done = { start: claim.settled, end: reached(claim) }
        if (done.end <= done.start) continue
        claim.settled = done.end
        found.push(done)
      }
      const [only] = found
      if (only === undefined) return Effect.void
      return found.length === 1
        ? carryOut(only, some)
        : Effect.forEach(PfnRange.normalise(found), (done) => carryOut(done, some), { discard: true })
    })

  const busy = (within: PfnRange.PfnRange): ReadonlyArray<Claim> =>
    [...claims].filter(({ end, settled }) => settled < end && PfnRange.overlaps({ start: settled, end }, within))

  /** What runs that touch a range have done; all of them, also where one fails. `then` is done last. */
  const settleThen = (within: PfnRange.PfnRange, then: () => void): Effect.Effect<void, NotInitialised> =>
    Effect.suspend(() => {
      const due = busy(within).filter((claim) => reached(claim) > claim.settled)
      if (due.length === 0) {
        then()
        return Effect.void
      }
      return Effect.flatMap(Effect.forEach(due, (claim) => Effect.exit(settleAll([claim]))), (exits) => {
        then()
        return exits.find(Exit.isFailure) ?? Exit.void
      }).pipe(Effect.uninterruptible)
    })

  /** Where the sub-range ends in which so many units of the run are done. */
  const whole = ({ end, start }: PfnRange.PfnRange, share: SubRanges.Share, units: number): number => {
    const at = Math.min(end, work.reach(start, units))
    return work.units({ start, end: at }) < units ? Math.min(end, SubRanges.unitEnd(share, at)) : at
  }

  /** The run ends at `at` instead; what lies behind becomes pending. */
  const shorten = (claim: Claim, at: number): void => {
    const wanted = Math.max(claim.settled, at)
    if (wanted >= claim.end) return
    const { start } = claim
    const asked = work.units({ start, end: wanted })
    const units = claim.job.shorten(asked, (least) => work.units({ start, end: whole(claim, claim.share, least) }))
    const end = units > asked + Workload.rounding ? whole(claim, claim.share, units) : wanted
    if (end >= claim.end) return
    const rest = { start: end, end: claim.end }
    claim.end = end
    giveBack(rest)
  }

  /** Where the sub-range ends that a run is in. */
  const current = ({ end, settled, share }: Claim): number => Math.min(end, SubRanges.unitEnd(share, settled))

  const settle: Stage["settle"] = (within) => settleThen(within, () => {})

  const yields: Stage["yields"] = (within) =>
    settleThen(within, () => {
      for (const claim of busy(within)) shorten(claim, Math.max(current(claim), within.start))
    })

  const note = ({ actor, began, carried, job, start }: Claim, now: number): void => {
    if (timeline === null) return
    const details = { ...work.details({ start, end: carried }), cpuNs: Math.round(job.processorNanos()) }
    timeline.entries.push({ ...actor.track, kind: "span", name: work.name, start: began, end: now, details })
  }

  /** A run ends where somebody already waits for its pages to be done. */
  const lookedAt = (share: SubRanges.Share, { end, start }: PfnRange.PfnRange): number => {
    let nearest = end
    for (const { range } of waiters) {
      if (PfnRange.overlaps(range, { start, end: nearest })) {
        nearest = Math.min(nearest, SubRanges.unitEnd(share, range.end - 1))
      }
    }
    return nearest
  }

  const refusal = (within: PfnRange.PfnRange): NotInitialised | undefined =>
    failed.find((one) => PfnRange.overlaps(one, within))

  const enter = (actor: Actor, share: SubRanges.Share, pending: PfnRange.PfnRange, began: number): Claim => {
    const { start } = pending
    const range = { start, end: lookedAt(share, pending) }
    const { failure, job } = work.begin(
      actor,
      range,
      (least) => work.units({ start, end: whole(range, share, least) })
    )
    const claim: Claim = { actor, share, ...range, settled: start, carried: start, job, failure, began }
    claims.add(claim)
    SubRanges.claim(subRanges, range, claim)
    return claim
  }

  const leave = (some: ReadonlyArray<Claim>): Effect.Effect<void> =>
    Effect.map(Timeline.now, (now) => {
      for (const claim of some) {
        claims.delete(claim)
        giveBack({ start: claim.settled, end: claim.end })
        note(claim, now)
      }
      rest()
    })

  /** Why jobs ended before all was done is for whoever waits for the pages, too. */
  const concluded = (
    some: ReadonlyArray<Claim>,
    exit: Exit.Exit<void, NotInitialised>
  ): Effect.Effect<void, NotInitialised> => {
    const errors = some.flatMap(({ end, failure, settled }) =>
      settled < end ? failure({ start: settled, end }) ?? [] : []
    )
    for (const error of errors) fail(error)
    return errors[0] === undefined ? exit : Effect.fail(errors[0])
  }

  const run: Stage["run"] = (actor, share, within) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Timeline.now, (began) => {
        const refused = refusal(within)
        if (refused !== undefined) return Effect.fail(refused)
        // Whoever asked may have been overtaken since it looked.
        const pending = SubRanges.nextPending(subRanges, within)
        if (pending === undefined) return Effect.void
        const claim = enter(actor, share, pending, began)
        return Effect.exit(restore(claim.job.finished)).pipe(
          Effect.flatMap((exit) => Effect.flatMap(settleAll([claim]), () => concluded([claim], exit))),
          Effect.ensuring(leave([claim]))
        )
      })
    )

  const crew = Crew.make({ subRanges, units: work.units, refusal, enter, settle: settleAll, concluded, leave })

  const wait = (
    within: PfnRange.PfnRange,
    what: string,
    isReady: () => boolean
  ): Effect.Effect<void, NotInitialised> =>
    Effect.suspend(() => {
      if (isReady()) return Effect.void
      const error = refusal(within)
      if (error !== undefined) return Effect.fail(error)
      for (const claim of busy(within)) {
        if (claim.end <= within.end) continue
        shorten(claim, Math.max(current(claim), SubRanges.unitEnd(claim.share, within.end - 1)))
      }
      const waiter: Waiter = { range: within, isReady, deferred: Deferred.makeUnsafe() }
      waiters.add(waiter)
      return Effect.exit(Deferred.await(waiter.deferred)).pipe(
        Waiting.waitingFor(what),
        // Its waker is in the middle of something: go on when it is not.
        Effect.flatMap((exit) => Effect.andThen(Effect.yieldNow, exit)),
        Effect.ensuring(Effect.sync(() => waiters.delete(waiter)))
      )
    })

  const isDone = (within: PfnRange.PfnRange) => () => SubRanges.isDone(subRanges, within)

  const isAvailable = (within: PfnRange.PfnRange) => () =>
    SubRanges.isDone(subRanges, within) || SubRanges.nextPending(subRanges, within) !== undefined

  const done: Stage["done"] = (within, what) => Effect.andThen(settle(within), wait(within, what, isDone(within)))

  const available: Stage["available"] = (within, what) =>
    Effect.andThen(settle(within), wait(within, what, isAvailable(within)))

  const quiet = Effect.suspend(() => {
    if (claims.size === 0 && performing === 0) return Effect.void
    const deferred = Deferred.makeUnsafe<void>()
    idle.push(deferred)
    return Effect.andThen(Deferred.await(deferred), Effect.yieldNow)
  })

  return { subRanges, run, crew, settle, yields, done, available, busy, at: reached, quiet, fail, refusal }
}

/**
 * Does what is pending of a part of one share, waits for what others do of it, and does what they give back; `what` that is,
 * for whoever asks.
 *
 * @category running
 * @since 0.1.0
 */
export const take = Effect.fnUntraced(function*(
  stage: Stage,
  actor: Actor,
  share: SubRanges.Share,
  part: PfnRange.PfnRange,
  what: string
) {
  while (!SubRanges.isDone(stage.subRanges, part)) {
    const next = SubRanges.nextPending(stage.subRanges, part)
    yield* next === undefined ? stage.available(part, what) : stage.run(actor, share, next)
  }
})
