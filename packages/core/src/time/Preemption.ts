/**
 * When a fiber gives way to others between two of its operations.
 *
 * @since 0.1.0
 */
import type * as Fiber from "effect/Fiber"

/**
 * Whether a fiber lets others run before its next operation. Nobody is asked again about the operation a fiber was preempted
 * before, or who always says yes would never see it run; nor about the first one after a wake-up, which only hands over what
 * the fiber was woken with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const asked = (preempt: () => boolean) => {
  const begun = new WeakSet<Fiber.Fiber<unknown, unknown>>()
  const preempted = new WeakSet<Fiber.Fiber<unknown, unknown>>()
  return (fiber: Fiber.Fiber<unknown, unknown>): boolean => {
    if (fiber.currentOpCount === 1 && begun.has(fiber)) return false
    begun.add(fiber)
    if (preempted.delete(fiber) || !preempt()) return false
    preempted.add(fiber)
    return true
  }
}

/**
 * Which fiber was let run; another that runs meanwhile was woken or begun by it, and waits for its turn, and so does the first before
 * it goes on: either may be next. The first operation after a wake-up only hands over what the fiber was woken with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const foreign = (runs: ((fiber: Fiber.Fiber<unknown, unknown>) => void) | undefined) => {
  let running: Fiber.Fiber<unknown, unknown> | null = null
  let hasWoken = false
  return {
    begin: () => {
      running = null
      hasWoken = false
    },
    asks: (fiber: Fiber.Fiber<unknown, unknown>): boolean => {
      if (running === null) {
        running = fiber
        runs?.(fiber)
      }
      if (fiber === running) {
        const asks = hasWoken
        hasWoken = false
        return asks
      }
      if (fiber.currentOpCount <= 1) return false
      hasWoken = true
      return true
    }
  }
}
