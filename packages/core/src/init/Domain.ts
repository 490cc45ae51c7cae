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
  readonly queue: (ended: Effect.Effect<void>) => Effect.Effect<void>
}

/**
 * A domain in which nothing is queued, until the scope ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Domain, never, Scope.Scope> = Effect.map(Effect.scope, (scope): Domain => {
  let tail: Deferred.Deferred<void> | null = null

  const until = (queued: Deferred.Deferred<void>): Effect.Effect<void> =>
    Effect.suspend(() =>
      Deferred.isDoneUnsafe(queued)
        ? Effect.void
        // Its waker is in the middle of something: go on when it is not.
        : Effect.andThen(
          Deferred.await(queued).pipe(Waiting.waitingFor("what was queued before")),
          Effect.yieldNow
        )
    )

  const before = (): Effect.Effect<void> => tail === null || Deferred.isDoneUnsafe(tail) ? Effect.void : until(tail)

  return {
    before,
    queue: (ended) =>
      Effect.suspend(() => {
        const own = Deferred.makeUnsafe<void>()
        const all = Effect.andThen(before(), ended)
        tail = own
        return Effect.andThen(all, Effect.sync(() => Deferred.doneUnsafe(own, Exit.void))).pipe(
          Waiting.named("jobs in their order"),
          Effect.forkIn(scope),
          Effect.asVoid
        )
      })
  }
})
