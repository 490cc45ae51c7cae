/**
 * Helpers for testing programs built on `@vmemmap/core`. Nothing here imports a test runner.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * as Agreement from "./Agreement.ts"
/** @since 0.1.0 */
export * as Arbitraries from "./Arbitraries.ts"
/** @since 0.1.0 */
export * as Invariants from "./Invariants.ts"
/** @since 0.1.0 */
export * as KernelFacts from "./KernelFacts.ts"
/** @since 0.1.0 */
export * as Observation from "./Observation.ts"
/** @since 0.1.0 */
export * as Program from "./Program.ts"
/** @since 0.1.0 */
export * as ReferenceModel from "./ReferenceModel.ts"
/** @since 0.1.0 */
export * as TestbedFiles from "./TestbedFiles.ts"
/** @since 0.1.0 */
export * as Testbeds from "./Testbeds.ts"
