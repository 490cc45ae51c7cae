/**
 * Names from anywhere as text that can be shown: nothing in them moves a cursor, turns the writing direction or
 * breaks a document.
 *
 * @since 0.1.0
 */

/** As much of both ends of a name is ever looked at. */
const half = 256

const replacement = "\ufffd"

/**
 * A text of one line in which blanks are blanks and whatever has no shape of its own is U+FFFD.
 *
 * @category printing
 * @since 0.1.0
 */
export const sentence = (text: string): string =>
  text.replace(/[\t\n\r\u0085\p{Zl}\p{Zp}]/gu, " ").replace(/[\p{Cc}\p{Cf}\p{Cs}\ufffe\uffff]/gu, replacement)

/**
 * The same for a name: very long ones are cut in the middle.
 *
 * @category printing
 * @since 0.1.0
 */
export const printable = (text: string): string =>
  sentence(text.length <= 2 * half ? text : text.slice(0, half) + text.slice(-half))

/**
 * A name as it is shown: empty ones say so.
 *
 * @category printing
 * @since 0.1.0
 */
export const named = (name: string): string => name === "" ? "(no name)" : printable(name)

/**
 * The same as `named` in characters that every terminal has.
 *
 * @category printing
 * @since 0.1.0
 */
export const ascii = (name: string): string => named(name).replace(/[^ -~]/gu, "?")

/** What terminals give two cells. */
const wide = new RegExp(
  [
    "[\\p{Emoji_Presentation}\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\ua4cf\\ua960-\\ua97f\\uac00-\\ud7a3",
    "\\uf900-\\ufaff\\ufe30-\\ufe6f\\uff00-\\uff60\\uffe0-\\uffe6\\u{20000}-\\u{3fffd}]"
  ].join(""),
  "u"
)

const cellsOf = (character: string): number => wide.test(character) ? 2 : /\p{M}/u.test(character) ? 0 : 1

/**
 * How many cells of a terminal a text without control characters takes.
 *
 * @category queries
 * @since 0.1.0
 */
export const width = (text: string): number => {
  let cells = 0
  for (const character of text) cells += cellsOf(character)
  return cells
}

/** The first characters that take at most `most` cells. */
const head = (characters: ReadonlyArray<string>, most: number): string => {
  let out = ""
  let rest = most
  for (const character of characters) {
    rest -= cellsOf(character)
    if (rest < 0) break
    out += character
  }
  return out
}

/**
 * The text if it takes at most `cells`, else its beginning and its end, where names have their numbers, around
 * `ellipsis`.
 *
 * @category printing
 * @since 0.1.0
 */
export const fit = (text: string, cells: number, ellipsis = "…"): string => {
  if (width(text) <= cells) return text
  const room = cells - width(ellipsis)
  if (room < 0) return ""
  const characters = [...text]
  const tail = [...head(characters.toReversed(), Math.floor(room / 2))].toReversed().join("")
  return `${head(characters, room - width(tail))}${ellipsis}${tail}`
}

/**
 * The text if it takes at most `cells`, else its beginning and `ellipsis`.
 *
 * @category printing
 * @since 0.1.0
 */
export const clip = (text: string, cells: number, ellipsis = "…"): string =>
  width(text) <= cells
    ? text
    : cells < width(ellipsis)
    ? ""
    : `${head([...text], cells - width(ellipsis)).trimEnd()}${ellipsis}`

/**
 * The text with blanks after it, up to `cells`.
 *
 * @category printing
 * @since 0.1.0
 */
export const pad = (text: string, cells: number): string => text + " ".repeat(Math.max(0, cells - width(text)))

/**
 * The text for an XML document, in quotes or between tags.
 *
 * @category printing
 * @since 0.1.0
 */
export const xml = (text: string): string =>
  printable(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")
    .replaceAll("'", "&#39;")

/**
 * `1 lane`, `2 lanes`.
 *
 * @category printing
 * @since 0.1.0
 */
export const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`
