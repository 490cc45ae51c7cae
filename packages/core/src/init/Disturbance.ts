/**
 * Workers that do not work as they should, for whoever wants to see what becomes of those who wait for them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Waiting from "../time/Waiting.ts"

/**
 * What befalls a worker of a device (`worker 3`, `map`; `probe` where its driver does all at once, beside workers where the postings
 * of 2018 do; the `boot thread` of `boot`): it runs at `speed` times its own, 0 being not at all, and is gone when `dies` returns.
 *
 * @category models
 * @since 0.1.0
 */
export type Disturbance = (
  device: string,
  worker: string
) => { readonly speed: number; readonly dies: Effect.Effect<void> }

/**
 * Nothing befalls anybody.
 *
 * @category constants
 * @since 0.1.0
 */
export const none: Disturbance = () => ({ speed: 1, dies: Effect.never })

/**
 * Work of somebody for whom others wait in place: where `who` is gone before it is done they wait for ever.
 *
 * @category combinators
 * @since 0.1.0
 */
export const endedBy = <A, E, R>(
  work: Effect.Effect<A, E, R>,
  dies: Effect.Effect<void>,
  who: string
): Effect.Effect<A, E, R> =>
  dies === Effect.never
    ? work
    : Effect.flatMap(
      Effect.raceFirst(Effect.asSome(work), Effect.as(dies, Option.none<A>())),
      Option.match({
        onSome: Effect.succeed,
        onNone: () => Effect.never.pipe(Waiting.waitingFor(`${who}, which is gone`))
      })
    )

/**
 * What befalls workers that begin from now on.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Disturbance> = Context.Reference("@vmemmap/core/init/Disturbance", {
  defaultValue: () => none
})
