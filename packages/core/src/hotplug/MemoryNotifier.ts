/**
 * Who wants to know when memory goes online or offline, and may refuse it: `register_memory_notifier()` (HOT-4, HOT-7,
 * HOT-8, LCK-5).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type * as Zones from "../zones/Zones.ts"

/**
 * What is said of the pages `[start, end)` (pfns), which join or leave `zone`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Event extends PfnRange {
  readonly action:
    | "GOING_ONLINE"
    | "ONLINE"
    | "CANCEL_ONLINE"
    | "GOING_OFFLINE"
    | "OFFLINE"
    | "CANCEL_OFFLINE"
  readonly zone: Zones.Key
}

/**
 * Called under the hotplug lock, in the fiber that changes the memory: taking that lock is a deadlock, of which the fiber
 * dies (LCK-5). A failure of a `GOING_…` call is a veto; other failures mean nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type Callback = (event: Event) => Effect.Effect<void, KernelError>

/**
 * - `subscribe` calls back until the scope ends
 * - `ask` tells of a `GOING_…` action and stops at the first veto
 * - `announce` tells everybody of the others, and dies only then if one of them died
 * - `isObserved`: somebody listens, so every block is told of by itself
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryNotifier extends Context.Service<MemoryNotifier, {
  readonly subscribe: (callback: Callback) => Effect.Effect<void, never, Scope.Scope>
  readonly ask: (event: Event) => Effect.Effect<void, KernelError>
  readonly announce: (event: Event) => Effect.Effect<void>
  readonly isObserved: () => boolean
}>()("@vmemmap/core/hotplug/MemoryNotifier") {}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<MemoryNotifier> = Layer.sync(MemoryNotifier, () => {
  const chain = new Set<{ readonly call: Callback }>()
  return MemoryNotifier.of({
    subscribe: (call) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => {
          const entry = { call }
          chain.add(entry)
          return entry
        }),
        (entry) => Effect.sync(() => chain.delete(entry))
      )),
    ask: (event) => Effect.forEach([...chain], ({ call }) => call(event), { discard: true }),
    announce: Effect.fnUntraced(function*(event) {
      const exits = yield* Effect.forEach([...chain], ({ call }) => Effect.exit(Effect.ignore(call(event))))
      yield* Exit.asVoidAll(exits)
    }),
    isObserved: () => chain.size > 0
  })
})
