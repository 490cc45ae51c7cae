/**
 * Reads machine descriptions written by hand, YAML or JSON, by the schema of `MachineSpec`.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import * as Decoding from "./Decoding.ts"
import { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"
import * as YamlText from "./YamlText.ts"

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

/**
 * A YAML description.
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromYaml = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.flatMap(YamlText.parse(source, text), (value) => fromValue({ source, at: "" }, value))

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
