/**
 * Helpers for testing programs built on `@vmemmap/core`, and for exploring the schedules of any Effect program. Nothing here imports a
 * test runner.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * as Agreement from "./Agreement.ts"
/** @since 0.1.0 */
export * as Arbitraries from "./Arbitraries.ts"
/** @since 0.1.0 */
export * as Execution from "./explore/Execution.ts"
/** @since 0.1.0 */
export * as Explore from "./explore/Explore.ts"
/** @since 0.1.0 */
export * as Minimal from "./explore/Minimal.ts"
/** @since 0.1.0 */
export * as Schedule from "./explore/Schedule.ts"
/** @since 0.1.0 */
export * as Seeded from "./explore/Seeded.ts"
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
export * as Checks from "./scenarios/Checks.ts"
/** @since 0.1.0 */
export * as Disturbances from "./scenarios/Disturbances.ts"
/** @since 0.1.0 */
export * as Findings from "./scenarios/Findings.ts"
/** @since 0.1.0 */
export * as GeneratedProgram from "./scenarios/GeneratedProgram.ts"
/** @since 0.1.0 */
export * as GeneratedScenario from "./scenarios/GeneratedScenario.ts"
/** @since 0.1.0 */
export * as Mutant from "./scenarios/Mutant.ts"
/** @since 0.1.0 */
export * as Mutants from "./scenarios/Mutants.ts"
/** @since 0.1.0 */
export * as Scenario from "./scenarios/Scenario.ts"
/** @since 0.1.0 */
export * as ScenarioFile from "./scenarios/ScenarioFile.ts"
/** @since 0.1.0 */
export * as Scenarios from "./scenarios/Scenarios.ts"
/** @since 0.1.0 */
export * as Walkers from "./scenarios/Walkers.ts"
/** @since 0.1.0 */
export * as Watches from "./scenarios/Watches.ts"
/** @since 0.1.0 */
export * as TestbedFiles from "./TestbedFiles.ts"
/** @since 0.1.0 */
export * as Testbeds from "./Testbeds.ts"
