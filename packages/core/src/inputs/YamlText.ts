/**
 * Reads YAML of strangers: bounded in size, depth and what aliases make of it.
 *
 * @since 0.1.0
 */
import * as Yaml from "effect/encoding/Yaml"
import * as Result from "effect/Result"
import { MiB } from "../geometry/Units.ts"
import * as Decoding from "./Decoding.ts"
import { InputError } from "./InputError.ts"

/**
 * Longest YAML text read, in bytes; JSON may be longer (`JsonText.sizeLimit`).
 *
 * @category constants
 * @since 0.1.0
 */
export const sizeLimit = MiB

/** Values reachable from `value`, counted up to `most`: shared ones count at every use. */
const countValues = (value: unknown, most: number): number => {
  let count = 0
  const open: Array<unknown> = [value]
  while (open.length > 0 && count <= most) {
    const next = open.pop()
    count++
    if (typeof next === "object" && next !== null) { for (const inner of Object.values(next)) open.push(inner) }
  }
  return count
}

const refuse = (source: string, problem: string, remedy: string): Result.Result<never, InputError> =>
  Decoding.failAt({ source, at: "" }, problem, remedy)

/**
 * The value of a YAML text. Aliases are allowed as long as they do not multiply the text; merge keys (`<<`) are not.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string, text: string): Result.Result<unknown, InputError> =>
  Result.gen(function*() {
    if (text.length > sizeLimit) {
      return yield* refuse(source, "is YAML larger than 1 MiB", "write large descriptions as JSON")
    }
    if (/<<["']?\s*:/.test(text)) return yield* refuse(source, "has a YAML merge key '<<'", "write the keys out")
    const value = yield* Result.try({
      try: () => Yaml.parse(text),
      catch: (cause) =>
        new InputError({
          source,
          at: "",
          problem: cause instanceof SyntaxError
            ? `is not YAML: ${cause.message.slice(0, 200)}`
            : "nests too deep for YAML",
          remedy: "write 'key: value' lines, indented with blanks, or JSON"
        })
    })
    // An empty text is one value: null.
    const most = Math.max(text.length, 1)
    if (countValues(value, most) > most) {
      return yield* refuse(source, "multiplies itself with YAML aliases", "write the values out")
    }
    return value
  })
