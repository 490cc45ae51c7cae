/**
 * One thing a machine says, next to what the model expects.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * `explanation` says why the two differ where the model knows it; a difference without one is unexplained.
 *
 * @category models
 * @since 0.1.0
 */
export const Check = Schema.Struct({
  what: Schema.String.annotate({ description: "What is compared, with its unit." }),
  rule: Schema.String.annotate({ description: "The rule of docs/spec that gives the expectation." }),
  expected: Schema.Union([Schema.Finite, Schema.String]).annotate({ description: "What the model expects." }),
  said: Schema.Union([Schema.Finite, Schema.String]).annotate({ description: "What the machine says." }),
  source: Schema.String.annotate({ description: "The source that says it." }),
  explanation: Schema.NullOr(Schema.String).annotate({
    description: "Why they differ, where the model knows; null when it does not."
  })
}).annotate({ identifier: "Check", description: "What a machine says next to what the model expects." })
/** @since 0.1.0 */
export interface Check extends Schema.Schema.Type<typeof Check> {}

/**
 * A comparison: `explain` is asked only when the two differ.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  source: string,
  rule: string,
  what: string,
  expected: number | string,
  said: number | string,
  explain: () => string | null = () => null
): Check => ({ what, rule, expected, said, source, explanation: expected === said ? null : explain() })

/**
 * Whether the two are equal.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isEqual = ({ expected, said }: Check): boolean => expected === said

/**
 * A bound that what the machine says must keep: equal when it does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bound = (
  source: string,
  rule: string,
  what: string,
  limit: { readonly least?: number; readonly most?: number },
  said: number,
  explain: () => string | null = () => null
): Check => {
  const keeps = said >= (limit.least ?? -Infinity) && said <= (limit.most ?? Infinity)
  const text = limit.least === undefined ? `at most ${limit.most}` : `at least ${limit.least}`
  return make(source, rule, what, keeps ? said : text, said, explain)
}
