/**
 * What will happen if these lines are typed on that machine: a script carried out on a model of it, written down as a record.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { InputError } from "../inputs/InputError.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as KernelLog from "../kernel/KernelLog.ts"
import { type Reason, Reasons } from "../kernel/Reasons.ts"
import type { MachineError } from "../machine/MachineError.ts"
import type { MachineSpec } from "../machine/MachineSpec.ts"
import { Kernel } from "../release/Kernel.ts"
import * as MachineTree from "../sysfs/MachineTree.ts"
import * as Script from "../userland/Script.ts"
import type { ScriptError } from "../userland/ScriptError.ts"
import * as ScriptSyntax from "../userland/ScriptSyntax.ts"
import * as SetUp from "../userland/SetUp.ts"
import type { Input, NotModelled } from "../userland/Tool.ts"
import * as Tools from "../userland/Tools.ts"
import * as Crash from "./Crash.ts"
import * as Extras from "./Extras.ts"
import type { KernelRecord } from "./KernelRecord.ts"
import * as MemoryNames from "./MemoryNames.ts"
import * as MemoryUse from "./MemoryUse.ts"
import type * as Recorder from "./Recorder.ts"
import * as Session from "./Session.ts"

/**
 * A machine as described, with the configuration its description names, and the text of a script. `onTerminal`: the tools print
 * for people.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly spec: MachineSpec
  readonly script: string
  readonly onTerminal: boolean
}

/**
 * A command as it ended, and why something was refused on its way.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry extends Recorder.Command {
  readonly reasons: ReadonlyArray<Reason>
}

/**
 * What there is to say before the first line is typed: complaints of the booting kernel and all it says once drivers are loaded;
 * why drivers refused devices.
 *
 * @category models
 * @since 0.1.0
 */
export interface Boot {
  readonly lines: ReadonlyArray<string>
  readonly reasons: ReadonlyArray<Reason>
}

/**
 * Told as it happens: once of the boot, then of every command as it ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  readonly onBoot: (boot: Boot) => Effect.Effect<void>
  readonly onCommand: (entry: Entry) => Effect.Effect<void>
}

/**
 * The outcome. `commands` as the listener was told of them. `stopped` is the line that could not be carried out, if there was
 * one: the record then ends before it. `notes` tell how the machine differs from its description, `use` who holds which memory
 * at the end. `pageSize` is that of the machine, in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface DryRun extends Session.Session {
  readonly boot: Boot
  readonly commands: ReadonlyArray<Entry>
  readonly stopped: ScriptError | NotModelled | null
  readonly notes: ReadonlyArray<string>
  readonly use: MemoryUse.MemoryUse
  readonly pageSize: number
}

const isStop = (error: { readonly _tag: string }): error is ScriptError | NotModelled =>
  error._tag === "ScriptError" || error._tag === "NotModelled"

/** In a record: `ok`, or why the script did not get to its end. */
const statusOf = (stopped: DryRun["stopped"]): string => stopped === null ? "ok" : stopped.message

/** What a kernel that boots without trouble says is of no interest here. */
const complaints = (events: ReadonlyArray<KernelLog.Event>): ReadonlyArray<string> =>
  events.flatMap((event) => event._tag === "Line" && event.level !== "info" ? [event.text] : [])

const deaf: Listener = { onBoot: () => Effect.void, onCommand: () => Effect.void }

const program = Effect.fnUntraced(function*(
  { onTerminal, spec }: Omit<Request, "script">,
  parsed: ScriptSyntax.Script,
  { onBoot, onCommand }: Listener,
  told: Array<Reason>
) {
  const { arch } = yield* Kernel
  const log = yield* KernelLog.KernelLog
  const early = complaints(yield* log.recent)
  const freshUuid = Session.uuids()
  const input: Input = { stdin: new Uint8Array(), onTerminal, freshUuid }
  const notes: Array<string> = []
  const commands: Array<Entry> = []
  let stopped: DryRun["stopped"] = null
  let boot: Boot = { lines: [], reasons: [] }

  const run = Effect.fnUntraced(function*(recorder: Recorder.Recorder) {
    boot = { ...boot, lines: [...early, ...recorder.lines()] }
    told.length = 0
    yield* onBoot(boot)
    yield* Script.run<NotModelled, never>(parsed, {
      commands: Tools.all,
      input: { onTerminal, freshUuid },
      onCommand: (executed) =>
        Effect.flatMap(recorder.command(executed), (command) => {
          const entry = { ...command, reasons: told.splice(0) }
          commands.push(entry)
          const crash = recorder.crash()
          const heard = onCommand(entry)
          return crash === undefined ? heard : Effect.andThen(heard, Effect.fail(Crash.stop(crash, executed)))
        })
    }).pipe(
      Effect.catchIf(isStop, (error) =>
        Effect.sync(() => {
          stopped = error
        }))
    )
  })

  const session = yield* Session.run<InputError | NotModelled | KernelError, Recorder.Services>({
    cmdline: spec.cmdline ?? "",
    names: MemoryNames.ofMachine(spec, arch.pageSize),
    input,
    given: {},
    prepare: Effect.gen(function*() {
      boot = { ...boot, reasons: told.splice(0) }
      notes.push(...(yield* SetUp.run(spec, Tools.all, input)))
    }),
    script: run
  })
  const outcome: DryRun = {
    ...session,
    observed: { status: statusOf(stopped), ...session.observed, cmdline: spec.cmdline ?? "" },
    boot,
    commands,
    stopped,
    notes,
    use: yield* MemoryUse.take,
    pageSize: arch.pageSize
  }
  return outcome
})

/**
 * Boots the machine, gives it its configuration and runs the script.
 *
 * Fails where the script is none, where the machine cannot boot or its configuration cannot be made.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = (
  request: Request,
  listener: Partial<Listener> = {}
): Effect.Effect<DryRun, InputError | MachineError | KernelError | NotModelled | ScriptError> =>
  Effect.flatMap(
    Effect.fromResult(ScriptSyntax.parse(request.script)),
    (parsed) => {
      const told: Array<Reason> = []
      return program(request, parsed, { ...deaf, ...listener }, told).pipe(
        Effect.scoped,
        Effect.provide(MachineTree.boot(request.spec), { local: true }),
        Effect.provideService(Reasons, (reason) => told.push(reason)),
        Effect.provideService(Clock.Clock, Session.instant())
      )
    }
  )

/**
 * A dry run as a record: its input is the description of the machine and the lines.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toRecord = ({ onTerminal, script, spec }: Request, { observed }: DryRun): KernelRecord => ({
  case: spec.name === undefined || spec.name === "" ? "try" : spec.name,
  category: "try",
  about: "a dry run on a model, no recording of a kernel",
  input: { spec, lines: script.split("\n"), ...(onTerminal ? { onTerminal } : {}) },
  observed: Extras.strip(observed)
})
