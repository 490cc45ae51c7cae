/**
 * Who ran when, as a short text from which a run is made again: `2A 3B A ~1`.
 *
 * A context that goes on is its letter, with how often in a row before it; where several fibers of one context have stopped, `A.1` is the
 * second of them. What else was ready, such as a fiber that was woken, is `~` and its number among those.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * Who went on: a context by its number, of whose fibers that have stopped it was which, or one of the other things that were ready.
 *
 * @category models
 * @since 0.1.0
 */
export type Choice =
  | { readonly _tag: "Context"; readonly context: number; readonly fiber: number }
  | { readonly _tag: "Task"; readonly task: number }

/**
 * A text that is no schedule.
 *
 * @category errors
 * @since 0.1.0
 */
export class ScheduleError
  extends Schema.TaggedError<ScheduleError>("@vmemmap/test-utils/ScheduleError")("ScheduleError", {
    text: Schema.String,
    problem: Schema.String
  })
{
  override get message() {
    return `'${this.text.slice(0, 80)}' is no schedule: ${this.problem}`
  }
}

const first = "A".charCodeAt(0)

/** Programs of more contexts have no letters. */
const most = 26

/**
 * The letter of a context.
 *
 * @category conversions
 * @since 0.1.0
 */
export const letter = (context: number): string => String.fromCharCode(first + context)

const word = (choice: Choice): string =>
  choice._tag === "Task" ? `~${choice.task}` : letter(choice.context) + (choice.fiber === 0 ? "" : `.${choice.fiber}`)

/**
 * @category conversions
 * @since 0.1.0
 */
export const format = (choices: ReadonlyArray<Choice>): string => {
  const words: Array<string> = []
  for (let i = 0; i < choices.length;) {
    const text = word(choices[i] as Choice)
    let end = i + 1
    while (end < choices.length && word(choices[end] as Choice) === text) end++
    words.push(end - i === 1 ? text : `${end - i}${text}`)
    i = end
  }
  return words.join(" ")
}

/** A longer one is nobody's. */
const longest = 1_000_000

/**
 * Refuses what is no schedule, and says where.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<ReadonlyArray<Choice>, ScheduleError> => {
  const choices: Array<Choice> = []
  const refuse = (problem: string) => Result.fail(new ScheduleError({ text, problem }))
  for (const part of text.split(/\s+/).filter((part) => part !== "")) {
    const match = /^([0-9]{0,7})(?:([A-Z])(?:\.([0-9]{1,4}))?|~([0-9]{1,4}))$/.exec(part)
    if (match === null) return refuse(`'${part.slice(0, 20)}' is no context such as 2A, and no ~1`)
    const times = match[1] === "" ? 1 : Number(match[1])
    if (times === 0) return refuse(`'${part}' is no times`)
    if (choices.length + times > longest) return refuse(`it is longer than ${longest}`)
    const choice: Choice = match[2] === undefined
      ? { _tag: "Task", task: Number(match[4]) }
      : { _tag: "Context", context: match[2].charCodeAt(0) - first, fiber: Number(match[3] ?? 0) }
    for (let i = 0; i < times; i++) choices.push(choice)
  }
  return Result.succeed(choices)
}

/**
 * How many contexts have letters.
 *
 * @category constants
 * @since 0.1.0
 */
export const contexts = most
