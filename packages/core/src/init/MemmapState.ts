/**
 * Whether struct pages of device memory are still being written in the background, and how to wait for them (26.4).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import { BackgroundInit } from "./BackgroundInit.ts"
import * as NotInitialised from "./NotInitialised.ts"

/**
 * Asked by those who show and control initialisation. Unless provided nothing is ever active: everything is initialised when
 * `memremap_pages()` returns.
 *
 * - `isActive` tells whether anybody still writes struct pages of the pfns
 * - `finished` returns when nobody does
 *
 * @category references
 * @since 0.1.0
 */
export const MemmapState: Context.Reference<{
  readonly isActive: (pfns: PfnRange) => boolean
  readonly finished: (pfns: PfnRange) => Effect.Effect<void, KernelError>
}> = Context.Reference("@vmemmap/core/init/MemmapState", {
  defaultValue: () => ({
    isActive: (_pfns: PfnRange): boolean => false,
    finished: (_pfns: PfnRange): Effect.Effect<void, KernelError> => Effect.void
  })
})

/**
 * Asks whoever initialises the machine's device memory.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, BackgroundInit> = Layer.effect(
  MemmapState,
  Effect.map(Effect.service(BackgroundInit), ({ finished, isActive }) => ({
    isActive,
    finished: (pfns: PfnRange): Effect.Effect<void, KernelError> =>
      Effect.mapError(finished(pfns), NotInitialised.toKernelError)
  }))
)
