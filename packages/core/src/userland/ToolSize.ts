/**
 * Sizes as ndctl and daxctl read them from options: `strtoull()` with base detection and one suffix of `KMGT`, in either
 * case; 64-bit unsigned arithmetic that fails only when the product is smaller than the number (27.2, OBS-25).
 *
 * Deliberately not `MemParse`, which serves people: here `-5`, ` 7`, `K` and the empty text are numbers, `1GiB` is not.
 *
 * @since 0.1.0
 */
import { GiB, KiB, MiB, TiB } from "../geometry/Units.ts"

/**
 * `unit` is the value of the suffix, 1 without.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolSize {
  readonly value: bigint
  readonly unit: number
}

const units: Readonly<Record<string, number>> = { "": 1, K: KiB, M: MiB, G: GiB, T: TiB }

const form = /^[ \t\n\v\f\r]*([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)?([KMGT]?)$/i

const largest = 2n ** 64n - 1n

/**
 * The number an option means, `undefined` where the tool says `failed to parse`.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): ToolSize | undefined => {
  const match = form.exec(text)
  if (match === null || text.length > 1000) return undefined
  const [, sign = "", digits = "", suffix = ""] = match
  if (digits === "" && text !== suffix) return undefined
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits === "" ? 0 : digits)
  if (magnitude > largest) return undefined
  const number = BigInt.asUintN(64, sign === "-" ? -magnitude : magnitude)
  const unit = units[suffix.toUpperCase()] ?? 1
  const value = BigInt.asUintN(64, number * BigInt(unit))
  return number === largest || value < number || value === largest ? undefined : { value, unit }
}
