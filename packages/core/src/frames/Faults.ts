/**
 * Allocations that fail on purpose: the n-th from now on, whatever it is for.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * `arm(n)` lets `n` allocations succeed and fails the next one; after that all succeed again. `disarm` tells how many were
 * still to come, or `null` when the failure has happened. While armed, operations run one unit at a time, so that every
 * allocation is one.
 *
 * @category services
 * @since 0.1.0
 */
export class Faults extends Context.Service<Faults, {
  readonly arm: (succeed: number) => void
  readonly disarm: () => number | null
  readonly isArmed: () => boolean
  /** Counts `count` allocations; how many of them succeed. */
  readonly pass: (count: number) => number
}>()("@vmemmap/core/frames/Faults") {}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Faults["Service"] => {
  let left: number | null = null
  return {
    arm: (succeed) => {
      left = succeed
    },
    disarm: () => {
      const rest = left
      left = null
      return rest
    },
    isArmed: () => left !== null,
    pass: (count) => {
      if (left === null || count === 0) return count
      if (left >= count) {
        left -= count
        return count
      }
      const passed = left
      left = null
      return passed
    }
  }
}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Faults> = Layer.sync(Faults, make)
