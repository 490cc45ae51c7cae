/**
 * The scripts of recordings: shell lines with words for what is recorded. Only what these words run is recorded; other lines
 * just run.
 *
 * - `cmd X`: runs X and records it
 * - `w V F`: writes V to F, recorded as `sysw V F`; `r F`: recorded as `cat F`
 * - `labels`: three recorded commands that give every DIMM new labels, and a tenth of a second
 * - `text NAME X`: keeps what X prints under a name
 * - `facts`, `snap`, `autosnap`, `infoblocks`, `ask sections`: looks at the machine from outside
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as CopyBlocks from "./CopyBlocks.ts"
import * as Script from "./Script.ts"
import type { ScriptError } from "./ScriptError.ts"
import * as ScriptSyntax from "./ScriptSyntax.ts"
import * as ShellCommand from "./ShellCommand.ts"
import * as Tool from "./Tool.ts"

/**
 * What is recorded and by whom. Each is told in the order of the script.
 *
 * - `onFacts`: a phase of that name is to be recorded
 * - `onSnap`: memory of `[start, start + size)`, in bytes
 * - `onAutosnap`: memory of every namespace that has a range, then the section table
 * - `onSections`: the section table
 * - `onInfoblocks`: the info block of every namespace that has a range
 * - `onText`: what a command printed, to be kept as text
 *
 * @category models
 * @since 0.1.0
 */
export interface Recorder<E = never, R = never> {
  readonly commands: ReadonlyMap<string, ShellCommand.Command<E, R>>
  readonly freshUuid: () => string
  readonly onCommand: (executed: Script.Executed) => Effect.Effect<void, E, R>
  readonly onFacts: (phase: string) => Effect.Effect<void, E, R>
  readonly onSnap: (label: string, start: number, size: number) => Effect.Effect<void, E, R>
  readonly onAutosnap: (label: string) => Effect.Effect<void, E, R>
  readonly onSections: (label: string) => Effect.Effect<void, E, R>
  readonly onInfoblocks: (label: string) => Effect.Effect<void, E, R>
  readonly onText: (name: string, outcome: Tool.Outcome) => Effect.Effect<void, E, R>
}

/** How long the labels are given to settle, in milliseconds. */
const labelPause = 100

const done = ShellCommand.printed(0)

/** One write of a value to a file; the counts of `dd` are left out of what it says. */
const sysw: ShellCommand.Program = ([value = "", file = ""], input) =>
  Effect.map(
    CopyBlocks.dd([`of=${file}`, "bs=4096"], { ...input, stdin: ShellCommand.bytesOf(value) }),
    ({ exit, stderr }) =>
      ShellCommand.printed(exit, "", stderr.split("\n").filter((line) => !line.includes("records")).join("\n"))
  )

const amount = (text: string | undefined): number | undefined =>
  text !== undefined && /^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined

const words = <E, R>(recorder: Recorder<E, R>): ReadonlyMap<string, ShellCommand.Command<E, R>> => {
  const record = Effect.fnUntraced(function*(
    command: ReadonlyArray<string>,
    input: Tool.Input,
    shell: ShellCommand.Shell<E, R>
  ) {
    const { exit, stderr, stdout } = yield* shell.run(command, input)
    const text = ShellCommand.textOf(stdout)
    yield* recorder.onCommand({ line: shell.line, command: command.join(" "), exit, stdout: text, stderr })
    return ShellCommand.printed(exit)
  })

  const labels: ShellCommand.Command<E, R> = Effect.fnUntraced(function*(_words, input, shell) {
    yield* record(["ndctl", "disable-region", "all"], input, shell)
    yield* record(["ndctl", "init-labels", "-f", "all"], input, shell)
    yield* record(["ndctl", "enable-region", "all"], input, shell)
    yield* Effect.sleep(labelPause)
    return done
  })

  const snap: ShellCommand.Command<E, R> = ([label = "", first, second]) => {
    const start = amount(first)
    const size = amount(second)
    return start === undefined || size === undefined
      ? Tool.notModelled(`snap ${label} ${first ?? ""} ${second ?? ""}`, "snap LABEL START SIZE is, in decimal bytes")
      : Effect.as(recorder.onSnap(label, start, size), done)
  }

  const ask: ShellCommand.Command<E, R> = ([what = "", label = ""]) =>
    what === "sections"
      ? Effect.as(recorder.onSections(label), done)
      : Tool.notModelled(`ask ${what}`, "ask sections LABEL is")

  const text: ShellCommand.Command<E, R> = Effect.fnUntraced(function*([name = "", ...command], input, shell) {
    const { exit, stderr, stdout } = yield* shell.run(command, input)
    yield* recorder.onText(name, Tool.outcome(exit, ShellCommand.textOf(stdout), stderr))
    return done
  })

  const telling = (tell: (label: string) => Effect.Effect<void, E, R>): ShellCommand.Command<E, R> => ([label = ""]) =>
    Effect.as(tell(label), done)

  return new Map<string, ShellCommand.Command<E, R>>([
    ...recorder.commands,
    ["cmd", record],
    ["sysw", sysw],
    ["w", ([value = "", file = ""], input, shell) => record(["sysw", value, file], input, shell)],
    ["r", ([file = ""], input, shell) => record(["cat", file], input, shell)],
    ["labels", labels],
    ["text", text],
    ["snap", snap],
    ["ask", ask],
    ["facts", telling(recorder.onFacts)],
    ["autosnap", telling(recorder.onAutosnap)],
    ["infoblocks", telling(recorder.onInfoblocks)]
  ])
}

/**
 * Runs the lines of a recording's script.
 *
 * Fails as `ScriptSyntax.parse` and `Script.run` do, and with what the recorder fails with.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = <E = never, R = never>(
  lines: ReadonlyArray<string>,
  recorder: Recorder<E, R>
): Effect.Effect<void, ScriptError | Tool.NotModelled | E, ShellCommand.Needs | R> =>
  Effect.fromResult(ScriptSyntax.parse(lines.join("\n"))).pipe(
    Effect.flatMap((script) =>
      Script.run(script, {
        commands: words(recorder),
        input: { onTerminal: false, freshUuid: recorder.freshUuid },
        onCommand: () => Effect.void
      })
    ),
    Effect.asVoid
  )
