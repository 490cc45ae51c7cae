/**
 * Arithmetic of powers of two on byte counts, addresses and pfns.
 *
 * Everything is plain `number` arithmetic without bit operators, so it is exact for every integer below 2^53, far beyond
 * the 32 bits that `>>` and `&` would keep.
 *
 * @since 0.1.0
 */

/**
 * Rounds `value` up to a multiple of `unit`: the kernel's `ALIGN(x, a)`.
 *
 * @category rounding
 * @since 0.1.0
 */
export const up = (value: number, unit: number): number => Math.ceil(value / unit) * unit

/**
 * Rounds `value` down to a multiple of `unit`: the kernel's `ALIGN_DOWN(x, a)`.
 *
 * @category rounding
 * @since 0.1.0
 */
export const down = (value: number, unit: number): number => value - (value % unit)

/**
 * Whether `value` is a multiple of `unit`.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isAligned = (value: number, unit: number): boolean => value % unit === 0

/**
 * Whether `value` is 1, 2, 4, … below 2^53.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPowerOfTwo = (value: number): boolean =>
  Number.isSafeInteger(value) && value > 0 && 2 ** Math.round(Math.log2(value)) === value

/**
 * The largest power of two that divides `value`; 0 for 0. The kernel's `1 << __ffs(x)`.
 *
 * @category rounding
 * @since 0.1.0
 */
export const largestPowerDividing = (value: number): number => {
  if (value === 0) return 0
  let power = 1
  let rest = value
  while (rest % 4294967296 === 0) {
    rest /= 4294967296
    power *= 4294967296
  }
  const low = (rest % 4294967296) >>> 0
  return power * ((low & -low) >>> 0)
}

/**
 * How many multiples-of-`unit` slots the half-open range `[start, end)` touches; 0 when it is empty.
 *
 * @category counting
 * @since 0.1.0
 */
export const slotsTouched = (start: number, end: number, unit: number): number =>
  end <= start ? 0 : Math.ceil(end / unit) - Math.floor(start / unit)

const gcd = (a: number, b: number): number => b === 0 ? a : gcd(b, a % b)

/**
 * Least common multiple of two positive integers.
 *
 * @category counting
 * @since 0.1.0
 */
export const leastCommonMultiple = (a: number, b: number): number => (a / gcd(a, b)) * b
