/**
 * Who has stopped in a run, in the order in which they did.
 *
 * @since 0.1.0
 */
import type * as Steps from "@vmemmap/core/kernel/Steps"
import type * as Execution from "./Execution.ts"

/**
 * One of them, which may stop again and again; `resume` lets it go on, up to where it does or where what it does ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stopped extends Execution.Waiting {
  fiber: number
  step: Steps.Step | null
  readonly resume: (waiting: Stopped) => void
}

/**
 * It stops, behind all others.
 *
 * @category operations
 * @since 0.1.0
 */
export const add = (stopped: Array<Stopped>, waiting: Stopped): void => {
  waiting.fiber = 0
  for (const { context } of stopped) if (context === waiting.context) waiting.fiber++
  stopped.push(waiting)
}

/**
 * It goes on or is gone; `at`: its place. `false`: it was not there.
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = (stopped: Array<Stopped>, waiting: Stopped, at = stopped.indexOf(waiting)): boolean => {
  if (at < 0) return false
  // Those behind it came after it, and so did the fibers of its context among them.
  for (let i = at + 1; i < stopped.length; i++) {
    const other = stopped[i] as Stopped
    if (other.context === waiting.context) other.fiber--
    stopped[i - 1] = other
  }
  stopped.pop()
  return true
}
