/**
 * Sizes and ranges as people type them: the kernel's `memparse()` grammar with the extra unit spellings of the tools.
 *
 * `1500G`, `2M`, `0x100000000`, `126GiB`, `4096`, `4G+64M` for sums; ranges `START+SIZE` and `START-END`.
 * Suffixes are binary (K = 1024) as in the kernel; `KiB` … `EiB` mean the same. `kB`, `MB`, `GB`, `TB` (decimal in some
 * tools, binary in others) are refused rather than guessed.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { addressLimit } from "./Pfn.ts"
import { GiB, KiB, MiB, TiB } from "./Units.ts"

/**
 * Text that is no size, address or range, or one too large.
 *
 * @category errors
 * @since 0.1.0
 */
export class ParseError extends Schema.TaggedError<ParseError>("@vmemmap/core/MemParse/ParseError")("MemParseError", {
  text: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `'${this.text}' ${this.problem}; ${this.remedy}`
  }
}

const powers: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, T: 4, P: 5, E: 6 }

const fail = (text: string, problem: string, remedy: string) =>
  Result.fail(new ParseError({ text: text.slice(0, 80), problem, remedy }))

const sizeRemedy = "write a number with K, M, G, T, P or E, such as 1500G, 2M or 0x100000000"

const numeral = /^(0x[0-9a-f]+|[0-9]+)(?:([KMGTPE])(iB)?|B)?$/i

/**
 * A byte count or address below 2^52.
 *
 * Like `memparse()`: decimal, `0x` hexadecimal, or octal with a leading 0; one binary suffix.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<number, ParseError> => {
  const trimmed = text.trim()
  if (trimmed.length > 40) return fail(text, "is too long for a size", sizeRemedy)
  if (/^[0-9]+(?:\.[0-9]+)?\s*[kKMGTPE]B$/.test(trimmed)) {
    return fail(text, "has a decimal unit that tools read differently", "write MiB/GiB/TiB, or K, M, G, T alone")
  }
  const match = numeral.exec(trimmed)
  if (match === null) return fail(text, "is not a size", sizeRemedy)
  const digits = match[1] ?? ""
  const octal = /^0[0-9]+$/.test(digits)
  if (octal && /[89]/.test(digits)) {
    return fail(text, "starts with 0 (octal) but has a digit 8 or 9", "drop the leading 0, or write 0x…")
  }
  const value = octal ? Number.parseInt(digits, 8) : Number(digits)
  const bytes = value * 1024 ** (powers[(match[2] ?? "").toUpperCase()] ?? 0)
  if (!(bytes < addressLimit)) {
    return fail(text, "is 2^52 bytes or more", "addresses and sizes must be below 4 PiB (2^52 bytes)")
  }
  return Result.succeed(bytes)
}

/**
 * What `memparse()` would read off the front of `text`, and what follows it; `null` when no number is in front. `suffix` is
 * the unit in capitals, or empty.
 *
 * @category parsing
 * @since 0.1.0
 */
export const splitLeading = (
  text: string
): { readonly token: string; readonly suffix: string; readonly rest: string } | null => {
  const match = /^(?:0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)([KMGTPE]?)/i.exec(text)
  if (match === null) return null
  const [token, suffix = ""] = match
  return { token, suffix: suffix.toUpperCase(), rest: text.slice(token.length) }
}

/**
 * A physical range as typed.
 *
 * @category models
 * @since 0.1.0
 */
export interface StartAndSize {
  readonly start: number
  readonly size: number
}

const smallestPage = 4 * KiB

/**
 * `START+SIZE`, or `START-END` with an inclusive end as `/proc/iomem` prints it. An END that is a multiple of 4 KiB is
 * the first byte of a page, which nobody means.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseRange = (text: string): Result.Result<StartAndSize, ParseError> => {
  const remedy = "write START+SIZE, such as 0x100000000+128G, or START-END with an inclusive end"
  const match = /^\s*([^+\-\s]+)\s*([+-])\s*([^+\-\s]+)\s*$/.exec(text.slice(0, 100))
  if (match === null) return fail(text, "is not a range", remedy)
  const [, first = "", sign, second = ""] = match
  return Result.gen(function*() {
    const start = yield* parse(first)
    const other = yield* parse(second)
    const size = sign === "+" ? other : other + 1 - start
    if (size <= 0) return yield* fail(text, "is empty", remedy)
    if (sign === "-" && other === start) return yield* fail(text, "is one byte", remedy)
    if (sign === "-" && other % smallestPage === 0) {
      const meant = `${first}+${format(other - start)}`
      return yield* fail(
        text,
        "ends with one byte of a page",
        `END is the last byte: write ${first}-0x${(other - 1).toString(16)}, or ${meant}`
      )
    }
    if (start + size > addressLimit) return yield* fail(text, "ends above 2^52", remedy)
    return { start, size }
  })
}

/**
 * A byte count as `ndctl --size=` and `memmap=` take it, in the largest suffix that is exact.
 *
 * @category printing
 * @since 0.1.0
 */
export const format = (bytes: number): string => {
  if (bytes === 0) return "0"
  const suffix = [[TiB, "T"], [GiB, "G"], [MiB, "M"], [KiB, "K"]] as const
  const exact = suffix.find(([unit]) => bytes % unit === 0)
  return exact === undefined ? String(bytes) : `${bytes / exact[0]}${exact[1]}`
}
