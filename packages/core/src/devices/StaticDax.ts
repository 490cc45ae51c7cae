/**
 * What `dax_pmem` hands to the dax bus: a region with one instance whose page map is already described (24.1).
 *
 * @since 0.1.0
 */
import type * as Pagemap from "../hotplug/Pagemap.ts"

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
