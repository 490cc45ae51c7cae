/**
 * Reads machine descriptions written by hand, YAML or JSON, by the schema of `MachineSpec`.
 *
 * @since 0.1.0
 */
import * as Yaml from "effect/encoding/Yaml"
import * as Result from "effect/Result"
import { MiB } from "../geometry/Units.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import * as Decoding from "./Decoding.ts"
import { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"

/**
 * Longest YAML text read, in bytes; JSON may be longer ({@link JsonText.sizeLimit}).
 *
 * @category constants
 * @since 0.1.0
 */
export const yamlLimit = MiB

const decode = Decoding.make(MachineSpec.MachineSpec, {
  remedy: `a description has ${
    Object.keys(MachineSpec.MachineSpec.fields).join(", ")
  }; sizes are bytes or text such as 128GiB`,
  strict: true
})

/**
 * A parsed description: unknown keys are refused by name, sizes may be text with a binary suffix.
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromValue = (place: Decoding.Place, value: unknown): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.flatMap(decode(place, value), (spec) =>
    Result.mapError(
      Check.machine(place.source, spec),
      (error) => place.at === "" ? error : new InputError({ ...error, at: `${place.at}: ${error.at}` })
    ))

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
 * A YAML description. Aliases are allowed as long as they do not multiply the text; merge keys (`<<`) are not.
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromYaml = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    if (text.length > yamlLimit) {
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
    if (countValues(value, text.length) > text.length) {
      return yield* refuse(source, "multiplies itself with YAML aliases", "write the values out")
    }
    return yield* fromValue({ source, at: "" }, value)
  })

/**
 * Reads JSON when the text begins with a brace, YAML otherwise.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  /^\uFEFF?\s*[{[]/.test(text)
    ? Result.flatMap(JsonText.parse(source, text), (value) => fromValue({ source, at: "" }, value))
    : fromYaml(source, text)
