/**
 * What `vmemmap size --json` prints.
 *
 * @since 0.1.0
 */
import * as PlanOption from "@vmemmap/core/planning/PlanOption"
import * as Schema from "effect/Schema"

/**
 * The largest legal request below the answer, which shows that nothing smaller will do.
 *
 * @category models
 * @since 0.1.0
 */
export const NextLower = Schema.Struct({
  request: Schema.Natural.annotate({ description: "Bytes requested: one granule less." }),
  usable: Schema.Natural.annotate({ description: "Usable bytes it gives, fewer than wanted; 0 when refused." }),
  refused: Schema.NullOr(Schema.String).annotate({ description: "Why it is refused; null when it is legal." })
}).annotate({ identifier: "NextLower", description: "The next lower request, which does not suffice." })
/** @since 0.1.0 */
export interface NextLower extends Schema.Schema.Type<typeof NextLower> {}

/**
 * The least request for the wanted bytes, in the words of the tools that take it.
 *
 * @category models
 * @since 0.1.0
 */
export const SizeAnswer = Schema.Struct({
  want: Schema.Natural.annotate({ description: "Usable bytes wanted." }),
  request: Schema.Natural.annotate({ description: "Bytes to request: the least that suffice." }),
  usable: Schema.Natural.annotate({ description: "Usable bytes the request gives." }),
  argument: Schema.String.annotate({ description: "The request as an argument of ndctl create-namespace." }),
  memmapLine: Schema.NullOr(Schema.String).annotate({
    description:
      "The request as an option of the kernel command line; null where there is none (interleaved, not x86_64)."
  }),
  command: Schema.String.annotate({ description: "The command that makes the request." }),
  nextLower: Schema.NullOr(NextLower).annotate({ description: "null when there is no smaller request." }),
  granule: Schema.Natural.annotate({ description: "Bytes the request must be a multiple of." }),
  overhead: Schema.Natural.annotate({ description: "Bytes requested and not usable: request - usable." }),
  option: PlanOption.PlanOption
}).annotate({
  title: "vmemmap size --json",
  description: "What to request to get a number of usable bytes."
})
/** @since 0.1.0 */
export interface SizeAnswer extends Schema.Schema.Type<typeof SizeAnswer> {}
