/**
 * `dax_hmem`: volatile device memory without an info block becomes a dynamic dax region (24.1).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Errno from "../kernel/Errno.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { DaxDevices, type DynamicDax } from "./DaxDevices.ts"
import { Memregion } from "./Memregion.ts"

/**
 * A range firmware set aside, in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type Range = Omit<DynamicDax, "region">

/**
 * `load` loads the driver: every range it can use gets a region, in order; loading it again does nothing. `unload` takes the regions
 * and their devices away.
 *
 * @category services
 * @since 0.1.0
 */
export class Hmem extends Context.Service<Hmem, {
  readonly load: Effect.Effect<void>
  readonly unload: Effect.Effect<void>
}>()("@vmemmap/core/devices/Hmem") {}

/**
 * The driver over what firmware says; nothing is loaded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(ranges: ReadonlyArray<Range>) {
  const devices = yield* DaxDevices
  const memregion = yield* Memregion
  const log = yield* KernelLog
  const parent = yield* Effect.scope
  let own: Scope.Closeable | undefined

  const region = Effect.acquireRelease(Effect.sync(memregion.alloc), (id) => Effect.sync(() => memregion.free(id)))

  /** Each range is a device of its own: one that is refused says so and leaves the others alone. */
  const attach = (scope: Scope.Closeable) => (range: Range, i: number) =>
    Effect.suspend(() => {
      const child = Scope.forkUnsafe(scope)
      return Effect.flatMap(region, (id) => devices.attach({ ...range, region: id })).pipe(
        Effect.provideService(Scope.Scope, child),
        Effect.onError((cause) => Scope.close(child, Exit.failCause(cause))),
        Effect.catch(({ errno }) =>
          Effect.sync(() => {
            const text = `dax_hmem: probe of hmem.${i} failed with error -${Errno.number(errno)}`
            log.emit({ _tag: "Line", level: "err", text })
          })
        )
      )
    })

  const load = Effect.suspend(() => {
    if (own !== undefined) return Effect.void
    own = Scope.forkUnsafe(parent)
    return Effect.forEach(ranges, attach(own), { discard: true })
  })

  const unload = Effect.suspend(() => {
    const scope = own
    own = undefined
    return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
  })

  return Hmem.of({ load, unload })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (ranges: ReadonlyArray<Range>): Layer.Layer<Hmem, never, DaxDevices | Memregion | KernelLog> =>
  Layer.effect(Hmem, make(ranges))
