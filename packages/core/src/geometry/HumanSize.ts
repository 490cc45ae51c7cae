/**
 * Sizes as `ndctl -u` prints them: binary and decimal side by side, rounded as the tool rounds (spec 27.1, OBS-23).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { ParseError } from "./MemParse.ts"
import { GiB, KiB, MiB, TiB } from "./Units.ts"

const hundredths = (bytes: number, unit: number): number => {
  const twoHundredths = 200 * Math.floor(bytes / unit) + Math.floor((200 * (bytes % unit)) / unit)
  return Math.floor((twoHundredths + 1) / 2)
}

const show = (c: number): string => `${Math.floor(c / 100)}.${String(c % 100).padStart(2, "0")}`

/**
 * `135289372672` → `"126.00 GiB (135.29 GB)"`; below 5 120 000 bytes the bare integer.
 *
 * Two decimals hide differences: 128 GiB minus 2 MiB still prints `128.00 GiB`. See {@link hides}.
 *
 * @category printing
 * @since 0.1.0
 */
export const format = (bytes: number): string => {
  if (bytes < 5000 * KiB) return String(bytes)
  const [binary, decimal, prefix] = bytes < 2 * GiB
    ? [MiB, 1e6, "M"] as const
    : bytes < 2 * TiB
    ? [GiB, 1e9, "G"] as const
    : [TiB, 1e12, "T"] as const
  return `${show(hundredths(bytes, binary))} ${prefix}iB (${show(hundredths(bytes, decimal))} ${prefix}B)`
}

/**
 * A size in its own binary unit: `2 MiB` when exact, `126.88 GiB` when rounded to two decimals, `512 B` below 1 KiB.
 *
 * @category printing
 * @since 0.1.0
 */
export const formatBinary = (bytes: number): string => {
  const power = [4, 3, 2, 1].find((p) => bytes >= KiB ** p)
  if (power === undefined) return `${bytes} B`
  const unit = KiB ** power
  return `${bytes % unit === 0 ? bytes / unit : show(hundredths(bytes, unit))} ${" KMGT"[power]}iB`
}

/**
 * Whether `ndctl -u` prints the two different sizes alike.
 *
 * @category queries
 * @since 0.1.0
 */
export const hides = (a: number, b: number): boolean => a !== b && format(a) === format(b)

/**
 * The range of byte counts that print as `text`, inclusive at both ends.
 *
 * A human string is lossy: the reader that gets one must say how much it cannot know.
 *
 * @category models
 * @since 0.1.0
 */
export interface Approximate {
  readonly least: number
  readonly most: number
}

/** The least byte count with that many two-hundredths of the unit, exact below 2^53. */
const leastOf = (twoHundredths: number, unit: number): number =>
  Math.floor(twoHundredths / 200) * unit + Math.ceil((twoHundredths % 200) * unit / 200)

const human = /^([0-9]+)\.([0-9]{2}) ([MGT])iB \(([0-9]+)\.([0-9]{2}) ([MGT])B\)$/

/**
 * Reads what {@link format} prints, using both halves to narrow the answer.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Approximate, ParseError> => {
  if (/^[0-9]{1,15}$/.test(text)) return Result.succeed({ least: Number(text), most: Number(text) })
  const match = human.exec(text)
  const refuse = (problem: string) =>
    Result.fail(
      new ParseError({
        text: text.slice(0, 80),
        problem,
        remedy: "expected bytes or ndctl's human form, such as \"126.00 GiB (135.29 GB)\""
      })
    )
  if (match === null) return refuse("is not a size as ndctl -u prints it")
  const exponent = "MGT".indexOf(match[3] ?? "") + 2
  if (match[3] !== match[6]) return refuse("mixes two units")
  const bounds = (whole: string, fraction: string, unit: number): Approximate => {
    const c = Number(whole) * 100 + Number(fraction)
    return { least: leastOf(2 * c - 1, unit), most: leastOf(2 * c + 1, unit) - 1 }
  }
  const binary = bounds(match[1] ?? "", match[2] ?? "", KiB ** exponent)
  const decimal = bounds(match[4] ?? "", match[5] ?? "", 1000 ** exponent)
  // The unit changes at fixed sizes: what rounds across such a border is printed in the other unit.
  const least = Math.max(binary.least, decimal.least, [5000 * KiB, 2 * GiB, 2 * TiB][exponent - 2] ?? 0)
  const most = Math.min(binary.most, decimal.most, ([2 * GiB, 2 * TiB][exponent - 2] ?? 2 ** 53) - 1)
  return least <= most && format(least) === text
    ? Result.succeed({ least, most })
    : refuse("has halves that contradict each other")
}

/**
 * The only multiple of `granule` among the sizes that print as `text`, or the nearest one to the middle when several do.
 *
 * @category parsing
 * @since 0.1.0
 */
export const resolve = (
  { least, most }: Approximate,
  granule: number
): { readonly bytes: number; readonly exact: boolean } => {
  if (least === most) return { bytes: least, exact: true }
  const first = Math.ceil(least / granule) * granule
  const last = Math.floor(most / granule) * granule
  if (first > last) return { bytes: Math.round((least + most) / 2), exact: false }
  if (first === last) return { bytes: first, exact: true }
  const middle = Math.round((least + most) / 2 / granule) * granule
  return { bytes: Math.min(Math.max(middle, first), last), exact: false }
}
