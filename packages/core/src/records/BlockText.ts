/**
 * Info blocks as records write them: hexadecimal digits, or a word for nothing but zeros.
 *
 * @since 0.1.0
 */

/**
 * The word for a block of zeros.
 *
 * @category constants
 * @since 0.1.0
 */
export const zeros = "zeros"

/**
 * The text of a block.
 *
 * @category conversions
 * @since 0.1.0
 */
export const print = (block: Uint8Array): string => {
  if (block.every((byte) => byte === 0)) return zeros
  let text = ""
  for (const byte of block) text += byte.toString(16).padStart(2, "0")
  return text
}

/**
 * The bytes that digits stand for, two for each.
 *
 * @category conversions
 * @since 0.1.0
 */
export const bytes = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
