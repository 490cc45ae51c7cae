/**
 * Many machines at once: one `MachineSpec` as JSON per line.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import { InputError } from "./InputError.ts"
import * as JsonSurvey from "./JsonSurvey.ts"
import * as JsonText from "./JsonText.ts"
import * as MachineText from "./MachineText.ts"
import * as Source from "./Source.ts"

const decode = Schema.decodeUnknownResult(MachineSpec.MachineSpec)

/** The slow path, which says what is wrong. */
const explain = (
  text: string,
  { at, source }: { readonly at: string; readonly source: string }
): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.mapError(
    Result.flatMap(JsonText.parse(source, text), (value) => MachineText.fromValue({ source, at: "" }, value)),
    ({ at: inside, problem, remedy }) =>
      new InputError({ source, at: inside === "" ? at : `${at}: ${inside.replace(/^line 1, /, "")}`, problem, remedy })
  )

/**
 * Whether `head`, the beginning of a text, is that of a fleet file: its first line is a whole JSON object that describes a
 * machine, and another object begins on a later line.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFleet = (head: string): boolean => {
  const first = /^\uFEFF?\s*(\{.*\})[ \t\r]*\n\s*\{/.exec(head)?.[1]
  return first !== undefined && first.length <= JsonText.sizeLimit && Result.match(JsonText.parse("", first), {
    onSuccess: (value) => Source.kindOfDocuments([value]) === "machine",
    onFailure: () => false
  })
}

/** Colons behind a quote: at least as many as there are keys, since a string may look like one. */
const keysAtMost = (text: string): number => {
  let count = 0
  for (let colon = text.indexOf(":"); colon !== -1; colon = text.indexOf(":", colon + 1)) {
    let before = colon - 1
    while (text.charCodeAt(before) <= 32) before--
    if (text.charCodeAt(before) === 34) count++
  }
  return count
}

/** Nothing was written twice, is unknown or lost digits. */
const isWhole = (decoded: unknown, text: string): boolean =>
  JsonSurvey.countKeys(decoded) === keysAtMost(text) && !JsonSurvey.mayBeRounded(decoded)

/**
 * Reads line `number` (from 1) of a fleet file; `source` is the name of the file.
 *
 * A line costs a few times what `JSON.parse` costs. The decoded value has as many keys as the text shows unless a key was
 * written twice or is unknown: one count stands for both tests, and only a line that fails it is examined further.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseLine = (
  source: string,
  text: string,
  number: number
): Result.Result<MachineSpec.MachineSpec, InputError> => {
  const at = `line ${number}`
  if (text.length <= JsonText.sizeLimit) {
    const decoded = Result.flatMap(Result.try((): unknown => JSON.parse(text)), decode)
    if (Result.isSuccess(decoded) && isWhole(decoded.success, text)) {
      const checked = Check.machine(source, decoded.success)
      return Result.isSuccess(checked) ? checked : explain(text, { at, source })
    }
  }
  return explain(text, { at, source })
}
