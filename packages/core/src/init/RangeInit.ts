/**
 * One range of device memory that is initialised in the background, from its workers' beginning to its end (spec 13, 26).
 *
 * Two stages over the same pages: the memmap is mapped, then its struct pages are written. Both may be worked on by several at
 * once. What is written is the `InitWork` of the range and nothing else.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as FairShare from "../time/FairShare.ts"
import type { Course } from "./Course.ts"
import * as InitHelp from "./InitHelp.ts"
import * as InitMemory from "./InitMemory.ts"
import * as InitWork from "./InitWork.ts"
import * as InitWorkers from "./InitWorkers.ts"
import * as Mapping from "./Mapping.ts"
import type { NotInitialised } from "./NotInitialised.ts"
import * as Stage from "./Stage.ts"
import * as Stores from "./Stores.ts"
import * as SubRanges from "./SubRanges.ts"

/**
 * `mapping`: the memmap is not mapped everywhere; `dying`: the device goes away.
 *
 * @category models
 * @since 0.1.0
 */
export type State = "mapping" | "initialising" | "idle" | "failed" | "cancelled" | "dying"

/**
 * How far a range is, in pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  readonly device: string
  readonly state: State
  readonly total: number
  readonly done: number
  readonly busy: number
  readonly pending: number
}

/**
 * - `isDone`: every struct page of some pages is known to be initialised
 * - `need` returns when every struct page of some pages is initialised, having helped as the strategy says
 * - `finished` returns when no worker is active any more, as writing `sync` does (26.4); `done` when there is none, whatever the
 *   strategy's mistakes
 * - `mapped` returns when nobody maps its memmap any more, `ended` when its workers have ended, whatever came of it
 * - `isActive`: a worker is
 * - `stop` ends it: `wait` for the workers, or after the sub-ranges in progress; whoever waits then fails with the reason
 * - `populated` are the parts whose memmap is mapped
 *
 * @category models
 * @since 0.1.0
 */
export interface RangeInit {
  readonly memory: InitMemory.InitMemory
  readonly isDone: (pfns: PfnRange.PfnRange) => boolean
  readonly need: (pfns: PfnRange.PfnRange, actor: Stage.Actor) => Effect.Effect<void, NotInitialised>
  readonly finished: Effect.Effect<void, NotInitialised>
  readonly done: Effect.Effect<void, NotInitialised>
  readonly mapped: Effect.Effect<void>
  readonly ended: Effect.Effect<void>
  readonly isActive: () => boolean
  readonly progress: () => Progress
  readonly stop: (reason: "unloaded" | "cancelled", wait: boolean) => Effect.Effect<void>
  readonly populated: () => ReadonlyArray<PfnRange.PfnRange>
}

/** What is written, at most compound by compound, and where each worker begins. */
const sharesOf = (
  { first, order, section, subsection }: InitMemory.InitMemory,
  { strategy }: InitMemory.Surroundings,
  pages: PfnRange.PfnRange
): ReadonlyArray<SubRanges.Share> => {
  const { division, populate, subRanges, workers } = strategy
  const unit = Math.max(subsection, 2 ** order)
  const origin = order > 0 ? first : 0
  if (division === "one cursor" || populate === "one barrier") {
    const [shares, pieces] = division === "one cursor" ? [1, workers] : [workers, 1]
    const posted = SubRanges.posted(pages, shares, pieces * (subRanges ?? 1))
    return subRanges === null ? posted.map((share) => ({ ...share, origin, unit })) : posted
  }
  const aligned = SubRanges.aligned(pages, { workers, align: Math.max(section, unit), origin, unit })
  const pieces = (share: SubRanges.Share, many: number) => Math.ceil(PfnRange.length(share) / many / unit) * unit
  return subRanges === null ? aligned : aligned.map((share) => ({ ...share, unit: pieces(share, subRanges) }))
}

const writingOf = (
  memory: InitMemory.InitMemory,
  around: InitMemory.Surroundings,
  { pages, populated, shares }: {
    readonly pages: PfnRange.PfnRange
    readonly shares: ReadonlyArray<SubRanges.Share>
    readonly populated: Mapping.Mapping["populated"]
  }
): Stage.Stage => {
  const parts = memory.work.unlocked
  /** Who asked last mostly asks again. */
  let known = { node: Number.NaN, speed: 1, weight: 1, demand: InitMemory.demand(around, memory, memory.node) }
  const demandOf = (node: number, speed: number, weight = 1): FairShare.Demand => {
    if (known.node !== node || known.speed !== speed || known.weight !== weight) {
      const demand = { ...InitMemory.demand(around, memory, node, speed), weight }
      known = { node, speed, weight, demand }
    }
    return known.demand
  }
  const stores = (range: PfnRange.PfnRange) => InitWork.stores(parts, range)
  return Stage.make(
    pages,
    shares,
    {
      name: "initialise",
      details: (range) => InitMemory.spanDetails(stores(range), memory),
      units: stores,
      reach: (from, units) => InitWork.reach(parts, from, units),
      begin: ({ node, track, weight }, range, whole) => {
        const { speed } = around.disturbance(track.group, track.lane)
        const job = around.stores.begin(
          demandOf(node, speed, weight),
          stores(range),
          () => InitWork.cut(parts, range),
          whole
        )
        return { job, failure: (left) => InitMemory.refused(memory, job.failure?.() ?? null, left) }
      },
      // Where there is no memmap, and nobody was told, nothing can be written (BUG-29).
      perform: (range) =>
        Effect.forEach(
          ExtentMap.slice(populated, range.start, range.end),
          (mapped) => memory.write(InitWork.cut(parts, mapped), "background"),
          { discard: true }
        )
    },
    around.timeline
  )
}

const stateOf = ({ isDying, mapping, memory, over, pages, workers, writing }: Course): State => {
  if (isDying) return "dying"
  if (over !== null) return over.reason === "cancelled" ? "cancelled" : "failed"
  if (SubRanges.isDone(writing.subRanges, pages)) return "idle"
  // Whoever had the rest is gone.
  if (workers.every(({ ended }) => Deferred.isDoneUnsafe(ended))) {
    return Stores.isReason(writing.refusal(pages)?.reason ?? "cancelled") ? "failed" : "cancelled"
  }
  const mapped = PfnRange.total(mapping.populated.extents)
  return mapped < PfnRange.length(memory.range) ? "mapping" : "initialising"
}

const progressOf = (course: Course): Progress => {
  const { memory, pages, writing } = course
  const undone = SubRanges.undone(writing.subRanges, pages)
  const pending = PfnRange.total(undone.filter(({ value }) => value === "pending"))
  // A run that nobody looked at is further than its marks.
  const busy = writing.busy(pages).reduce((sum, claim) => sum + claim.end - writing.at(claim), 0)
  const total = PfnRange.length(pages)
  const state = stateOf(course)
  return { device: memory.name, state, total, done: total - pending - busy, busy, pending }
}

/** Where all is written nobody needs to know why nothing more is. */
const endBecause = ({ end, ended, memory, pages, writing }: Course, reason: "unloaded" | "cancelled"): void => {
  if (SubRanges.isDone(writing.subRanges, pages)) Deferred.doneUnsafe(ended, Exit.void)
  else end(InitMemory.refuse(memory, reason))
}

/** Who is busy ends after the sub-range in progress. */
const yieldsAll = ({ mapping, memory, pages, writing }: Course): Effect.Effect<void> =>
  Effect.andThen(Effect.ignore(mapping.stage.yields(memory.range)), Effect.ignore(writing.yields(pages)))

/** Returns when nobody works any more. */
const isQuiet = ({ mapping, writing }: Course): Effect.Effect<void> =>
  Effect.andThen(mapping.stage.quiet, writing.quiet)

const stop = Effect.fnUntraced(function*(course: Course, reason: "unloaded" | "cancelled", wait: boolean) {
  if (reason === "unloaded") course.isDying = true
  if (wait) yield* Effect.andThen(course.turn.ofWaiters, InitWorkers.awaitEnd(course))
  endBecause(course, reason)
  yield* yieldsAll(course)
  yield* InitWorkers.awaitEnd(course)
  yield* isQuiet(course)
})

/** A worker that dies of a mistake in the program ends it all; whoever is told that it ended dies of it as well. */
const broken = (course: Course, exit: Exit.Exit<void>): Effect.Effect<void> =>
  Effect.sync(() => {
    if (Exit.isSuccess(exit) || !Cause.hasDies(exit.cause)) return
    course.defect ??= exit.cause
    course.end(InitMemory.refuse(course.memory, "cancelled"))
  })

const orDefect = <A, E>(course: Course, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.catchCause(effect, (cause) => Effect.failCause(course.defect ?? cause))

const atAnyTime: Course["turn"] = { ofWorkers: Effect.void, ofWaiters: Effect.void }

/**
 * Begins to initialise a range; its workers run until they are done or the scope ends. Not `isFound`: the lookup of workers by
 * pfn could not be built, and nobody is noted as active (26.6). `turn`: when its workers may begin, and whoever waits for them may look
 * at them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  memory: InitMemory.InitMemory,
  around: InitMemory.Surroundings,
  { isFound = true, turn = atAnyTime }: { readonly isFound?: boolean; readonly turn?: Course["turn"] } = {}
) {
  const fibers = yield* FiberSet.make<void>()
  const parts = memory.work.unlocked
  const pages = { start: parts[0]?.start ?? memory.range.end, end: parts.at(-1)?.end ?? memory.range.end }
  const shares = sharesOf(memory, around, pages)
  const end = (reason: NotInitialised): void => {
    course.over ??= reason
    mapping.fail(reason)
    writing.fail(reason)
    Deferred.doneUnsafe(course.ended, Exit.void)
  }
  const mapping = Mapping.make(memory, around, { onFailure: end, turn: turn.ofWorkers })
  const writing = writingOf(memory, around, { pages, shares, populated: mapping.populated })
  const workers = InitWorkers.make(InitWorkers.divide(shares, around.strategy), isFound)
  const ended = Deferred.makeUnsafe<void>()
  const over = null
  const isDying = false
  const course: Course = {
    memory,
    around,
    pages,
    mapping,
    writing,
    workers,
    end,
    ended,
    isFound,
    turn,
    over,
    defect: null,
    isDying
  }
  // Whoever helps is no fiber of this scope, and writes into memory that may go away after it.
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      endBecause(course, "cancelled")
      return Effect.andThen(yieldsAll(course), Effect.andThen(FiberSet.clear(fibers), isQuiet(course)))
    })
  )
  const begin = (work: Effect.Effect<void>) => FiberSet.run(fibers, Effect.onExit(work, (exit) => broken(course, exit)))
  if (around.strategy.populate === "one barrier") yield* begin(InitWorkers.mapAll(course))
  if (InitWorkers.isCrew(course)) yield* begin(InitWorkers.crew(course))
  else for (const worker of workers) yield* begin(InitWorkers.run(course, worker))
  const self: RangeInit = {
    memory,
    isDone: (pfns) => InitHelp.isDone(course, pfns),
    need: (pfns, actor) => orDefect(course, InitHelp.need(course, pfns, actor)),
    finished: orDefect(course, InitWorkers.finished(course)),
    done: orDefect(course, InitWorkers.done(course)),
    mapped: mapping.ended,
    ended: InitWorkers.awaitEnd(course),
    isActive: () => workers.some(({ active }) => active),
    progress: () => progressOf(course),
    stop: (reason, wait) => stop(course, reason, wait),
    populated: () => mapping.populated.extents
  }
  return self
})
