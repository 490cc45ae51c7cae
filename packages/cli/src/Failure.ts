/**
 * How the command ends when it does not end well: 1 when the answer is no, 2 on wrong use or unreadable input, and the
 * status of `ndctl` where it is imitated.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

/**
 * Wrong use or unreadable input: exit status 2, the text on standard error.
 *
 * @category errors
 * @since 0.1.0
 */
export class WrongUse extends Schema.TaggedError<WrongUse>("@vmemmap/cli/WrongUse")("WrongUse", {
  problem: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 2
  override readonly [Runtime.errorReported] = false
  override get message() {
    return this.problem
  }
}

/**
 * The question was understood and the answer is no: exit status 1. An empty text prints nothing more.
 *
 * @category errors
 * @since 0.1.0
 */
export class AnswerIsNo extends Schema.TaggedError<AnswerIsNo>("@vmemmap/cli/AnswerIsNo")("AnswerIsNo", {
  why: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
  override get message() {
    return this.why
  }
}

/**
 * The exit status of an imitated tool, whose own text is printed as it is.
 *
 * @category errors
 * @since 0.1.0
 */
export class ToolStatus extends Schema.TaggedError<ToolStatus>("@vmemmap/cli/ToolStatus")("ToolStatus", {
  status: Schema.Natural,
  stderr: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = this.status
  override readonly [Runtime.errorReported] = false
  override get message() {
    return this.stderr
  }
}

/**
 * Nobody reads standard output any more: the command stops early and quietly, with status 0.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReaderGone extends Schema.TaggedError<ReaderGone>("@vmemmap/cli/ReaderGone")("ReaderGone", {}) {}

/**
 * Turns the typed error of a pure function into wrong use of the command, keeping its text.
 *
 * @category conversions
 * @since 0.1.0
 */
export const orWrongUse = <A>(
  result: Result.Result<A, { readonly message: string }>,
  flag?: string
): Effect.Effect<A, WrongUse> =>
  Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(
      new WrongUse({ problem: flag === undefined ? result.failure.message : `${flag}: ${result.failure.message}` })
    )
