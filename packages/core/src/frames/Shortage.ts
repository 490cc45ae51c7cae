/**
 * What to do when RAM runs short: given from outside.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * An allocation that found less than it needs: `missing` of the wanted blocks of `2^order` pages, first on `node`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Need {
  readonly node: number
  readonly order: number
  readonly missing: number
  readonly purpose: string
}

/**
 * Called once for every allocation that falls short; `true` says that memory was freed and the search is worth repeating.
 * Without one allocations simply fail, as they do for `GFP_KERNEL | __GFP_RETRY_MAYFAIL` (VMM-5).
 *
 * @category references
 * @since 0.1.0
 */
export const Shortage: Context.Reference<(need: Need) => boolean> = Context.Reference(
  "@vmemmap/core/frames/Shortage",
  { defaultValue: () => (_need: Need): boolean => false }
)
