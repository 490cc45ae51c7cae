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
  kernel: Schema.Unknown.annotateKey({ description: "What the record says." }),
  engine: Schema.Unknown.annotateKey({ description: "What the model says." })
}).annotate({ identifier: "Difference", description: "A leaf that is not what the record says." })
/** @since 0.1.0 */
export interface Difference extends Schema.Schema.Type<typeof Difference> {}

/**
 * Something in a record that the model does not have.
 *
 * @category models
 * @since 0.1.0
 */
export const Missing = Schema.Struct({
  path: Schema.String.annotate({ description: "Where, below `observed`." }),
  why: Schema.String.annotate({ description: "What it is, and why there is nothing to compare it with." })
}).annotate({
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
  text: Schema.String.annotate({ description: "What went wrong." })
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
  case: Schema.String.annotate({ description: "The name of the record." }),
  category: Schema.String.annotate({ description: "The category of the record." }),
  compared: Schema.Natural.annotate({ description: "Leaves of the record that were compared." }),
  equal: Schema.Natural.annotate({ description: "Leaves that are as the record says." }),
  outOfScope: Schema.Natural.annotate({ description: "Leaves left out, as `vmemmap verify --scope` lists." }),
  different: Schema.Array(Difference).annotate({ description: "Leaves that are not what the record says." }),
  notModelled: Schema.Array(Missing).annotate({ description: "What the record has and the model does not." }),
  defects: Schema.Array(Defect).annotate({ description: "Mistakes of the kernel itself, repeated by the model." })
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
  category: Schema.String.annotate({ description: "The category." }),
  cases: Schema.Natural.annotate({ description: "Records in it." }),
  failed: Schema.Natural.annotate({ description: "Records with a difference, or with something not modelled." }),
  compared: Schema.Natural.annotate({ description: "Leaves that were compared." }),
  equal: Schema.Natural.annotate({ description: "Leaves that are as recorded." }),
  different: Schema.Natural.annotate({ description: "Leaves that are not." }),
  notModelled: Schema.Natural.annotate({ description: "Things recorded that the model does not have." }),
  outOfScope: Schema.Natural.annotate({ description: "Leaves left out." })
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
  categories: Schema.Array(Category).annotate({ description: "Sums by category." }),
  cases: Schema.Array(Case).annotate({ description: "Every record." })
}).annotate({
  title: "vmemmap verify --json",
  description: "Records of a real kernel and of the real tools, held against the model."
})
/** @since 0.1.0 */
export interface VerifyAnswer extends Schema.Schema.Type<typeof VerifyAnswer> {}
