/**
 * A known mistake: one layer of the machine replaced by a small one that does it wrong.
 *
 * @since 0.1.0
 */
import type * as Machine from "@vmemmap/core/machine/Machine"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/**
 * - `id` of spec 12, `about` the mistake, in a sentence
 * - `scenario` that exposes it
 * - `remedy`: what to do about it, or what was done, for whoever maintains the code
 * - `replace` what of a machine
 * - `defects`: rules that the recorded kernel itself breaks, and the machine as it does; reported here, and passed over elsewhere
 *
 * @category models
 * @since 0.1.0
 */
export interface Mutant {
  readonly id: string
  readonly about: string
  readonly scenario: string
  readonly remedy: string
  readonly replace?: ((parts: Machine.Parts) => Partial<Machine.Parts>) | undefined
  readonly defects?: ReadonlyArray<string> | undefined
}

/**
 * An entry of spec 12 whose mechanism the machine does not have.
 *
 * @category models
 * @since 0.1.0
 */
export interface OutOfReach {
  readonly id: string
  readonly about: string
  readonly why: string
}

/**
 * A layer whose service is changed by somebody who has the original.
 *
 * @category combinators
 * @since 0.1.0
 */
export const wrap = <I, S, E, R, R2>(
  tag: Context.Key<I, S>,
  original: Layer.Layer<I, E, R>,
  change: (service: S) => Effect.Effect<S, never, R2>
): Layer.Layer<I, E, R | Exclude<R2, I>> =>
  Layer.effect(tag, Effect.flatMap(Effect.service(tag), change)).pipe(Layer.provide(original)) as Layer.Layer<
    I,
    E,
    R | Exclude<R2, I>
  >
