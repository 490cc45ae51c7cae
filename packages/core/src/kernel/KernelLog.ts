/**
 * What the kernel says and does, as events: log lines, WARNs, and changes of who holds what.
 *
 * The newest events stay readable for those who come late; a stream brings the following ones; accountants are told at once
 * and miss nothing. A WARN is an event, never an exception: the kernel goes on (ERR-2).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"

/**
 * A line of the kernel log, without its time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly _tag: "Line"
  readonly level: "info" | "warn" | "err"
  readonly text: string
}

/**
 * A diagnostic that does not stop execution. `where` is the kernel function.
 *
 * @category models
 * @since 0.1.0
 */
export interface Warn {
  readonly _tag: "Warn"
  readonly where: string
  readonly rule: string
  readonly text: string
}

/**
 * Something known to be wrong in the modelled kernel itself that the operation has just run into: the machine goes on as
 * the real one does. `fault` is an address the kernel touches though nothing is mapped there, in hexadecimal: the real one does not
 * go on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hazard {
  readonly _tag: "Hazard"
  readonly rule: string
  readonly text: string
  readonly fault?: string
}

/**
 * An entry of the books: `amount` units came to `purpose` at `where`, or left when negative.
 *
 * - `ram`: pages of a node's RAM (`where` is the node) taken for a memmap, its tables, section roots …
 * - `tables`: bytes of page tables of the vmemmap
 * - `device`: pages of a device-provided memmap (`where` is the pagemap)
 * - `mapped`: struct pages that got a place in the vmemmap
 * - `written`: struct pages initialised (never negative); `where` says under which lock
 *
 * @category models
 * @since 0.1.0
 */
export interface Account {
  readonly _tag: "Account"
  readonly book: "ram" | "tables" | "device" | "mapped" | "written"
  readonly where: string
  readonly purpose: string
  readonly amount: number
}

/**
 * An operation begins or ends; the accounts in between are its own unless operations overlap.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operation {
  readonly _tag: "Operation"
  readonly name: string
  readonly phase: "begin" | "end"
}

/**
 * Everything that is logged.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = Line | Warn | Hazard | Account | Operation

/**
 * The log of one machine since boot.
 *
 * `emit` is synchronous because operations emit between two steps; `once` emits a WARN the first time `where` asks
 * (`WARN_ON_ONCE`). `recent` holds the newest events, oldest first. `listen` calls back at every emission, in order.
 *
 * @category services
 * @since 0.1.0
 */
export class KernelLog extends Context.Service<KernelLog, {
  readonly emit: (event: Event) => void
  readonly once: (warn: Omit<Warn, "_tag">) => void
  readonly listen: (listener: (event: Event) => void) => void
  readonly recent: Effect.Effect<ReadonlyArray<Event>>
  readonly stream: Stream.Stream<Event>
}>()("@vmemmap/core/kernel/KernelLog") {}

/**
 * A log that keeps the newest `capacity` events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(capacity = 4096) {
  const ring: Array<Event> = []
  const warned = new Set<string>()
  const listeners: Array<(event: Event) => void> = []
  let oldest = 0
  let isShut = false
  /** Made when somebody listens: most logs are never streamed, and it has room for all events at once. */
  let events: PubSub.PubSub<Event> | null = null

  const published = Effect.gen(function*() {
    const made = yield* PubSub.sliding<Event>(capacity)
    events ??= made
    if (isShut) yield* PubSub.shutdown(events)
    return Stream.fromPubSub(events)
  })

  yield* Effect.addFinalizer(() => {
    isShut = true
    return events === null ? Effect.void : PubSub.shutdown(events)
  })

  const emit = (event: Event): void => {
    if (ring.length < capacity) {
      ring.push(event)
    } else {
      ring[oldest] = event
      oldest = (oldest + 1) % capacity
    }
    for (const listener of listeners) listener(event)
    if (events !== null) PubSub.publishUnsafe(events, event)
  }

  return KernelLog.of({
    emit,
    once: (warn) => {
      if (warned.has(warn.where)) return
      warned.add(warn.where)
      emit({ _tag: "Warn", ...warn })
    },
    listen: (listener) => {
      listeners.push(listener)
    },
    recent: Effect.sync(() => [...ring.slice(oldest), ...ring.slice(0, oldest)]),
    stream: Stream.unwrap(published)
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<KernelLog> = Layer.effect(KernelLog, make())

/**
 * Marks the events of `effect` as those of one operation.
 *
 * @category combinators
 * @since 0.1.0
 */
export const operation =
  (log: KernelLog["Service"], name: string) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => log.emit({ _tag: "Operation", name, phase: "begin" })),
      () => effect,
      () => Effect.sync(() => log.emit({ _tag: "Operation", name, phase: "end" }))
    )
