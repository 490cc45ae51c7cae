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

const pointFault = ({ costs }: Testbed.Testbed, point: Testbed.Point, i: number) => {
  const at = `published[${i}]`
  if (point.parameter !== undefined && costs[point.parameter] === undefined) {
    return {
      at: `${at}.parameter`,
      problem: `the testbed gives no cost ${point.parameter}`,
      remedy: "give the number that was fitted"
    }
  }
  if (point.low > point.high) {
    return { at: `${at}.low`, problem: "is more than high", remedy: "give the lesser one first, or the same twice" }
  }
  if (point.relative === true && point.minus === undefined) {
    return {
      at: `${at}.relative`,
      problem: "is said of no difference",
      remedy: "say which strategy it is less than: minus"
    }
  }
  const values = [point.low, point.high]
  if (point.relative === true && values.some((value) => value < 0 || value > 1)) {
    return { at: `${at}.high`, problem: "is no part of anything", remedy: "parts are from 0 to 1: 65 % is 0.65" }
  }
  if (point.relative !== true && values.some((value) => !(Number.isInteger(value) && value >= 0))) {
    return { at: `${at}.low`, problem: "is no time", remedy: "write a number with a unit, such as 268ms" }
  }
  return undefined
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
    const fault = testbed.published.map((point, i) => pointFault(testbed, point, i)).find((one) => one !== undefined)
    return fault === undefined ? testbed : yield* Result.fail(new InputError({ source, ...fault }))
  })
