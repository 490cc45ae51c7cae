/**
 * Helpers for testing programs built on `@vmemmap/core`. Nothing here imports a test runner.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * as KernelFacts from "./KernelFacts.ts"
