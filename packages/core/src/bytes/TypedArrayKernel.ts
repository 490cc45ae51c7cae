/**
 * Struct pages written by plain loops over typed arrays: for where WebAssembly is not to be had.
 *
 * Bytes are never filled nor moved by methods of the arrays: on shared memory those go byte by byte, or word by word. Words
 * are stored as they are and never computed: a bigint that results from arithmetic is an allocation, one that is copied from
 * array to array is not.
 *
 * @since 0.1.0
 */
import { blockLines, type PageKernel, pieceLines, pieces } from "./PageKernel.ts"

const wordsOfLine = 8

const pieceWords = pieceLines * wordsOfLine

const blockWords = blockLines * wordsOfLine

/** A block whose lines are all the same. */
const same = (memory: BigInt64Array, at: number, words: BigInt64Array): void => {
  const w0 = words[0] as bigint
  const w1 = words[1] as bigint
  const w2 = words[2] as bigint
  const w3 = words[3] as bigint
  const w4 = words[4] as bigint
  const w5 = words[5] as bigint
  const w6 = words[6] as bigint
  const w7 = words[7] as bigint
  for (let line = at; line < at + pieceWords; line += wordsOfLine) {
    for (let to = line; to < line + blockWords; to += pieceWords) {
      memory[to] = w0
      memory[to + 1] = w1
      memory[to + 2] = w2
      memory[to + 3] = w3
      memory[to + 4] = w4
      memory[to + 5] = w5
      memory[to + 6] = w6
      memory[to + 7] = w7
    }
  }
}

/** The second word of a line as its halves; the upper one is signed. */
const secondOf = (words: BigInt64Array): { readonly low: number; readonly high: number } => ({
  low: Number(BigInt.asUintN(32, words[1] as bigint)),
  high: Number((words[1] as bigint) >> 32n)
})

/** A block whose pieces point to heads of their own, given in halves. */
const headed = (
  memory: BigInt64Array,
  halves: Int32Array,
  at: number,
  words: BigInt64Array,
  heads: Int32Array
): void => {
  const w0 = words[0] as bigint
  const w2 = words[2] as bigint
  const w3 = words[3] as bigint
  const w4 = words[4] as bigint
  const w5 = words[5] as bigint
  const w6 = words[6] as bigint
  const w7 = words[7] as bigint
  for (let line = at; line < at + pieceWords; line += wordsOfLine) {
    let head = 0
    for (let to = line; to < line + blockWords; to += pieceWords) {
      memory[to] = w0
      halves[2 * to + 2] = heads[head] as number
      halves[2 * to + 3] = heads[head + 1] as number
      memory[to + 2] = w2
      memory[to + 3] = w3
      memory[to + 4] = w4
      memory[to + 5] = w5
      memory[to + 6] = w6
      memory[to + 7] = w7
      head += 2
    }
  }
}

/** A block whose lines point to themselves; the upper half of these addresses is the same. */
const selves = (
  memory: BigInt64Array,
  halves: Int32Array,
  at: number,
  words: BigInt64Array,
  low: number,
  high: number
): void => {
  const w0 = words[0] as bigint
  const w3 = words[3] as bigint
  const w4 = words[4] as bigint
  const w5 = words[5] as bigint
  const w6 = words[6] as bigint
  const w7 = words[7] as bigint
  let first = low | 0
  for (let line = at; line < at + pieceWords; line += wordsOfLine) {
    let address = first
    for (let to = line; to < line + blockWords; to += pieceWords) {
      memory[to] = w0
      halves[2 * to + 2] = address
      halves[2 * to + 3] = high
      halves[2 * to + 4] = address
      halves[2 * to + 5] = high
      memory[to + 3] = w3
      memory[to + 4] = w4
      memory[to + 5] = w5
      memory[to + 6] = w6
      memory[to + 7] = w7
      address = (address + 4096) | 0
    }
    first = (first + 64) | 0
  }
}

/** Word by word, without the sum of products of bigints: halves of words are added up as numbers. */
const sum = (halves: Int32Array, from: number, to: number): bigint => {
  let total = 0n
  const chunk = 1 << 16
  for (let start = from; start < to; start += chunk) {
    const end = Math.min(to, start + chunk)
    let low = 0
    let high = 0
    for (let i = start; i < end; i += 2) {
      const place = (i >> 1) % wordsOfLine + 1
      low += place * ((halves[i] as number) >>> 0)
      high += place * ((halves[i + 1] as number) >>> 0)
    }
    total += BigInt(low) + (BigInt(high) << 32n)
  }
  return BigInt.asUintN(64, total)
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (buffer: ArrayBufferLike, scratch: number): PageKernel => {
  const memory = new BigInt64Array(buffer)
  const halves = new Int32Array(buffer)

  const one = (at: number, words: BigInt64Array): void => {
    const to = at / 8
    for (let i = 0; i < wordsOfLine; i++) memory[to + i] = words[i] as bigint
  }

  /** Line by line, for what is no whole block. */
  const selfOneByOne = (at: number, lines: number, words: BigInt64Array, address: bigint): void => {
    for (let i = 0; i < lines; i++) {
      one(at + i * 64, words)
      const own = BigInt.asIntN(64, address + BigInt(i * 64))
      memory[at / 8 + i * wordsOfLine + 1] = own
      memory[at / 8 + i * wordsOfLine + 2] = own
    }
  }

  return {
    name: "typed arrays",
    scratch,
    fill: (at, lines, words) => {
      const whole = lines - lines % blockLines
      for (let i = 0; i < whole; i += blockLines) same(memory, at / 8 + i * wordsOfLine, words)
      for (let i = whole; i < lines; i++) one(at + i * 64, words)
    },
    self: (at, lines, words, address) => {
      for (let i = 0; i < lines; i += blockLines) {
        const first = BigInt.asIntN(64, address + BigInt(i * 64))
        const low = Number(BigInt.asUintN(32, first))
        const isWhole = i + blockLines <= lines && low + blockLines * 64 <= 2 ** 32
        if (isWhole) selves(memory, halves, at / 8 + i * wordsOfLine, words, low, Number(first >> 32n))
        else selfOneByOne(at + i * 64, Math.min(blockLines, lines - i), words, first)
      }
    },
    tails: (at, blocks, words, { every, left, step }) => {
      const { high, low } = secondOf(words)
      const heads = new Int32Array(2 * pieces)
      let pointed = low
      let until = left
      for (let block = 0; block < blocks; block++) {
        for (let piece = 0; piece < pieces; piece++) {
          heads[2 * piece] = pointed
          heads[2 * piece + 1] = high + Math.floor(pointed / 2 ** 32)
          if (--until > 0) continue
          until = every
          pointed += step
        }
        headed(memory, halves, at / 8 + block * blockWords, words, heads)
      }
    },
    spread: (at, count, stride, words, step) => {
      const { high, low } = secondOf(words)
      let pointed = low
      for (let i = 0; i < count; i++) {
        const to = at + i * stride
        one(to, words)
        halves[to / 4 + 2] = pointed
        halves[to / 4 + 3] = high + Math.floor(pointed / 2 ** 32)
        pointed += step
      }
    },
    copy: (to, from, bytes) => {
      const shift = (to - from) / 8
      for (let i = from / 8; i < (from + bytes) / 8; i++) memory[i + shift] = memory[i] as bigint
    },
    flood: (at, bytes) => {
      for (let i = at / 8; i < (at + bytes) / 8; i++) memory[i] = 0x5a5a5a5a5a5a5a5an
    },
    sum: (at, bytes) => sum(halves, at / 4, (at + bytes) / 4)
  }
}
