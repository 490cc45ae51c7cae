/**
 * What a fiber is called and what it waits for, so that whoever finds it waiting can say so.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"

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

type Label = {
  (text: string): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, text: string): Effect.Effect<A, E, R>
}

/**
 * Names the fibers that run an effect.
 *
 * @category combinators
 * @since 0.1.0
 */
export const named: Label = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, name: string) => Effect.provideService(effect, Name, name)
)

/**
 * Says what a fiber that is suspended in an effect waits for.
 *
 * @category combinators
 * @since 0.1.0
 */
export const waitingFor: Label = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, what: string) => Effect.provideService(effect, WaitsFor, what)
)
