/**
 * UUIDs as text and as the sixteen bytes kept on media, in the order in which they are printed (22.1).
 *
 * @since 0.1.0
 */

/**
 * `00000000-0000-0000-0000-000000000000`: no parent, or none assigned.
 *
 * @category constants
 * @since 0.1.0
 */
export const zero = "00000000-0000-0000-0000-000000000000"

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * Whether `text` has the form `8-4-4-4-12` of hexadecimal digits, in either case.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isUuid = (text: string): boolean => form.test(text)

/**
 * The sixteen bytes of a UUID; zeros for text that {@link isUuid} refuses.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toBytes = (text: string): Uint8Array => {
  const digits = isUuid(text) ? text.replaceAll("-", "") : ""
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2) || "0", 16))
}

/**
 * The lower-case text of the sixteen bytes at `offset`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array, offset = 0): string => {
  const hex = Array.from(bytes.subarray(offset, offset + 16), (byte) => byte.toString(16).padStart(2, "0")).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}
