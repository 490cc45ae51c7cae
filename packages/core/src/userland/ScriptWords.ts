/**
 * From words as typed to the words a program is given: variables, arithmetic, splitting at blanks, names of files for patterns,
 * quotes off.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as FilePattern from "./FilePattern.ts"
import * as ScriptError from "./ScriptError.ts"
import type * as Tokens from "./ScriptTokens.ts"
import * as ShellArithmetic from "./ShellArithmetic.ts"

/**
 * What `$` can name. `status` is the exit status of the command before, `$?`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scope {
  readonly variables: ReadonlyMap<string, string>
  readonly status: number
}

/** Longest text the words of one command may become, in characters. */
const textLimit = 32_768

/** Longest text that patterns of one command may become, in characters. */
const pathsLimit = 1_048_576

type Expanded<A> = Result.Result<A, ScriptError.ScriptError>

const valueOf = ({ status, variables }: Scope, name: string): string | undefined =>
  name === "?" ? String(status) : variables.get(name)

const arithmeticRemedy = "numbers, names, + - * / % and parentheses are modelled"

const pieceText = (scope: Scope, piece: Tokens.Word["pieces"][number]): Expanded<string> => {
  if (piece._tag === "Text") return Result.succeed(piece.text)
  if (piece._tag === "Variable") return Result.succeed(valueOf(scope, piece.name) ?? "")
  const text = piece.parts.map((part) => part._tag === "Text" ? part.text : valueOf(scope, part.name) ?? "").join("")
  if (text.length > textLimit) return tooLong(piece.at)
  return Result.mapBoth(ShellArithmetic.evaluate(text, (name) => valueOf(scope, name)), {
    onSuccess: String,
    onFailure: ({ problem, reason }) =>
      new ScriptError.ScriptError({ reason, ...piece.at, problem, remedy: arithmeticRemedy })
  })
}

const tooLong = (at: ScriptError.Position, limit = textLimit) =>
  ScriptError.fail(
    at,
    "limit",
    `the words of a command become longer than ${limit} characters`,
    "use fewer of them"
  )

/** A word on its way: as it reads, and as the pattern it is. */
interface Field {
  readonly text: string
  readonly pattern: string
}

const join = (field: Field | undefined, text: string, pattern: string): Field => ({
  text: (field?.text ?? "") + text,
  pattern: (field?.pattern ?? "") + pattern
})

/** The words of one typed word. */
const fieldsOf = (
  scope: Scope,
  word: Tokens.Word,
  lengthLeft: number
): Expanded<ReadonlyArray<Field>> =>
  Result.gen(function*() {
    const out: Array<Field> = []
    let field: Field | undefined
    let length = 0
    for (const piece of word.pieces) {
      const text = yield* pieceText(scope, piece)
      length += text.length + 1
      if (length > lengthLeft) return yield* tooLong(word.at)
      if (piece.quoted) {
        field = join(field, text, FilePattern.escape(text))
        continue
      }
      if (piece._tag === "Text") {
        field = join(field, text, text)
        continue
      }
      const [first = "", ...rest] = text.split(/[ \t\n]+/)
      if (first !== "") field = join(field, first, first)
      for (const next of rest) {
        if (field !== undefined) out.push(field)
        field = next === "" ? undefined : join(undefined, next, next)
      }
    }
    if (field !== undefined) out.push(field)
    return out
  })

/**
 * The words of one command, or of a loop. What an unquoted variable holds is split at blanks and lines, and vanishes when it is
 * empty. A pattern becomes the `files` that match it, and stays as it is where none does.
 *
 * @category operations
 * @since 0.1.0
 */
export const expand = (
  scope: Scope,
  words: ReadonlyArray<Tokens.Word>,
  files: (pattern: string) => ReadonlyArray<string>
): Expanded<ReadonlyArray<string>> =>
  Result.gen(function*() {
    const out: Array<string> = []
    let length = 0
    let paths = 0
    for (const word of words) {
      for (const { pattern, text } of yield* fieldsOf(scope, word, textLimit - length)) {
        length += text.length + 1
        const found = FilePattern.isPattern(pattern) ? files(pattern) : []
        paths += found.reduce((sum, path) => sum + path.length + 1, 0)
        if (length > textLimit) return yield* tooLong(word.at)
        if (paths > pathsLimit) return yield* tooLong(word.at, pathsLimit)
        out.push(...(found.length === 0 ? [text] : found))
      }
    }
    return out
  })

/**
 * A word that stays one: the value of an assignment, the file of a redirection.
 *
 * @category operations
 * @since 0.1.0
 */
export const expandWhole = (scope: Scope, word: Tokens.Word): Expanded<string> =>
  Result.gen(function*() {
    let out = ""
    for (const piece of word.pieces) {
      out += yield* pieceText(scope, piece)
      if (out.length > textLimit) return yield* tooLong(word.at)
    }
    return out
  })
