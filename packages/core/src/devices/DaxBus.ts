/**
 * The dax bus as `dax_pmem` sees it (24.1).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { KernelError } from "../kernel/KernelError.ts"
import type { StaticDax } from "./StaticDax.ts"

/**
 * - `attach` registers the region and its instance and lets a driver bind it; both go when the scope ends. ENOMEM where start
 *   and length are no multiples of the alignment (24.1). A driver that refuses the instance does not fail the registration
 *
 * @category services
 * @since 0.1.0
 */
export class DaxBus extends Context.Service<DaxBus, {
  readonly attach: (dax: StaticDax) => Effect.Effect<void, KernelError, Scope.Scope>
}>()("@vmemmap/core/devices/DaxBus") {}
