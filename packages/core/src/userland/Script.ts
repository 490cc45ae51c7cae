/**
 * Runs what an administrator types against the files and modules of a machine.
 *
 * Programs see files only; time passes only in `sleep`, on Effect's clock. Everything is bounded: no script hangs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { MiB } from "../geometry/Units.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as Coreutils from "./Coreutils.ts"
import * as FilePattern from "./FilePattern.ts"
import * as Modprobe from "./Modprobe.ts"
import * as OpenFile from "./OpenFile.ts"
import * as Redirects from "./Redirects.ts"
import * as ScriptError from "./ScriptError.ts"
import * as ScriptSyntax from "./ScriptSyntax.ts"
import * as ScriptWords from "./ScriptWords.ts"
import * as ShellCommand from "./ShellCommand.ts"
import * as Tool from "./Tool.ts"

/**
 * A command line that was run: one program, or several joined by pipes. `line` counts from 1. `command` has the words after
 * expansion, joined by blanks, with pipes and redirections as typed. `stdout` and `stderr` are what a terminal would show.
 *
 * @category models
 * @since 0.1.0
 */
export interface Executed {
  readonly line: number
  readonly command: string
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * - `commands`: programs besides those of `Coreutils`, `Modprobe`, `sh -c` and `sudo`; they go first
 * - `input`: what every program is given; `onTerminal` holds where output is neither redirected nor piped
 * - `onCommand`: told of every command line as it ends, in order; not of those inside `sh -c`, which are part of it
 *
 * @category models
 * @since 0.1.0
 */
export interface Surroundings<E = never, R = never> {
  readonly commands: ReadonlyMap<string, ShellCommand.Command<E, R>>
  readonly input: Omit<Tool.Input, "stdin">
  readonly onCommand: (executed: Executed) => Effect.Effect<void, E, R>
}

/**
 * Most commands of one run, in loops and `sh -c` as well.
 *
 * @category constants
 * @since 0.1.0
 */
export const commandLimit = 10_000

/**
 * Most iterations of all loops of one run.
 *
 * @category constants
 * @since 0.1.0
 */
export const iterationLimit = 10_000

/** Most bytes printed and copied by all commands of one run. */
const dataLimit = 256 * MiB

/** Deepest nesting of `sh -c` and `sudo`. */
const depthLimit = 16

interface Spent {
  commands: number
  iterations: number
  data: number
}

/** One shell: the script's own, or that of an `sh -c` inside. */
interface State {
  readonly variables: Map<string, string>
  readonly depth: number
  readonly spent: Spent
  readonly stdin: Uint8Array
  readonly onTerminal: boolean
  status: number
}

type Running<A, E, R> = Effect.Effect<
  A,
  Tool.NotModelled | ScriptError.ScriptError | E,
  ShellCommand.Needs | R
>

const overspent = (at: ScriptError.Position, what: string) =>
  ScriptError.fail(at, "limit", `the script runs more than ${what}`, "run it in parts")

const spend = (spent: Spent, kind: keyof Spent, amount: number, at: ScriptError.Position) => {
  spent[kind] += amount
  if (spent.commands > commandLimit) return overspent(at, `${commandLimit} commands`)
  if (spent.iterations > iterationLimit) return overspent(at, `${iterationLimit} iterations of loops`)
  return spent.data > dataLimit ? overspent(at, `${dataLimit / MiB} MiB of data`) : Result.void
}

const sudo = <E, R>(): ShellCommand.Command<E, R> => (words, input, shell) => {
  const [first] = words
  return first === undefined || first.startsWith("-") || first.includes("=")
    ? Effect.fail(
      new Tool.NotModelled({ what: `sudo ${first ?? ""}`.trim().slice(0, 80), modelled: "sudo COMMAND is" })
    )
    : shell.run(words, input)
}

const sh = <E, R>(): ShellCommand.Command<E, R> => (words, input, shell) => {
  const [option, text, ...rest] = words
  return option !== "-c" || text === undefined || rest.length > 0
    ? Effect.fail(new Tool.NotModelled({ what: `sh ${words.join(" ")}`.slice(0, 80), modelled: "sh -c 'TEXT' is" }))
    : shell.script(text, input)
}

/** An error inside the text of `sh -c`, told at the place of the `sh`. */
const inside = (line: number) => (error: ScriptError.ScriptError): ScriptError.ScriptError =>
  new ScriptError.ScriptError({
    reason: error.reason,
    line,
    column: 1,
    problem: `in the text of sh -c, line ${error.line}, column ${error.column}: ${error.problem}`,
    remedy: error.remedy
  })

/** The line belongs to what a script stops with. */
const placed = (line: number, { modelled, what }: Tool.NotModelled): Tool.NotModelled =>
  new Tool.NotModelled({ what: `line ${line}: ${what}`, modelled })

/** More files than fit a command. */
const fileLimit = 65_536

const expand = Effect.fnUntraced(function*(state: State, words: Parameters<typeof ScriptWords.expand>[1]) {
  const tree = yield* SysfsTree.SysfsTree
  return yield* Effect.fromResult(
    ScriptWords.expand(state, words, (pattern) => FilePattern.expand(tree, pattern, fileLimit))
  )
})

const make = <E, R>({ commands: given, input, onCommand }: Surroundings<E, R>) => {
  const commands = new Map<string, ShellCommand.Command<E, R>>([
    ...Coreutils.commands,
    ...Modprobe.commands,
    ["sudo", sudo()],
    ["sh", sh()],
    ...given
  ])

  const unknown = (name: string) =>
    new Tool.NotModelled({
      what: `the command '${name.slice(0, 80)}'`,
      modelled: name === "dmesg"
        ? "what the kernel says is shown with the command that made it speak"
        : `there are ${[...commands.keys()].filter((name) => /^[a-z]/.test(name)).toSorted().join(", ")}`
    })

  const runWords = (
    state: State,
    at: ScriptError.Position,
    words: ReadonlyArray<string>,
    input: Tool.Input
  ): Running<ShellCommand.Printed, E, R> =>
    Effect.gen(function*() {
      const [name = "", ...rest] = words
      const command = commands.get(name)
      if (command === undefined) return yield* unknown(name)
      if (state.depth >= depthLimit) {
        return yield* Effect.fromResult(
          ScriptError.fail(at, "limit", `commands nest deeper than ${depthLimit}`, "write the inner one alone")
        )
      }
      yield* Effect.fromResult(spend(state.spent, "commands", 1, at))
      const inner = { ...state, depth: state.depth + 1 }
      const result = yield* command(rest, input, {
        line: at.line,
        run: (words, input) => runWords(inner, at, words, input),
        script: (text, input) => runText(inner, at, text, input)
      })
      const data = result.stdout.length + result.stderr.length + (result.moved ?? 0)
      yield* Effect.fromResult(spend(state.spent, "data", data, at))
      return result
    })

  const runText = (
    { depth, spent }: State,
    at: ScriptError.Position,
    text: string,
    { onTerminal, stdin }: Tool.Input
  ): Running<ShellCommand.Printed, E, R> =>
    Effect.gen(function*() {
      yield* Effect.fromResult(spend(spent, "data", text.length, at))
      const script = yield* Effect.fromResult(ScriptSyntax.parse(text))
      const stdout: Array<Uint8Array> = []
      let stderr = ""
      let kept = 0
      const state: State = { variables: new Map(), depth, spent, stdin, onTerminal, status: 0 }
      yield* runList(state, script, (_line, _text, done) => {
        stdout.push(done.stdout)
        stderr += done.stderr
        kept += done.stdout.length + done.stderr.length
        return kept > OpenFile.dataLimit ? Effect.fail(OpenFile.tooMuch) : Effect.void
      })
      return ShellCommand.printed(state.status, Redirects.concat(stdout), stderr)
    }).pipe(
      Effect.mapError((error) => error instanceof ScriptError.ScriptError ? inside(at.line)(error) : error)
    )

  /** One command of a pipeline; its text as shown, and what is left of its output. */
  const runSimple = Effect.fnUntraced(function*(
    state: State,
    { assignments, at, redirects, words }: ScriptSyntax.Simple,
    stdin: Uint8Array,
    isLast: boolean
  ) {
    const expanded = yield* expand(state, words)
    const files: Array<readonly [Redirects.Redirect, string]> = []
    for (const redirect of redirects) {
      const path = redirect._tag === "Duplicate"
        ? ""
        : yield* Effect.fromResult(ScriptWords.expandWhole(state, redirect.target))
      files.push([redirect, path])
    }
    const text = [...expanded, ...files.map(([redirect, path]) => Redirects.redirectText(redirect, path))].join(" ")
    for (const { name, value } of assignments) {
      state.variables.set(name, yield* Effect.fromResult(ScriptWords.expandWhole(state, value)))
    }
    const plumbing = yield* Redirects.plumb(files, stdin)
    const name = expanded[0]
    const failed = plumbing.complaint !== ""
    const result = failed
      ? ShellCommand.printed(1, "", plumbing.complaint)
      : name === undefined
      ? ShellCommand.printed(0)
      : yield* runWords(state, at, expanded, {
        ...input,
        stdin: plumbing.stdin,
        onTerminal: state.onTerminal && isLast && plumbing.out._tag === "Out"
      })
    const done = yield* Redirects.deliver(name ?? "sh", plumbing, {
      exit: result.exit,
      stdout: result.bytes ?? ShellCommand.bytesOf(result.stdout),
      stderr: result.stderr
    })
    return { text, done }
  })

  type Report = (line: number, text: string, done: Redirects.Done) => Running<void, E, R>

  const runPipeline = Effect.fnUntraced(function*(
    state: State,
    { at, commands }: ScriptSyntax.Pipeline,
    report: Report
  ) {
    const texts: Array<string> = []
    let stderr = ""
    let done: Redirects.Done = { exit: 0, stdout: state.stdin, stderr: "" }
    for (const [index, command] of commands.entries()) {
      // every part of a pipe is a shell of its own: what it assigns is gone with it
      const own = commands.length === 1 ? state : { ...state, variables: new Map(state.variables) }
      const ran = yield* Effect.mapError(
        runSimple(own, command, done.stdout, index === commands.length - 1),
        (error) => state.depth === 0 && error instanceof Tool.NotModelled ? placed(command.at.line, error) : error
      )
      texts.push(ran.text)
      stderr += ran.done.stderr
      done = ran.done
    }
    state.status = done.exit
    const text = texts.join(" | ")
    if (text !== "") yield* report(at.line, text, { ...done, stderr })
  })

  const runFor = Effect.fnUntraced(function*(
    state: State,
    { at, body, name, words }: ScriptSyntax.For,
    report: Report
  ): Effect.fn.Return<void, Tool.NotModelled | ScriptError.ScriptError | E, ShellCommand.Needs | R> {
    const values = yield* expand(state, words)
    if (values.length === 0) state.status = 0
    for (const value of values) {
      yield* Effect.fromResult(spend(state.spent, "iterations", 1, at))
      state.variables.set(name, value)
      yield* runList(state, body, report)
    }
  })

  const runList = (state: State, script: ScriptSyntax.Script, report: Report): Running<void, E, R> =>
    Effect.gen(function*() {
      for (const chain of script) {
        for (const { command, condition } of chain) {
          if (condition !== null && (condition === "&&") !== (state.status === 0)) continue
          yield* command._tag === "For" ? runFor(state, command, report) : runPipeline(state, command, report)
        }
      }
    })

  const report: Report = (line, command, { exit, stderr, stdout }) =>
    onCommand({ line, command, exit, stdout: ShellCommand.textOf(stdout), stderr })

  return (script: ScriptSyntax.Script): Running<number, E, R> =>
    Effect.suspend(() => {
      const state: State = {
        variables: new Map(),
        depth: 0,
        spent: { commands: 0, iterations: 0, data: 0 },
        stdin: new Uint8Array(0),
        onTerminal: input.onTerminal,
        status: 0
      }
      return Effect.map(runList(state, script, report), () => state.status)
    })
}

/**
 * Runs a script to its end and gives the exit status of its last command. Failing commands do not end it.
 *
 * Fails with `ScriptError` where a word cannot be expanded or a bound is reached, with `NotModelled` where a real system would
 * do what this one cannot, and with what `commands` and `onCommand` fail with.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = <E = never, R = never>(
  script: ScriptSyntax.Script,
  surroundings: Surroundings<E, R>
): Running<number, E, R> => make(surroundings)(script)
