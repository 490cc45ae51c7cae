/**
 * Does to a modelled machine what a recording's script did to a real one, and writes down what it shows in the same words.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { KernelError } from "../kernel/KernelError.ts"
import type { MachineError } from "../machine/MachineError.ts"
import { Kernel } from "../release/Kernel.ts"
import * as MachineTree from "../sysfs/MachineTree.ts"
import * as RecordedScript from "../userland/RecordedScript.ts"
import type { ScriptError } from "../userland/ScriptError.ts"
import type { NotModelled } from "../userland/Tool.ts"
import * as Tools from "../userland/Tools.ts"
import type { MachineInput } from "./KernelRecord.ts"
import * as MemoryNames from "./MemoryNames.ts"
import * as RecordedMachine from "./RecordedMachine.ts"
import type * as Recorder from "./Recorder.ts"
import * as Session from "./Session.ts"

/** `linux-image-6.1.0-50-amd64-unsigned 6.1.176-1` calls itself `6.1.0-50-amd64`. */
const uname = ({ kernelPackage }: MachineInput): string =>
  /^linux-image-(\S+?)(?:-unsigned)? /.exec(kernelPackage)?.[1] ?? kernelPackage

const program = Effect.fnUntraced(function*(input: MachineInput, given: Readonly<Record<string, unknown>>) {
  const { arch } = yield* Kernel
  const freshUuid = Session.uuids()
  const { defects, observed } = yield* Session.run<KernelError | NotModelled | ScriptError, Recorder.Services>({
    cmdline: input.cmdline,
    names: MemoryNames.ofRecording(input, arch.pageSize),
    input: { stdin: new Uint8Array(), onTerminal: false, freshUuid },
    given,
    prepare: Effect.void,
    script: (recorder) =>
      RecordedScript.run<KernelError | NotModelled, Recorder.Services>(input.script, {
        commands: Tools.all,
        freshUuid,
        onCommand: recorder.command,
        onFacts: recorder.facts,
        onSnap: recorder.snap,
        onAutosnap: recorder.autosnap,
        onSections: recorder.sections,
        onInfoblocks: recorder.infoblocks,
        onText: (name, { stderr, stdout }) => recorder.text(name, `${stdout}${stderr}`)
      })
  })
  const session: Session.Session = {
    observed: { status: "ok", ...observed, uname: uname(input), cmdline: input.cmdline },
    defects
  }
  return session
})

/**
 * Replays `input` on a machine of its own. `given` is the recorded phase `before-drivers`: what firmware and boot left.
 *
 * Fails where the machine cannot boot, where a line of the script is none, or is one that is not modelled.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = (
  input: MachineInput,
  given: Readonly<Record<string, unknown>>
): Effect.Effect<Session.Session, MachineError | KernelError | NotModelled | ScriptError> =>
  Effect.flatMap(
    Effect.fromResult(RecordedMachine.fromInput(input)),
    (spec) =>
      program(input, given).pipe(
        Effect.scoped,
        Effect.provide(MachineTree.boot(spec), { local: true }),
        Effect.provideService(Clock.Clock, Session.instant())
      )
  )
