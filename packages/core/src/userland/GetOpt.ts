/**
 * Options as `getopt_long()` reads them: bundled letters, `--name=value`, unambiguous abbreviations, operands anywhere, `--`
 * ends options. The messages are those of the C library, the hint that follows is util-linux's.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Tool from "./Tool.ts"

/**
 * An option: its letter (a name that is no letter for one that has none), its long name, and whether a value follows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Option {
  readonly key: string
  readonly long: string
  readonly value: "none" | "required" | "optional"
}

/**
 * An option as met; `value` is `undefined` where none was given.
 *
 * @category models
 * @since 0.1.0
 */
export interface Met {
  readonly key: string
  readonly value: string | undefined
}

/**
 * `met` in the order typed. `refused` is what ends the program at the first word it cannot use: options before it have been met.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parsed {
  readonly met: ReadonlyArray<Met>
  readonly operands: ReadonlyArray<string>
  readonly refused: Tool.Outcome | undefined
}

/**
 * The message and the hint to look at the help, exit status 1.
 *
 * @category constructors
 * @since 0.1.0
 */
export const badUse = (program: string, problem: string): Tool.Outcome =>
  Tool.outcome(1, "", `${program}: ${problem}\nTry '${program} --help' for more information.\n`)

type Found = Result.Result<Option, string>

const longOf = (options: ReadonlyArray<Option>, name: string, word: string): Found => {
  const exact = options.find(({ long }) => long === name)
  if (exact !== undefined) return Result.succeed(exact)
  const [first, ...others] = options.filter(({ long }) => long.startsWith(name))
  if (first === undefined) return Result.fail(`unrecognized option '${word}'`)
  return others.length === 0
    ? Result.succeed(first)
    : Result.fail(
      `option '${word}' is ambiguous; possibilities: ${[first, ...others].map(({ long }) => `'--${long}'`).join(" ")}`
    )
}

const letterOf = (options: ReadonlyArray<Option>, letter: string): Found => {
  const option = options.find(({ key }) => key === letter && key.length === 1)
  return option === undefined ? Result.fail(`invalid option -- '${letter}'`) : Result.succeed(option)
}

/**
 * Reads the words after a program's name.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (
  program: string,
  options: ReadonlyArray<Option>,
  words: ReadonlyArray<string>
): Parsed => {
  const met: Array<Met> = []
  const operands: Array<string> = []
  const refuse = (problem: string): Parsed => ({ met, operands, refused: badUse(program, problem) })
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ""
    if (word === "--") {
      operands.push(...words.slice(at + 1))
      break
    }
    if (word.startsWith("--")) {
      const equals = word.indexOf("=")
      const found = longOf(options, equals < 0 ? word.slice(2) : word.slice(2, equals), word)
      if (Result.isFailure(found)) return refuse(found.failure)
      const { key, long, value } = found.success
      if (equals >= 0 && value === "none") return refuse(`option '--${long}' doesn't allow an argument`)
      const following = equals >= 0 ? word.slice(equals + 1) : value === "required" ? words[++at] : undefined
      if (following === undefined && value === "required") return refuse(`option '--${long}' requires an argument`)
      met.push({ key, value: following })
    } else if (word.startsWith("-") && word !== "-") {
      for (let letter = 1; letter < word.length; letter++) {
        const found = letterOf(options, word.charAt(letter))
        if (Result.isFailure(found)) return refuse(found.failure)
        const { key, value } = found.success
        if (value === "none") {
          met.push({ key, value: undefined })
          continue
        }
        const rest = word.slice(letter + 1)
        const following = rest !== "" ? rest : value === "required" ? words[++at] : undefined
        if (following === undefined && value === "required") {
          return refuse(`option requires an argument -- '${word.charAt(letter)}'`)
        }
        met.push({ key, value: following })
        break
      }
    } else operands.push(word)
  }
  return { met, operands, refused: undefined }
}

/**
 * Watches for options that exclude one another: given each one met in turn, the message once two of a group have been, naming
 * the whole group as util-linux does.
 *
 * @category queries
 * @since 0.1.0
 */
export const exclusive = (
  program: string,
  options: ReadonlyArray<Option>,
  groups: ReadonlyArray<ReadonlyArray<string>>
): (met: Met) => Tool.Outcome | undefined => {
  const seen = new Map<number, string>()
  return ({ key }) => {
    const group = groups.findIndex((keys) => keys.includes(key))
    if (group < 0) return undefined
    const before = seen.get(group)
    seen.set(group, before ?? key)
    if (before === undefined || before === key) return undefined
    const names = groups[group]?.map((each) => `--${options.find((option) => option.key === each)?.long ?? each}`)
    return Tool.outcome(1, "", `${program}: mutually exclusive arguments: ${names?.join(" ")}\n`)
  }
}
