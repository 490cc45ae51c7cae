/**
 * The initialisation of one range as it goes on: what its workers and those who help them share.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import type * as PfnRange from "../geometry/PfnRange.ts"
import type { InitMemory, Surroundings } from "./InitMemory.ts"
import type { Worker } from "./InitWorkers.ts"
import type { Mapping } from "./Mapping.ts"
import type { NotInitialised } from "./NotInitialised.ts"
import type { Stage } from "./Stage.ts"

/**
 * - `pages` whose struct pages are to be written
 * - `isFound`: workers are found by pfn; where the lookup could not be built nobody knows of any (26.6)
 * - `turn`: when workers may begin, and whoever waits for workers may look at them, because of what was queued before (13)
 * - `over`: why it ended before that; `defect`: the mistake in the program a worker died of; `isDying`: the device goes away
 * - `end` ends it: nobody begins anything, everybody who waits is told, and so is who waits for `ended`
 *
 * @category models
 * @since 0.1.0
 */
export interface Course {
  readonly memory: InitMemory
  readonly around: Surroundings
  readonly pages: PfnRange.PfnRange
  readonly mapping: Mapping
  readonly writing: Stage
  readonly workers: ReadonlyArray<Worker>
  readonly end: (reason: NotInitialised) => void
  readonly ended: Deferred.Deferred<void>
  readonly isFound: boolean
  readonly turn: { readonly ofWorkers: Effect.Effect<void>; readonly ofWaiters: Effect.Effect<void> }
  over: NotInitialised | null
  defect: Cause.Cause<never> | null
  isDying: boolean
}
