/**
 * Signals while the command computes without a pause: nobody could hear them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

const signals = ["SIGINT", "SIGTERM"] as const

/**
 * Lets signals end the process at once while `effect` runs, as they end any program that does not listen. For long computations that
 * have nothing to clean up.
 *
 * @category combinators
 * @since 0.1.0
 */
export const unheard = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      signals.map((signal) => {
        const listeners = process.listeners(signal)
        process.removeAllListeners(signal)
        return { signal, listeners }
      })
    ),
    () => effect,
    (all) =>
      Effect.sync(() => {
        for (const { listeners, signal } of all) for (const listener of listeners) process.on(signal, listener)
      })
  )
