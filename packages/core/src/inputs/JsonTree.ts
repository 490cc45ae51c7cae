/**
 * Walking parsed JSON of the tools, which print a lone result bare and several as an array, with the place of every value.
 *
 * @since 0.1.0
 */
import * as Decoding from "./Decoding.ts"

/**
 * Whether the value is an object and no array.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * What a value is, for a sentence.
 *
 * @category printing
 * @since 0.1.0
 */
export const kind = (value: unknown): string =>
  Array.isArray(value) ? "an array" : isRecord(value) ? "an object" : value === null ? "null" : `a ${typeof value}`

/**
 * The elements of an array, or the value itself when it is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const elements = (
  place: Decoding.Place,
  value: unknown
): ReadonlyArray<readonly [Decoding.Place, unknown]> =>
  Array.isArray(value)
    ? value.map((element, index) => [Decoding.inside(place, index), element] as const)
    : [[place, value]]

/**
 * Each document with its place: paths of a lone document begin with its own keys.
 *
 * @category queries
 * @since 0.1.0
 */
export const documents = (
  source: string,
  values: ReadonlyArray<unknown>
): ReadonlyArray<readonly [Decoding.Place, unknown]> =>
  values.map((value, index) => [{ source, at: values.length === 1 ? "" : `document ${index + 1}` }, value] as const)
