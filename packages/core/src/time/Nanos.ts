/**
 * Lengths of time as people write them, in nanoseconds.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

const units = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, min: 60e9, h: 3600e9 } as const

/**
 * 104 days: what a number counts exactly in nanoseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const most = 2 ** 53

/**
 * Reads `268ms`, `1.5 s`, `4min`, `0`. Fails with what would be right.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<number, string> => {
  const match = /^\s*([0-9]{1,20}(?:\.[0-9]{1,9})?)\s*(ns|us|ms|s|min|h)?\s*$/.exec(text)
  if (match === null) return Result.fail("a time is a number with ns, us, ms, s, min or h, such as 268ms")
  const [, number = "0", unit] = match
  if (unit === undefined && Number(number) !== 0) return Result.fail(`${number} needs a unit: ns, us, ms, s, min or h`)
  const nanos = Math.round(Number(number) * units[(unit ?? "ns") as keyof typeof units])
  return nanos < most ? Result.succeed(nanos) : Result.fail("times are less than 104 days")
}

/**
 * Nanoseconds as an integer, or as text that {@link parse} reads.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Nanos = Schema.Union([
  Schema.Natural,
  Schema.String.pipe(
    Schema.decodeTo(
      Schema.Natural,
      SchemaTransformation.transformEffect({
        decode: (text, options) =>
          Result.match(parse(text), {
            onSuccess: (nanos) => Effect.succeed(nanos),
            onFailure: (message) => Effect.fail(new SchemaIssue.InvalidValue({ message }, text, options))
          }),
        encode: (nanos) => Effect.succeed(`${nanos}ns`)
      })
    )
  )
])

/**
 * For people: three digits and a unit.
 *
 * @category printers
 * @since 0.1.0
 */
export const format = (nanos: number): string => {
  // As it will be shown: what rounds up to the next unit has that.
  const abs = Number(Math.abs(nanos).toPrecision(3))
  const [unit, size] = abs < 1e3
    ? ["ns", 1] as const
    : abs < 1e6
    ? ["us", 1e3] as const
    : abs < 1e9
    ? ["ms", 1e6] as const
    : abs < 120e9
    ? ["s", 1e9] as const
    : abs < 7200e9
    ? ["min", 60e9] as const
    : ["h", 3600e9] as const
  const digits = unit === "ns" ? 0 : abs / size < 10 ? 2 : abs / size < 100 ? 1 : 0
  return `${(nanos / size).toFixed(digits)} ${unit}`
}
