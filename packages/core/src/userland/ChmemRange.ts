/**
 * What `chmem` is told to change: blocks, addresses or a size, as util-linux reads them.
 *
 * Numbers are 64-bit.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as UtilSize from "./UtilSize.ts"

/**
 * Blocks `start` to `end`, both included; or any `blocks` of them.
 *
 * @category models
 * @since 0.1.0
 */
export type ChmemRange =
  | { readonly _tag: "Range"; readonly start: bigint; readonly end: bigint }
  | { readonly _tag: "Size"; readonly blocks: bigint }

type Answer<A> = Result.Result<A, string>

const largest = 2n ** 64n - 1n

/** Longer numbers are out of range anyway. */
const mostDigits = 100

const outOfRange = "Numerical result out of range"

const digitsOf = { 10: /^\s*\+?([0-9]+)$/, 16: /^\s*\+?(0x[0-9a-f]+)$/i }

const number = (text: string, base: 10 | 16, problem: string): Answer<bigint> => {
  const digits = digitsOf[base].exec(text)?.[1]
  if (digits === undefined) return Result.fail(`${problem}: '${text}'`)
  const value = digits.length > mostDigits ? largest + 1n : BigInt(digits)
  return value > largest ? Result.fail(`${problem}: '${text}': ${outOfRange}`) : Result.succeed(value)
}

/** Each digit behind the point by itself, cut: a third of the unit for `.3`. */
const fractionOf = (digits: string, unit: bigint): bigint => {
  let total = 0n
  for (let at = 0; at < digits.length; at++) {
    const digit = BigInt(digits.charAt(at))
    const part = digit === 0n ? 0n : 10n ** BigInt(at + 1) / digit
    if (part > 0n) total += unit / part
  }
  return total
}

const sizeForm = /^\s*\+?(0x[0-9a-f]+|[0-9]+)(?:\.([0-9]+))?\s*(?:([KMGTPEZY])(iB|B)?)?$/i

const size = (text: string): Answer<bigint> => {
  const refuse = (why: string) => Result.fail(`Failed to parse size: '${text}': ${why}`)
  const [, whole, fraction = "", letter = "", suffix = ""] = text.length > mostDigits ? [] : sizeForm.exec(text) ?? []
  if (whole === undefined || (fraction !== "" && letter === "")) return refuse("Invalid argument")
  const power = BigInt("KMGTPEZY".indexOf(letter.toUpperCase() || "-") + 1)
  const unit = (suffix.toLowerCase() === "b" ? 1000n : 1024n) ** power
  // without a unit it is MiB
  const value = (BigInt(whole) * unit + fractionOf(fraction, unit)) * (/[0-9]$/.test(text) ? 2n ** 20n : 1n)
  return value > largest ? refuse(outOfRange) : Result.succeed(value)
}

const addresses = (start: string, end: string, blockSize: bigint): Answer<ChmemRange> =>
  Result.gen(function*() {
    if (start[1] !== "x") return yield* Result.fail(`Invalid start address format: ${start}`)
    if (end[1] !== "x") return yield* Result.fail(`Invalid end address format: ${end}`)
    const first = yield* number(start, 16, "Failed to parse start address")
    const last = yield* number(end, 16, "Failed to parse end address")
    if (first % blockSize !== 0n || BigInt.asUintN(64, last + 1n) % blockSize !== 0n) {
      return yield* Result.fail(
        `Start address and (end address + 1) must be aligned to memory block size (${UtilSize.format(blockSize)})`
      )
    }
    return { _tag: "Range", start: first / blockSize, end: last / blockSize }
  })

const read = (
  [start = "", end]: ReadonlyArray<string>,
  { blockSize, isBlocks }: { readonly blockSize: bigint; readonly isBlocks: boolean }
): Answer<ChmemRange> =>
  Result.gen(function*() {
    if (end !== undefined) {
      return isBlocks
        ? {
          _tag: "Range",
          start: yield* number(start, 10, "Failed to parse start"),
          end: yield* number(end, 10, "Failed to parse end")
        }
        : yield* addresses(start, end, blockSize)
    }
    if (isBlocks) {
      const block = yield* number(start, 10, "Failed to parse block number")
      return { _tag: "Range", start: block, end: block }
    }
    const bytes = yield* size(start)
    return bytes % blockSize === 0n
      ? { _tag: "Size", blocks: bytes / blockSize }
      : yield* Result.fail(`Size must be aligned to memory block size (${UtilSize.format(blockSize)})`)
  })

/**
 * Reads the operand: `SIZE`, `START-END`, or with `-b` `BLOCK` and `FIRST-LAST`. A failure is the tool's message.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (
  text: string,
  options: { readonly blockSize: bigint; readonly isBlocks: boolean }
): Result.Result<ChmemRange, string> => {
  const parts = text.split("-").filter((part) => part !== "")
  if (parts.length === 0 || parts.length > 2) return Result.fail(`Invalid parameter: ${text}`)
  return Result.flatMap(
    read(parts, options),
    (range) =>
      range._tag === "Range" && range.start > range.end
        ? Result.fail(`Invalid range: ${text}`)
        : Result.succeed(range)
  )
}
