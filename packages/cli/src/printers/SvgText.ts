/**
 * Texts of SVG documents: escaped, and measured without a font.
 *
 * @since 0.1.0
 */
import * as Label from "./Label.ts"

/**
 * A coordinate: two decimals at most.
 *
 * @category printing
 * @since 0.1.0
 */
export const number = (value: number): string => String(Math.round(value * 100) / 100)

/** Of the font's size, for a wide font: what fits by this fits in any. */
const widthOf = (character: string): number => {
  if (/[ijltfrI.,:;'|!()[\] ]/.test(character)) return 0.42
  if (/[mwMW@%&]/.test(character)) return 0.95
  if (/[A-Z0-9_]/.test(character)) return 0.68
  return Math.max(0.61, Label.width(character) * 0.61)
}

/**
 * About how wide a text is at most.
 *
 * @category queries
 * @since 0.1.0
 */
export const width = (text: string, size: number): number => {
  let sum = 0
  for (const character of text) sum += widthOf(character)
  return sum * size
}

/**
 * The text, shortened by `shorten` to be at most `room` wide; empty when that leaves nothing worth reading.
 *
 * @category printing
 * @since 0.1.0
 */
export const fit = (text: string, room: number, size: number, shorten = Label.clip): string => {
  const clean = Label.printable(text)
  if (width(clean, size) <= room) return clean
  for (let cells = Math.min(Label.width(clean), Math.floor(room / size / 0.4)); cells >= 5; cells--) {
    const shorter = shorten(clean, cells)
    if (width(shorter, size) <= room) return shorter
  }
  return ""
}

/**
 * Text at a place, of a class, with further attributes; what was cut off a name is in its tooltip.
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (x: number, y: number, content: string, attributes: string, full = content): string => {
  const tooltip = Label.printable(full) === content ? "" : `<title>${Label.xml(full)}</title>`
  return content === ""
    ? ""
    : `<text x="${number(x)}" y="${number(y)}"${attributes === "" ? "" : ` ${attributes}`}>${tooltip}${
      Label.xml(content)
    }</text>`
}
