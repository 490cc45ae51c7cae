/**
 * The few ways in which lines of struct pages get into memory. What is written where is `PageWriter`'s.
 *
 * @since 0.1.0
 */

/**
 * Pages of a piece, and pieces of a block: those of a block are written side by side, line by line, for one stream of stores
 * leaves most of what a processor can have under way to memory unused.
 *
 * @category constants
 * @since 0.1.0
 */
export const pieceLines = 64
/** @since 0.1.0 */
export const pieces = 16
/** @since 0.1.0 */
export const blockLines = pieceLines * pieces

/**
 * Where pieces point to: the first `left`, at least one, to what the template says, and each `every` that follow `step` bytes further,
 * less than 2^31.
 *
 * @category models
 * @since 0.1.0
 */
export interface Heads {
  readonly every: number
  readonly left: number
  readonly step: number
}

/**
 * Works on one memory; positions and sizes are bytes, multiples of a line.
 *
 * - `fill` writes the same line again and again, `words`
 * - `self` writes lines whose second and third words are `address` in the first line, and 64 more in each that follows
 * - `tails` writes blocks of lines whose second word is an address that moves along, piece by piece
 * - `spread` writes `count` lines `stride` bytes apart, whose second word is `step` more in each that follows
 * - `copy` copies lines within the memory; `flood` fills it with a byte, for comparison
 * - `sum` adds up all words, each times its place in its line counted from 1, modulo 2^64
 * - `scratch` is memory of this kernel's own, of `scratchLines`, that stays in the processor's cache
 *
 * @category models
 * @since 0.1.0
 */
export interface PageKernel {
  readonly name: "wasm" | "typed arrays"
  readonly fill: (at: number, lines: number, words: BigInt64Array) => void
  readonly self: (at: number, lines: number, words: BigInt64Array, address: bigint) => void
  readonly tails: (at: number, blocks: number, words: BigInt64Array, heads: Heads) => void
  readonly spread: (at: number, count: number, stride: number, words: BigInt64Array, step: number) => void
  readonly copy: (to: number, from: number, bytes: number) => void
  readonly flood: (at: number, bytes: number) => void
  readonly sum: (at: number, bytes: number) => bigint
  readonly scratch: number
}

/**
 * Lines of a kernel's scratch memory, and all it needs for itself in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const scratchLines = 4096
/** @since 0.1.0 */
export const ownBytes = (scratchLines + 64) * 64
