/**
 * The `vmemmap` command: its subcommands and how errors reach the user.
 *
 * @since 0.1.0
 */
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Struct from "effect/Struct"
import { WrongUse } from "./Failure.ts"
import * as Output from "./Output.ts"
import { version } from "./Version.ts"

/** Start-up time is mostly loading modules, so only the command that was named is loaded. */
const modules = {
  plan: async () => (await import("./commands/PlanCommand.ts")).command,
  size: async () => (await import("./commands/SizeCommand.ts")).command,
  grow: async () => (await import("./commands/GrowCommand.ts")).command,
  carve: async () => (await import("./commands/CarveCommand.ts")).command,
  try: async () => (await import("./commands/TryCommand.ts")).command,
  simulate: async () => (await import("./commands/SimulateCommand.ts")).command,
  bench: async () => (await import("./commands/BenchCommand.ts")).command,
  check: async () => (await import("./commands/CheckCommand.ts")).command,
  verify: async () => (await import("./commands/VerifyCommand.ts")).command,
  infoblock: async () => (await import("./commands/InfoblockCommand.ts")).command,
  inspect: async () => (await import("./commands/InspectCommand.ts")).command
}

type Name = keyof typeof modules

type Subcommand = Awaited<ReturnType<typeof modules[Name]>>

const isName = (text: string): text is Name => Object.hasOwn(modules, text)

/**
 * The root command with the named subcommand only, or with all of them when no such name is given (help, completions, a
 * misspelt name).
 */
const load = (name: string | undefined) =>
  Effect.map(
    Effect.forEach(
      name !== undefined && isName(name) ? [name] : Struct.keys(modules),
      (each) => Effect.promise<Subcommand>(modules[each])
    ),
    (commands) =>
      Command.make("vmemmap").pipe(
        Command.withDescription(
          "What Linux struct pages for device memory will cost, where, and what capacity stays, before anything is changed"
        ),
        Command.withSubcommands(commands)
      )
  )

/**
 * Usage errors go to standard error in a line or two, so that a pipe behind standard output stays clean.
 */
const presenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function*(event) {
    if (event._tag !== "InvalidInvocation") return yield* CliOutput.defaultPresenter.present(event)
    const path = event.commandPath.join(" ")
    for (const error of event.errors) yield* Console.error(`${path}: ${error.message}`)
    yield* Console.error(`try '${path} --help'`)
  })
}

const report = (error: { readonly _tag: string; readonly message: string }): Effect.Effect<void> =>
  error._tag === "ShowHelp" || error.message === "" ? Effect.void : Console.error(
    error._tag === "ToolStatus" ? error.message : `vmemmap: ${error.message}`
  )

/** The arguments of `lsmem`, where `inspect --blocks` stands in for it: its options are not this command's. */
const blockWords = (args: ReadonlyArray<string>): ReadonlyArray<string> | undefined =>
  args[0] === "inspect" && args.includes("--blocks") ? args.slice(1).filter((word) => word !== "--blocks") : undefined

const dispatch = (args: ReadonlyArray<string>) => {
  const words = blockWords(args)
  return words === undefined
    ? Effect.flatMap(load(args[0]), (root) => Command.runWith(root, { version })(args))
    : Effect.flatMap(Effect.promise(() => import("./commands/InspectCommand.ts")), ({ lsmem }) => lsmem(words))
}

/**
 * Runs the command with the given arguments: exit statuses as documented in `Failure`.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (args: ReadonlyArray<string>) =>
  dispatch(args).pipe(
    Effect.catchTag("ReaderGone", () => Effect.void),
    Effect.tapError(report),
    Effect.mapError((error) =>
      error._tag === "ShowHelp" && error.errors.length > 0 ? new WrongUse({ problem: "wrong use" }) : error
    ),
    Effect.provide(Layer.mergeAll(Output.layer, CliOutput.layerPresenter(presenter)))
  )
