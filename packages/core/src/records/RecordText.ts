/**
 * Records as text: JSON in which whatever fits stands on one line, and integers of any size are exact.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { MiB } from "../geometry/Units.ts"
import { InputError } from "../inputs/InputError.ts"
import * as JsonText from "../inputs/JsonText.ts"
import * as JsonTree from "../inputs/JsonTree.ts"
import * as LeafPath from "./LeafPath.ts"

/**
 * Longest text read, in UTF-16 units: many times the largest record there is.
 *
 * @category constants
 * @since 0.1.0
 */
export const sizeLimit = 16 * MiB

const width = 160

const escaped = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

const scalar = (value: unknown): string =>
  typeof value === "string"
    ? escaped(value)
    : typeof value === "bigint"
    ? value.toString()
    : typeof value === "number" && !Number.isFinite(value)
    ? "null"
    : JSON.stringify(value) ?? "null"

const membersOf = (value: unknown): ReadonlyArray<readonly [string, unknown]> =>
  Array.isArray(value)
    ? value.map((element) => ["", element] as const)
    : Object.entries(value as Readonly<Record<string, unknown>>)
      .filter(([, part]) => part !== undefined)
      .map(([key, part]) => [`${escaped(key)}: `, part] as const)

const layOut = (value: unknown, depth: number): string => {
  if (!Array.isArray(value) && !JsonTree.isRecord(value)) return scalar(value)
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"]
  const parts = membersOf(value).map(([key, part]) => `${key}${layOut(part, depth + 1)}`)
  const flat = `${open}${parts.join(", ")}${close}`
  if (flat.length <= width && !flat.includes("\n")) return flat
  const pad = " ".repeat(depth + 1)
  return `${open}\n${parts.map((part) => `${pad}${part}`).join(",\n")}\n${" ".repeat(depth)}${close}`
}

/**
 * One JSON document. The same value is always the same text; bigints are written as integers.
 *
 * @category printing
 * @since 0.1.0
 */
export const print = (value: unknown): string => `${layOut(value, 0)}\n`

const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown
) => unknown

/** `JSON.parse` would round them. */
const withLongIntegers = (text: string): unknown =>
  parseWithSource(
    text,
    (_key, value, { source }) =>
      typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && /^-?[0-9]+$/.test(source)
        ? BigInt(source)
        : value
  )

/**
 * Reads one JSON document: integers beyond ±(2^53 − 1) become bigints.
 *
 * Fails with an `InputError` that says the line and column, or the path of a number that nothing can hold.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string, text: string): Result.Result<unknown, InputError> =>
  Result.gen(function*() {
    if (text.length > sizeLimit) {
      return yield* Result.fail(
        new InputError({
          source,
          at: "",
          problem: `is larger than ${sizeLimit / MiB} MiB`,
          remedy: "give one record of one machine"
        })
      )
    }
    yield* JsonText.parse(source, text)
    const value = withLongIntegers(JsonText.withoutMark(text))
    const endless = LeafPath.leaves(value).find((leaf) =>
      typeof leaf.value === "number" && !Number.isFinite(leaf.value)
    )
    if (endless !== undefined) {
      return yield* Result.fail(
        new InputError({
          source,
          at: LeafPath.print(endless.path),
          problem: "is a number too large to be one",
          remedy: "write sizes, addresses and counts as integers"
        })
      )
    }
    return value
  })
