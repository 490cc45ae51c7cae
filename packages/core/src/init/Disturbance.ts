/**
 * Workers that do not work as they should, for whoever wants to see what becomes of those who wait for them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * What befalls a worker (`worker 3`, `map`) of a device: it runs at `speed` times its own, 0 being not at all, and is gone when
 * `dies` returns.
 *
 * @category models
 * @since 0.1.0
 */
export type Disturbance = (
  device: string,
  worker: string
) => { readonly speed: number; readonly dies: Effect.Effect<void> }

/**
 * Nothing befalls anybody.
 *
 * @category constants
 * @since 0.1.0
 */
export const none: Disturbance = () => ({ speed: 1, dies: Effect.never })

/**
 * What befalls workers that begin from now on.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Disturbance> = Context.Reference("@vmemmap/core/init/Disturbance", {
  defaultValue: () => none
})
