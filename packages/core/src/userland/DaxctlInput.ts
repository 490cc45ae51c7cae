/**
 * The file `daxctl create-device --input` reads: one device as `daxctl list -M` prints it (24.3, 27.1).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as JsonText from "../inputs/JsonText.ts"
import * as JsonTree from "../inputs/JsonTree.ts"

/**
 * A range to be mapped; `end` is inclusive.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mapping {
  readonly start: number
  readonly end: number
}

/**
 * Size and alignment as text, as if typed; mappings by their page offset.
 *
 * @category models
 * @since 0.1.0
 */
export interface DaxctlInput {
  readonly size: string
  readonly align: string
  readonly region: string
  readonly mappings: ReadonlyArray<Mapping>
}

/** A number, or the decimal digits a text begins with; 0 for anything else. */
const integer = (value: unknown): number =>
  typeof value === "number" ? Math.trunc(value) : Number(/^\s*([+-]?[0-9]+)/.exec(String(value))?.[1] ?? 0)

const mapping = (value: unknown): (Mapping & { readonly offset: number }) | undefined =>
  JsonTree.isRecord(value) && "start" in value && "end" in value && "page_offset" in value
    ? { start: integer(value["start"]), end: integer(value["end"]), offset: integer(value["page_offset"]) }
    : undefined

/**
 * Reads the text of a file; `undefined` where the tool says `Invalid argument`: no JSON, or a field missing.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): DaxctlInput | undefined => {
  const value = Result.getOrElse(JsonText.parse("--input", text), () => undefined)
  if (!JsonTree.isRecord(value)) return undefined
  const { align, chardev, mappings, size } = value
  const region = /^dax([0-9]{1,9})\.[0-9]+/.exec(String(chardev))?.[1]
  if (align === undefined || size === undefined || region === undefined || !Array.isArray(mappings)) return undefined
  const read = mappings.map(mapping)
  const ranges = read.filter((range) => range !== undefined).toSorted((a, b) => a.offset - b.offset)
  return ranges.length < read.length ? undefined : {
    size: String(size),
    align: String(align),
    region: String(Number(region)),
    mappings: ranges.map(({ end, start }) => ({ start, end }))
  }
}
