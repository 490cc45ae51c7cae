/**
 * Struct pages of a pattern, written to memory by a kernel.
 *
 * @since 0.1.0
 */
import { blockLines, type PageKernel, pieceLines, scratchLines } from "./PageKernel.ts"
import { line, type PagePattern, type Placed } from "./PagePattern.ts"

/**
 * Lines that are written before anybody looks up: what a worker claims at once.
 *
 * @category constants
 * @since 0.1.0
 */
export const chunkLines = scratchLines

const template = (words: ReadonlyArray<bigint>): BigInt64Array => BigInt64Array.from(words, (w) => BigInt.asIntN(64, w))

/** A pattern, as arrays. */
interface Templates {
  readonly rest: BigInt64Array
  readonly first: BigInt64Array | null
  readonly second: BigInt64Array | null
}

/** What a pattern is made into once, however many chunks are written. */
const templates = ({ first, rest, second }: PagePattern): Templates => ({
  rest: template(rest),
  first: first === null ? null : template(first),
  second: second === null ? null : template(second)
})

const headOf = ({ base, step, stored }: PagePattern, index: number): bigint =>
  BigInt.asIntN(64, base + BigInt(Math.floor(index / stored)) * step)

/** Lines that follow each other and have one head, not in whole blocks. */
const tailsOneByOne = (
  kernel: PageKernel,
  at: number,
  pattern: PagePattern,
  { rest }: Templates,
  from: number,
  to: number
): void => {
  for (let index = from; index < to;) {
    const end = Math.min(to, (Math.floor(index / pattern.stored) + 1) * pattern.stored)
    rest[1] = headOf(pattern, index)
    kernel.fill(at + (index - from) * line, end - index, rest)
    index = end
  }
}

const tails = (
  kernel: PageKernel,
  at: number,
  pattern: PagePattern,
  own: Templates,
  from: number,
  to: number
): void => {
  const { rest } = own
  const { step, stored } = pattern
  if (stored % pieceLines !== 0) return tailsOneByOne(kernel, at, pattern, own, from, to)
  const start = Math.min(to, Math.ceil(from / pieceLines) * pieceLines)
  const blocks = Math.floor((to - start) / blockLines)
  const end = start + blocks * blockLines
  const every = stored / pieceLines
  tailsOneByOne(kernel, at, pattern, own, from, start)
  rest[1] = headOf(pattern, start)
  kernel.tails(at + (start - from) * line, blocks, rest, {
    every,
    left: every - start / pieceLines % every,
    step: Number(step)
  })
  tailsOneByOne(kernel, at + (end - from) * line, pattern, own, end, to)
}

/** The first lines of periods, and the second ones, over what was written there. */
const beginnings = (
  kernel: PageKernel,
  at: number,
  pattern: PagePattern,
  { first, second }: Templates,
  from: number,
  to: number
): void => {
  const { points, step, stored } = pattern
  /** Lines at `place` in their period. */
  const each = (words: BigInt64Array, place: number, step: number): void => {
    const head = Math.ceil((from - place) / stored) * stored
    const count = Math.max(0, Math.ceil((to - place - head) / stored))
    if (step > 0) words[1] = headOf(pattern, head)
    kernel.spread(at + (head + place - from) * line, count, stored * line, words, step)
  }
  if (first !== null) each(first, 0, 0)
  if (second !== null) each(second, 1, points === "head" ? Number(step) : 0)
}

const chunk = (
  kernel: PageKernel,
  at: number,
  pattern: PagePattern,
  own: Templates,
  from: number,
  to: number
): void => {
  const { base, points } = pattern
  if (points === "nowhere") kernel.fill(at, to - from, own.rest)
  else if (points === "self") kernel.self(at, to - from, own.rest, BigInt.asIntN(64, base + BigInt(from * line)))
  else tails(kernel, at, pattern, own, from, to)
  beginnings(kernel, at, pattern, own, from, to)
}

/**
 * A run of lines that can be written in parts: `write` those from `start` to before `end`, counted from the run's first, which lies at
 * `at`.
 *
 * `past` the cache: lines are made in the kernel's own memory and copied from there. That is faster where copying goes past the
 * cache, which is how the C library copies what is larger than its `x86_non_temporal_threshold`, and slower elsewhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  kernel: PageKernel,
  at: number,
  { from, pattern }: Placed,
  past = false
): { readonly write: (start: number, end: number) => void } => {
  const own = templates(pattern)
  const isConstant = pattern.points === "nowhere" && pattern.first === null
  let made = 0
  const through = (start: number, lines: number): void => {
    if (!isConstant || made < lines) {
      chunk(kernel, kernel.scratch, pattern, own, from + start, from + start + lines)
      made = lines
    }
    kernel.copy(at + start * line, kernel.scratch, lines * line)
  }
  return {
    write: (start, end) => {
      for (let done = start; done < end;) {
        // Chunks begin where pieces do: the first may be shorter.
        const whole = chunkLines - (from + done) % chunkLines
        const lines = Math.min(end - done, whole)
        if (past) through(done, lines)
        else chunk(kernel, at + done * line, pattern, own, from + done, from + done + lines)
        done += lines
      }
    }
  }
}

/**
 * Writes `lines` of a pattern at once.
 *
 * @category running
 * @since 0.1.0
 */
export const write = (kernel: PageKernel, at: number, placed: Placed, lines: number): void =>
  make(kernel, at, placed).write(0, lines)
