/**
 * What a fiber is called and what it waits for, so that whoever finds it waiting can say so.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * The name of the current fiber; children inherit it unless they get their own.
 *
 * @category references
 * @since 0.1.0
 */
export const Name: Context.Reference<string | null> = Context.Reference("@vmemmap/core/time/Waiting/Name", {
  defaultValue: (): string | null => null
})

/**
 * What the current fiber waits for.
 *
 * @category references
 * @since 0.1.0
 */
export const WaitsFor: Context.Reference<string | null> = Context.Reference("@vmemmap/core/time/Waiting/WaitsFor", {
  defaultValue: (): string | null => null
})

/**
 * Names the fibers that run `effect`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const named = <A, E, R>(effect: Effect.Effect<A, E, R>, name: string): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Name, name)

/**
 * Says what a fiber that is suspended in `effect` waits for.
 *
 * @category combinators
 * @since 0.1.0
 */
export const waitingFor = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, WaitsFor, what)
