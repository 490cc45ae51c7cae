/**
 * Why a source was refused: where in it, what is wrong, and what would be right.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A source that cannot be read, or contradicts itself or another one.
 *
 * @category errors
 * @since 0.1.0
 */
export class InputError extends Schema.TaggedError<InputError>("@vmemmap/core/InputError")("InputError", {
  /** File name, `-` for standard input, or the kind of source. */
  source: Schema.String,
  /** `line 3, column 17`, `regions[0].size`, or empty when the whole input is meant. */
  at: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${this.source}${this.at === "" ? "" : `: ${this.at}`}: ${this.problem}; ${this.remedy}`
  }
}
