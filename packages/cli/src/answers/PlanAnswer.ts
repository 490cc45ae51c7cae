/**
 * What `vmemmap plan --json` prints: one document for a machine, one line for each machine of a fleet.
 *
 * @since 0.1.0
 */
import * as Comparison from "@vmemmap/core/planning/Comparison"
import * as Plan from "@vmemmap/core/planning/Plan"
import * as Schema from "effect/Schema"

/**
 * The plan of one machine; `comparison` is there with `--compare-kernels` only.
 *
 * @category models
 * @since 0.1.0
 */
export const PlanAnswer = Schema.Struct({
  ...Plan.Plan.fields,
  comparison: Schema.optionalKey(
    Schema.Array(Comparison.Row).annotate({
      description: "With --compare-kernels: a row per way of using the devices, a cell per kernel."
    })
  )
}).annotate({
  title: "vmemmap plan --json",
  description: "What struct pages cost on one machine, where they go and what stays, for every choice."
})
/** @since 0.1.0 */
export interface PlanAnswer extends Schema.Schema.Type<typeof PlanAnswer> {}

/**
 * One machine of a fleet file, printed on one line.
 *
 * @category models
 * @since 0.1.0
 */
export const FleetLine = Schema.Struct({
  name: Schema.NullOr(Schema.String).annotate({ description: "Name of the machine; null when its line has none." }),
  kernel: Schema.String.annotate({ description: "Kernel release planned for." }),
  totals: Plan.Totals
}).annotate({
  title: "One line of vmemmap plan --json on a fleet file",
  description: "One machine of a fleet with the totals of its recommended options."
})
/** @since 0.1.0 */
export interface FleetLine extends Schema.Schema.Type<typeof FleetLine> {}
