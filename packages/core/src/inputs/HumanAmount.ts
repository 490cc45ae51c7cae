/**
 * Sizes in the JSON of `ndctl`, `daxctl` and `cxl`: plain bytes, or with `-u` a rounded string or hexadecimal text
 * (27.1, OBS-23).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as HumanSize from "../geometry/HumanSize.ts"
import * as MemParse from "../geometry/MemParse.ts"
import * as Pfn from "../geometry/Pfn.ts"

/**
 * The byte counts the printed value may stand for, inclusive at both ends.
 *
 * @category models
 * @since 0.1.0
 */
export const Bounds = Schema.Struct({ least: Pfn.Bytes, most: Pfn.Bytes })
/** @since 0.1.0 */
export interface Bounds extends Schema.Schema.Type<typeof Bounds> {}

const read = (text: string): Result.Result<HumanSize.Approximate, MemParse.ParseError> =>
  /^(?:0x[0-9a-fA-F]+|[0-9]{16,})$/.test(text)
    ? Result.map(MemParse.parse(text), (bytes) => ({ least: bytes, most: bytes }))
    : Result.filterOrFail(
      HumanSize.parse(text),
      ({ most }) => most < Pfn.addressLimit,
      () =>
        new MemParse.ParseError({
          text: text.slice(0, 80),
          problem: "is 2^52 bytes or more",
          remedy: "addresses and sizes must be below 4 PiB (2^52 bytes)"
        })
    )

/**
 * Bytes as a number, as `"126.00 GiB (135.29 GB)"`, or as `"0x7e00000000"`.
 *
 * @category fields
 * @since 0.1.0
 */
export const Amount = Schema.Union([Pfn.Bytes, Schema.String]).pipe(
  Schema.decodeTo(
    Bounds,
    SchemaTransformation.transformEffect({
      decode: (value, options) =>
        typeof value === "number"
          ? Effect.succeed({ least: value, most: value })
          : Result.match(read(value), {
            onSuccess: (bounds) => Effect.succeed(bounds),
            onFailure: (error) => Effect.fail(new SchemaIssue.InvalidValue({ message: error.message }, value, options))
          }),
      encode: ({ least }) => Effect.succeed(least)
    })
  )
)

/**
 * A size, and whether it is exactly the printed one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Size {
  readonly bytes: number
  readonly exact: boolean
}

/**
 * The size, given that it is a multiple of `granule`: exact when a single multiple prints so. Of several, the roundest.
 *
 * @category queries
 * @since 0.1.0
 */
export const resolve = (bounds: Bounds, granule: number): Size => {
  const sure = HumanSize.resolve(bounds, granule)
  if (sure.exact) return sure
  let unit = 2 ** 51
  while (unit > granule && Math.ceil(bounds.least / unit) * unit > bounds.most) unit /= 2
  return { bytes: HumanSize.resolve(bounds, Math.max(unit, granule)).bytes, exact: false }
}

/**
 * Bytes of a value that is a power of two times `factor`, such as an alignment: two decimals always tell those apart.
 *
 * @category queries
 * @since 0.1.0
 */
export const powerOfTwo = (bounds: Bounds, factor: number): number => {
  if (bounds.least === bounds.most) return bounds.least
  const unit = 2 ** Math.ceil(Math.log2(bounds.least / factor)) * factor
  return unit <= bounds.most ? unit : resolve(bounds, 4096).bytes
}
