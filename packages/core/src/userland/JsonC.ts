/**
 * JSON as json-c lays it out for ndctl and daxctl: two blanks a level, no blank after a colon, slashes escaped.
 *
 * @since 0.1.0
 */

/**
 * What the tools print. Keys keep the order in which they were added, `undefined` fields are left out; a bigint is a number
 * printed digit for digit.
 *
 * @category models
 * @since 0.1.0
 */
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | ReadonlyArray<Json>
  | JsonObject

/**
 * An object; fields that are `undefined` are not printed.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

const isArray = (value: Json): value is ReadonlyArray<Json> => Array.isArray(value)

const quoted = (text: string): string => JSON.stringify(text).replaceAll("/", "\\/")

const block = (open: string, lines: ReadonlyArray<string>, close: string, indent: string): string =>
  lines.length === 0 ? `${open}\n${indent}${close}` : `${open}\n${lines.join(",\n")}\n${indent}${close}`

/**
 * The text of a value, without a newline at the end.
 *
 * @category printing
 * @since 0.1.0
 */
export const print = (value: Json, indent = ""): string => {
  const inner = `${indent}  `
  if (typeof value === "string") return quoted(value)
  if (typeof value !== "object" || value === null) return String(value)
  if (isArray(value)) return block("[", value.map((item) => `${inner}${print(item, inner)}`), "]", indent)
  const fields = Object.entries(value).flatMap(([key, field]) =>
    field === undefined ? [] : [`${inner}${quoted(key)}:${print(field, inner)}`]
  )
  return block("{", fields, "}", indent)
}

/**
 * A list as the tools display it: for people (`-u`) a list of one is the bare thing and an empty one nothing at all; otherwise
 * always an array. Ends with a newline unless empty.
 *
 * @category printing
 * @since 0.1.0
 */
export const display = (list: ReadonlyArray<Json>, human: boolean): string => {
  const [only] = list
  if (!human || list.length > 1) return `${print(list)}\n`
  return only === undefined ? "" : `${print(only)}\n`
}
