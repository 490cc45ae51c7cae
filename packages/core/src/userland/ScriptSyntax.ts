/**
 * The shell language an administrator types in: commands, pipes, `&&` and `||`, redirections, assignments and `for` loops.
 *
 * Everything else of a shell is refused by name, with its place, before anything is run.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as ScriptError from "./ScriptError.ts"
import * as Tokens from "./ScriptTokens.ts"

/**
 * `NAME=value`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Assignment {
  readonly name: string
  readonly value: Tokens.Word
}

/**
 * `< F`, `> F`, `>> F` and the same with a descriptor in front. The kernel's files have no end to append to, so `>` and `>>`
 * differ only in how they are shown.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileRedirect {
  readonly _tag: "FileRedirect"
  readonly fd: 0 | 1 | 2
  readonly operator: "<" | ">" | ">>"
  readonly target: Tokens.Word
}

/**
 * `2>&1` and `1>&2`: descriptor `fd` goes where `target` goes now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Duplicate {
  readonly _tag: "Duplicate"
  readonly fd: 1 | 2
  readonly target: 1 | 2
}

/**
 * One program with its arguments; without words only assignments or redirections. Redirections are in the order typed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Simple {
  readonly assignments: ReadonlyArray<Assignment>
  readonly words: ReadonlyArray<Tokens.Word>
  readonly redirects: ReadonlyArray<FileRedirect | Duplicate>
  readonly at: ScriptError.Position
}

/**
 * Commands joined by `|`; most often a single one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pipeline {
  readonly _tag: "Pipeline"
  readonly commands: ReadonlyArray<Simple>
  readonly at: ScriptError.Position
}

/**
 * `for name in words; do body; done`.
 *
 * @category models
 * @since 0.1.0
 */
export interface For {
  readonly _tag: "For"
  readonly name: string
  readonly words: ReadonlyArray<Tokens.Word>
  readonly body: Script
  readonly at: ScriptError.Position
}

/**
 * Pipelines and loops joined by `&&` and `||`; `condition` is what stands in front, `null` for the first.
 *
 * @category models
 * @since 0.1.0
 */
export type Chain = ReadonlyArray<{
  readonly condition: "&&" | "||" | null
  readonly command: Pipeline | For
}>

/**
 * What is run one after another.
 *
 * @category models
 * @since 0.1.0
 */
export type Script = ReadonlyArray<Chain>

/**
 * Deepest nesting of loops.
 *
 * @category constants
 * @since 0.1.0
 */
export const depthLimit = 16

interface Cursor {
  readonly tokens: ReadonlyArray<Tokens.Token>
  index: number
}

type Parsed<A> = Result.Result<A, ScriptError.ScriptError>

const peek = ({ index, tokens }: Cursor): Tokens.Token | undefined => tokens[index]

const start = { line: 1, column: 1 }

/** Where the next token is, or the last one at the end. */
const here = (cursor: Cursor): ScriptError.Position => (peek(cursor) ?? cursor.tokens.at(-1))?.at ?? start

const shown = (token: Tokens.Token | undefined): string => {
  if (token === undefined) return "the end of the script"
  if (token._tag === "Word") return `'${bareText(token) ?? "a word"}'`
  return token.text === "\n" ? "the end of the line" : `'${token.text}'`
}

const unexpected = (cursor: Cursor, wanted: string): Parsed<never> =>
  ScriptError.fail(here(cursor), "syntax", `${shown(peek(cursor)).slice(0, 80)} cannot stand here`, wanted)

/** The text of a word in which nothing is quoted or expanded. */
const bareText = ({ pieces: [piece, ...rest] }: Tokens.Word): string | undefined =>
  piece?._tag === "Text" && !piece.quoted && rest.length === 0 ? piece.text : undefined

const isOperator = (token: Tokens.Token | undefined, ...texts: ReadonlyArray<string>): boolean =>
  token?._tag === "Operator" && texts.includes(token.text)

const isReserved = (token: Tokens.Token | undefined, word: string): boolean =>
  token?._tag === "Word" && bareText(token) === word

const foreignWords: ReadonlyMap<string, string> = new Map([
  ["if", "if"],
  ["then", "if"],
  ["else", "if"],
  ["elif", "if"],
  ["fi", "if"],
  ["while", "while"],
  ["until", "until"],
  ["case", "case"],
  ["esac", "case"],
  ["select", "select"],
  ["function", "defining a function"],
  ["time", "time"],
  ["coproc", "coproc"],
  ["{", "grouping with { }"],
  ["}", "grouping with { }"],
  ["[[", "[[ ]]"],
  ["!", "negating with !"]
])

const loopForm = "a loop is 'for NAME in … ; do … ; done'"

/** `{a,b}` or `{1..3}`, which some shells write out. */
const hasBraces = (text: string): boolean =>
  text.split("{").slice(1).some((part) => /,|\.\./.test(part.slice(0, Math.max(part.indexOf("}"), 0))))

const checkWord = (word: Tokens.Word): Parsed<Tokens.Word> => {
  const bare = word.pieces.map((piece) => piece._tag === "Text" && !piece.quoted ? piece.text : "_").join("")
  return hasBraces(bare)
    ? ScriptError.notModelled(word.at, `the brace expansion '${bare.slice(0, 60)}'`, "write the words out")
    : Result.succeed(word)
}

const skipNewlines = (cursor: Cursor): void => {
  while (isOperator(peek(cursor), "\n")) cursor.index++
}

const assignmentForm = /^([A-Za-z_][A-Za-z0-9_]*)=/

const assignmentOf = ({ at, pieces: [first, ...rest] }: Tokens.Word): Assignment | undefined => {
  if (first?._tag !== "Text" || first.quoted) return undefined
  const [whole, name] = assignmentForm.exec(first.text) ?? []
  if (whole === undefined || name === undefined) return undefined
  const value: Tokens.Text = { ...first, text: first.text.slice(whole.length) }
  return { name, value: { _tag: "Word", pieces: [value, ...rest], at } }
}

const parseRedirect = (cursor: Cursor, token: Tokens.Redirect): Parsed<FileRedirect | Duplicate> => {
  const target = cursor.tokens[++cursor.index]
  if (target?._tag !== "Word") return unexpected(cursor, `write the file after ${token.text}`)
  cursor.index++
  const { fd, text } = token
  if (text !== ">&") return Result.succeed({ _tag: "FileRedirect", fd, operator: text, target })
  const to = bareText(target)
  if (fd === 0 || (to !== "1" && to !== "2")) {
    return ScriptError.notModelled(token.at, `>&${to ?? "…"}`, "modelled are 2>&1 and 1>&2")
  }
  return Result.succeed({ _tag: "Duplicate", fd, target: to === "1" ? 1 : 2 })
}

const parseSimple = (cursor: Cursor): Parsed<Simple> =>
  Result.gen(function*() {
    const at = here(cursor)
    const assignments: Array<Assignment> = []
    const words: Array<Tokens.Word> = []
    const redirects: Array<FileRedirect | Duplicate> = []
    for (let token = peek(cursor); token !== undefined && token._tag !== "Operator"; token = peek(cursor)) {
      if (token._tag === "Redirect") {
        redirects.push(yield* parseRedirect(cursor, token))
        continue
      }
      const assignment = words.length === 0 ? assignmentOf(token) : undefined
      if (assignment === undefined) words.push(yield* checkWord(token))
      else assignments.push(assignment)
      cursor.index++
    }
    if (assignments.length > 0 && words.length > 0) {
      return yield* ScriptError.notModelled(at, "a variable for one command", "set it on a line of its own")
    }
    return assignments.length + words.length + redirects.length === 0
      ? yield* unexpected(cursor, "write a command")
      : { assignments, words, redirects, at }
  })

const parsePipeline = (cursor: Cursor): Parsed<Pipeline> =>
  Result.gen(function*() {
    const at = here(cursor)
    const commands: Array<Simple> = []
    for (;;) {
      const first = peek(cursor)
      const word = first?._tag === "Word" ? bareText(first) : undefined
      const strange = foreignWords.get(word ?? "")
      if (strange !== undefined) return yield* ScriptError.notModelled(here(cursor), strange)
      if (word === "for") return yield* ScriptError.notModelled(here(cursor), "a loop in a pipe")
      if (word === "do" || word === "done") return yield* unexpected(cursor, loopForm)
      commands.push(yield* parseSimple(cursor))
      if (!isOperator(peek(cursor), "|")) return { _tag: "Pipeline", commands, at } as const
      cursor.index++
      skipNewlines(cursor)
    }
  })

const parseFor = (cursor: Cursor, depth: number): Parsed<For> =>
  Result.gen(function*() {
    const at = here(cursor)
    if (depth >= depthLimit) {
      return yield* ScriptError.fail(at, "limit", `loops nest deeper than ${depthLimit}`, "write the commands out")
    }
    const named = cursor.tokens[++cursor.index]
    const name = named?._tag === "Word" ? bareText(named) : undefined
    if (name === undefined || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return yield* unexpected(cursor, loopForm)
    cursor.index++
    skipNewlines(cursor)
    if (!isReserved(peek(cursor), "in")) {
      return isReserved(peek(cursor), "do") || isOperator(peek(cursor), ";")
        ? yield* ScriptError.notModelled(at, "a loop over the script's arguments", loopForm)
        : yield* unexpected(cursor, loopForm)
    }
    const words: Array<Tokens.Word> = []
    cursor.index++
    for (let token = peek(cursor); token?._tag === "Word"; token = peek(cursor)) {
      words.push(yield* checkWord(token))
      cursor.index++
    }
    if (!isOperator(peek(cursor), ";", "\n")) return yield* unexpected(cursor, loopForm)
    cursor.index++
    skipNewlines(cursor)
    if (!isReserved(peek(cursor), "do")) return yield* unexpected(cursor, loopForm)
    cursor.index++
    const body = yield* parseList(cursor, depth + 1)
    if (body.length === 0 || !isReserved(peek(cursor), "done")) return yield* unexpected(cursor, loopForm)
    cursor.index++
    const next = peek(cursor)
    if (next?._tag === "Redirect") return yield* ScriptError.notModelled(next.at, "redirecting a loop")
    if (isOperator(next, "|")) return yield* ScriptError.notModelled(here(cursor), "a loop in a pipe")
    return next?._tag === "Word" && !isReserved(next, "done")
      ? yield* unexpected(cursor, "put ; or a new line after done")
      : { _tag: "For", name, words, body, at } as const
  })

const parseChain = (cursor: Cursor, depth: number): Parsed<Chain> =>
  Result.gen(function*() {
    const out: Array<Chain[number]> = []
    let condition: Chain[number]["condition"] = null
    for (;;) {
      const command = yield* isReserved(peek(cursor), "for") ? parseFor(cursor, depth) : parsePipeline(cursor)
      out.push({ condition, command })
      const next = peek(cursor)
      if (next?._tag !== "Operator" || (next.text !== "&&" && next.text !== "||")) return out
      condition = next.text
      cursor.index++
      skipNewlines(cursor)
    }
  })

/** Up to the end, or to `done` inside a loop. */
const parseList = (cursor: Cursor, depth: number): Parsed<Script> =>
  Result.gen(function*() {
    const out: Array<Chain> = []
    for (skipNewlines(cursor); peek(cursor) !== undefined; skipNewlines(cursor)) {
      if (depth > 0 && isReserved(peek(cursor), "done")) return out
      out.push(yield* parseChain(cursor, depth))
      if (peek(cursor) === undefined) break
      if (!isOperator(peek(cursor), ";", "\n")) return yield* unexpected(cursor, "put ; or a new line in between")
      cursor.index++
    }
    return out
  })

/**
 * Reads a whole script. Of several errors the first is told.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Script, ScriptError.ScriptError> => {
  const { stopped, tokens } = Tokens.read(text)
  const cursor: Cursor = { tokens, index: 0 }
  const script = parseList(cursor, 0)
  return stopped !== undefined && cursor.index >= tokens.length ? Result.fail(stopped) : script
}
