/**
 * The words and operators of a script: quoting, comments, continued lines, and where `$` stands for something.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as ScriptError from "./ScriptError.ts"

/**
 * Text as it is, once quotes and backslashes are off.
 *
 * @category models
 * @since 0.1.0
 */
export interface Text {
  readonly _tag: "Text"
  readonly text: string
  readonly quoted: boolean
}

/**
 * `$name`, `${name}` or `$?`, whose name is `?`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Variable {
  readonly _tag: "Variable"
  readonly name: string
  readonly quoted: boolean
  readonly at: ScriptError.Position
}

/**
 * `$((…))`: the text between, with its variables.
 *
 * @category models
 * @since 0.1.0
 */
export interface Arithmetic {
  readonly _tag: "Arithmetic"
  readonly parts: ReadonlyArray<Text | Variable>
  readonly quoted: boolean
  readonly at: ScriptError.Position
}

/**
 * One word as typed; its pieces follow one another without a gap.
 *
 * @category models
 * @since 0.1.0
 */
export interface Word {
  readonly _tag: "Word"
  readonly pieces: ReadonlyArray<Text | Variable | Arithmetic>
  readonly at: ScriptError.Position
}

/**
 * What ends or joins commands.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operator {
  readonly _tag: "Operator"
  readonly text: ";" | "&&" | "||" | "|" | "\n"
  readonly at: ScriptError.Position
}

/**
 * `<`, `>`, `>>` and `>&`, with the number in front or the default one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Redirect {
  readonly _tag: "Redirect"
  readonly fd: 0 | 1 | 2
  readonly text: "<" | ">" | ">>" | ">&"
  readonly at: ScriptError.Position
}

/**
 * Whatever a script is cut into.
 *
 * @category models
 * @since 0.1.0
 */
export type Token = Word | Operator | Redirect

/**
 * Longest script read, in characters.
 *
 * @category constants
 * @since 0.1.0
 */
export const sizeLimit = 262_144

/**
 * Most lines of a script.
 *
 * @category constants
 * @since 0.1.0
 */
export const lineLimit = 10_000

interface Cursor {
  readonly text: string
  readonly lines: ReadonlyArray<number>
  index: number
}

const position = ({ lines }: Cursor, index: number): ScriptError.Position => ScriptError.positionOf(lines, index)

const unclosed = (cursor: Cursor, start: number, what: string, closing: string) =>
  ScriptError.fail(position(cursor, start), "syntax", `${what} is not closed`, `close it with ${closing}`)

const foreign = (cursor: Cursor, start: number, what: string, remedy?: string) =>
  ScriptError.notModelled(position(cursor, start), what, remedy)

const nameAt = /[A-Za-z_][A-Za-z0-9_]*/y

const readName = ({ text }: Cursor, from: number): string => {
  nameAt.lastIndex = from
  return nameAt.exec(text)?.[0] ?? ""
}

/** The inside of `$((…))`, up to the parentheses that close it. */
const readArithmetic = (cursor: Cursor, quoted: boolean): Result.Result<Arithmetic, ScriptError.ScriptError> =>
  Result.gen(function*() {
    const { text } = cursor
    const start = cursor.index
    cursor.index += 3
    const parts: Array<Text | Variable> = []
    let from = cursor.index
    let open = 0
    const flush = () => {
      if (cursor.index > from) parts.push({ _tag: "Text", text: text.slice(from, cursor.index), quoted })
    }
    for (;;) {
      const char = text[cursor.index]
      if (char === undefined) return yield* unclosed(cursor, start, "the arithmetic", "))")
      if (char === "`" || text.startsWith("$(", cursor.index)) {
        return yield* foreign(
          cursor,
          cursor.index,
          text.startsWith("$((", cursor.index) ? "arithmetic inside arithmetic" : "command substitution"
        )
      }
      if (char === "\"" || char === "'" || char === "\\") {
        return yield* foreign(cursor, cursor.index, "quoting inside arithmetic")
      }
      if (char === "$") {
        flush()
        parts.push(yield* readDollar(cursor, quoted))
        from = cursor.index
        continue
      }
      if (char === ")" && open === 0) {
        if (text[cursor.index + 1] !== ")") return yield* unclosed(cursor, start, "the arithmetic", "))")
        flush()
        cursor.index += 2
        return { _tag: "Arithmetic", parts, quoted, at: position(cursor, start) } as const
      }
      if (char === "(") open++
      if (char === ")") open--
      cursor.index++
    }
  })

/** What `$` stands for; the dollar itself where nothing follows that it could name. */
const readDollar = (cursor: Cursor, quoted: boolean): Result.Result<Text | Variable, ScriptError.ScriptError> => {
  const { text } = cursor
  const start = cursor.index
  const next = text[start + 1] ?? ""
  if (next === "(") {
    return foreign(cursor, start, "command substitution $(…)", "type what the command would print, or use a variable")
  }
  if ((next === "'" || next === "\"") && !quoted) return foreign(cursor, start, `quoting with $${next}`)
  if (next === "{") {
    const end = text.indexOf("}", start)
    if (end < 0) return unclosed(cursor, start, "${", "}")
    const name = text.slice(start + 2, end)
    if (name !== "?" && (name === "" || readName(cursor, start + 2) !== name)) {
      return foreign(cursor, start, `the expansion \${${name.slice(0, 40)}}`)
    }
    cursor.index = end + 1
    return Result.succeed({ _tag: "Variable", name, quoted, at: position(cursor, start) })
  }
  if (/[0-9@*#!$-]/.test(next)) return foreign(cursor, start, `the parameter $${next}`)
  const name = next === "?" ? "?" : readName(cursor, start + 1)
  cursor.index = start + 1 + name.length
  return Result.succeed(
    name === "" ? { _tag: "Text", text: "$", quoted } : { _tag: "Variable", name, quoted, at: position(cursor, start) }
  )
}

const readExpansion = (cursor: Cursor, quoted: boolean) =>
  cursor.text.startsWith("$((", cursor.index) ? readArithmetic(cursor, quoted) : readDollar(cursor, quoted)

const escapable = new Set(["$", "`", "\"", "\\"])

/** Between double quotes: `$` still means something, a backslash only in front of what is special there. */
const readDouble = (cursor: Cursor): Result.Result<ReadonlyArray<Word["pieces"][number]>, ScriptError.ScriptError> =>
  Result.gen(function*() {
    const { text } = cursor
    const start = cursor.index++
    const pieces: Array<Word["pieces"][number]> = []
    let plain = ""
    for (;;) {
      const char = text[cursor.index]
      if (char === undefined) return yield* unclosed(cursor, start, "a double quote", "\"")
      if (char === "`") return yield* foreign(cursor, cursor.index, "command substitution `…`")
      if (char === "\"") break
      if (char === "$") {
        pieces.push({ _tag: "Text", text: plain, quoted: true }, yield* readExpansion(cursor, true))
        plain = ""
        continue
      }
      const next = text[cursor.index + 1] ?? ""
      if (char === "\\" && (next === "\n" || escapable.has(next))) {
        if (next !== "\n") plain += next
        cursor.index += 2
        continue
      }
      plain += char
      cursor.index++
    }
    cursor.index++
    pieces.push({ _tag: "Text", text: plain, quoted: true })
    return pieces
  })

const endsWord = /[ \t\n;&|<>()]/

const readWord = (cursor: Cursor): Result.Result<Word, ScriptError.ScriptError> =>
  Result.gen(function*() {
    const { text } = cursor
    const at = position(cursor, cursor.index)
    const pieces: Array<Word["pieces"][number]> = []
    if (text[cursor.index] === "~") return yield* foreign(cursor, cursor.index, "~ for a home directory")
    let plain = ""
    const flush = () => {
      if (plain !== "") pieces.push({ _tag: "Text", text: plain, quoted: false })
      plain = ""
    }
    for (;;) {
      const char = text[cursor.index]
      if (char === undefined || endsWord.test(char)) break
      if (char === "`") return yield* foreign(cursor, cursor.index, "command substitution `…`")
      if (char === "'") {
        const end = text.indexOf("'", cursor.index + 1)
        if (end < 0) return yield* unclosed(cursor, cursor.index, "a single quote", "'")
        flush()
        pieces.push({ _tag: "Text", text: text.slice(cursor.index + 1, end), quoted: true })
        cursor.index = end + 1
      } else if (char === "\"") {
        flush()
        for (const piece of yield* readDouble(cursor)) pieces.push(piece)
      } else if (char === "$") {
        flush()
        pieces.push(yield* readExpansion(cursor, false))
      } else if (char === "\\") {
        const next = text[cursor.index + 1] ?? ""
        if (next !== "\n") {
          flush()
          pieces.push({ _tag: "Text", text: next === "" ? "\\" : next, quoted: true })
        }
        cursor.index += 2
      } else {
        plain += char
        cursor.index++
      }
    }
    flush()
    return { _tag: "Word", pieces, at } as const
  })

/** Operators of a shell that are outside the language, longest first. */
const foreignOperators: ReadonlyArray<readonly [operator: string, what: string]> = [
  ["<<<", "a here string (<<<)"],
  ["<<", "a here document (<<)"],
  ["<>", "opening for reading and writing (<>)"],
  ["<&", "duplicating input (<&)"],
  ["<(", "process substitution (<(…))"],
  [">(", "process substitution (>(…))"],
  [">|", "overriding noclobber (>|)"],
  ["&>", "redirecting both outputs at once (&>)"],
  ["|&", "piping both outputs (|&)"],
  [";;", "the end of a case (;;)"],
  [";&", "falling through a case (;&)"],
  ["((", "a command of arithmetic ((…))"],
  ["()", "defining a function"],
  ["(", "a subshell (…)"],
  [")", "a subshell or function )"]
]

const ownOperators = ["&&", "||", ";", "|", "\n"] as const

const redirects = [">>", ">&", ">", "<"] as const

const isDescriptor = (fd: number): fd is 0 | 1 | 2 => fd === 0 || fd === 1 || fd === 2

const descriptorAt = /[0-9]*(?=[<>])/y

/** The number in front of a redirection, empty without one; `undefined` when there is no redirection. */
const readDescriptor = ({ index, text }: Cursor): string | undefined => {
  descriptorAt.lastIndex = index
  return descriptorAt.exec(text)?.[0]
}

const readRedirect = (cursor: Cursor, digits: string): Result.Result<Redirect, ScriptError.ScriptError> => {
  const start = cursor.index
  const text = redirects.find((operator) => cursor.text.startsWith(operator, start + digits.length)) ?? "<"
  const fd = digits === "" ? (text === "<" ? 0 : 1) : Number(digits)
  if (!isDescriptor(fd) || (fd === 0) !== (text === "<")) {
    return foreign(cursor, start, `redirecting descriptor ${digits.slice(0, 20)} with ${text}`)
  }
  cursor.index += digits.length + text.length
  return Result.succeed({ _tag: "Redirect", fd, text, at: position(cursor, start) })
}

const readToken = (cursor: Cursor): Result.Result<Token, ScriptError.ScriptError> =>
  Result.gen(function*() {
    const { index, text } = cursor
    const descriptor = readDescriptor(cursor)
    const operatorAt = index + (descriptor ?? "").length
    const strange = foreignOperators.find(([operator]) => text.startsWith(operator, operatorAt))
    if (strange !== undefined) return yield* foreign(cursor, index, strange[1])
    const own = ownOperators.find((operator) => text.startsWith(operator, index))
    if (own !== undefined) {
      cursor.index += own.length
      return { _tag: "Operator", text: own, at: position(cursor, index) } as const
    }
    if (text[index] === "&") return yield* foreign(cursor, index, "running in the background (&)")
    return yield* descriptor === undefined ? readWord(cursor) : readRedirect(cursor, descriptor)
  })

/** Blanks, comments and line ends behind a backslash. */
const skip = (cursor: Cursor): void => {
  const { text } = cursor
  for (;;) {
    const char = text[cursor.index]
    if (char === " " || char === "\t") cursor.index++
    else if (char === "\\" && text[cursor.index + 1] === "\n") cursor.index += 2
    else if (char === "#") {
      const end = text.indexOf("\n", cursor.index)
      cursor.index = end < 0 ? text.length : end
    } else return
  }
}

/**
 * The tokens of a script, up to what is none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tokens {
  readonly tokens: ReadonlyArray<Token>
  /** What ended them early. */
  readonly stopped: ScriptError.ScriptError | undefined
}

const open = (script: string): Result.Result<Cursor, ScriptError.ScriptError> => {
  const tooLong = (what: string) =>
    ScriptError.fail({ line: 1, column: 1 }, "limit", `the script has more than ${what}`, "run it in parts")
  if (script.length > sizeLimit) return tooLong(`${sizeLimit} characters`)
  const text = script.replaceAll("\r\n", "\n")
  const cursor: Cursor = { text, lines: ScriptError.lineStarts(text), index: 0 }
  if (cursor.lines.length > lineLimit) return tooLong(`${lineLimit} lines`)
  const zero = text.indexOf("\0")
  return zero < 0
    ? Result.succeed(cursor)
    : ScriptError.fail(position(cursor, zero), "syntax", "there is a NUL character", "give plain text")
}

/**
 * Cuts a script into tokens. Lines may end in CR LF.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (script: string): Tokens => {
  const tokens: Array<Token> = []
  const opened = open(script)
  if (Result.isFailure(opened)) return { tokens, stopped: opened.failure }
  const cursor = opened.success
  for (skip(cursor); cursor.index < cursor.text.length; skip(cursor)) {
    const token = readToken(cursor)
    if (Result.isFailure(token)) return { tokens, stopped: token.failure }
    tokens.push(token.success)
  }
  return { tokens, stopped: undefined }
}
