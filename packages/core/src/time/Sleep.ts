/**
 * A sleep: an effect of its own, for the fiber that runs it decides how, not who made it.
 *
 * Programs of many fibers do little else than sleep, so it is one operation: it is evaluated with its fiber at hand, and what it
 * suspends by is evaluated in place, as a tracer evaluates what it is given.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"

const evaluate = "~effect/Effect/evaluate" satisfies keyof Tracer.EffectPrimitive<unknown>

/**
 * How a fiber sleeps for so many nanoseconds, more than 0 and finite: asked while it evaluates the sleep, and answered by an effect or by
 * {@link suspended}.
 *
 * @category models
 * @since 0.1.0
 */
export type How = (length: number, fiber: Fiber.Fiber<unknown, unknown>) => Effect.Effect<void>

/**
 * A sleep of `length` nanoseconds, more than 0 and finite.
 *
 * @category models
 * @since 0.1.0
 */
export class Sleep extends Effectable.Class<void> {
  readonly length: number
  readonly how: How

  constructor(length: number, how: How) {
    super()
    this.length = length
    this.how = how
  }

  [evaluate](fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> {
    return this.how(this.length, fiber)
  }

  asEffect(): Effect.Effect<void> {
    return Effect.withFiber((fiber) => this.how(this.length, fiber))
  }
}

const yielding = Effect.yieldNow as unknown as Tracer.EffectPrimitive<Effect.Effect<void>>

/**
 * Suspends a fiber that is being evaluated until its dispatcher, which is given the task before this returns, resumes it. The answer is
 * the run loop's: to be returned at once, by what is evaluated, and to nobody else.
 *
 * @category operations
 * @since 0.1.0
 */
export const suspended = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> => yielding[evaluate](fiber)

/**
 * A duration in nanoseconds: not finite where it never ends, 0 where it has no beginning.
 *
 * @category conversions
 * @since 0.1.0
 */
export const nanosOf = ({ value }: Duration.Duration): number => {
  switch (value._tag) {
    case "Millis":
      return Math.round(value.millis * 1e6)
    case "Nanos":
      return Number(value.nanos)
    case "Infinity":
      return Infinity
    case "NegativeInfinity":
      return 0
  }
}
