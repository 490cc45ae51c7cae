/**
 * A fault in the kernel: the program that ran into it is killed, and as the kernel keeps every lock it held, nothing can be said
 * of what comes after.
 *
 * @since 0.1.0
 */
import type { Hazard } from "../kernel/KernelLog.ts"
import type { Executed } from "../userland/Script.ts"
import * as Tool from "../userland/Tool.ts"

/**
 * Where it happened: after as many `commands` and `lines` of the log. `address` is the one that could not be reached.
 *
 * @category models
 * @since 0.1.0
 */
export interface Crash {
  readonly commands: number
  readonly lines: number
  readonly address: string
}

/**
 * The status of a record whose guest was lost.
 *
 * @category constants
 * @since 0.1.0
 */
export const status = "guest did not finish"

/**
 * The crash a hazard is; `undefined` for one the kernel survives.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = ({ fault }: Hazard, commands: number, lines: number): Crash | undefined =>
  fault === undefined ? undefined : { commands, lines, address: fault }

/**
 * The line with which the kernel tells of it.
 *
 * @category printing
 * @since 0.1.0
 */
export const line = ({ address }: Crash): string => `BUG: unable to handle page fault for address: ${address}`

/**
 * How the command ends that ran into it, for the shell.
 *
 * @category conversions
 * @since 0.1.0
 */
export const killed = <Ended extends Pick<Executed, "exit" | "stdout" | "stderr">>(ended: Ended): Ended => ({
  ...ended,
  exit: 137,
  stdout: "",
  stderr: "Killed\n"
})

/**
 * Why a dry run stops after it.
 *
 * @category errors
 * @since 0.1.0
 */
export const stop = (crash: Crash, { line: at }: Executed): Tool.NotModelled =>
  new Tool.NotModelled({
    what: `line ${at}: what follows a fault of the kernel (${line(crash)})`,
    modelled: "everything up to it is; leave this command out to see the rest"
  })
