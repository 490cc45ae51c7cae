/**
 * Something that must not be.
 *
 * @since 0.1.0
 */
import type { Deadlock } from "@vmemmap/core/time/Deadlock"
import * as Cause from "effect/Cause"

/**
 * Something that must not be: which rule it breaks, and what was found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Violation {
  readonly rule: string
  readonly problem: string
}

const deadlocked = ({ reason, waiters }: Deadlock): Violation => ({
  rule: "deadlock",
  problem: `${reason}: ${
    waiters.map(({ name, waitsFor }) => `${name}${waitsFor === null ? "" : ` waits for ${waitsFor}`}`).join("; ")
  }`
})

const isDeadlock = (error: unknown): error is Deadlock =>
  typeof error === "object" && error !== null && (error as { readonly _tag?: unknown })._tag === "Deadlock"

/**
 * What a program that did not succeed has ended with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofCause = (cause: Cause.Cause<unknown>): ReadonlyArray<Violation> => {
  const error = Cause.squash(cause)
  if (isDeadlock(error)) return [deadlocked(error)]
  const problem = error instanceof Error ? error.message : String(error)
  return [{ rule: Cause.hasDies(cause) ? "defect" : "failure", problem }]
}
