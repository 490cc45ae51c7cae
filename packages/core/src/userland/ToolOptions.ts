/**
 * Options as ndctl and daxctl take them, which is how git does: short ones in a bundle, `-s1G`, `-s 1G`, `--size=1G`,
 * `--size 1G`, `--no-force`, any unambiguous beginning of a long name, `--`, and arguments in between (27.1, OBS-24).
 *
 * Bad options end a command with status 129 and its option list on standard error.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { Outcome } from "./Tool.ts"
import { outcome } from "./Tool.ts"

/**
 * One option. `flag`: given or not; `count`: how often; `text` and `number` take a value, called `placeholder` in the option
 * list. A `hidden` one is understood but not listed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Option {
  readonly long: string
  readonly short?: string | undefined
  readonly kind: "flag" | "count" | "text" | "number"
  readonly placeholder?: string | undefined
  readonly hidden?: boolean | undefined
}

/**
 * A subcommand: its lines of usage, such as `ndctl list [<options>]`, and its options in the order listed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command {
  readonly usage: ReadonlyArray<string>
  readonly options: ReadonlyArray<Option>
}

/**
 * What was given: values of `text` and `number` options by long name, how often each `flag` and `count` was, and the arguments
 * that are no options. `--no-x` takes `x` back.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parsed {
  readonly texts: ReadonlyMap<string, string>
  readonly counts: ReadonlyMap<string, number>
  readonly rest: ReadonlyArray<string>
}

/**
 * An option without a value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const flag = (long: string, short?: string): Option => ({ long, short, kind: "flag" })

/**
 * An option with a value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const text = (long: string, short: string | undefined, placeholder: string): Option => ({
  long,
  short,
  kind: "text",
  placeholder
})

/**
 * Whether a flag was given.
 *
 * @category queries
 * @since 0.1.0
 */
export const has = ({ counts }: Parsed, long: string): boolean => (counts.get(long) ?? 0) > 0

const listed = ({ long, placeholder, short }: Option): string =>
  `    ${short === undefined ? "" : `-${short}, `}--${long}${placeholder === undefined ? "" : ` <${placeholder}>`}`

/**
 * The usage lines and the option list, as they follow a complaint. Ends with a newline.
 *
 * @category printing
 * @since 0.1.0
 */
export const usage = ({ options, usage }: Command): string => {
  const shown = options.filter(({ hidden }) => hidden !== true).map((option) => `${listed(option)}\n`)
  return `\n usage: ${usage.join("\n    or: ")}\n\n${shown.join("")}\n`
}

/**
 * The end of a command whose options are wrong: complaints, each a line of its own followed by an empty one, then the usage.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wrong = (command: Command, complaints: ReadonlyArray<string>): Outcome =>
  outcome(129, "", `${complaints.map((complaint) => `  Error: ${complaint}\n\n`).join("")}${usage(command)}`)

/** What the parser itself complains of, and the options listed below it: all of them unless one was known and misused. */
interface Complaint {
  readonly text: string
  readonly listed?: ReadonlyArray<Option> | null | undefined
}

/** The parser's own complaints have no empty line. */
const refuse = (command: Command, { listed = command.options, text }: Complaint): Outcome =>
  outcome(129, "", `  Error: ${text}\n${listed === null ? "" : usage({ ...command, options: listed })}`)

interface Match {
  readonly option: Option
  readonly negated: boolean
}

/** A long name: as written, or the only one it begins; `undefined` for none, a text for an ambiguous one. */
const find = (options: ReadonlyArray<Option>, name: string): Match | string | undefined => {
  const candidates = options.flatMap((option) => [
    { option, negated: false, name: option.long },
    ...(option.long.startsWith("no-")
      ? [{ option, negated: true, name: option.long.slice(3) }]
      : [{ option, negated: true, name: `no-${option.long}` }])
  ])
  const exact = candidates.find((candidate) => candidate.name === name)
  if (exact !== undefined) return exact
  const [last, before] = name === ""
    ? []
    : candidates.filter((candidate) => candidate.name.startsWith(name)).toReversed()
  if (last === undefined || before === undefined) return last
  return `Ambiguous option: ${name} (could be --${before.name} or --${last.name})`
}

/**
 * Reads the words after the name of a subcommand. A failure is how the command ends: status 129, with `-h` and `--help` the
 * option list alone.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (command: Command, words: ReadonlyArray<string>): Result.Result<Parsed, Outcome> => {
  const texts = new Map<string, string>()
  const counts = new Map<string, number>()
  const rest: Array<string> = []
  let at = 0

  /** Takes an option with the value it came with; an answer is a complaint. */
  const take = ({ negated, option }: Match, given: string | undefined, called: string): string | undefined => {
    const { kind, long } = option
    if (negated || kind === "flag" || kind === "count") {
      if (given !== undefined) return `${called} takes no value`
      texts.delete(long)
      counts.set(long, negated ? 0 : (counts.get(long) ?? 0) + 1)
      return undefined
    }
    const value = given ?? words[++at]
    if (value === undefined) return `${called} requires a value`
    if (kind === "number" && !/^[ \t]*[+-]?[0-9]+$/.test(value)) return `${called} expects a numerical value`
    texts.set(long, value)
    return undefined
  }

  const bundle = (letters: string): Complaint | undefined => {
    for (let i = 0; i < letters.length; i++) {
      const short = letters[i] ?? ""
      const option = command.options.find((candidate) => candidate.short === short)
      if (option === undefined) return { text: `unknown switch \`${short}'` }
      const takesValue = option.kind === "text" || option.kind === "number"
      const inside = takesValue && i + 1 < letters.length ? letters.slice(i + 1) : undefined
      const complaint = take({ option, negated: false }, inside, `switch \`${short}'`)
      if (complaint !== undefined) return { text: complaint, listed: [option] }
      if (takesValue) return undefined
      if (i === 0 && letters.length > 2 && command.options.some(({ long }) => long.startsWith(letters))) {
        return { text: `did you mean \`--${letters}\` (with two dashes ?)`, listed: null }
      }
    }
    return undefined
  }

  const long = (word: string): Complaint | undefined => {
    const equals = word.indexOf("=")
    const name = equals < 0 ? word : word.slice(0, equals)
    const match = find(command.options, name)
    if (match === undefined) return { text: `unknown option \`${word}'` }
    if (typeof match === "string") return { text: match }
    const called = `option \`${match.negated ? "no-" : ""}${match.option.long}'`
    const complaint = take(match, equals < 0 ? undefined : word.slice(equals + 1), called)
    // those whose name the word begins with
    const listed = command.options.filter(({ long }) => word.startsWith(long) || word.startsWith(`no-${long}`))
    return complaint === undefined ? undefined : { text: complaint, listed }
  }

  for (; at < words.length; at++) {
    const word = words[at] ?? ""
    if (word === "--") {
      rest.push(...words.slice(at + 1))
      break
    }
    if (!word.startsWith("-") || word === "-") {
      rest.push(word)
      continue
    }
    if (word === "--help" || (word.startsWith("-h") && !command.options.some(({ short }) => short === "h"))) {
      return Result.fail(outcome(129, "", usage(command)))
    }
    const complaint = word.startsWith("--") ? long(word.slice(2)) : bundle(word.slice(1))
    if (complaint !== undefined) return Result.fail(refuse(command, complaint))
  }
  return Result.succeed({ texts, counts, rest })
}
