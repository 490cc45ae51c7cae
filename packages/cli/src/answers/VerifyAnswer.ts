/**
 * What `vmemmap verify --json` prints.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A leaf that is not what the record says. A side that lacks it has null.
 *
 * @category models
 * @since 0.1.0
 */
export const Difference = Schema.Struct({
  path: Schema.String.annotate({ description: "Where, below `observed`: phases.final.zoneinfo[3].spanned." }),
  kernel: Schema.Unknown.annotate({ description: "What the record says." }),
  engine: Schema.Unknown.annotate({ description: "What the model says." })
}).annotate({ identifier: "Difference", description: "A leaf that is not what the record says." })
/** @since 0.1.0 */
export interface Difference extends Schema.Schema.Type<typeof Difference> {}

/**
 * Something in a record that the model does not have.
 *
 * @category models
 * @since 0.1.0
 */
export const Missing = Schema.Struct({ path: Schema.String, why: Schema.String }).annotate({
  identifier: "Missing",
  description: "Something in a record that the model does not have."
})
/** @since 0.1.0 */
export interface Missing extends Schema.Schema.Type<typeof Missing> {}

/**
 * A mistake of the kernel itself that the record shows and the model repeats.
 *
 * @category models
 * @since 0.1.0
 */
export const Defect = Schema.Struct({
  rule: Schema.String.annotate({ description: "The rule of docs/spec." }),
  text: Schema.String
}).annotate({ identifier: "Defect", description: "A mistake of the kernel itself that the model repeats." })
/** @since 0.1.0 */
export interface Defect extends Schema.Schema.Type<typeof Defect> {}

/**
 * One record held against the model.
 *
 * @category models
 * @since 0.1.0
 */
export const Case = Schema.Struct({
  case: Schema.String,
  category: Schema.String,
  compared: Schema.Natural.annotate({ description: "Leaves of the record that were compared." }),
  equal: Schema.Natural,
  outOfScope: Schema.Natural.annotate({ description: "Leaves left out, as `vmemmap verify --scope` lists." }),
  different: Schema.Array(Difference),
  notModelled: Schema.Array(Missing),
  defects: Schema.Array(Defect)
}).annotate({ identifier: "Case", description: "One record held against the model." })
/** @since 0.1.0 */
export interface Case extends Schema.Schema.Type<typeof Case> {}

/**
 * Sums over a category.
 *
 * @category models
 * @since 0.1.0
 */
export const Category = Schema.Struct({
  category: Schema.String,
  cases: Schema.Natural,
  failed: Schema.Natural.annotate({ description: "Records with a difference, or with something not modelled." }),
  compared: Schema.Natural,
  equal: Schema.Natural,
  different: Schema.Natural,
  notModelled: Schema.Natural,
  outOfScope: Schema.Natural
}).annotate({ identifier: "Category", description: "Sums over the records of a category." })
/** @since 0.1.0 */
export interface Category extends Schema.Schema.Type<typeof Category> {}

/**
 * The whole answer.
 *
 * @category models
 * @since 0.1.0
 */
export const VerifyAnswer = Schema.Struct({
  passed: Schema.Natural.annotate({ description: "Records that are as the model has them, in all that is in scope." }),
  failed: Schema.Natural.annotate({ description: "Records with a difference, or with something not modelled." }),
  categories: Schema.Array(Category),
  cases: Schema.Array(Case)
}).annotate({
  identifier: "VerifyAnswer",
  title: "vmemmap verify",
  description: "Records of a real kernel and of the real tools, held against the model."
})
/** @since 0.1.0 */
export interface VerifyAnswer extends Schema.Schema.Type<typeof VerifyAnswer> {}
