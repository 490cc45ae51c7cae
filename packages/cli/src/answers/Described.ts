/**
 * Fields of answers that say what they hold.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A string.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Text = (description: string) => Schema.String.annotate({ description })

/**
 * A number of things, from 0.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Count = (description: string) => Schema.Natural.annotate({ description })

/**
 * Strings, in order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Lines = (description: string) => Schema.Array(Schema.String).annotate({ description })
