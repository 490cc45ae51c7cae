/**
 * Where a consumer of device memory waits until the struct pages it is about to use are initialised (26.3).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import { BackgroundInit } from "../init/BackgroundInit.ts"
import * as NotInitialised from "../init/NotInitialised.ts"
import type { KernelError } from "../kernel/KernelError.ts"

/**
 * Called with the pfns about to be used, before anybody can see them.
 *
 * @category models
 * @since 0.1.0
 */
export type Wait = (pagemap: Pagemap.Pagemap, pfns: PfnRange) => Effect.Effect<void, KernelError>

/**
 * How drivers wait; they take it when they are loaded. Unless provided nobody waits: everything is initialised when
 * `memremap_pages()` returns.
 *
 * @category references
 * @since 0.1.0
 */
export const AwaitPages: Context.Reference<Wait> = Context.Reference("@vmemmap/core/devices/AwaitPages", {
  defaultValue: () => (_pagemap: Pagemap.Pagemap, _pfns: PfnRange): Effect.Effect<void, KernelError> => Effect.void
})

/**
 * Waits for whoever initialises the machine's device memory (ASY-8).
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, BackgroundInit> = Layer.effect(
  AwaitPages,
  Effect.map(
    Effect.service(BackgroundInit),
    (background) => (_pagemap: Pagemap.Pagemap, pfns: PfnRange): Effect.Effect<void, KernelError> =>
      Effect.mapError(background.await(pfns), NotInitialised.toKernelError)
  )
)
