/**
 * One run of ndctl: the files it works on, and what it has said so far (OBS-24).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { Modules } from "../sysfs/Modules.ts"
import { SysfsTree } from "../sysfs/SysfsTree.ts"
import type { Input, Outcome } from "./Tool.ts"
import { outcome } from "./Tool.ts"

/**
 * Texts are collected in the order said. `counted` is how many complaints were counted: after one, create-namespace has no
 * closing line (OBS-24).
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly tree: SysfsTree["Service"]
  readonly modules: Modules["Service"]
  readonly input: Input
  readonly stdout: Array<string>
  readonly stderr: Array<string>
  counted: number
}

/**
 * A run that has said nothing yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(input: Input) {
  const session: Session = {
    tree: yield* SysfsTree,
    modules: yield* Modules,
    input,
    stdout: [],
    stderr: [],
    counted: 0
  }
  return session
})

/**
 * A line on standard error.
 *
 * @category operations
 * @since 0.1.0
 */
export const say = ({ stderr }: Session, line: string): void => {
  stderr.push(`${line}\n`)
}

/**
 * A plain complaint; an empty line follows it.
 *
 * @category operations
 * @since 0.1.0
 */
export const complain = (session: Session, text: string): void => say(session, `  Error: ${text}\n`)

/**
 * A counted complaint: it begins with what the command does.
 *
 * @category operations
 * @since 0.1.0
 */
export const count = (session: Session, doing: string, text: string): void => {
  session.counted++
  complain(session, `${doing}: ${text}`)
}

/**
 * Text on standard output, as it is.
 *
 * @category operations
 * @since 0.1.0
 */
export const print = ({ stdout }: Session, text: string): void => {
  stdout.push(text)
}

/**
 * The run, ended.
 *
 * @category conversions
 * @since 0.1.0
 */
export const end = ({ stderr, stdout }: Session, exit: number): Outcome =>
  outcome(exit, stdout.join(""), stderr.join(""))
