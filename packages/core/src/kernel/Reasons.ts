/**
 * Why something was refused, for whoever wants to explain it: tools only print what they print.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * A refusal: `errno`, the rule of the specification, what was wrong and what would make it right.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reason {
  readonly errno: string
  readonly rule: string
  readonly problem: string
  readonly remedy: string
}

/**
 * Told of every refusal by kernel or tool, in order, also of those that a tool expects and passes over; nobody listens unless
 * this is provided.
 *
 * @category references
 * @since 0.1.0
 */
export const Reasons: Context.Reference<(reason: Reason) => void> = Context.Reference(
  "@vmemmap/core/kernel/Reasons",
  { defaultValue: () => (_: Reason) => {} }
)

/**
 * Tells of a refusal.
 *
 * @category operations
 * @since 0.1.0
 */
export const tell = ({ errno, problem, remedy, rule }: Reason): Effect.Effect<void> =>
  Effect.map(Effect.service(Reasons), (listener) => listener({ errno, rule, problem, remedy }))

/**
 * Tells of the failure of an effect, which stays a failure.
 *
 * @category combinators
 * @since 0.1.0
 */
export const telling = <A, E extends Reason, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tapError(effect, tell)
