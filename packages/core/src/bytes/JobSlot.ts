/**
 * One run of lines that a thread writes while another can see how far it is, and can make it end earlier: by atomics alone.
 *
 * What is claimed and where the run ends are one word, so that both change together: who shortens a run knows what the thread
 * will still do, and the thread never does more.
 *
 * @since 0.1.0
 */

/**
 * Lines are counted from the first of the run.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobSlot {
  /** Claimed lines in the lower half, the end in the upper one; lines that are written. */
  readonly words: BigInt64Array
}

const low = (word: bigint): number => Number(BigInt.asUintN(32, word))

const high = (word: bigint): number => Number(BigInt.asUintN(32, word >> 32n))

const pack = (claimed: number, end: number): bigint => BigInt(end) << 32n | BigInt(claimed)

/**
 * A run of `lines`, fewer than 2^31, of which nothing is claimed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (lines: number): JobSlot => {
  const words = new BigInt64Array(new SharedArrayBuffer(16))
  words[0] = pack(0, lines)
  return { words }
}

/**
 * The next lines of the run, at most `most`; `null` where it ends.
 *
 * @category operations
 * @since 0.1.0
 */
export const claim = (
  { words }: JobSlot,
  most: number
): { readonly start: number; readonly end: number } | null => {
  for (;;) {
    const word = Atomics.load(words, 0)
    const [start, until] = [low(word), high(word)]
    if (start >= until) return null
    const end = Math.min(start + most, until)
    if (Atomics.compareExchange(words, 0, word, pack(end, until)) === word) return { start, end }
  }
}

/**
 * Makes the run end at `to`, or at what is `whole` of what is claimed if that is further; answers where.
 *
 * @category operations
 * @since 0.1.0
 */
export const shorten = (
  { words }: JobSlot,
  to: number,
  whole: (lines: number) => number = (lines) => lines
): number => {
  for (;;) {
    const word = Atomics.load(words, 0)
    const [claimed, until] = [low(word), high(word)]
    const end = Math.min(until, claimed <= to ? to : Math.max(claimed, whole(claimed)))
    if (Atomics.compareExchange(words, 0, word, pack(claimed, end)) === word) return end
  }
}

/**
 * Where the run ends.
 *
 * @category queries
 * @since 0.1.0
 */
export const end = ({ words }: JobSlot): number => high(Atomics.load(words, 0))

/**
 * All before this line are written.
 *
 * @category operations
 * @since 0.1.0
 */
export const setDone = ({ words }: JobSlot, done: number): void => {
  Atomics.store(words, 1, BigInt(done))
}

/**
 * How many lines are written.
 *
 * @category queries
 * @since 0.1.0
 */
export const done = ({ words }: JobSlot): number => Number(Atomics.load(words, 1))
