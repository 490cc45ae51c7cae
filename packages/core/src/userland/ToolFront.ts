/**
 * What ndctl and daxctl do with words before the name of a subcommand, and with none (OBS-24).
 *
 * @since 0.1.0
 */
import { type Outcome, outcome } from "./Tool.ts"

/**
 * A tool of subcommands, in the order in which it lists them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Front {
  readonly tool: string
  readonly version: string
  readonly commands: ReadonlyArray<string>
}

const usage = (tool: string): string => `usage: ${tool} [--version] [--help] COMMAND [ARGS]`

const summary = (tool: string): string =>
  `\n ${
    usage(tool)
  }\n\n\n See '${tool} help COMMAND' for more information on a specific command.\n ${tool} --list-cmds to see all available commands\n\n`

/**
 * How the tool ends when its first word decides, whatever follows it; `undefined` for the name of a subcommand, and for help with
 * one, which is a manual page.
 *
 * @category commands
 * @since 0.1.0
 */
export const answer = (
  { commands, tool, version }: Front,
  [first, second]: ReadonlyArray<string>
): Outcome | undefined => {
  switch (first) {
    case undefined:
      return outcome(1, summary(tool))
    case "--help":
    case "-h":
    case "help":
      return second === undefined ? outcome(0, summary(tool)) : undefined
    case "--version":
    case "-v":
    case "version":
      return outcome(0, `${version}\n`)
    case "--list-cmds":
      return outcome(0, `${commands.join("\n")}\n`)
  }
  if (first.startsWith("-")) {
    return outcome(129, "", `Unknown option: ${first.slice(0, 80)}\n\n ${usage(tool).replace("u", "U")}\n`)
  }
  return commands.includes(first) ? undefined : outcome(1, "", `Unknown command: '${first.slice(0, 80)}'\n`)
}
