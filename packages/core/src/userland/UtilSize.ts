/**
 * Sizes as util-linux prints them: one letter, one decimal where there is a rest (`1G`, `15.9G`, `0B`).
 *
 * @since 0.1.0
 */

const letters = "BKMGTPE"

/** The largest power of 1024 that is not above the size. */
const exponentOf = (bytes: bigint): number => {
  let exponent = 0
  while (exponent < 6 && bytes >= 1n << BigInt(10 * (exponent + 1))) exponent++
  return exponent
}

/**
 * A number of bytes below 2^64. The rest is cut to thousandths first and then rounded to tenths, halves up.
 *
 * @category printing
 * @since 0.1.0
 */
export const format = (bytes: bigint): string => {
  const exponent = exponentOf(bytes)
  const unit = 1n << BigInt(10 * exponent)
  const tenths = ((bytes % unit) * 1000n / unit + 50n) / 100n
  const whole = bytes / unit + tenths / 10n
  return `${whole}${tenths % 10n === 0n ? "" : `.${tenths % 10n}`}${letters.charAt(exponent)}`
}
