/**
 * Why a script was not run to its end: where in it, what is wrong, and what would be right.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * A place in the text of a script; both count from 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface Position {
  readonly line: number
  readonly column: number
}

/**
 * Where the lines of a text begin, as offsets.
 *
 * @category queries
 * @since 0.1.0
 */
export const lineStarts = (text: string): ReadonlyArray<number> => {
  const out = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) out.push(at + 1)
  return out
}

/**
 * The place of an offset in a text whose lines begin at `lines`.
 *
 * @category queries
 * @since 0.1.0
 */
export const positionOf = (lines: ReadonlyArray<number>, offset: number): Position => {
  let low = 0
  for (let high = lines.length - 1; low < high;) {
    const middle = Math.ceil((low + high) / 2)
    if ((lines[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (lines[low] ?? 0) + 1 }
}

/**
 * - `syntax`: a shell would not take it either
 * - `not-modelled`: a shell would, this interpreter does not
 * - `limit`: larger than what is run here
 *
 * @category errors
 * @since 0.1.0
 */
export class ScriptError extends Schema.TaggedError<ScriptError>("@vmemmap/core/userland/ScriptError")("ScriptError", {
  reason: Schema.Literals(["syntax", "not-modelled", "limit"]),
  line: Schema.Natural,
  column: Schema.Natural,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `line ${this.line}, column ${this.column}: ${this.problem}; ${this.remedy}`
  }
}

/** What the language consists of, to be said where something is outside of it. */
const modelled =
  "modelled are commands joined by ; && || and |, < > >> 2>&1, NAME=value, for … in … do … done, $NAME, ${NAME}, $((…)), quotes, sh -c"

/**
 * A refusal as a value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (
  at: Position,
  reason: ScriptError["reason"],
  problem: string,
  remedy: string
): Result.Result<never, ScriptError> =>
  Result.fail(new ScriptError({ reason, line: at.line, column: at.column, problem, remedy }))

/**
 * A construct of the shell that is outside the language.
 *
 * @category constructors
 * @since 0.1.0
 */
export const notModelled = (at: Position, what: string, remedy = modelled): Result.Result<never, ScriptError> =>
  fail(at, "not-modelled", `${what} is not modelled`, remedy)
