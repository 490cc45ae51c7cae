/**
 * Whoever needs struct pages before the workers got there: waiting, and helping (ASY-8, ASY-13, 26.2).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as Waiting from "../time/Waiting.ts"
import type { Course } from "./Course.ts"
import * as InitMemory from "./InitMemory.ts"
import type { NotInitialised } from "./NotInitialised.ts"
import * as Stage from "./Stage.ts"
import * as SubRanges from "./SubRanges.ts"

/**
 * The lookup by pfn: workers whose share has some of the pages. The flawed one finds a worker without pages that begins where the
 * right one does, and asks nobody (26.6).
 */
const covering = ({ around, workers }: Course, { end, start }: PfnRange.PfnRange) =>
  around.strategy.flaws.includes("zero-length-lookup") &&
    workers.some(({ share }) => share.start === share.end && share.start === start)
    ? []
    : workers.flatMap((worker) => {
      const part = PfnRange.intersection(worker.share, { start, end })
      return part.end > part.start ? [{ worker, part }] : []
    })

/** v1: for all of a worker's share, whoever asks for whatever of it. */
const waitForWorkers = (course: Course, pfns: PfnRange.PfnRange): Effect.Effect<void, NotInitialised> =>
  Effect.forEach(
    covering(course, pfns),
    ({ worker: { lane, share } }) => course.writing.done(share, `${lane} of ${course.memory.name}`),
    { discard: true }
  )

const stealUnit = (
  { memory, writing }: Course,
  { lane, mutex, share }: Course["workers"][number],
  unit: PfnRange.PfnRange,
  actor: Stage.Actor
): Effect.Effect<void, NotInitialised> =>
  mutex.withPermits(1)(Stage.take(writing, actor, share, unit, `struct pages of ${memory.name}`)).pipe(
    Waiting.waitingFor(`the mutex of ${memory.name} ${lane}`)
  )

/** v2: the sub-ranges the pages lie in, under the mutex of each worker, done or not: only there is it known (ASY-6). */
const stealSubRanges = Effect.fnUntraced(function*(course: Course, pfns: PfnRange.PfnRange, actor: Stage.Actor) {
  const { around: { strategy }, mapping, writing } = course
  for (const { part, worker } of covering(course, pfns)) {
    const { share } = worker
    const first = SubRanges.unitStart(share, part.start)
    // Counted by length alone, a request that straddles misses its last sub-range (BUG-26).
    const until = strategy.flaws.includes("straddle-miss")
      ? Math.min(share.end, first + Math.ceil(PfnRange.length(part) / share.unit) * share.unit)
      : part.end
    for (let at = first; at < until;) {
      const unit = { start: at, end: SubRanges.unitEnd(share, at) }
      at = unit.end
      yield* mapping.need(actor, unit)
      // From now on whoever holds the mutex does so for one sub-range.
      yield* Effect.acquireUseRelease(
        Effect.sync(() => worker.wanting++),
        () => Effect.andThen(writing.yields(share), stealUnit(course, worker, unit, actor)),
        () => Effect.sync(() => worker.wanting--)
      )
    }
  }
})

/** Pages, or the compounds they lie in: the struct page of a tail says nothing without its head's (INI-3). */
const whole = ({ memory: { first, order }, pages }: Course, { end, start }: PfnRange.PfnRange): PfnRange.PfnRange => {
  const compound = 2 ** order
  const bound = (pfn: number, round: (x: number) => number) =>
    pfn <= first ? pfn : first + round((pfn - first) / compound) * compound
  return PfnRange.intersection(pages, { start: bound(start, Math.floor), end: bound(end, Math.ceil) })
}

/** The pages and no others; the workers go on behind them after the sub-range they are in. */
const stealExactly = Effect.fnUntraced(function*(course: Course, exact: PfnRange.PfnRange, actor: Stage.Actor) {
  const { mapping, memory: { name }, writing } = course
  yield* mapping.need(actor, exact)
  const shares = covering(course, exact)
  for (const { part, worker } of shares) worker.cursor = part.end
  for (const { worker } of shares) yield* writing.yields(worker.share)
  for (const { part, worker } of shares) {
    yield* Stage.take(writing, actor, worker.share, part, `struct pages of ${name}`)
  }
})

/** Initialised, as far as anybody has looked; in v2 nobody knows without the mutex of whoever is still active (ASY-6). */
const isKnownDone = (
  { around: { strategy }, isDying, over, workers, writing }: Course,
  pfns: PfnRange.PfnRange
): boolean =>
  SubRanges.isDone(writing.subRanges, pfns) &&
  (strategy.help !== "steal sub-ranges" || isDying || over !== null || !workers.some(({ active }) => active))

/**
 * Whether it is known that nobody who needs some pages has to wait.
 *
 * @category queries
 * @since 0.1.0
 */
export const isDone = (course: Course, asked: PfnRange.PfnRange): boolean =>
  asked.start >= course.pages.start && isKnownDone(course, whole(course, asked))

/**
 * Returns when every struct page of some pages is initialised. Fails where they never will be.
 *
 * @category running
 * @since 0.1.0
 */
export const need = Effect.fnUntraced(function*(course: Course, asked: PfnRange.PfnRange, actor: Stage.Actor) {
  const { around: { strategy }, isFound, mapping, memory, pages, writing } = course
  if (!isFound) return
  if (asked.start < pages.start) return yield* InitMemory.refuse(memory, "never", asked)
  const pfns = whole(course, asked)
  yield* writing.settle(pfns)
  if (isKnownDone(course, pfns)) return
  if (course.over !== null) return yield* Effect.fail(course.over)
  if (course.isDying) return yield* InitMemory.refuse(memory, "unloaded", asked)
  switch (strategy.help) {
    case "none":
      yield* mapping.need(actor, pfns)
      return yield* writing.done(pfns, `struct pages of ${memory.name}`)
    case "wait for the worker":
      yield* mapping.need(actor, pfns)
      return yield* waitForWorkers(course, pfns)
    case "steal sub-ranges":
      return yield* stealSubRanges(course, pfns, actor)
    case "steal exactly":
      return yield* stealExactly(course, pfns, actor)
  }
})
