/**
 * The fibers of a run: those that were seen running, each with the timer of its sleep.
 *
 * The latest, by their number, are only noted in passing; those that have not ended by the time others are the latest are kept.
 * What is remembered grows with the fibers that are there at a time, not with those that were.
 *
 * @since 0.1.0
 */
import type * as Fiber from "effect/Fiber"
import * as TimerQueue from "./TimerQueue.ts"

/**
 * A fiber and its timer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sleeper extends TimerQueue.Timer {
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

/**
 * - `of` a fiber, which counts as seen from then on
 * - `alive`: the fibers that have not ended, the oldest first
 *
 * @category models
 * @since 0.1.0
 */
export interface Sleepers {
  readonly of: (fiber: Fiber.Fiber<unknown, unknown>) => Sleeper
  readonly alive: () => ReadonlyArray<Fiber.Fiber<unknown, unknown>>
}

const window = 4096

/**
 * Nobody was seen yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Sleepers => {
  const kept = new Map<number, Sleeper>()
  let latest: Array<Sleeper | undefined> = []
  let base = -1

  const keep = (): void => {
    for (const sleeper of latest) if (sleeper !== undefined) kept.set(sleeper.fiber.id, sleeper)
    for (const [id, { fiber }] of kept) if (fiber.pollUnsafe() !== undefined) kept.delete(id)
  }

  const create = (fiber: Fiber.Fiber<unknown, unknown>): Sleeper => {
    const sleeper = { ...TimerQueue.timer(), fiber }
    if (fiber.id < base) {
      kept.set(fiber.id, sleeper)
      return sleeper
    }
    if (base < 0 || fiber.id - base >= window) {
      keep()
      latest = []
      base = fiber.id
    }
    latest[fiber.id - base] = sleeper
    return sleeper
  }

  return {
    of: (fiber) => {
      const index = fiber.id - base
      return (index >= 0 && index < window ? latest[index] : kept.get(fiber.id)) ?? create(fiber)
    },
    alive: () => {
      keep()
      return [...kept.values()].map(({ fiber }) => fiber).toSorted((a, b) => a.id - b.id)
    }
  }
}
