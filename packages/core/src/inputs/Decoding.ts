/**
 * From the schemas of `inputs/` to {@link InputError}: the first issue, its path as `regions[0].size`, what was there, and for
 * a misspelt key the ones that exist.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { InputError } from "./InputError.ts"

/**
 * Where a value sits, so that errors of its parts can say the whole path.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly source: string
  /** Path of the value inside the source; empty for the source itself. */
  readonly at: string
}

/**
 * The place of an element or member of the value at `place`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inside = (place: Place, key: PropertyKey): Place => ({
  source: place.source,
  at: typeof key === "number"
    ? `${place.at}[${key}]`
    : /^[A-Za-z_][A-Za-z0-9_]*$/.test(String(key))
    ? `${place.at}${place.at === "" ? "" : "."}${String(key)}`
    : `${place.at}[${JSON.stringify(String(key).slice(0, 60))}]`
})

/**
 * An error at `place`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failAt = (place: Place, problem: string, remedy: string): Result.Result<never, InputError> =>
  Result.fail(new InputError({ ...place, problem, remedy }))

const describe = (value: unknown): string =>
  Array.isArray(value)
    ? "an array"
    : typeof value === "object" && value !== null
    ? "an object"
    : typeof value === "string"
    ? `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`
    : String(value)

const valueAt = (value: unknown, path: ReadonlyArray<PropertyKey>): unknown =>
  path.reduce<unknown>(
    (inner, key) => typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : inner,
    value
  )

const knownKeys = (issue: SchemaIssue.UnexpectedKey): ReadonlyArray<string> =>
  issue.ast._tag === "Objects" ? issue.ast.propertySignatures.map((property) => String(property.name)) : []

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "UnexpectedKey":
        return `is not a known key; known are ${knownKeys(issue).join(", ")}`
      case "MissingKey":
        return "is missing"
      default:
        return SchemaIssue.defaultLeafHook(issue)
    }
  }
})

const toError = (place: Place, input: unknown, issue: SchemaIssue.Issue, remedy: string): InputError => {
  const [first] = format(issue).issues
  // a Standard Schema path may hold segments as objects; ours are built from plain keys
  const path = (first?.path ?? []).filter((key): key is PropertyKey => typeof key !== "object")
  const message = first?.message ?? "is not what was expected"
  const found = message.startsWith("Expected ") ? `, got ${describe(valueAt(input, path))}` : ""
  const problem = message.startsWith("Expected ") ? `e${message.slice(1)}` : message
  return new InputError({ ...path.reduce<Place>(inside, place), problem: `${problem}${found}`, remedy })
}

/**
 * A decoder to be built once, at module level. With `strict`, keys the schema does not know are refused; without, ignored,
 * for tools print more with every release.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  options: { readonly remedy: string; readonly strict?: boolean }
): (place: Place, value: unknown) => Result.Result<S["Type"], InputError> => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty: options.strict === true ? "error" : "ignore" })
  return (place, value) => Result.mapError(decode(value), (error) => toError(place, value, error.issue, options.remedy))
}
