/**
 * One pass over JSON text that learns what `JSON.parse` hides: how deep it nests, how many keys were written, which
 * integers a `number` would round, where the top-level values end.
 *
 * It presumes nothing about the text being valid; on invalid text the figures are merely useless.
 *
 * @since 0.1.0
 */

/**
 * What the pass learned; offsets are in UTF-16 units.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonSurvey {
  /** Offset of the bracket that nests deeper than the limit. */
  readonly tooDeepAt: number | undefined
  /** Keys written, duplicates included. */
  readonly keys: number
  /** `[start, end)` of integers beyond ±(2^53 − 1) in value position, flattened. */
  readonly longIntegers: ReadonlyArray<number>
  /** Offset after the closing bracket of each top-level object or array. */
  readonly ends: ReadonlyArray<number>
}

const quote = 34
const backslash = 92

/** Offset of the closing quote of the string that opens at `start`, or the length of the text. */
const closingQuote = (text: string, start: number): number => {
  for (let i = start + 1; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === backslash) i++
    else if (c === quote) return i
  }
  return text.length
}

const numberEnd = (text: string, start: number): number => {
  let i = start + 1
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i)
    const inNumber = (c >= 48 && c <= 57) || c === 43 || c === 45 || c === 46 || c === 69 || c === 101
    if (!inNumber) break
  }
  return i
}

const isRounded = (token: string): boolean => /^-?[1-9][0-9]*$/.test(token) && !Number.isSafeInteger(Number(token))

/** An unquoted number before a colon is a mistake that quoting it would hide. */
const isKey = (text: string, end: number): boolean => {
  let i = end
  while (i < text.length && " \t\r\n".includes(text.charAt(i))) i++
  return text.charAt(i) === ":"
}

/**
 * Stops early when the text nests deeper than `depthLimit`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (text: string, depthLimit: number): JsonSurvey => {
  const longIntegers: Array<number> = []
  const ends: Array<number> = []
  let keys = 0
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === quote) {
      i = closingQuote(text, i)
    } else if (c === 58) {
      keys++
    } else if (c === 123 || c === 91) {
      depth++
      if (depth > depthLimit) return { tooDeepAt: i, keys, longIntegers, ends }
    } else if (c === 125 || c === 93) {
      depth--
      if (depth === 0) ends.push(i + 1)
    } else if (c === 45 || (c >= 48 && c <= 57)) {
      const end = numberEnd(text, i)
      if (end - i >= 16 && isRounded(text.slice(i, end)) && !isKey(text, end)) longIntegers.push(i, end)
      i = end - 1
    }
  }
  return { tooDeepAt: undefined, keys, longIntegers, ends }
}

/**
 * The text with every rounded integer quoted, so that `JSON.parse` yields its exact decimal digits as a string.
 *
 * @category combinators
 * @since 0.1.0
 */
export const quoteLongIntegers = (text: string, { longIntegers }: JsonSurvey): string => {
  if (longIntegers.length === 0) return text
  const parts: Array<string> = []
  let from = 0
  for (let k = 0; k < longIntegers.length; k += 2) {
    const start = longIntegers[k] ?? 0
    const end = longIntegers[k + 1] ?? 0
    parts.push(text.slice(from, start), "\"", text.slice(start, end), "\"")
    from = end
  }
  parts.push(text.slice(from))
  return parts.join("")
}

/**
 * Keys of a parsed value, nested ones included; equal to {@link JsonSurvey.keys} unless a key was written twice.
 *
 * The recursion is bounded by the depth limit of the survey.
 *
 * @category queries
 * @since 0.1.0
 */
export const countKeys = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const element of value) count += countKeys(element)
    return count
  }
  const record = value as Record<string, unknown>
  for (const key of Object.keys(record)) count += 1 + countKeys(record[key])
  return count
}

/**
 * Whether a parsed value holds an integer that may have been written with more digits than a `number` has.
 *
 * The recursion is bounded by the depth limit of the survey.
 *
 * @category queries
 * @since 0.1.0
 */
export const mayBeRounded = (value: unknown): boolean => {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value)
  if (typeof value !== "object" || value === null) return false
  if (Array.isArray(value)) return value.some(mayBeRounded)
  const record = value as Record<string, unknown>
  for (const key in record) if (mayBeRounded(record[key])) return true
  return false
}
