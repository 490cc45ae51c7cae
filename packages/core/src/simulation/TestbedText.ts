/**
 * Reads testbeds, YAML or JSON.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Check from "../inputs/Check.ts"
import * as Decoding from "../inputs/Decoding.ts"
import { InputError } from "../inputs/InputError.ts"
import * as JsonText from "../inputs/JsonText.ts"
import * as YamlText from "../inputs/YamlText.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Testbed from "./Testbed.ts"

const decode = Decoding.make(Testbed.Testbed, {
  remedy: `a testbed has ${Object.keys(Testbed.Testbed.fields).join(", ")}; its costs are ${
    Object.keys(CostModel.parameters).join(", ")
  }, each with a value and where it is from`,
  strict: true
})

const isJson = (text: string): boolean => /^\uFEFF?\s*[{[]/.test(text)

/**
 * Whether a text looks like a testbed rather than a machine: it has a machine and costs of its own.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTestbed = (text: string): boolean => {
  const has = (key: string) => new RegExp(isJson(text) ? `"${key}"\\s*:` : `^${key}\\s*:`, "m").test(text)
  return has("machine") && has("costs")
}

/**
 * The testbed of a text. Unknown keys are refused by name; a number of the cost model says where it is from.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<Testbed.Testbed, InputError> =>
  Result.gen(function*() {
    const value = yield* isJson(text) ? JsonText.parse(source, text) : YamlText.parse(source, text)
    const testbed = yield* decode({ source, at: "" }, value)
    yield* Result.mapError(
      Check.machine(source, testbed.machine),
      (error) => new InputError({ ...error, at: `machine: ${error.at}` })
    )
    return testbed
  })
