/**
 * The end of one operation of a tool, when all there was to say about it has been said.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Errno from "../kernel/Errno.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as Reasons from "../kernel/Reasons.ts"

/**
 * What a function of the library or of the tool returns: an error number, whose text is the message.
 *
 * @category errors
 * @since 0.1.0
 */
export class ToolFailure
  extends Schema.TaggedError<ToolFailure>("@vmemmap/core/userland/ToolFailure")("ToolFailure", { errno: Errno.Errno })
{
  override get message() {
    return Errno.text(this.errno)
  }
}

/**
 * Takes a line for standard error, without its newline.
 *
 * @category models
 * @since 0.1.0
 */
export type Say = (line: string) => void

/**
 * A failed operation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (errno: Errno.Errno): Effect.Effect<never, ToolFailure> => Effect.fail(new ToolFailure({ errno }))

/**
 * A failed operation of which the tool does not say why; whoever asks is told.
 *
 * @category constructors
 * @since 0.1.0
 */
export const because = (
  errno: Errno.Errno,
  rule: string,
  problem: string,
  remedy: string
): Effect.Effect<never, ToolFailure> => Effect.andThen(Reasons.tell({ errno, rule, problem, remedy }), fail(errno))

/**
 * What the kernel answers, as a tool sees it: the error number alone.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromKernel = <A, R>(operation: Effect.Effect<A, KernelError, R>): Effect.Effect<A, ToolFailure, R> =>
  Effect.mapError(operation, ({ errno }) => new ToolFailure({ errno }))
