/**
 * What the kernel tells userspace when a device becomes usable (`kobject_uevent()`).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * Called with the name of the block or character device (`pmem0`, `dax0.0`) once its driver has bound it. Unless provided nobody
 * listens.
 *
 * @category references
 * @since 0.1.0
 */
export const Uevents: Context.Reference<(device: string) => Effect.Effect<void>> = Context.Reference(
  "@vmemmap/core/kernel/Uevents",
  { defaultValue: () => (_device: string): Effect.Effect<void> => Effect.void }
)

/**
 * Tells whoever listens.
 *
 * @category operations
 * @since 0.1.0
 */
export const tell = (device: string): Effect.Effect<void> =>
  Effect.flatMap(Effect.service(Uevents), (listener) => listener(device))
