import { assert } from "@effect/vitest"
import { Result } from "effect"

/** The message of the error, or a test failure. */
export const failureOf = <A>(result: Result.Result<A, { readonly message: string }>): string =>
  Result.isFailure(result) ? result.failure.message : assert.fail(`accepted: ${JSON.stringify(result.success)}`)
