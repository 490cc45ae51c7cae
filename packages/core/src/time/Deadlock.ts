/**
 * Everybody waits and nobody will wake anybody: who, and for what.
 *
 * @since 0.1.0
 */
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Waiting from "./Waiting.ts"

/**
 * A fiber that has not ended. `name` is its own, or its place among those still there, the oldest first; `waitsFor` is
 * `null` where nobody said.
 *
 * @category models
 * @since 0.1.0
 */
export const Waiter = Schema.Struct({ name: Schema.String, waitsFor: Schema.NullOr(Schema.String) })
/** @since 0.1.0 */
export interface Waiter extends Schema.Schema.Type<typeof Waiter> {}

const sentence = ({ name, waitsFor }: Waiter): string => `${name} waits${waitsFor === null ? "" : ` for ${waitsFor}`}`

/**
 * A program that cannot end. `nanos` is when that was so; exact up to 104 days.
 *
 * @category errors
 * @since 0.1.0
 */
export class Deadlock extends Schema.TaggedError<Deadlock>("@vmemmap/core/time/Deadlock")("Deadlock", {
  reason: Schema.Literals(["everybody waits", "too many wake-ups"]),
  nanos: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)),
  waiters: Schema.Array(Waiter)
}) {
  override get message() {
    const many = this.waiters.length - 20
    const shown = this.waiters.slice(0, 20).map(sentence)
    return `${this.reason === "everybody waits" ? "deadlock" : this.reason} at ${this.nanos} ns: ` +
      [...shown, ...(many > 0 ? [`and ${many} more`] : [])].join("; ")
  }
}

/**
 * The fibers as they are named, in their order; `main` is the program itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const waiters = (
  fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>,
  main: Fiber.Fiber<unknown, unknown>
): ReadonlyArray<Waiter> =>
  fibers.map((fiber, i) => ({
    name: fiber.getRef(Waiting.Name) ?? (fiber === main ? "the program" : `fiber ${i}`),
    waitsFor: fiber.getRef(Waiting.WaitsFor)
  }))
