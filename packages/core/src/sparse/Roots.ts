/**
 * Root pages of the section table: allocated when a section of theirs is first used, and kept (GEO-7, SEC-10 step 1).
 *
 * @since 0.1.0
 */
import { type FrameAllocator, takeAll } from "../frames/FrameAllocator.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"

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
      const count = PfnRange.total(ExtentMap.gaps(present, range.start, range.end))
      if (count === 0) return true
      if (takeAll(frames, { node, order: 0, count, purpose: "section-root" }) === null) return false
      ExtentMap.set(present, range.start, range.end, true)
      return true
    }
  }
}
