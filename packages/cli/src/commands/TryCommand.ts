/**
 * `vmemmap try`: what happens if these commands are typed on that machine.
 *
 * @since 0.1.0
 */
import * as Completion from "@vmemmap/core/machine/Completion"
import * as RawSizes from "@vmemmap/core/planning/RawSizes"
import * as DryRun from "@vmemmap/core/records/DryRun"
import * as KernelRecord from "@vmemmap/core/records/KernelRecord"
import * as RecordText from "@vmemmap/core/records/RecordText"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as TryAnswer from "../answers/TryAnswer.ts"
import { orWrongUse, WrongUse } from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Style from "../printers/Style.ts"
import * as Table from "../printers/Table.ts"
import * as TryPrinter from "../printers/TryPrinter.ts"
import * as MachineSource from "../sources/MachineSource.ts"
import * as Sources from "../sources/Sources.ts"
import * as Options from "./Options.ts"
import * as WriteFile from "./WriteFile.ts"

const flags = {
  machine: Argument.String("machine").pipe(
    Argument.withDescription(
      "Machine description, output of ndctl, daxctl or cxl list, /proc/iomem, boot log, or a record"
    )
  ),
  script: Argument.String("script").pipe(
    Argument.withDescription("Commands, one a line; - for standard input; none to see the machine as it boots"),
    Argument.optional
  ),
  with: Flag.String("with").pipe(
    Flag.withMetavar("SOURCE"),
    Flag.withDescription("Another source that describes the same machine; may be repeated"),
    Flag.atLeast(0)
  ),
  command: Flag.String("command").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("LINE"),
    Flag.withDescription("A command to try instead of a script; may be repeated"),
    Flag.atLeast(0)
  ),
  kernel: Options.kernel.kernel,
  terminal: Flag.Boolean("terminal").pipe(
    Flag.withDescription("Let the tools print as on a terminal (ndctl: sizes for people)"),
    Flag.withDefault(false)
  ),
  record: Flag.String("record").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write the record, which 'vmemmap verify' replays"),
    Flag.optional
  ),
  json: Options.json
}

const scriptOf = Effect.fnUntraced(function*(
  { command, machine, script, with: others }: {
    readonly command: ReadonlyArray<string>
    readonly machine: string
    readonly with: ReadonlyArray<string>
    readonly script: Option.Option<string>
  }
) {
  if (Option.isNone(script)) return command.join("\n")
  if (command.length > 0) {
    return yield* new WrongUse({ problem: "--command and SCRIPT both say what to try: give one of them" })
  }
  yield* Sources.stdinOnce([machine, ...others, script.value])
  return yield* Sources.text(script.value)
})

/**
 * `vmemmap try`; status 2 where a line cannot be carried out. The tools' own exit statuses are part of what is printed.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "try",
  flags,
  Effect.fnUntraced(function*(args) {
    const output = yield* Output
    const style = Style.make(output.colour)
    const script = yield* scriptOf(args)
    const described = yield* MachineSource.read([args.machine, ...args.with])
    const release = Option.isNone(args.kernel)
      ? undefined
      : yield* Effect.as(orWrongUse(KernelRelease.parse(args.kernel.value), "--kernel"), args.kernel.value)
    const bootable = Completion.make(release === undefined ? described : { ...described, kernel: release })
    const { spec, ...sized } = RawSizes.complete(bootable.spec)
    const assumptions = [...bootable.assumptions, ...sized.assumptions]
    const show = (text: string) => args.json ? Effect.void : Effect.orDie(output.print(text))
    const request: DryRun.Request = { spec, script, onTerminal: args.terminal }
    const refusals: Array<TryAnswer.Refusal> = []
    const refuse = (n: number, reasons: DryRun.Boot["reasons"]) => {
      for (const why of reasons) {
        if (!refusals.some((one) => one.n === n && one.problem === why.problem)) refusals.push({ n, ...why })
      }
    }
    const done = yield* Effect.mapError(
      DryRun.run(request, {
        onBoot: (boot) => {
          refuse(0, boot.reasons)
          return show(TryPrinter.boot(boot, output.width, style))
        },
        onCommand: (entry) => {
          if (entry.exit !== 0) refuse(entry.n, entry.reasons)
          return show(TryPrinter.command(entry, output.width, style))
        }
      }),
      (error) => new WrongUse({ problem: error.message })
    )
    const record = DryRun.toRecord(request, done)
    if (Option.isSome(args.record)) yield* WriteFile.write("--record", args.record.value, KernelRecord.toText(record))
    if (args.json) {
      const { boot, defects, notes, use } = done
      yield* output.print(RecordText.print({
        ...record,
        boot: boot.lines,
        refusals,
        assumptions: [...assumptions, ...notes],
        memory: use,
        defects
      }))
    } else {
      yield* output.print(TryPrinter.memory(done, output.width, style))
      for (const assumption of assumptions) yield* output.print(Table.paragraph(`assumed: ${assumption}`, output.width))
    }
    if (done.stopped !== null) return yield* new WrongUse({ problem: done.stopped.message })
  })
).pipe(
  Command.withDescription("Dry-run administrators' commands and sysfs writes on a modelled machine"),
  Command.withExamples([
    {
      command: "vmemmap try machine.yaml -c 'ndctl create-namespace -m devdax -M mem -a 1G'",
      description: "What one command would print, and what memory looks like then"
    },
    { command: "vmemmap try machine.yaml script.sh", description: "A script, one command a line" },
    {
      command: "ndctl list -RNDvvv | vmemmap try - -c 'ndctl create-namespace -s 100G'",
      description: "On this machine's regions, as they are configured now"
    }
  ])
)
