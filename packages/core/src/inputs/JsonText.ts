/**
 * JSON of strangers: bounded in size and depth, without duplicate keys, with 64-bit integers kept exact, and with errors
 * that say the line and column.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { MiB } from "../geometry/Units.ts"
import { InputError } from "./InputError.ts"
import * as JsonFault from "./JsonFault.ts"
import * as JsonSurvey from "./JsonSurvey.ts"

/**
 * Longest text read, in UTF-16 units; what reads files stops after as many bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const sizeLimit = 64 * MiB

/**
 * Deepest nesting of objects and arrays; no tool comes near it.
 *
 * @category constants
 * @since 0.1.0
 */
export const depthLimit = 64

/**
 * Refuses text longer than {@link sizeLimit}.
 *
 * @category parsing
 * @since 0.1.0
 */
export const checkSize = (source: string, text: string): Result.Result<string, InputError> =>
  text.length <= sizeLimit ? Result.succeed(text) : Result.fail(
    new InputError({
      source,
      at: "",
      problem: `is larger than ${sizeLimit / MiB} MiB`,
      remedy: "give the output of one tool for one machine"
    })
  )

const parseJson = (text: string): Result.Result<unknown, unknown> => Result.try((): unknown => JSON.parse(text))

const faultOf = (source: string, text: string, several: boolean): InputError => {
  const fault = JsonFault.find(text, several) ?? { offset: 0, problem: "is not JSON", truncated: false }
  return new InputError({
    source,
    at: JsonFault.position(text, fault.offset),
    problem: fault.problem,
    remedy: fault.truncated
      ? "capture the whole output of the tool; the file or pipe was cut short"
      : "correct the JSON at that place, or capture the output of the tool again"
  })
}

/**
 * The text without its byte order mark.
 *
 * @category parsing
 * @since 0.1.0
 */
export const withoutMark = (text: string): string => text.startsWith("\uFEFF") ? text.slice(1) : text

const surveyed = (source: string, text: string): Result.Result<JsonSurvey.JsonSurvey, InputError> => {
  const survey = JsonSurvey.make(text, depthLimit)
  return survey.tooDeepAt === undefined ? Result.succeed(survey) : Result.fail(
    new InputError({
      source,
      at: JsonFault.position(text, survey.tooDeepAt),
      problem: `nests deeper than ${depthLimit} levels`,
      remedy: "no tool prints such JSON; give its unchanged output"
    })
  )
}

const parseSurveyed = (
  source: string,
  body: string,
  survey: JsonSurvey.JsonSurvey
): Result.Result<unknown, InputError> => {
  const parsed = parseJson(JsonSurvey.quoteLongIntegers(body, survey))
  return Result.isFailure(parsed) || JsonSurvey.countKeys(parsed.success) !== survey.keys
    ? Result.fail(faultOf(source, body, false))
    : Result.succeed(parsed.success)
}

/**
 * One JSON value. Integers beyond ±(2^53 − 1) become their decimal text, never a rounded number; a key written twice is
 * refused, where `JSON.parse` silently keeps the last.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string, text: string): Result.Result<unknown, InputError> =>
  Result.gen(function*() {
    const body = withoutMark(yield* checkSize(source, text))
    return yield* parseSurveyed(source, body, yield* surveyed(source, body))
  })

/**
 * One JSON value or several objects and arrays one after the other, as when the outputs of several calls of a tool went
 * into one file.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseDocuments = (source: string, text: string): Result.Result<ReadonlyArray<unknown>, InputError> =>
  Result.gen(function*() {
    const body = withoutMark(yield* checkSize(source, text))
    const survey = yield* surveyed(source, body)
    const isOne = survey.ends.length === 0 || !/[{[]/.test(body.slice(survey.ends[0]))
    if (isOne) return [yield* parseSurveyed(source, body, survey)]
    const documents: Array<unknown> = []
    let from = 0
    for (const end of survey.ends) {
      const parsed = parse(source, body.slice(from, end))
      if (Result.isFailure(parsed)) return yield* Result.fail(faultOf(source, body, true))
      documents.push(parsed.success)
      from = end
    }
    if (body.slice(from).trim() !== "") return yield* Result.fail(faultOf(source, body, true))
    return documents
  })
