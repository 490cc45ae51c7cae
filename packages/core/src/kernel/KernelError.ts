/**
 * What a kernel function that fails returns, with enough to act on it.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Errno } from "./Errno.ts"

/**
 * `errno` is the symbolic name (`"EINVAL"`), `rule` the rule of the specification, `remedy` what would make it legal.
 * `step` names the function or step that refused, where one error number has several sources (ERR-1).
 *
 * @category errors
 * @since 0.1.0
 */
export class KernelError extends Schema.TaggedError<KernelError>("@vmemmap/core/kernel/KernelError")("KernelError", {
  errno: Errno,
  rule: Schema.String,
  problem: Schema.String,
  remedy: Schema.String,
  step: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const where = this.step === undefined ? "" : `${this.step}: `
    return `${this.errno} (${this.rule}): ${where}${this.problem}; ${this.remedy}`
  }
}

/**
 * A refusal as a value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (error: {
  readonly errno: Errno
  readonly rule: string
  readonly problem: string
  readonly remedy: string
  readonly step?: string
}): Result.Result<never, KernelError> => {
  const { stackTraceLimit } = Error
  // Drivers probe by being refused: an answer, not an accident whose place anybody wants to see.
  Error.stackTraceLimit = 0
  try {
    return Result.fail(new KernelError(error))
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
