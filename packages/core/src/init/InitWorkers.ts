/**
 * The workers of a range: fibers that write its struct pages, each its own share first (ASY-4, ASY-5).
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import type { Course } from "./Course.ts"
import * as Disturbance from "./Disturbance.ts"
import * as InitMemory from "./InitMemory.ts"
import type { InitStrategy } from "./InitStrategy.ts"
import type { NotInitialised } from "./NotInitialised.ts"
import type * as Stage from "./Stage.ts"
import * as SubRanges from "./SubRanges.ts"

/**
 * - `active`: it has work, as `memmap_state` shows it (26.4)
 * - `wanting` ask for its mutex, to be let in between two sub-ranges
 * - `cursor`: where its next run begins, behind what was asked for last
 *
 * @category models
 * @since 0.1.0
 */
export interface Worker {
  readonly lane: string
  readonly share: SubRanges.Share
  readonly mutex: Semaphore.Semaphore
  readonly ended: Deferred.Deferred<void>
  active: boolean
  wanting: number
  cursor: number
}

/**
 * Workers that have not begun.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (shares: ReadonlyArray<SubRanges.Share>, active: boolean): ReadonlyArray<Worker> =>
  shares.map((share, index): Worker => ({
    lane: `worker ${index}`,
    share,
    mutex: Semaphore.makeUnsafe(1),
    ended: Deferred.makeUnsafe(),
    active,
    wanting: 0,
    cursor: share.start
  }))

/**
 * Which share each worker has; where all take from one cursor, the same.
 *
 * @category queries
 * @since 0.1.0
 */
export const divide = (
  shares: ReadonlyArray<SubRanges.Share>,
  { division, workers }: Pick<InitStrategy, "division" | "workers">
): ReadonlyArray<SubRanges.Share> =>
  division === "own share" ? shares : shares.flatMap((share) => Array.from({ length: workers }, () => share))

/**
 * After what was asked for last, then what is left of the share; one sub-range at a time where others take from it too, or wait
 * for the mutex.
 */
const nextRun = (
  { around, writing }: Course,
  { cursor, share, wanting }: Worker
): PfnRange.PfnRange | undefined => {
  const next = SubRanges.nextPending(writing.subRanges, share, cursor) ??
    SubRanges.nextPending(writing.subRanges, share)
  return next === undefined || (around.strategy.division === "own share" && wanting === 0)
    ? next
    : SubRanges.firstUnit(share, next)
}

const isOver = (course: Course): boolean =>
  course.over !== null || (course.isDying && course.around.strategy.unload === "cancel")

const ownShare = Effect.fnUntraced(function*(course: Course, worker: Worker, actor: Stage.Actor) {
  if (SubRanges.isDone(course.writing.subRanges, worker.share)) return
  yield* course.mapping.need(actor, worker.share)
  const run = Effect.suspend(() => {
    const next = nextRun(course, worker)
    return next === undefined ? Effect.void : course.writing.run(actor, worker.share, next)
  })
  // Whoever waits for the mutex gets it after one sub-range.
  const isShared = course.around.strategy.help === "steal sub-ranges"
  while (!isOver(course) && nextRun(course, worker) !== undefined) {
    yield* isShared ? worker.mutex.withPermits(1)(run) : run
  }
})

/** Fewer sub-ranges than this are not worth a second worker. */
const worthwhile = 64

/** What others have not done: what nobody does, or the second half of the longest run. */
const others = Effect.fnUntraced(function*({ pages, writing }: Course) {
  const pending = SubRanges.nextPending(writing.subRanges, pages)
  if (pending !== undefined) return pending
  yield* writing.settle(pages)
  const [longest] = writing.busy(pages).toSorted((a, b) => (b.end - b.settled) - (a.end - a.settled))
  if (longest === undefined || longest.end - longest.settled < worthwhile * longest.share.unit) return undefined
  const middle = longest.settled + Math.floor((longest.end - longest.settled) / 2)
  yield* writing.yields({ start: SubRanges.unitEnd(longest.share, middle), end: longest.end })
  return SubRanges.nextPending(writing.subRanges, pages)
})

const takeOver = Effect.fnUntraced(function*(course: Course, actor: Stage.Actor) {
  const { mapping, writing } = course
  while (!isOver(course)) {
    const next = yield* others(course)
    const share = next === undefined ? undefined : SubRanges.shareOf(writing.subRanges.shares, next.start)
    if (next === undefined || share === undefined) return
    const part = PfnRange.intersection(share, next)
    yield* mapping.need(actor, part)
    const still = SubRanges.nextPending(writing.subRanges, part)
    if (still !== undefined) yield* writing.run(actor, share, still)
  }
})

/** Where nobody else does a share that was given up, whoever waits for it would for ever. */
const end = (course: Course, worker: Worker): void => {
  const { around: { strategy }, memory, pages, workers, writing } = course
  // Bits are set after workers were queued: whoever was faster cleared its own before that (BUG-28).
  worker.active = strategy.flaws.includes("stuck-active") && workers.every((one) => !Deferred.isDoneUnsafe(one.ended))
  Deferred.doneUnsafe(worker.ended, Exit.void)
  const isHelped = strategy.help === "steal sub-ranges" || strategy.help === "steal exactly"
  if (isHelped || course.over !== null) return
  if (isOwn(strategy)) {
    if (!SubRanges.isDone(writing.subRanges, worker.share)) {
      writing.fail(InitMemory.refuse(memory, "cancelled", worker.share))
    }
  } else if (
    !SubRanges.isDone(writing.subRanges, pages) && workers.every(({ ended }) => Deferred.isDoneUnsafe(ended))
  ) {
    writing.fail(InitMemory.refuse(memory, "cancelled", pages))
  }
}

/** Whether nobody does the share of another worker. */
const isOwn = ({ division, populate }: InitStrategy): boolean => populate === "one barrier" && division === "own share"

/** In turn among the workers of the machine, unless it is over before that. */
const inTurn = ({ around: { permits }, ended }: Course, effect: Effect.Effect<void, NotInitialised>) =>
  permits === null ? effect : Effect.scoped(Effect.flatMap(
    Effect.raceFirst(
      Effect.as(permits.takeScoped(1), true).pipe(Waiting.waitingFor("its turn among the workers of the machine")),
      Effect.as(Deferred.await(ended), false)
    ),
    (isIn) => isIn ? effect : Effect.void
  ))

/** Those who are woken to write have nothing at hand yet. */
const beginning = ({ around: { costs } }: Course, actors: ReadonlyArray<Stage.Actor>): Effect.Effect<void> => {
  const nanos = Math.ceil(costs.costs.begin)
  if (nanos === 0) return Effect.void
  return actors.reduce(
    (beginning, { track }) => Timeline.span(beginning, track, "begin", () => ({ cpuNs: nanos })),
    CostModel.sleep(nanos)
  )
}

/** What somebody else is busy with may come back: a worker stays until that is done too. */
const work = Effect.fnUntraced(function*(course: Course, worker: Worker, actor: Stage.Actor) {
  const { around: { strategy }, memory, pages, writing } = course
  const scope = strategy.populate === "one barrier" ? worker.share : pages
  yield* beginning(course, [actor])
  // Before it is its turn among the workers of the machine: those it comes after may need that.
  yield* course.turn.ofWorkers
  const own = ownShare(course, worker, actor)
  const all = strategy.populate === "one barrier" ? own : Effect.andThen(own, takeOver(course, actor))
  while (!isOver(course) && !SubRanges.isDone(writing.subRanges, scope)) {
    yield* inTurn(course, all)
    if (!isOver(course)) yield* writing.available(scope, `struct pages of ${memory.name}`)
  }
})

/**
 * One worker, from its place on a processor to its end. Those of one barrier do their share and no more; others then take over
 * what is left of other shares.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(course: Course, worker: Worker) {
  const { around, memory: { name, node } } = course
  const { dies } = around.disturbance(name, worker.lane)
  const actor = { node: yield* around.place(node), track: { group: name, lane: worker.lane } }
  const all = work(course, worker, actor)
  yield* (dies === Effect.never ? all : Effect.raceFirst(all, dies)).pipe(
    Effect.ignore,
    Effect.ensuring(Effect.sync(() => end(course, worker))),
    Waiting.named(`${name} ${worker.lane}`)
  )
})

/**
 * Whether nothing tells the workers of a range apart, so that one fiber can do for all: they take from one cursor, and nothing can
 * befall any of them.
 *
 * @category queries
 * @since 0.1.0
 */
export const isCrew = ({ around: { disturbance, permits, strategy } }: Course): boolean =>
  strategy.division === "one cursor" && strategy.populate !== "section by section" && permits === null &&
  disturbance === Disturbance.none

/**
 * All workers of a range in one fiber.
 *
 * @category running
 * @since 0.1.0
 */
export const crew = Effect.fnUntraced(function*(course: Course) {
  const { around, mapping, memory: { name, node }, pages, workers, writing } = course
  const [share] = writing.subRanges.shares
  const actors: Array<Stage.Actor> = []
  for (const { lane } of workers) actors.push({ node: yield* around.place(node), track: { group: name, lane } })
  const [first] = actors
  if (share === undefined || first === undefined) return
  yield* Effect.gen(function*() {
    yield* beginning(course, actors)
    yield* mapping.need(first, share)
    while (!isOver(course) && !SubRanges.isDone(writing.subRanges, pages)) {
      yield* writing.crew(actors, share)
      if (!isOver(course)) yield* writing.available(pages, `struct pages of ${name}`)
    }
  }).pipe(
    Effect.ignore,
    // Whoever waits for all begins with the first.
    Effect.ensuring(Effect.sync(() => workers.toReversed().forEach((worker) => end(course, worker)))),
    Waiting.named(`${name} workers`)
  )
})

/**
 * The one who maps the memmap for everybody; without it nothing goes on.
 *
 * @category running
 * @since 0.1.0
 */
export const mapAll = Effect.fnUntraced(function*(course: Course) {
  const { around, mapping, memory } = course
  const { name, node } = memory
  const { dies } = around.disturbance(name, "map")
  const actor = { node: yield* around.place(node), track: { group: name, lane: "map" } }
  const gone = Effect.sync(() => course.end(InitMemory.refuse(memory, "cancelled")))
  const all = mapping.all(actor)
  yield* (dies === Effect.never ? all : Effect.raceFirst(all, Effect.andThen(dies, gone))).pipe(
    Effect.onInterrupt(() => gone),
    Effect.ignore,
    Waiting.named(`${name} map`)
  )
})

/**
 * Returns when some workers have ended; all of them unless said otherwise.
 *
 * @category running
 * @since 0.1.0
 */
export const awaitEnd = ({ memory, workers }: Course, some = workers): Effect.Effect<void> =>
  Effect.forEach(some, ({ ended }) => Deferred.await(ended), { discard: true }).pipe(
    Waiting.waitingFor(`the workers of ${memory.name}`)
  )

/** What came of it once workers have ended: why not all was done, if anybody is to know. */
const outcome = (course: Course): Effect.Effect<void, NotInitialised> =>
  Effect.suspend(() => {
    const { memory, workers, writing } = course
    if (course.over !== null) return course.over.reason === "unloaded" ? Effect.void : Effect.fail(course.over)
    const abandoned = workers.find(({ ended, share }) =>
      Deferred.isDoneUnsafe(ended) && !SubRanges.isDone(writing.subRanges, share)
    )
    if (abandoned === undefined) return Effect.void
    const { share } = abandoned
    return Effect.fail(writing.refusal(share) ?? InitMemory.refuse(memory, "cancelled", share))
  })

/**
 * Returns when no worker is active any more, as writing `sync` does (26.4).
 *
 * @category running
 * @since 0.1.0
 */
export const finished = (course: Course): Effect.Effect<void, NotInitialised> =>
  Effect.suspend(() => {
    const { around: { strategy }, turn, workers } = course
    const active = workers.filter((worker) => worker.active)
    // The cookie that is waited for is exclusive: the last worker is not (BUG-27).
    const awaited = strategy.flaws.includes("exclusive-sync") ? active.slice(0, -1) : active
    const all = Effect.andThen(active.length === 0 ? Effect.void : turn.ofWaiters, awaitEnd(course, awaited))
    return Effect.andThen(all, outcome(course))
  })

/**
 * Returns when all workers have ended, for whoever observes them from outside.
 *
 * @category running
 * @since 0.1.0
 */
export const done = (course: Course): Effect.Effect<void, NotInitialised> =>
  Effect.andThen(awaitEnd(course), outcome(course))
