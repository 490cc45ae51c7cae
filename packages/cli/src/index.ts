/**
 * The `vmemmap` command as a value, for programs that embed it.
 *
 * @since 0.1.0
 */
export * as Cli from "./Cli.ts"
export * as Failure from "./Failure.ts"
export * as Output from "./Output.ts"
