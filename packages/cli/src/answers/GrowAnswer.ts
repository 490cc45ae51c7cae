/**
 * What `vmemmap grow --json` prints.
 *
 * @since 0.1.0
 */
import * as Growth from "@vmemmap/core/planning/Growth"
import type * as Schema from "effect/Schema"

/**
 * The steps, how far they get, and where they end.
 *
 * @category models
 * @since 0.1.0
 */
export const GrowAnswer = Growth.Growth.annotate({
  title: "vmemmap grow --json",
  description: "How far a machine can grow before hot-adding memory kills it, and in which steps."
})
/** @since 0.1.0 */
export interface GrowAnswer extends Schema.Schema.Type<typeof GrowAnswer> {}
