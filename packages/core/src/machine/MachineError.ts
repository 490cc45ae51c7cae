/**
 * Why a described machine cannot exist, or cannot boot.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * `at` is the part of the description (`ranges`, `arch`, `cmdline`), `rule` the rule of the specification, `remedy` what would
 * be right.
 *
 * @category errors
 * @since 0.1.0
 */
export class MachineError
  extends Schema.TaggedError<MachineError>("@vmemmap/core/machine/MachineError")("MachineError", {
    at: Schema.String,
    rule: Schema.String,
    problem: Schema.String,
    remedy: Schema.String
  })
{
  override get message() {
    return `${this.at} (${this.rule}): ${this.problem}; ${this.remedy}`
  }
}

/**
 * A refusal as a value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (error: {
  readonly at: string
  readonly rule: string
  readonly problem: string
  readonly remedy: string
}): Result.Result<never, MachineError> => Result.fail(new MachineError(error))
