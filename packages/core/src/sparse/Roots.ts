/**
 * Root pages of the section table: allocated when a section of theirs is first used, and kept (GEO-7, SEC-10 step 1).
 *
 * @since 0.1.0
 */
import type { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"

/**
 * `ensure` allocates the missing root pages of sections `[first, end)`; `false`, with nothing allocated, when memory ran
 * out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Roots {
  readonly ensure: (node: number, first: number, end: number) => boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (frames: FrameAllocator["Service"], perRoot: number): Roots => {
  const present = ExtentMap.empty<true>()
  return {
    ensure: (node, first, end) => {
      const range = { start: Math.floor(first / perRoot), end: Math.ceil(end / perRoot) }
      const count = ExtentMap.gaps(present, range.start, range.end).reduce((n, gap) => n + gap.end - gap.start, 0)
      if (count === 0) return true
      const taken = frames.take({ node, order: 0, count, purpose: "section-root" })
      if (taken.reduce((sum, block) => sum + block.count, 0) < count) {
        for (const block of taken) frames.give(block.start, block.count, "section-root")
        return false
      }
      ExtentMap.set(present, range.start, range.end, true)
      return true
    }
  }
}
