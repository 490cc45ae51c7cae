/**
 * What `dax_pmem` hands to the dax bus: a region with one instance whose page map is already described (24.1).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import type { KernelError } from "../kernel/KernelError.ts"

/**
 * A static dax region and its only instance. `region` and `id` are those of the namespace, so `name` is `daxR.N` with its
 * numbers (OBS-16). `[start, end)` are the data bytes; the ranges of `pagemap` begin at the namespace's start and hold the
 * metadata too. The driver that binds the instance decides the pagemap's `type` and `order` (24.2). `node` pays for what is in
 * RAM, `targetNode` is the one the memory would join.
 *
 * @category models
 * @since 0.1.0
 */
export interface StaticDax {
  readonly region: number
  readonly id: number
  readonly name: string
  readonly start: number
  readonly end: number
  readonly align: number
  readonly node: number
  readonly targetNode: number
  readonly pagemap: Pagemap.Request
}

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
