/**
 * Named points of an operation, and how finely it is run.
 *
 * An operation is written once, as a generator over plain state: it changes state between its steps and yields a step
 * before each access that another context may observe. Run in bulk the steps are skipped and the operation takes runs of
 * like units as long as it can; observed, somebody is asked before every step and every run has length one. Both end in the same state.
 *
 * This module knows nothing of memory: it serves any program.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/**
 * A point just before an access to shared state. `object` is what is accessed (`section:64`), for readers and for
 * schedulers that ask which steps commute.
 *
 * @category models
 * @since 0.1.0
 */
export interface Step {
  /** `section.clear-has-mem-map`: the object's kind, then what is done to it. */
  readonly name: string
  readonly object: string
  readonly access: "read" | "write"
}

/**
 * An operation that passes its steps and ends with `A`. It never waits and never throws.
 *
 * @category models
 * @since 0.1.0
 */
export type Op<A> = Generator<Step, A, void>

/**
 * How operations run: at most `limit` like units at a time, and `at` (if any) before each step. With `perform` somebody else passes
 * the steps of an operation of a fiber, each where `at` would let it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Granularity {
  readonly limit: number
  readonly at: ((step: Step) => Effect.Effect<void>) | null
  readonly perform?: (<A>(op: Op<A>, fiber: Fiber.Fiber<unknown, unknown>) => Effect.Effect<A>) | undefined
}

/**
 * Runs as long as possible, no step observed.
 *
 * @category granularities
 * @since 0.1.0
 */
export const bulk: Granularity = { limit: Infinity, at: null }

/**
 * One unit at a time, with `at` before each step.
 *
 * @category granularities
 * @since 0.1.0
 */
export const stepped = (at: (step: Step) => Effect.Effect<void>): Granularity => ({ limit: 1, at })

/**
 * The granularity of the operations below: bulk, unless provided.
 *
 * @category references
 * @since 0.1.0
 */
export const Steps: Context.Reference<Granularity> = Context.Reference("@vmemmap/core/kernel/Steps", {
  defaultValue: () => bulk
})

/**
 * A step that writes `object`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const write = (name: string, object: string): Step => ({ name, object, access: "write" })

/**
 * A step that reads `object`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (name: string, object: string): Step => ({ name, object, access: "read" })

/**
 * Passes all steps of an operation at once.
 *
 * @category running
 * @since 0.1.0
 */
export const drain = <A>(op: Op<A>): A => {
  let next = op.next()
  while (next.done !== true) next = op.next()
  return next.value
}

const Made: unique symbol = Symbol.for("@vmemmap/core/kernel/Steps/Made")

/**
 * An effect that is an operation and nothing else; `make` begins it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run<A> extends Effect.Effect<A> {
  readonly [Made]: (limit: number) => Op<A>
}

/**
 * What begins an operation, of an effect that is nothing else: whoever passes its steps needs no fiber for it. `null` for others.
 *
 * @category queries
 * @since 0.1.0
 */
export const made = <A, E, R>(effect: Effect.Effect<A, E, R>): Run<A>[typeof Made] | null =>
  Made in effect ? (effect as Run<A>)[Made] : null

/**
 * Runs an operation at the granularity in force; `make` is told how many like units it may take at a time.
 *
 * An operation that has begun is not interrupted: the kernel does not stop in the middle of one either, and its end state
 * is one that others can undo.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A>(make: (limit: number) => Op<A>): Run<A> => {
  const effect = Effect.withFiber<A>((fiber) => {
    const { at, limit, perform } = fiber.getRef(Steps)
    const op = make(limit)
    if (at === null) return Effect.succeed(drain(op))
    if (perform !== undefined) return Effect.uninterruptible(perform(op, fiber))
    const loop = (next: IteratorResult<Step, A>): Effect.Effect<A> =>
      next.done === true
        ? Effect.succeed(next.value)
        : Effect.flatMap(at(next.value), () => loop(op.next()))
    return Effect.uninterruptible(Effect.suspend(() => loop(op.next())))
  })
  return Object.assign(effect, { [Made]: make })
}
