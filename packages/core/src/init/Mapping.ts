/**
 * Mapping the memmap of a range whose struct pages are written later: as a whole behind one barrier (ASY-5), or section by section
 * by whoever needs it.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Waiting from "../time/Waiting.ts"
import * as InitMemory from "./InitMemory.ts"
import type { NotInitialised } from "./NotInitialised.ts"
import * as Stage from "./Stage.ts"
import * as SubRanges from "./SubRanges.ts"

/**
 * - `all` maps everything, for the one who does it alone, and opens the barrier
 * - `need` returns when the memmap of a part is mapped: behind the barrier when everything is, else having mapped what of it
 *   nobody has begun
 * - `populated` are the pfns whose memmap is mapped
 * - `ended` returns when nobody maps any more, whatever came of it
 * - `fail` ends it for whoever waits
 *
 * @category models
 * @since 0.1.0
 */
export interface Mapping {
  readonly stage: Stage.Stage
  readonly all: (actor: Stage.Actor) => Effect.Effect<void, NotInitialised>
  readonly need: (actor: Stage.Actor, part: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
  readonly populated: ExtentMap.ExtentMap<true>
  readonly ended: Effect.Effect<void>
  readonly fail: (error: NotInitialised) => void
}

const noFailure = () => null

/**
 * Nothing is mapped yet, unless that was done under the lock. `onFailure` is told once there is no memory for the memmap; whoever
 * stands before the barrier waits for its `turn` first.
 *
 * What is mapped at once are sections, or compounds where these are larger, counted from the beginning of the range (CMP-4).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  memory: InitMemory.InitMemory,
  { costs, disturbance, onLost, strategy, tables, timeline }: InitMemory.Surroundings,
  { onFailure, turn }: { readonly onFailure: (error: NotInitialised) => void; readonly turn: Effect.Effect<void> }
): Mapping => {
  const { name, order, range, section, subsection } = memory
  const isCompoundWise = 2 ** order > subsection
  const granule = isCompoundWise ? Math.max(section, 2 ** order) : section
  const origin = isCompoundWise ? range.start : 0
  const share: SubRanges.Share = { ...range, origin, unit: granule }
  const populated = ExtentMap.empty<true>()
  const barrier = Deferred.makeUnsafe<void, NotInitialised>()

  /** Why nothing more is mapped. */
  let failure: NotInitialised | null = null

  const populate = (part: PfnRange.PfnRange): Effect.Effect<void, NotInitialised> =>
    Effect.flatMap(memory.populate(part), ({ error, reached }) => {
      if (reached > part.start) ExtentMap.set(populated, part.start, reached, true)
      if (error === null) return Effect.void
      const failed = InitMemory.refuse(memory, "population failed", range, error)
      // Stored where nobody reads it (BUG-29).
      if (strategy.flaws.includes("lost-populate-error")) return Effect.sync(() => onLost(failed))
      failure = failed
      onFailure(failed)
      return Effect.fail(failed)
    })

  /** The posted helpers of page tables keep their mutex when they fail (BUG-29). */
  const keepsMutex = (part: PfnRange.PfnRange): boolean =>
    strategy.flaws.includes("leaked-mutex") && ExtentMap.gaps(populated, part.start, part.end).length > 0

  const populateLocked = (part: PfnRange.PfnRange): Effect.Effect<void, NotInitialised> =>
    Semaphore.take(tables, 1).pipe(
      Waiting.waitingFor("the page table mutex"),
      // Whoever waited for the mutex meanwhile maps nothing any more.
      Effect.andThen(Effect.suspend(() => Effect.exit(failure === null ? populate(part) : Effect.fail(failure)))),
      Effect.tap(() => keepsMutex(part) ? Effect.void : Semaphore.release(tables, 1)),
      Effect.flatten
    )

  const stage = Stage.make(
    range,
    [share],
    {
      name: "map",
      details: (part) => ({ mapped: PfnRange.length(part) }),
      units: PfnRange.length,
      reach: (from, units) => Math.min(range.end, from + Math.floor(units)),
      begin: ({ node, track, weight }, part) => {
        const unitNanos = InitMemory.paced(
          InitMemory.mapNanos(costs.costs, memory),
          disturbance(track.group, track.lane).speed
        )
        const demand = { pool: CostModel.pool(node), memory: "", unitNanos, unitBytes: 0, weight }
        return { job: costs.begin(demand, PfnRange.length(part)), failure: noFailure }
      },
      perform: populateLocked
    },
    timeline
  )

  if (strategy.populate === "under the lock") {
    SubRanges.finish(stage.subRanges, range)
    ExtentMap.set(populated, range.start, range.end, true)
  }

  const parts = memory.work.unlocked
  const written = { start: parts[0]?.start ?? range.start, end: parts.at(-1)?.end ?? range.end }

  /** Whole granules; what nobody writes before the first pages and after the last is mapped with them. */
  const outward = ({ end, start }: PfnRange.PfnRange): PfnRange.PfnRange => ({
    start: start <= written.start
      ? range.start
      : Math.max(range.start, origin + Math.floor((start - origin) / granule) * granule),
    end: end >= written.end ? range.end : Math.min(range.end, origin + Math.ceil((end - origin) / granule) * granule)
  })

  const needPart = Effect.fnUntraced(function*(actor: Stage.Actor, part: PfnRange.PfnRange) {
    const whole = outward(part)
    if (SubRanges.isDone(stage.subRanges, whole)) return
    yield* stage.yields(whole)
    yield* Stage.take(stage, actor, share, whole, `the memmap of ${name}`)
  })

  const behind = Effect.andThen(
    turn,
    // Who opens the barrier is in the middle of something: go on when it is not.
    Effect.flatMap(
      Effect.exit(Deferred.await(barrier)).pipe(Waiting.waitingFor(`the memmap of ${name}`)),
      (exit) => Effect.andThen(Effect.yieldNow, exit)
    )
  )

  return {
    stage,
    all: (actor) =>
      Effect.andThen(stage.run(actor, share, range), Effect.sync(() => Deferred.doneUnsafe(barrier, Exit.void))),
    need: strategy.populate === "one barrier"
      ? () => behind
      : needPart,
    populated,
    ended: strategy.populate === "one barrier" ? Effect.ignore(Deferred.await(barrier)) : Effect.void,
    fail: (error) => {
      Deferred.doneUnsafe(barrier, Exit.fail(error))
      stage.fail(error)
    }
  }
}
