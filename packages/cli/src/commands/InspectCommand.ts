/**
 * `vmemmap inspect`: this machine, a captured tree or a record explained, and any page frame of it.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import * as Capture from "@vmemmap/core/inspection/Capture"
import * as Disagreements from "@vmemmap/core/inspection/Disagreements"
import * as HostCapture from "@vmemmap/core/inspection/HostCapture"
import * as Inspection from "@vmemmap/core/inspection/Inspection"
import * as MachineView from "@vmemmap/core/inspection/MachineView"
import * as Place from "@vmemmap/core/inspection/Place"
import * as TreeCapture from "@vmemmap/core/inspection/TreeCapture"
import * as KernelRecord from "@vmemmap/core/records/KernelRecord"
import * as CapturedTree from "@vmemmap/core/sysfs/CapturedTree"
import * as LsmemTool from "@vmemmap/core/userland/LsmemTool"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { AnswerIsNo, orWrongUse, ToolStatus, WrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as InspectPrinter from "../printers/InspectPrinter.ts"
import * as MemoryMap from "../printers/MemoryMap.ts"
import * as Style from "../printers/Style.ts"
import * as Sources from "../sources/Sources.ts"
import * as SysRoot from "../sources/SysRoot.ts"
import * as ThisMachine from "../sources/ThisMachine.ts"
import * as Options from "./Options.ts"
import * as WriteFile from "./WriteFile.ts"

const flags = {
  words: Argument.String("source|pfn|address").pipe(
    Argument.withDescription(
      "/proc and /sys files, boot log, tool lists, a record; none for this machine. Page frames: 262144, pfn:0x40000, 0x40000000"
    ),
    Argument.variadic()
  ),
  sysroot: Options.sysroot,
  record: Flag.String("record").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write what was gathered here as a record, to be inspected elsewhere"),
    Flag.optional
  ),
  svg: Flag.String("svg").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write the memory map as a picture"),
    Flag.optional
  ),
  blocks: Flag.Boolean("blocks").pipe(
    Flag.withDescription("Print what lsmem prints; every other option is then lsmem's (--blocks --help lists them)"),
    Flag.withDefault(false)
  ),
  json: Options.json
}

const gathered = Effect.fnUntraced(function*(root: string | undefined) {
  const folder = root === undefined ? "/" : yield* Sources.resolve(root)
  const { files, unreadable } = yield* SysRoot.all(folder)
  const name = root ?? ""
  const parts = yield* orFailure(TreeCapture.toParts(name, files))
  const arch = root === undefined ? yield* ThisMachine.architecture : undefined
  const own: MachineView.Part = {
    source: name === "" ? "this machine" : name,
    ...(arch === undefined ? {} : { spec: { arch } }),
    notes: unreadable.map((each) => `${name}/${each} cannot be read`)
  }
  return { files, parts: [...parts, own] }
})

const orFailure = <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>): Effect.Effect<A, WrongUse, R> =>
  Effect.mapError(effect, ({ message }) => new WrongUse({ problem: message }))

const title = ({ arch, kernel }: Inspection.Inspection): string => `Memory of a machine: kernel ${kernel}, ${arch}`

const subtitle = ({ memmap: { device, pageTables, ram } }: Inspection.Inspection): string =>
  `struct pages: ${HumanSize.formatBinary(ram)} in RAM, ${HumanSize.formatBinary(device)} on devices, ${
    HumanSize.formatBinary(pageTables)
  } of page tables`

/**
 * `vmemmap inspect`; status 1 when the machine disagrees with the rules and nobody knows why.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "inspect",
  flags,
  Effect.fnUntraced(function*(args) {
    const output = yield* Output
    const places = args.words.filter(Place.isPlace)
    const sources = args.words.filter((word) => !Place.isPlace(word))
    yield* Sources.stdinOnce(sources)
    const root = Option.getOrUndefined(args.sysroot)
    const record = Option.getOrUndefined(args.record)
    const own = sources.length === 0 || root !== undefined || record !== undefined ? yield* gathered(root) : undefined
    const texts = yield* Effect.forEach(
      sources,
      (source) => Effect.map(Sources.text(source), (text) => ({ source, text }))
    )
    const parts = [
      ...(own?.parts ?? []),
      ...(yield* Effect.forEach(texts, ({ source, text }) => orWrongUse(Capture.read(source, text)))).flat()
    ]
    if (record !== undefined && own !== undefined) {
      const log = texts.find(({ text }) => /BIOS-e820: /.test(text))?.text ?? own.files.get("var/log/dmesg")
      // a captured tree is taken to be one of this kind of machine
      const arch = (yield* ThisMachine.architecture) ?? process.arch
      const made = yield* orWrongUse(HostCapture.make(root ?? "", own.files, arch, log))
      yield* WriteFile.write("--record", record, KernelRecord.toText(made))
    }
    const view = yield* orWrongUse(MachineView.join(parts))
    const inspection = yield* orWrongUse(Inspection.make(view, places))
    if (Option.isSome(args.svg)) {
      const picture = MemoryMap.svg(MemoryMap.rows(inspection), title(inspection), subtitle(inspection))
      yield* WriteFile.write("--svg", args.svg.value, picture)
    }
    const look = { width: output.width, style: Style.make(output.colour) }
    yield* args.json ? json(inspection) : output.print(InspectPrinter.text(inspection, look))
    const unexplained = Disagreements.unexplained(inspection.disagreements).length
    if (unexplained > 0) {
      return yield* new AnswerIsNo({ why: `${unexplained} unexplained of ${inspection.checked} comparisons` })
    }
  })
).pipe(
  Command.withDescription("Explain a machine, or a page frame of it, and compare it with what the rules expect"),
  Command.withExamples([
    { command: "vmemmap inspect", description: "This machine (as root, for the addresses)" },
    { command: "vmemmap inspect iomem zoneinfo dmesg.txt 0x100000000", description: "From files, and one address" },
    {
      command: "vmemmap inspect --record host.json",
      description: "To be looked at elsewhere: vmemmap inspect host.json"
    },
    { command: "vmemmap inspect --blocks -o +ZONES", description: "What lsmem prints" }
  ])
)

/**
 * `vmemmap inspect --blocks`: the words after it are those of `lsmem`, and so are texts and exit status.
 *
 * @category commands
 * @since 0.1.0
 */
export const lsmem = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
  const output = yield* Output
  const root = LsmemTool.sysroot(words)
  const folder = root === undefined ? "/" : yield* Sources.resolve(root)
  const { files } = yield* SysRoot.blocks(folder).pipe(
    Effect.catchIf(
      () => root !== undefined,
      () => Effect.succeed<SysRoot.Gathered>({ files: new Map(), unreadable: [] })
    )
  )
  const tree = yield* orWrongUse(CapturedTree.fromFiles(root ?? "", files))
  const { exit, stderr, stdout } = yield* orFailure(LsmemTool.runBelow(words, { root: tree }))
  yield* output.print(stdout)
  if (exit !== 0) return yield* new ToolStatus({ status: exit, stderr: stderr.replace(/\n$/, "") })
})
