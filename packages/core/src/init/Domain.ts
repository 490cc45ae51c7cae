/**
 * Jobs that are queued one after the other: whoever waits for one waits for all that were queued before it (13).
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Waiting from "../time/Waiting.ts"

/**
 * - `before` returns when all that was queued by now has ended
 * - `queue` adds what ends when `ended` returns
 *
 * @category models
 * @since 0.1.0
 */
export interface Domain {
  readonly before: () => Effect.Effect<void>
  readonly queue: (ended: Effect.Effect<void>) => void
}

/** One job; `all`: it and all before it have ended, once anybody asks. */
interface Job {
  readonly ended: Effect.Effect<void>
  previous: Job | null
  all: Deferred.Deferred<void> | null
}

/**
 * A domain in which nothing is queued. Whoever keeps watch for those who wait does so until the scope ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Domain, never, Scope.Scope> = Effect.map(Effect.scope, (scope): Domain => {
  let last: Job | null = null

  const watch = (job: Job, all: Deferred.Deferred<void>): Effect.Effect<void> =>
    Effect.andThen(job.previous === null ? Effect.void : until(job.previous), job.ended).pipe(
      Effect.andThen(Effect.sync(() => {
        job.previous = null
        Deferred.doneUnsafe(all, Exit.void)
      })),
      Waiting.named("jobs in their order"),
      Effect.forkIn(scope),
      Effect.asVoid
    )

  const until = (job: Job): Effect.Effect<void> =>
    Effect.suspend(() => {
      const known = job.all
      if (known !== null && Deferred.isDoneUnsafe(known)) return Effect.void
      const all = known ?? (job.all = Deferred.makeUnsafe<void>())
      return Effect.andThen(
        known === null ? watch(job, all) : Effect.void,
        // Its waker is in the middle of something: go on when it is not.
        Effect.andThen(Deferred.await(all).pipe(Waiting.waitingFor("what was queued before")), Effect.yieldNow)
      )
    })

  return {
    before: () => last === null ? Effect.void : until(last),
    queue: (ended) => {
      last = { ended, previous: last, all: null }
    }
  }
})
