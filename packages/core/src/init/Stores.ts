/**
 * Who does the stores of struct pages. Unless provided nobody does: they only take the time that the cost model says.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type * as CostModel from "../time/CostModel.ts"
import type * as FairShare from "../time/FairShare.ts"
import type * as Workload from "../time/Workload.ts"
import * as InitMemory from "./InitMemory.ts"
import type * as InitWork from "./InitWork.ts"
import { type Reason, toKernelError } from "./NotInitialised.ts"

/**
 * A job whose units are struct pages. Whoever waits for it is interrupted where it ends before all are written; `failure` then says
 * why, `null` where somebody stopped it. Without one a job ends early only where somebody stops it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job extends Workload.Job {
  readonly failure?: () => Extract<Reason, "out of memory" | "worker lost"> | null
}

/**
 * Whether pages are not initialised because of whoever writes them.
 *
 * @category guards
 * @since 0.1.0
 */
export const isReason = (reason: Reason): boolean => reason === "out of memory" || reason === "worker lost"

/**
 * Begins to write so many struct pages at once, those of `parts` in their order. `demand`: what one struct page costs where no memory
 * is written, and how much whoever asks counts against others. A job that is stopped ends at what is `whole` of the struct pages that
 * are under way.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stores {
  readonly begin: (
    demand: FairShare.Demand,
    structPages: number,
    parts: () => ReadonlyArray<InitWork.Part>,
    whole?: Whole
  ) => Job
}

/**
 * The least number of units, no less than so many, that are whole sub-ranges.
 *
 * @category models
 * @since 0.1.0
 */
export type Whole = (units: number) => number

/**
 * Whoever really writes.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Stores | null> = Context.Reference("@vmemmap/core/init/Stores", {
  defaultValue: (): Stores | null => null
})

/**
 * Returns when all of a job is written; fails as a kernel would where it ended for a reason of its own.
 *
 * @category operations
 * @since 0.1.0
 */
export const finished = (
  job: Job,
  memory: { readonly name: string; readonly range: PfnRange.PfnRange }
): Effect.Effect<void, KernelError> =>
  Effect.catchCause(job.finished, (cause) => {
    const reason = job.failure?.() ?? null
    return reason === null ? Effect.failCause(cause) : Effect.fail(toKernelError(InitMemory.refuse(memory, reason)))
  })

/**
 * Stores that only take time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const timed = ({ begin }: Pick<CostModel.CostModel, "begin">): Stores => ({
  begin: (demand, structPages) => begin(demand, structPages)
})
