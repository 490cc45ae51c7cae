/**
 * A bit per subsection of the physical address space: what `pfn_valid()` comes down to.
 *
 * Chunks of 16384 bits; empty and full ones are shared. Reading is a multiplication, two loads and a shift, without a branch.
 *
 * @since 0.1.0
 */

/** Bits of a chunk, and words. */
const chunkBits = 2 ** 14
const chunkWords = chunkBits / 32

/**
 * `roots` is the first word of each chunk; chunk 0 is the empty one, chunk 1 the full one.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubsectionBitmap {
  readonly roots: Int32Array
  words: Int32Array
  /** Words in use. */
  used: number
  readonly free: Array<number>
}

/**
 * A bitmap of `bits` clear bits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (bits: number): SubsectionBitmap => {
  const words = new Int32Array(16 * chunkWords)
  words.fill(-1, chunkWords, 2 * chunkWords)
  return { roots: new Int32Array(Math.ceil(bits / chunkBits)), words, used: 2 * chunkWords, free: [] }
}

/**
 * A bit; `bit` must lie in the bitmap.
 *
 * @category queries
 * @since 0.1.0
 */
export const get = (bitmap: SubsectionBitmap, bit: number): boolean =>
  ((bitmap.words[(bitmap.roots[bit >>> 14] as number) + (bit >>> 5 & 511)] as number) & (1 << bit)) !== 0

/** The first word of a chunk that may be written. */
const own = (bitmap: SubsectionBitmap, root: number): number => {
  const base = bitmap.roots[root] ?? 0
  if (base > chunkWords) return base
  const fresh = bitmap.free.pop() ?? bitmap.used
  bitmap.used = Math.max(bitmap.used, fresh + chunkWords)
  if (bitmap.used > bitmap.words.length) {
    const words = new Int32Array(2 * bitmap.words.length)
    words.set(bitmap.words)
    bitmap.words = words
  }
  bitmap.words.copyWithin(fresh, base, base + chunkWords)
  bitmap.roots[root] = fresh
  return fresh
}

/**
 * Sets or clears the bits `[from, to)`. Whole chunks cost nothing.
 *
 * @category operations
 * @since 0.1.0
 */
export const set = (bitmap: SubsectionBitmap, from: number, to: number, on: boolean): void => {
  for (let bit = from; bit < to;) {
    const root = Math.floor(bit / chunkBits)
    const end = Math.min(to, (root + 1) * chunkBits)
    const shared = on ? chunkWords : 0
    if (end - bit === chunkBits) {
      const old = bitmap.roots[root] ?? 0
      if (old > chunkWords) bitmap.free.push(old)
      bitmap.roots[root] = shared
    } else if (bitmap.roots[root] !== shared) {
      setIn(bitmap, own(bitmap, root) - root * chunkWords, bit, end, on)
    }
    bit = end
  }
}

/**
 * Gives `width` bits from `bit` on, all in one word of 32, the low bits of `value`.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = (bitmap: SubsectionBitmap, bit: number, width: number, value: number): void => {
  const root = Math.floor(bit / chunkBits)
  const index = bit >>> 5 & (chunkWords - 1)
  const mask = width === 32 ? -1 : (2 ** width - 1) << (bit & 31)
  const old = bitmap.words[(bitmap.roots[root] ?? 0) + index] ?? 0
  const fresh = (old & ~mask) | (value << (bit & 31) & mask)
  if (fresh === old) return
  // First, for it may give the bitmap other words.
  const base = own(bitmap, root)
  bitmap.words[base + index] = fresh
}

const setIn = ({ words }: SubsectionBitmap, base: number, from: number, to: number, on: boolean): void => {
  for (let bit = from; bit < to;) {
    const word = Math.floor(bit / 32)
    const end = Math.min(to, (word + 1) * 32)
    const mask = end - bit === 32 ? -1 : (2 ** (end - bit) - 1) << (bit % 32)
    words[base + word] = on ? (words[base + word] ?? 0) | mask : (words[base + word] ?? 0) & ~mask
    bit = end
  }
}
