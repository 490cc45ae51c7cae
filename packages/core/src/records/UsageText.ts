/**
 * What the tools print after a wrong option: a message, a usage line, and their own help, which is not repeated here but known by
 * its length and checksum (OBS-24).
 *
 * @since 0.1.0
 */
import * as Fletcher64 from "../devices/Fletcher64.ts"

/** Length in characters and checksum of the help of ndctl 76, by usage line. */
const known: Readonly<Record<string, { readonly length: number; readonly checksum: bigint }>> = {
  "usage: ndctl create-namespace [<options>]": { length: 1407, checksum: 328929554968195160n },
  "usage: ndctl write-infoblock <namespace> [<options>]": { length: 1126, checksum: 208099059641176395n }
}

/**
 * The text up to and with its usage line. `isKnown` is false if the help below is not that of the tool.
 *
 * @category models
 * @since 0.1.0
 */
export interface Split {
  readonly head: string
  readonly isKnown: boolean
}

/** A word per character, so that any two texts that differ in one place differ in the sum. */
const checksumOf = (text: string): bigint => {
  const words = new Uint8Array(4 * text.length)
  const view = new DataView(words.buffer)
  for (let i = 0; i < text.length; i++) view.setUint32(4 * i, text.charCodeAt(i), true)
  return Fletcher64.make(words)
}

const misused = /^ {2}Error: \S+ `.*' (?:requires a value|takes no value|expects a numerical value)$/m

/** The options of a help without what it says of them. */
const optionsOf = (help: string): ReadonlyArray<string> =>
  [...help.matchAll(/^ {4}-.*$/gm)].map(([line]) => line.replace(/(?<=\S) {2,}.*$/, ""))

/**
 * Divides a text behind its usage line; without one it is all head. Text below a usage line that is not known, or no text at
 * all, is taken as it comes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const split = (text: string): Split => {
  const match = /^ ?(usage: .*)$/m.exec(text)
  if (match === null) return { head: text, isKnown: true }
  const end = match.index + match[0].length
  const help = text.slice(end)
  // below an option that was misused stands only that one
  if (misused.test(text)) return { head: [text.slice(0, end), ...optionsOf(help)].join("\n"), isKnown: true }
  const expected = known[match[1] ?? ""]
  return {
    head: text.slice(0, end),
    isKnown: help === "" || expected === undefined ||
      (help.length === expected.length && checksumOf(help) === expected.checksum)
  }
}
