/**
 * One range of device memory that is initialised in the background: its workers, whoever helps, and how it ends (spec 13, 26).
 *
 * Two stages over the same pages: the memmap is mapped, then its struct pages are written. Both may be worked on by several
 * at once. What is written is the `InitWork` of the range and nothing else.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as CostModel from "../time/CostModel.ts"
import type * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import type * as Disturbance from "./Disturbance.ts"
import type { Flaw, InitStrategy } from "./InitStrategy.ts"
import * as InitWork from "./InitWork.ts"
import { NotInitialised, type Reason } from "./NotInitialised.ts"
import * as Stage from "./Stage.ts"
import * as SubRanges from "./SubRanges.ts"

/**
 * Memory that is to become usable. Positions are pfns, sizes pages.
 *
 * - `first` belongs to the user; what lies before it is the driver's
 * - `granule`: sections, or compounds where these are larger, counted from `origin`: mapped at once (CMP-4)
 * - `order` of its pages; `subsection` is the smallest sub-range, unless compounds are larger
 * - `mapping`: how its memmap is mapped, in blocks or page by page as shared compounds are
 * - `populate` maps the memmap of a part; it answers how far it got and why no further
 * - `join` gives the range to its zone and writes parts of the work, under the lock, which the caller holds
 * - `write` writes parts of the work and sets the types of their pageblocks
 *
 * @category models
 * @since 0.1.0
 */
export interface Memory {
  readonly name: string
  readonly node: number
  readonly range: PfnRange.PfnRange
  readonly first: number
  readonly work: InitWork.InitWork
  readonly medium: CostModel.Medium
  readonly structPage: number
  readonly order: number
  readonly subsection: number
  readonly section: number
  readonly mapping: "blocks" | "shared"
  readonly linear: boolean
  readonly populate: (part: PfnRange.PfnRange) => Effect.Effect<Populated>
  readonly join: (parts: ReadonlyArray<InitWork.Part>) => Effect.Effect<void>
  readonly write: (parts: ReadonlyArray<InitWork.Part>, under: "no lock" | "background") => Effect.Effect<void>
}

/**
 * The memmap is mapped up to `reached`; `error` says why not further.
 *
 * @category models
 * @since 0.1.0
 */
export interface Populated {
  readonly reached: number
  readonly error: KernelError | null
}

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
 * - `need` returns when every struct page of some pages is initialised, having helped as the strategy says
 * - `finished` returns when no worker is active any more, as writing `sync` does (26.4)
 * - `isActive`: a worker is
 * - `stop` ends it: `wait` for the workers, or after the sub-ranges in progress; whoever waits then fails with the reason
 * - `populated` are the parts whose memmap is mapped
 *
 * @category models
 * @since 0.1.0
 */
export interface RangeInit {
  readonly memory: Memory
  readonly need: (pfns: PfnRange.PfnRange, actor: Stage.Actor) => Effect.Effect<void, NotInitialised>
  readonly finished: Effect.Effect<void, NotInitialised>
  readonly isActive: () => boolean
  readonly progress: () => Progress
  readonly stop: (reason: "unloaded" | "cancelled", wait: boolean) => Effect.Effect<void>
  readonly populated: () => ReadonlyArray<PfnRange.PfnRange>
}

/**
 * What the ranges of a machine share.
 *
 * - `permits`: how many workers run at once
 * - `tables`: the mutexes of the page tables, here one for all of them (ASY-11)
 * - `place`: the node on whose processors somebody is put
 * - `isCold`: nobody has touched the memmap of these pages since boot
 *
 * @category models
 * @since 0.1.0
 */
export interface Shared {
  readonly strategy: InitStrategy
  readonly costs: CostModel.CostModel
  readonly timeline: Timeline.Timeline | null
  readonly permits: Semaphore.Semaphore | null
  readonly tables: Semaphore.Semaphore
  readonly place: (node: number) => Effect.Effect<number>
  readonly isCold: boolean
  readonly disturbance: Disturbance.Disturbance
  readonly onLost: (error: NotInitialised) => void
}

interface Worker {
  readonly index: number
  readonly share: SubRanges.Share
  readonly mutex: Semaphore.Semaphore
  readonly ended: Deferred.Deferred<void>
  active: boolean
  /** It ended before its share was done. */
  abandoned: boolean
  /** Somebody wants to be let in between two sub-ranges. */
  wanting: number
  /** Where the next run begins: behind what was asked for last. */
  cursor: number
}

/**
 * What one struct page costs somebody.
 *
 * @category queries
 * @since 0.1.0
 */
export const demand = (
  { costs: { costs }, isCold, strategy }: Pick<Shared, "costs" | "isCold" | "strategy">,
  memory: Pick<Memory, "medium" | "node" | "structPage">,
  node: number,
  speed = 1
) => ({
  pool: CostModel.pool(node),
  memory: CostModel.memory(memory.medium, memory.node),
  unitNanos: ((strategy.writing === "template" ? costs.template : costs.store) + (isCold ? costs.firstTouch : 0)) *
    (node === memory.node ? 1 : costs.remote) / speed,
  unitBytes: memory.structPage
})

/** The parts of a share's memory that shares have, one after the other. */
const pieces = (shares: ReadonlyArray<SubRanges.Share>, within: PfnRange.PfnRange) =>
  shares.flatMap((share) => {
    const range = PfnRange.intersection(share, within)
    return range.end > range.start ? [{ share, range }] : []
  })

/**
 * Begins to initialise a range; its workers run until they are done or the scope ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(memory: Memory, shared: Shared) {
  const { costs, disturbance, strategy, timeline } = shared
  const { first, name, node, order, range } = memory
  const scope = yield* Effect.scope
  const fibers = yield* FiberSet.make<void>()
  const parts = memory.work.unlocked
  const pages = { start: parts[0]?.start ?? range.end, end: parts.at(-1)?.end ?? range.end }
  const compound = 2 ** order
  const isBarrier = strategy.populate === "one barrier"
  const has = (flaw: Flaw) => strategy.flaws.includes(flaw)
  const compoundWise = compound > memory.subsection
  const granule = compoundWise ? Math.max(memory.section, compound) : memory.section
  const origin = compoundWise ? range.start : 0
  const populated = ExtentMap.empty<true>()
  const mapped = Deferred.makeUnsafe<void, NotInitialised>()
  let over: NotInitialised | null = null
  let dying = false

  const error = (reason: Reason, { end, start }: PfnRange.PfnRange = range, cause?: KernelError) =>
    new NotInitialised({ device: name, start, end, reason, ...(cause === undefined ? {} : { cause }) })

  const outward = ({ end, start }: PfnRange.PfnRange): PfnRange.PfnRange => ({
    start: Math.max(range.start, origin + Math.floor((start - origin) / granule) * granule),
    end: Math.min(range.end, origin + Math.ceil((end - origin) / granule) * granule)
  })

  /** It ends: nobody begins anything, everybody who waits is told. */
  const end = (reason: NotInitialised): void => {
    over ??= reason
    Deferred.doneUnsafe(mapped, Exit.fail(reason))
    mapping.fail(reason)
    writing.fail(reason)
  }

  const populate = (part: PfnRange.PfnRange): Effect.Effect<void, NotInitialised> =>
    Effect.flatMap(memory.populate(part), ({ error: cause, reached }) => {
      if (reached > part.start) ExtentMap.set(populated, part.start, reached, true)
      if (cause === null) return Effect.void
      const failed = error("population failed", range, cause)
      if (has("lost-populate-error")) {
        shared.onLost(failed)
        return Effect.void
      }
      end(failed)
      return Effect.fail(failed)
    })

  /** Under the mutex of the page tables; the posted helpers return with it when they fail (BUG-29). */
  const populateLocked = (part: PfnRange.PfnRange): Effect.Effect<void, NotInitialised> =>
    Semaphore.take(shared.tables, 1).pipe(
      Waiting.waitingFor("the page table mutex"),
      Effect.andThen(Effect.exit(populate(part))),
      Effect.tap(() => {
        const failed = ExtentMap.gaps(populated, part.start, part.end).length > 0
        return failed && has("leaked-mutex") ? Effect.void : Semaphore.release(shared.tables, 1)
      }),
      Effect.flatten
    )

  const mapping = Stage.make(
    range,
    [{ ...range, origin, unit: granule }],
    {
      name: "map",
      details: (part) => ({ mapped: PfnRange.length(part) }),
      units: PfnRange.length,
      reach: (from, units) => Math.min(range.end, from + Math.floor(units)),
      demand: ({ node: at }) => ({
        pool: CostModel.pool(at),
        memory: "",
        unitNanos: costs.costs[memory.mapping === "shared" ? "sharedSection" : "section"] / memory.section,
        unitBytes: 0
      }),
      perform: populateLocked
    },
    costs,
    timeline
  )

  const write = (part: PfnRange.PfnRange): Effect.Effect<void> =>
    Effect.suspend(() => {
      const there = ExtentMap.slice(populated, part.start, part.end)
      return Effect.forEach(there, (mapped) => memory.write(InitWork.cut(parts, mapped), "background"), {
        discard: true
      })
    })

  const shares = isBarrier
    ? SubRanges.posted(pages, strategy.workers, strategy.subRanges ?? 1)
    : SubRanges.aligned(pages, {
      workers: strategy.workers,
      align: Math.max(memory.section, compound),
      origin: compound > 1 ? first : 0,
      unit: Math.max(memory.subsection, compound)
    })

  const speeds = new Map<string, number>()
  const writing = Stage.make(
    pages,
    shares,
    {
      name: "initialise",
      details: (part) => {
        const structPages = InitWork.written(InitWork.cut(parts, part))
        return { structPages, bytes: structPages * memory.structPage }
      },
      units: (part) => InitWork.written(InitWork.cut(parts, part)),
      reach: (from, units) => InitWork.reach(parts, from, units),
      demand: (actor) => demand(shared, memory, actor.node, speeds.get(actor.track.lane)),
      perform: write
    },
    costs,
    timeline
  )

  const workers = shares.map((share, index): Worker => ({
    index,
    share,
    mutex: Semaphore.makeUnsafe(1),
    ended: Deferred.makeUnsafe(),
    active: !has("stuck-active"),
    abandoned: false,
    wanting: 0,
    cursor: share.start
  }))

  const goesOn: Effect.Effect<void, NotInitialised> = Effect.suspend(() =>
    over === null ? Effect.void : Effect.fail(over)
  )

  /** Does what is pending of a part of one share, then waits for what others do of it. */
  const take = Effect.fnUntraced(function*(
    stage: Stage.Stage,
    actor: Stage.Actor,
    share: SubRanges.Share,
    part: PfnRange.PfnRange
  ) {
    for (let next = SubRanges.nextPending(stage.subRanges, part); next !== undefined;) {
      yield* goesOn
      yield* stage.run(actor, share, next)
      next = SubRanges.nextPending(stage.subRanges, part)
    }
    yield* stage.done(part, `struct pages of ${name}`)
  })

  /** The memmap of a part is mapped, by whom it may be. */
  const map = Effect.fnUntraced(function*(actor: Stage.Actor, part: PfnRange.PfnRange) {
    if (isBarrier) {
      yield* Deferred.await(mapped).pipe(Waiting.waitingFor(`the memmap of ${name}`))
      return
    }
    const whole = outward(part)
    const [share] = mapping.subRanges.shares
    if (share === undefined || SubRanges.isDone(mapping.subRanges, whole)) return
    yield* mapping.yields(whole)
    yield* take(mapping, actor, share, whole)
  })

  /** What a worker does next: after what was asked for, then what is left of its share. */
  const nextRun = ({ cursor, share }: Worker): PfnRange.PfnRange | undefined =>
    SubRanges.nextPending(writing.subRanges, share, cursor) ?? SubRanges.nextPending(writing.subRanges, share)

  const ownShare = Effect.fnUntraced(function*(worker: Worker, actor: Stage.Actor) {
    yield* map(actor, worker.share)
    while (over === null && !dyingNow()) {
      const next = nextRun(worker)
      if (next === undefined) return
      yield* worker.mutex.withPermits(1)(Effect.suspend(() => {
        const still = nextRun(worker)
        return still === undefined ? Effect.void : writing.run(actor, worker.share, still)
      }))
      // Whoever waits for the mutex gets it before the next sub-range.
      if (worker.wanting > 0) yield* Effect.yieldNow
    }
  })

  const dyingNow = () => dying && strategy.unload === "cancel"

  /** Fewer sub-ranges than this are not worth a second worker. */
  const worthwhile = 64

  /** What others have not done yet: the larger half of the longest run, or what nobody does. */
  const others = Effect.fnUntraced(function*() {
    const pending = SubRanges.nextPending(writing.subRanges, pages)
    if (pending !== undefined) return pending
    yield* writing.settle(pages)
    const longest = writing.busy(pages).toSorted((a, b) => (b.end - b.settled) - (a.end - a.settled))[0]
    if (longest === undefined || longest.end - longest.settled < worthwhile * longest.share.unit) return undefined
    const middle = SubRanges.unitEnd(longest.share, longest.settled + (longest.end - longest.settled) / 2)
    yield* writing.yields({ start: middle, end: longest.end })
    return SubRanges.nextPending(writing.subRanges, pages)
  })

  const takeOver = Effect.fnUntraced(function*(actor: Stage.Actor) {
    while (over === null && !dyingNow()) {
      const next = yield* others()
      if (next === undefined) return
      const [piece] = pieces(shares, next)
      if (piece === undefined) return
      yield* map(actor, piece.range)
      const still = SubRanges.nextPending(writing.subRanges, piece.range)
      if (still !== undefined) yield* writing.run(actor, piece.share, still)
    }
  })

  /** Where nobody else does a share that was given up, whoever waits for it would for ever. */
  const ended = (worker: Worker): void => {
    worker.active = false
    worker.abandoned = !SubRanges.isDone(writing.subRanges, worker.share)
    Deferred.doneUnsafe(worker.ended, Exit.void)
    const isAlone = isBarrier || workers.every(({ active }) => !active)
    const mayHelp = strategy.help === "steal sub-ranges" || strategy.help === "steal exactly"
    if (worker.abandoned && isAlone && !mayHelp) writing.fail(error("cancelled", worker.share))
  }

  const work = Effect.fnUntraced(function*(worker: Worker) {
    const lane = `worker ${worker.index}`
    const { dies, speed } = disturbance(name, lane)
    speeds.set(lane, speed)
    const actor = { node: yield* shared.place(node), track: { group: name, lane } }
    const own = ownShare(worker, actor)
    const all = isBarrier ? own : Effect.andThen(own, takeOver(actor))
    yield* (dies === Effect.never ? all : Effect.raceFirst(all, dies)).pipe(
      shared.permits === null ? (effect) => effect : shared.permits.withPermits(1),
      Effect.ignore,
      Effect.ensuring(Effect.sync(() => ended(worker))),
      Waiting.named(`${name} ${lane}`)
    )
  })

  const mapAll = Effect.fnUntraced(function*() {
    const lane = "map"
    const actor = { node: yield* shared.place(node), track: { group: name, lane } }
    const [share] = mapping.subRanges.shares
    const run = share === undefined ? Effect.void : mapping.run(actor, share, range)
    yield* Effect.raceFirst(run, Effect.andThen(disturbance(name, lane).dies, Effect.fail(error("cancelled")))).pipe(
      Effect.exit,
      Effect.map((exit) => {
        if (Exit.isFailure(exit)) end(over ?? error("cancelled"))
        else Deferred.doneUnsafe(mapped, Exit.void)
      }),
      Effect.onInterrupt(() => Effect.sync(() => end(error("cancelled")))),
      Waiting.named(`${name} ${lane}`)
    )
  })

  /** v1 waits for all of a worker's share, whoever asks for whatever of it. */
  const needWorker = Effect.fnUntraced(function*(pfns: PfnRange.PfnRange) {
    for (const { share } of pieces(covering(pfns), pfns)) yield* writing.done(share, `worker of ${name}`)
  })

  /** The lookup by pfn; the flawed one finds workers without pages instead of those that have them. */
  const covering = ({ end, start }: PfnRange.PfnRange): ReadonlyArray<SubRanges.Share> =>
    has("zero-length-lookup") && shares.some((share) => share.start === share.end && share.start === start)
      ? []
      : shares.filter((share) => share.start < end && start < share.end)

  const stealSubRanges = Effect.fnUntraced(function*(pfns: PfnRange.PfnRange, actor: Stage.Actor) {
    for (const { range: part, share } of pieces(covering(pfns), pfns)) {
      const worker = workers[shares.indexOf(share)]
      if (worker === undefined) continue
      // Counted by length alone, a request that straddles misses its last sub-range (BUG-26).
      const until = has("straddle-miss")
        ? SubRanges.unitStart(share, part.start) + Math.ceil(PfnRange.length(part) / share.unit) * share.unit
        : part.end
      for (let at = SubRanges.unitStart(share, part.start); at < Math.min(until, share.end);) {
        const unit = { start: at, end: SubRanges.unitEnd(share, at) }
        at = unit.end
        if (SubRanges.isDone(writing.subRanges, unit)) continue
        yield* writing.yields(unit)
        worker.wanting++
        const steal = Effect.suspend(() => {
          const pending = SubRanges.nextPending(writing.subRanges, unit)
          return pending === undefined ? Effect.void : writing.run(actor, share, pending)
        })
        yield* worker.mutex.withPermits(1)(steal).pipe(
          Waiting.waitingFor(`the mutex of ${name} worker ${worker.index}`),
          Effect.ensuring(Effect.sync(() => worker.wanting--))
        )
      }
    }
  })

  const stealExactly = Effect.fnUntraced(function*(pfns: PfnRange.PfnRange, actor: Stage.Actor) {
    const from = compound > 1 && pfns.start >= first
      ? first + Math.floor((pfns.start - first) / compound) * compound
      : pfns.start
    const to = compound > 1 && pfns.end > first ? first + Math.ceil((pfns.end - first) / compound) * compound : pfns.end
    const exact = PfnRange.intersection(pages, { start: from, end: to })
    yield* map(actor, exact)
    yield* writing.yields(exact)
    for (const { range: part, share } of pieces(shares, exact)) {
      const worker = workers[shares.indexOf(share)]
      if (worker !== undefined) worker.cursor = part.end
      yield* take(writing, actor, share, part)
    }
  })

  const need: RangeInit["need"] = Effect.fnUntraced(function*(pfns, actor) {
    if (pfns.start < pages.start) return yield* error("never", pfns)
    yield* writing.settle(pfns)
    if (SubRanges.isDone(writing.subRanges, pfns)) return
    if (dying) return yield* error("unloaded", pfns)
    yield* goesOn
    if (isBarrier) yield* map(actor, pfns)
    switch (strategy.help) {
      case "none":
        return yield* writing.done(pfns, `struct pages of ${name}`)
      case "wait for the worker":
        return yield* needWorker(pfns)
      case "steal sub-ranges":
        return yield* stealSubRanges(pfns, actor)
      case "steal exactly":
        return yield* stealExactly(pfns, actor)
    }
  })

  const active = () => workers.filter((worker) => worker.active)

  const finished = Effect.suspend(() => {
    const all = active()
    // The cookie that is waited for is exclusive: the last one is not (BUG-27).
    const awaited = has("exclusive-sync") ? all.slice(0, -1) : all
    return Effect.forEach(awaited, ({ ended }) => Deferred.await(ended), { discard: true }).pipe(
      Waiting.waitingFor(`the workers of ${name}`),
      Effect.andThen(Effect.suspend(() => {
        const abandoned = workers.find((worker) => worker.abandoned)
        if (over !== null && over.reason !== "unloaded") return Effect.fail(over)
        return over === null && abandoned !== undefined
          ? Effect.fail(error("cancelled", abandoned.share))
          : Effect.void
      }))
    )
  })

  const progress = (): Progress => {
    const undone = SubRanges.undone(writing.subRanges, pages)
    const pending = PfnRange.total(undone.filter(({ value }) => value === "pending"))
    // A run that nobody looked at is further than its marks.
    const claims = writing.busy(pages)
    const busy = claims.reduce((sum, claim) => sum + claim.end - writing.at(claim), 0)
    const total = PfnRange.length(pages)
    return { device: name, state: stateNow(pending + busy), total, done: total - pending - busy, busy, pending }
  }

  const stateNow = (left: number): State => {
    if (dying) return "dying"
    if (over !== null) return over.reason === "cancelled" ? "cancelled" : "failed"
    if (left === 0) return "idle"
    return PfnRange.total(populated.extents) < PfnRange.length(range) ? "mapping" : "initialising"
  }

  const stop: RangeInit["stop"] = Effect.fnUntraced(function*(reason, wait) {
    if (reason === "unloaded") dying = true
    if (wait) {
      yield* Effect.forEach(workers, ({ ended }) => Deferred.await(ended), { discard: true }).pipe(
        Waiting.waitingFor(`the workers of ${name}`)
      )
    }
    end(error(reason))
    yield* Effect.ignore(mapping.yields(range))
    yield* Effect.ignore(writing.yields(pages))
    yield* Effect.forEach(workers, ({ ended }) => Deferred.await(ended), { discard: true })
    yield* mapping.quiet
    yield* writing.quiet
  })

  if (isBarrier) yield* FiberSet.run(fibers, mapAll())
  for (const worker of workers) yield* FiberSet.run(fibers, work(worker))
  if (has("stuck-active")) {
    yield* Effect.yieldNow
    for (const worker of workers) worker.active = true
  }
  yield* Scope.addFinalizer(scope, Effect.sync(() => end(error("cancelled"))))

  const self: RangeInit = {
    memory,
    need,
    finished,
    isActive: () => active().length > 0,
    progress,
    stop,
    populated: () => populated.extents
  }
  return self
})
