/**
 * Scenarios of the user's own: a machine, and contexts that each type a few lines, as `try` understands them.
 *
 * @since 0.1.0
 */
import { GiB } from "@vmemmap/core/geometry/Units"
import * as Decoding from "@vmemmap/core/inputs/Decoding"
import { InputError } from "@vmemmap/core/inputs/InputError"
import * as JsonText from "@vmemmap/core/inputs/JsonText"
import * as MachineText from "@vmemmap/core/inputs/MachineText"
import * as YamlText from "@vmemmap/core/inputs/YamlText"
import * as BootMemory from "@vmemmap/core/machine/BootMemory"
import * as Session from "@vmemmap/core/records/Session"
import * as MachineTree from "@vmemmap/core/sysfs/MachineTree"
import { Modules } from "@vmemmap/core/sysfs/Modules"
import * as Script from "@vmemmap/core/userland/Script"
import * as ScriptSyntax from "@vmemmap/core/userland/ScriptSyntax"
import * as SetUp from "@vmemmap/core/userland/SetUp"
import * as Tools from "@vmemmap/core/userland/Tools"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Findings from "./Findings.ts"
import type { Scenario } from "./Scenario.ts"

const Lines = Schema.Union([Schema.String, Schema.Array(Schema.String)])

/**
 * What a file holds. `setup` is typed before the contexts begin; `preemptions` bound the search, 2 unless said otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export const ScenarioFile = Schema.Struct({
  name: Schema.optionalKey(Schema.NonEmptyString),
  about: Schema.optionalKey(Schema.String),
  machine: Schema.Unknown,
  setup: Schema.optionalKey(Lines),
  contexts: Schema.Record(Schema.String, Lines),
  preemptions: Schema.optionalKey(Schema.Natural.check(Schema.isBetween({ minimum: 0, maximum: 100 })))
})

const decode = Decoding.make(ScenarioFile, {
  remedy:
    "a scenario has a machine, contexts by name with the lines each types, and may have setup, name, about, preemptions",
  strict: true
})

const textOf = (lines: typeof Lines.Type): string => typeof lines === "string" ? lines : lines.join("\n")

/**
 * The rule of what a context types that is not modelled: nothing was explored, the file has to be changed.
 *
 * @category constants
 * @since 0.1.0
 */
export const notModelled = "not modelled"

/**
 * The rule of a command that sets the scenario up and fails.
 *
 * @category constants
 * @since 0.1.0
 */
export const failedSetup = "setup"

/** A command that was carried out, and how it failed, in words; empty: it did not. */
type OnCommand = (command: string, failure: string) => Effect.Effect<void>

/** What may not fail. */
const must = (at: string): OnCommand => (command, failure) =>
  failure === "" ? Effect.void : Findings.report(failedSetup, `${at}: '${command}' ${failure}`)

/** How often commands were carried out, and how those failed that never did anything else. */
const makeTally = () => {
  const failing = new Map<string, string>()
  const count = (at: string): OnCommand => (command, failure) =>
    Effect.sync(() => {
      const known = failing.get(`${at}: '${command}'`)
      // What follows the first line is how it is used.
      if (known !== "") failing.set(`${at}: '${command}'`, failure.split("\n")[0] ?? "")
    })
  const notes = () =>
    [...failing].flatMap(([what, failure]) => failure === "" ? [] : [`${what} ${failure}, in every schedule`])
  return { count, notes }
}

/** Types lines one after the other; one that is not modelled ends it, and says so. */
const typing = (at: string, text: string, freshUuid: () => string, onCommand: OnCommand) => {
  const surroundings: Script.Surroundings = {
    commands: Tools.all,
    input: { onTerminal: false, freshUuid },
    onCommand: ({ command, exit, stderr, stdout }) =>
      onCommand(command, exit === 0 ? "" : `exits with ${exit}: ${(stderr === "" ? stdout : stderr).trim()}`)
  }
  return Effect.fromResult(ScriptSyntax.parse(text)).pipe(
    Effect.flatMap((script) => Script.run(script, surroundings)),
    Effect.provideService(Clock.Clock, Session.instant()),
    Effect.catch((error) => Findings.report(notModelled, `${at}: ${error.message}`))
  )
}

const placeOf = (context: string): string => Decoding.inside({ source: "", at: "contexts" }, context).at

/** Lines have to be a script, and one that does something. */
const checkLines = (source: string, at: string, text: string): Result.Result<void, InputError> => {
  const script = ScriptSyntax.parse(text)
  if (Result.isFailure(script)) {
    const { column, line, problem, remedy } = script.failure
    return Result.fail(new InputError({ source, at: `${at}: line ${line}, column ${column}`, problem, remedy }))
  }
  return script.success.length > 0
    ? Result.void
    : Result.fail(new InputError({ source, at, problem: "types nothing", remedy: "give the lines it types" }))
}

/** What the columns of a violation have room for. */
const most = 4

/** All sections are looked at before each step, and there is a step for each that comes or goes. */
const largest = 64 * GiB

const added = ({ devices, dimms }: Scenario["machine"]): number =>
  [...devices ?? [], ...dimms ?? []].reduce((sum, { size }) => sum + size, 0)

const scenario = (
  source: string,
  { about, contexts, name, preemptions = 2, setup = [] }: typeof ScenarioFile.Type,
  machine: Scenario["machine"],
  assumptions: ReadonlyArray<string>
): Scenario => {
  const { count, notes } = makeTally()
  return {
    name: name ?? source,
    source,
    about: about ?? `contexts ${Object.keys(contexts).join(", ")} of ${source}`,
    rules: [],
    machine,
    preemptions,
    // Tools and drivers read and write what is no step's object: labels, sysfs, who is bound to what.
    reduce: false,
    notes: () => [...assumptions, ...notes()],
    setup: Effect.gen(function*() {
      const modules = yield* Modules
      for (const module of MachineTree.bootModules) yield* modules.load(module)
      const freshUuid = Session.uuids()
      // What the description says of namespaces and labels an earlier boot left.
      yield* SetUp.run(machine, Tools.all, { stdin: new Uint8Array(), onTerminal: false, freshUuid }).pipe(
        Effect.catch((error) => Findings.report(failedSetup, `machine: ${error.message}`))
      )
      yield* typing("setup", textOf(setup), freshUuid, must("setup"))
      return Object.fromEntries(
        Object.entries(contexts).map(([name, lines]) => {
          const at = placeOf(name)
          return [name, typing(at, textOf(lines), freshUuid, count(at))]
        })
      )
    })
  }
}

/**
 * Reads a scenario, YAML or JSON. Refuses what is none, and says where.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<Scenario, InputError> =>
  Result.gen(function*() {
    const isJson = /^\uFEFF?\s*[{[]/.test(text)
    const value = yield* isJson ? JsonText.parse(source, text) : YamlText.parse(source, text)
    const file = yield* decode({ source, at: "" }, value)
    const machine = yield* MachineText.fromValue({ source, at: "machine" }, file.machine)
    if (added(machine) > largest) {
      return yield* Decoding.failAt(
        { source, at: "machine" },
        `its devices and dimms have ${added(machine) / GiB} GiB`,
        `describe smaller ones, ${largest / GiB} GiB at most: every section is looked at before each step`
      )
    }
    const names = Object.keys(file.contexts)
    if (names.length < 2 || names.length > most) {
      return yield* Result.fail(
        new InputError({
          source,
          at: "contexts",
          problem: `there are ${names.length}`,
          remedy: `name 2 to ${most} contexts: what happens at the same time`
        })
      )
    }
    if (names.includes("")) {
      return yield* Decoding.failAt({ source, at: "contexts" }, "one has no name", "name each by what it does")
    }
    if (file.setup !== undefined) yield* checkLines(source, "setup", textOf(file.setup))
    for (const [name, lines] of Object.entries(file.contexts)) {
      yield* checkLines(source, placeOf(name), textOf(lines))
    }
    const { kernel } = yield* Result.mapError(
      BootMemory.make(machine),
      ({ message }) =>
        new InputError({ source, at: "machine", problem: message, remedy: "describe a machine that boots" })
    )
    return scenario(source, file, machine, kernel.release.uncertain.map(({ why }) => why))
  })
