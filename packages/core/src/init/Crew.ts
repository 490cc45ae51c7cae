/**
 * Several who work through a share, each taking the next sub-range when it is done with one, in one fiber: what a fiber of each
 * would do, at the cost of none (DEF-10).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as PfnRange from "../geometry/PfnRange.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Workload from "../time/Workload.ts"
import type { NotInitialised } from "./NotInitialised.ts"
import type { Actor, Claim, Stage } from "./Stage.ts"
import * as SubRanges from "./SubRanges.ts"

/**
 * What a stage lends to a crew: how to claim pending pages, to carry out what claims have done, to say how they
 * ended, and to give them up; the units of work in a range, and why pages are refused.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lent {
  readonly subRanges: SubRanges.SubRanges<Claim>
  readonly units: (range: PfnRange.PfnRange) => number
  readonly refusal: (within: PfnRange.PfnRange) => NotInitialised | undefined
  readonly enter: (
    actor: Actor,
    share: SubRanges.Share,
    pending: PfnRange.PfnRange,
    began: number
  ) => Claim
  readonly settle: (some: ReadonlyArray<Claim>) => Effect.Effect<void, NotInitialised>
  readonly concluded: (
    some: ReadonlyArray<Claim>,
    exit: Exit.Exit<void, NotInitialised>
  ) => Effect.Effect<void, NotInitialised>
  readonly leave: (some: ReadonlyArray<Claim>) => Effect.Effect<void>
}

/**
 * A stage's `crew`. Interrupted, all stop where they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make =
  ({ concluded, enter, leave, refusal, settle, subRanges, units }: Lent): Stage["crew"] => (actors, share) =>
    Effect.uninterruptibleMask((restore) => {
      const out = new Set<Claim>()
      let free = actors
      let ended: Array<Claim> = []
      let wake: (() => void) | null = null

      /** Whoever is free takes the next sub-range, as long as there is one. */
      const send = (began: number): void => {
        let sent = 0
        for (const actor of free) {
          const next = SubRanges.nextPending(subRanges, share)
          if (next === undefined) break
          const claim = enter(actor, share, SubRanges.firstUnit(share, next), began)
          sent++
          out.add(claim)
          claim.job.whenEnded(() => {
            ended.push(claim)
            wake?.()
          })
        }
        free = free.slice(sent)
      }

      /** All that end at one instant are waited for together. */
      const someEnded = Effect.andThen(
        Effect.callback<void>((resume) => {
          if (ended.length > 0) resume(Effect.void)
          else wake = () => resume(Effect.void)
        }),
        Effect.yieldNow
      )

      const conclude = Effect.suspend(() => {
        const some = ended
        ended = []
        wake = null
        for (const claim of some) out.delete(claim)
        free = free.concat(some.map(({ actor }) => actor))
        // The place where they work has ended before them.
        const isStopped = some.some(({ end, job, start }) => job.done() + Workload.rounding < units({ start, end }))
        const settled = Effect.ensuring(settle(some), leave(some))
        return isStopped ? Effect.flatMap(settled, () => concluded(some, Exit.interrupt())) : settled
      })

      const stop = Effect.suspend(() => {
        const some = [...out]
        for (const { job } of some) job.shorten(0)
        // What cannot be stopped at once is waited for.
        const gone = Effect.forEach(
          some,
          ({ job }) => Effect.callback<void>((resume) => job.whenEnded(() => resume(Effect.void))),
          { discard: true }
        )
        return Effect.ensuring(Effect.andThen(gone, Effect.ignore(settle(some))), leave(some))
      })

      const loop: Effect.Effect<void, NotInitialised> = Effect.flatMap(Timeline.now, (began) => {
        const refused = refusal(share)
        if (refused !== undefined) return Effect.fail(refused)
        send(began)
        return out.size === 0 ? Effect.void : Effect.andThen(restore(someEnded), Effect.andThen(conclude, loop))
      })

      return Effect.onError(loop, () => stop)
    })
