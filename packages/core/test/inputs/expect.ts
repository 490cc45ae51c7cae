import { assert } from "@effect/vitest"
import type { InputError } from "@vmemmap/core/inputs/InputError"
import { Result } from "effect"

/** The value, or a test failure that shows the error's message. */
export const ok = <A>(result: Result.Result<A, InputError>): A =>
  Result.isSuccess(result) ? result.success : assert.fail(result.failure.message)

/** The message of the error, or a test failure. */
export const refused = <A>(result: Result.Result<A, InputError>): string =>
  Result.isFailure(result) ? result.failure.message : assert.fail(`accepted: ${JSON.stringify(result.success)}`)

/** The error contains every one of `parts`. */
export const expectRefused = <A>(result: Result.Result<A, InputError>, ...parts: ReadonlyArray<string>): void => {
  const message = refused(result)
  for (const part of parts) assert.include(message, part)
}
