/**
 * A program of the modelled machine: arguments and standard input in, output and exit status out.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Modules } from "../sysfs/Modules.ts"
import type { SysfsTree } from "../sysfs/SysfsTree.ts"

/**
 * What a program printed and how it ended. Texts end with a newline where the program prints one. `bytes` is standard output where
 * it is not text; `stdout` then shows it as text.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
  readonly bytes?: Uint8Array
}

/**
 * Something a real program can do and this model cannot: a dry run stops here rather than guess. `what` names it, `modelled` what
 * can be used instead.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotModelled extends Schema.TaggedError<NotModelled>("@vmemmap/core/userland/NotModelled")("NotModelled", {
  what: Schema.String,
  modelled: Schema.String
}) {
  override get message() {
    return `${this.what} is not modelled; ${this.modelled}`
  }
}

/**
 * A program that was asked for what is not modelled; long names of it are cut.
 *
 * @category constructors
 * @since 0.1.0
 */
export const notModelled = (what: string, modelled: string): Effect.Effect<never, NotModelled> =>
  Effect.fail(new NotModelled({ what: what.slice(0, 100), modelled }))

/**
 * A program, called with the words after its name.
 *
 * @category models
 * @since 0.1.0
 */
export type Tool = (
  words: ReadonlyArray<string>,
  input: Input
) => Effect.Effect<Outcome, NotModelled, SysfsTree | Modules>

/**
 * What a program is given besides its arguments: standard input, whether its output goes to a terminal (ndctl then prints
 * human units), and a source of fresh uuids.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input {
  readonly stdin: Uint8Array
  readonly onTerminal: boolean
  readonly freshUuid: () => string
}

/**
 * The end of a program; texts as it printed them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const outcome = (exit: number, stdout = "", stderr = ""): Outcome => ({ exit, stdout, stderr })
