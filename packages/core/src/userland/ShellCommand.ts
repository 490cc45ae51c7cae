/**
 * What the interpreter of scripts runs: programs, and the shell's own commands, which may run others.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Modules } from "../sysfs/Modules.ts"
import type { SysfsTree } from "../sysfs/SysfsTree.ts"
import type { ScriptError } from "./ScriptError.ts"
import type { Input, NotModelled } from "./Tool.ts"

/**
 * How a command ended and what it printed; `stdout` as bytes where it need not be text, or `bytes` besides its text (`Tool`).
 * `moved` are the bytes it copied besides.
 *
 * @category models
 * @since 0.1.0
 */
export interface Printed {
  readonly exit: number
  readonly stdout: string | Uint8Array
  readonly stderr: string
  readonly bytes?: Uint8Array
  readonly moved?: number
}

/**
 * Everything a command can need of its surroundings.
 *
 * @category models
 * @since 0.1.0
 */
export type Needs = SysfsTree | Modules

/**
 * A program of the shell's own, called with the words after its name: a `Tool` whose output need not be text.
 *
 * @category models
 * @since 0.1.0
 */
export type Program = (words: ReadonlyArray<string>, input: Input) => Effect.Effect<Printed, NotModelled, Needs>

/**
 * The shell a command was typed in: `line` is where, `run` runs other words as a command of it, `script` the text of `sh -c`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shell<E = never, R = never> {
  readonly line: number
  readonly run: (
    words: ReadonlyArray<string>,
    input: Input
  ) => Effect.Effect<Printed, NotModelled | ScriptError | E, Needs | R>
  readonly script: (text: string, input: Input) => Effect.Effect<Printed, NotModelled | ScriptError | E, Needs | R>
}

/**
 * A command, called with the words after its name. Every `Tool` and every `Program` is one.
 *
 * @category models
 * @since 0.1.0
 */
export type Command<E = never, R = never> = (
  words: ReadonlyArray<string>,
  input: Input,
  shell: Shell<E, R>
) => Effect.Effect<Printed, NotModelled | ScriptError | E, Needs | R>

/**
 * The end of a command that copied nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const printed = (exit: number, stdout: string | Uint8Array = "", stderr = ""): Printed => ({
  exit,
  stdout,
  stderr
})

const encoder = new TextEncoder()

const decoder = new TextDecoder()

/**
 * What a command printed, as the next one reads it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const bytesOf = (text: string | Uint8Array): Uint8Array => typeof text === "string" ? encoder.encode(text) : text

/**
 * What a command printed, as people read it; bytes that are no UTF-8 become U+FFFD.
 *
 * @category conversions
 * @since 0.1.0
 */
export const textOf = (bytes: string | Uint8Array): string => typeof bytes === "string" ? bytes : decoder.decode(bytes)
