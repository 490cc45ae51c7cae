/**
 * Conditions such as `ram>16GiB` that turn a plan into a gate for scripts.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as MemParse from "../geometry/MemParse.ts"
import type { Totals } from "./Plan.ts"

/**
 * Totals a condition may name; `memmap` is ram + device + pageTables.
 *
 * @category models
 * @since 0.1.0
 */
export type Field = "ram" | "device" | "pageTables" | "memmap" | "usable" | "lost" | "size"

/**
 * A condition on a total: `text` as typed, `bytes` what the field is compared with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gate {
  readonly text: string
  readonly field: Field
  readonly operator: ">" | ">=" | "<" | "<="
  readonly bytes: number
}

const fields: ReadonlyArray<Field> = ["ram", "device", "pageTables", "memmap", "usable", "lost", "size"]

/**
 * Reads `FIELD OP SIZE`.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Gate, MemParse.ParseError> => {
  const match = /^\s*([A-Za-z]+)\s*(>=|<=|>|<)\s*(\S+)\s*$/.exec(text.slice(0, 100))
  const field = fields.find((f) => f.toLowerCase() === match?.[1]?.toLowerCase())
  if (match === null || field === undefined) {
    return Result.fail(
      new MemParse.ParseError({
        text: text.slice(0, 100),
        problem: "is not a condition",
        remedy: `write FIELD>SIZE with one of ${fields.join(", ")}, such as ram>16GiB`
      })
    )
  }
  return Result.map(MemParse.parse(match[3] ?? ""), (bytes) => ({
    text: text.trim(),
    field,
    operator: match[2] as Gate["operator"],
    bytes
  }))
}

/**
 * The value a condition looks at, in bytes.
 *
 * @category queries
 * @since 0.1.0
 */
export const valueOf = (field: Field, totals: Totals): number =>
  field === "memmap" ? totals.ram + totals.device + totals.pageTables : totals[field]

/**
 * Whether the condition holds, so that the gate fails.
 *
 * @category queries
 * @since 0.1.0
 */
export const holds = ({ bytes, field, operator }: Gate, totals: Totals): boolean => {
  const value = valueOf(field, totals)
  switch (operator) {
    case ">":
      return value > bytes
    case ">=":
      return value >= bytes
    case "<":
      return value < bytes
    case "<=":
      return value <= bytes
  }
}
