/**
 * From words as typed to the words a program is given: variables, arithmetic, splitting at blanks, quotes off.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as ScriptError from "./ScriptError.ts"
import { isPattern } from "./ScriptSyntax.ts"
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

/**
 * Longest text the words of one command may become, in characters.
 *
 * @category constants
 * @since 0.1.0
 */
export const textLimit = 32_768

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

const tooLong = (at: ScriptError.Position) =>
  ScriptError.fail(
    at,
    "limit",
    `the words of a command become longer than ${textLimit} characters`,
    "use fewer of them"
  )

/**
 * The words of one command, or of a loop. What an unquoted variable holds is split at blanks and lines, and vanishes when it is
 * empty.
 *
 * @category operations
 * @since 0.1.0
 */
export const expand = (scope: Scope, words: ReadonlyArray<Tokens.Word>): Expanded<ReadonlyArray<string>> =>
  Result.gen(function*() {
    const out: Array<string> = []
    let length = 0
    for (const word of words) {
      let field: string | undefined
      for (const piece of word.pieces) {
        const text = yield* pieceText(scope, piece)
        length += text.length + 1
        if (length > textLimit) return yield* tooLong(word.at)
        if (piece._tag === "Text" || piece.quoted) {
          field = (field ?? "") + text
          continue
        }
        if (isPattern(text)) {
          return yield* ScriptError.notModelled(
            word.at,
            `the file name pattern '${text.slice(0, 60)}'`,
            "name the files one by one, or quote the variable"
          )
        }
        const [first = "", ...rest] = text.split(/[ \t\n]+/)
        if (first !== "") field = (field ?? "") + first
        for (const next of rest) {
          if (field !== undefined) out.push(field)
          field = next === "" ? undefined : next
        }
      }
      if (field !== undefined) out.push(field)
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
