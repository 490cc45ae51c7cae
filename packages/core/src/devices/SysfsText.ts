/**
 * How the kernel reads what is written to an attribute.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as KernelError from "../kernel/KernelError.ts"
import * as Uuid from "./Uuid.ts"

/** The text without the one newline that `echo` adds. */
const line = (text: string): string => text.endsWith("\n") ? text.slice(0, -1) : text

const invalid = (text: string, wanted: string) =>
  KernelError.fail({
    errno: "EINVAL",
    rule: "21.2",
    problem: `'${text.slice(0, 80)}' is no ${wanted}`,
    remedy: `write a ${wanted}`
  })

/**
 * `sysfs_streq()`: equal but for one trailing newline.
 *
 * @category predicates
 * @since 0.1.0
 */
export const equals = (text: string, word: string): boolean => line(text) === line(word)

/**
 * `kstrtoull()` with base 0: decimal, `0x` hexadecimal or `0` octal; EINVAL for anything else, a sign or a suffix included.
 *
 * @category parsing
 * @since 0.1.0
 */
export const number = (text: string): Result.Result<number, KernelError.KernelError> => {
  const digits = line(text)
  if (/^0[0-7]+$/.test(digits)) return Result.succeed(Number.parseInt(digits, 8))
  return /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(digits) && !/^0[0-9]/.test(digits)
    ? Result.succeed(Number(digits))
    : invalid(text, "number")
}

/**
 * `strtobool()`: decided by the first letters: y, t, 1, on; n, f, 0, of.
 *
 * @category parsing
 * @since 0.1.0
 */
export const boolean = (text: string): Result.Result<boolean, KernelError.KernelError> =>
  /^([yYtT1]|[oO][nN])/.test(text)
    ? Result.succeed(true)
    : /^([nNfF0]|[oO][fF])/.test(text)
    ? Result.succeed(false)
    : invalid(text, "yes or no")

/**
 * `sysfs_match_string()`: one of the words. `rule` says where they come from.
 *
 * @category parsing
 * @since 0.1.0
 */
export const oneOf = <Word extends string>(
  text: string,
  words: ReadonlyArray<Word>,
  rule: string
): Result.Result<Word, KernelError.KernelError> => {
  const found = words.find((word) => equals(text, word))
  return found !== undefined ? Result.succeed(found) : KernelError.fail({
    errno: "EINVAL",
    rule,
    problem: `'${line(text).slice(0, 80)}' is none of its words`,
    remedy: `write one of ${words.join(", ")}`
  })
}

/**
 * `nd_uuid_parse()`: lower-case text of a uuid.
 *
 * @category parsing
 * @since 0.1.0
 */
export const uuid = (text: string): Result.Result<string, KernelError.KernelError> =>
  Uuid.isUuid(line(text)) ? Result.succeed(line(text).toLowerCase()) : invalid(text, "uuid")

/**
 * A choice as it is read back: every value in order, the selected one in brackets (`[512] 4096`).
 *
 * @category printing
 * @since 0.1.0
 */
export const choice = (values: ReadonlyArray<number>, selected: number): string =>
  values.map((value) => value === selected ? `[${value}]` : String(value)).join(" ")
