/**
 * What contexts of a scenario find out themselves, and what they are doing: the invariants between two steps know of it.
 *
 * @since 0.1.0
 */
import type * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Violation } from "../explore/Execution.ts"

/**
 * - `violations` found by contexts, in their order
 * - `adding`: pfns that are being added now (SEC-11)
 * - `users`: references that users hold, by the name of the pagemap
 *
 * @category models
 * @since 0.1.0
 */
export interface Findings {
  readonly violations: Array<Violation>
  readonly adding: Set<PfnRange.PfnRange>
  readonly users: Map<string, number>
}

/**
 * Those of the run in progress.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Findings> = Context.Reference("@vmemmap/test-utils/scenarios/Findings", {
  defaultValue: (): Findings => make()
})

/**
 * Nothing was found.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Findings => ({ violations: [], adding: new Set(), users: new Map() })

/**
 * Notes that something must not be.
 *
 * @category operations
 * @since 0.1.0
 */
export const report = (rule: string, problem: string): Effect.Effect<void> =>
  Effect.map(Effect.service(Current), ({ violations }) => void violations.push({ rule, problem }))

/**
 * While `effect` runs, pfns are being added.
 *
 * @category combinators
 * @since 0.1.0
 */
export const adding =
  (ranges: ReadonlyArray<PfnRange.PfnRange>) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.service(Current), ({ adding }) =>
      Effect.acquireUseRelease(
        Effect.sync(() => ranges.forEach((range) => adding.add(range))),
        () => effect,
        () => Effect.sync(() => ranges.forEach((range) => adding.delete(range)))
      ))
