/**
 * What a driver of the dax bus is, and what it gets to see of a device (24.1).
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type * as DaxRegion from "./DaxRegion.ts"

/**
 * A device as its driver sees it. `ranges` are those of now: a mapping can be added to a bound device (24.3). `pagemap` is
 * the page map a static device brings along, `null` for a dynamic one. `memmapOnMemory`: its System RAM should hold its own
 * memmap (25.6).
 *
 * @category models
 * @since 0.1.0
 */
export interface Device {
  readonly name: string
  readonly align: number
  readonly node: number
  readonly targetNode: number
  readonly ranges: () => ReadonlyArray<DaxRegion.Mapping>
  readonly isStatic: boolean
  readonly pagemap: Pagemap.Request | null
  readonly memmapOnMemory: boolean
}

/**
 * A driver. One that matches always takes any device, the others those whose name was written to their `new_id`. The scope
 * of `probe` is the binding: it ends when the device is unbound.
 *
 * @category models
 * @since 0.1.0
 */
export interface Driver {
  readonly name: string
  readonly matchesAlways: boolean
  readonly probe: (device: Device) => Effect.Effect<void, KernelError, Scope.Scope>
}
