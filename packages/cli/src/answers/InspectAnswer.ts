/**
 * What `vmemmap inspect --json` prints.
 *
 * @since 0.1.0
 */
import * as Inspection from "@vmemmap/core/inspection/Inspection"

/**
 * The machine explained, as the library explains it.
 *
 * @category models
 * @since 0.1.0
 */
export const InspectAnswer = Inspection.Inspection.annotate({
  title: "vmemmap inspect --json",
  description: "A machine explained, and where it disagrees with what the rules expect."
})
/** @since 0.1.0 */
export type InspectAnswer = Inspection.Inspection
