/**
 * Pages of online memory that somebody holds on to, so that they cannot go offline (HOT-8, HOT-20).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { MemoryBlocks } from "./MemoryBlocks.ts"

/**
 * - `unmovable`: kernel memory; offlining fails with EBUSY at once
 * - `pinned`: cannot be migrated as long as the reference lasts; offlining tries again until it is gone, or a signal comes
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "unmovable" | "pinned"

/**
 * Ranges are pfns, half-open.
 *
 * - `pin` holds pages until the scope ends; EFAULT when some of them are not online
 * - `first` is the lowest pfn of a range that is held, by a pin of one kind or of any
 * - `released` waits until nothing of a range is pinned
 *
 * @category services
 * @since 0.1.0
 */
export class PagePins extends Context.Service<PagePins, {
  readonly pin: (range: PfnRange.PfnRange, kind: Kind) => Effect.Effect<void, KernelError, Scope.Scope>
  readonly first: (range: PfnRange.PfnRange, kind?: Kind) => number | undefined
  readonly released: (range: PfnRange.PfnRange) => Effect.Effect<void>
}>()("@vmemmap/core/hotplug/PagePins") {}

interface Pin {
  readonly range: PfnRange.PfnRange
  readonly kind: Kind
  readonly gone: Deferred.Deferred<void>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const { pages, runs } = yield* MemoryBlocks
  const pins = new Set<Pin>()

  const isOnline = ({ end, start }: PfnRange.PfnRange): boolean => {
    const blocks = { start: Math.floor(start / pages), end: Math.ceil(end / pages) }
    const online = runs(blocks).filter(({ value }) => value.state !== "offline")
    return online.reduce((sum, run) => sum + run.end - run.start, 0) === blocks.end - blocks.start
  }

  const held = (range: PfnRange.PfnRange, kind?: Kind): ReadonlyArray<Pin> =>
    [...pins].filter((pin) => (kind === undefined || pin.kind === kind) && PfnRange.overlaps(pin.range, range))

  const released = (range: PfnRange.PfnRange): Effect.Effect<void> =>
    Effect.suspend(() => {
      const [first] = held(range, "pinned")
      return first === undefined ? Effect.void : Effect.andThen(Deferred.await(first.gone), released(range))
    })

  return PagePins.of({
    pin: (range, kind) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.suspend(() => {
          if (!isOnline(range)) {
            return Effect.fail(
              new KernelError({
                errno: "EFAULT",
                rule: "HOT-8",
                step: "get_user_pages",
                problem: `pfns ${hex(range.start)} to ${hex(range.end - 1)} are not all online`,
                remedy: "pin pages of online memory"
              })
            )
          }
          const pin: Pin = { range, kind, gone: Deferred.makeUnsafe() }
          pins.add(pin)
          return Effect.succeed(pin)
        }),
        (pin) =>
          Effect.suspend(() => {
            pins.delete(pin)
            return Deferred.succeed(pin.gone, undefined)
          })
      )),
    first: (range, kind) => {
      const starts = held(range, kind).map((pin) => Math.max(pin.range.start, range.start))
      return starts.length === 0 ? undefined : Math.min(...starts)
    },
    released
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<PagePins, never, MemoryBlocks> = Layer.effect(PagePins, make)
