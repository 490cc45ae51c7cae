/**
 * Writes down what a machine says and shows, as the recorder of real machines does: commands with the kernel's lines, phases,
 * snapshots, section tables, info blocks.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as InfoBlock from "../devices/InfoBlock.ts"
import { Media } from "../devices/Media.ts"
import { NvdimmBus } from "../devices/NvdimmBus.ts"
import * as NvdimmState from "../devices/NvdimmState.ts"
import { ArchMemory } from "../hotplug/ArchMemory.ts"
import * as JsonSurvey from "../inputs/JsonSurvey.ts"
import * as JsonText from "../inputs/JsonText.ts"
import * as KernelLog from "../kernel/KernelLog.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import { PagemapIndex } from "../sections/PagemapIndex.ts"
import { SectionTable } from "../sections/SectionTable.ts"
import * as BlockText from "./BlockText.ts"
import * as Crash from "./Crash.ts"
import type { MemoryNames } from "./MemoryNames.ts"
import * as PageFlagFacts from "./PageFlagFacts.ts"
import * as PhaseFacts from "./PhaseFacts.ts"
import * as RecordText from "./RecordText.ts"
import * as SectionFacts from "./SectionFacts.ts"
import * as SnapshotFacts from "./SnapshotFacts.ts"

/**
 * A command that was run; texts as it printed them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Executed {
  readonly command: string
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * An entry of `commands`. `dmesg` are the kernel's lines since the entry before.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command extends Executed {
  readonly n: number
  readonly dmesg: ReadonlyArray<string>
  readonly json?: unknown
}

/**
 * Something the kernel itself does wrong, which the machine has run into.
 *
 * @category models
 * @since 0.1.0
 */
export type Defect = Pick<KernelLog.Hazard, "rule" | "text">

/**
 * What had been recorded when RAM for a memmap ran out: as many commands, and these phases, snapshots, section tables and blocks.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shortage {
  readonly commands: number
  readonly phases: ReadonlySet<string>
  readonly labels: ReadonlySet<string>
}

/** How the kernel prints a WARN: only the function is known to a model. */
const lineOf = (event: KernelLog.Event): ReadonlyArray<string> =>
  event._tag === "Line"
    ? [event.text]
    : event._tag === "Warn"
    ? [`WARNING: CPU: 0 PID: 1 at ${event.where}+0x0/0x0`]
    : []

/** Neither blank lines around an output nor those after it are kept. */
const trimmed = (text: string): string => text.replace(/^\n+|\n+$/g, "")

/** The first JSON document of a text that begins with one. */
const jsonOf = (text: string): unknown => {
  if (!/^\s*[[{]/.test(text)) return undefined
  const [end] = JsonSurvey.make(text, JsonText.depthLimit).ends
  return Result.getOrUndefined(RecordText.parse("stdout", text.slice(0, end)))
}

const signatures = /^(NVDIMM|BTT_AR)/

/** The block at offset 4096, read from the media whatever the mode. */
const infoblock = (media: Media["Service"], start: number) =>
  Result.map(media.read(start + InfoBlock.blockSize, InfoBlock.blockSize), (bytes) => {
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, 16)).replace(/\0+$/, "")
    return {
      namespaceStart: start,
      signature: signatures.test(text) ? text : "",
      hex: BlockText.print(bytes)
    }
  })

/**
 * A recorder of the running machine; it hears every line of the kernel from now on. `settle` is done after every command.
 *
 * - `command` enters a command, with the lines the kernel said meanwhile
 * - `facts` records a phase; what follows belongs to it until the next
 * - `snap` records a range of bytes, `autosnap` every namespace that has a size, and the sections
 * - `sections` records the section table
 * - `text` enters the output of a command in the current phase
 * - `infoblocks` records the block of every namespace, and what `ndctl read-infoblock` answers
 * - after a `crash` nothing is recorded but the command that it killed
 * - `observed` is all of it so far; `defects` are the kernel's own mistakes met, each once; `shortage` is where RAM for a memmap
 *   ran out, if it did
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  tools: PhaseFacts.Tools,
  names: MemoryNames,
  settle: Effect.Effect<void> = Effect.void
) {
  const kernel = yield* Kernel
  const log = yield* KernelLog.KernelLog
  const bus = yield* NvdimmBus
  const media = yield* Media
  const table = yield* SectionTable
  const memmap = yield* Memmap
  const index = yield* PagemapIndex
  const archMemory = yield* ArchMemory
  const page = kernel.arch.pageSize

  const lines: Array<string> = []
  const defects = new Map<string, Defect>()
  const phases = new Map<string, Record<string, unknown>>()
  const commands: Array<Command> = []
  const snapshots: Record<string, unknown> = {}
  const sections: Record<string, unknown> = {}
  const infoblocks: Record<string, unknown> = {}
  let heard = 0
  let current = "boot"
  let shortage: Shortage | null = null
  let crash: Crash.Crash | undefined

  log.listen((event) => {
    lines.push(...lineOf(event))
    if (event._tag !== "Hazard") return
    defects.set(`${event.rule} ${event.text}`, { rule: event.rule, text: event.text })
    crash ??= Crash.of(event, commands.length, lines.length)
    if (event.rule === "SEC-12") {
      shortage ??= {
        commands: commands.length,
        phases: new Set(phases.keys()),
        labels: new Set([snapshots, sections, infoblocks].flatMap((kept) => Object.keys(kept)))
      }
    }
  })

  const news = (): ReadonlyArray<string> => {
    const found = lines.slice(heard, crash?.lines)
    heard = lines.length
    return crash === undefined || crash.commands < commands.length ? found : [...found, Crash.line(crash)]
  }

  const phase = (name: string): Record<string, unknown> => {
    const known = phases.get(name) ?? {}
    phases.set(name, known)
    return known
  }

  const facts = Effect.fnUntraced(function*(name: string) {
    if (crash !== undefined) return
    const found = yield* PhaseFacts.take(tools)
    current = name
    const said = news()
    Object.assign(phase(name), found, said.length > 0 ? { dmesg_new: said } : {})
  })

  const snap = Effect.fnUntraced(function*(label: string, start: number, size: number) {
    if (crash !== undefined) return
    snapshots[label] = yield* SnapshotFacts.take(names, { start, size })
    const source = { memmap, table, index, maxPfn: archMemory.maxPfn() }
    phase(current)[`kpageflags:${label}`] = PageFlagFacts.sampled(source, start / page, size / page)
  })

  const takeSections = (label: string) =>
    Effect.sync(() => {
      if (crash === undefined) sections[label] = SectionFacts.take(kernel, table)
    })

  const namespaces = () =>
    bus.regions().flatMap(({ namespaces }) => [...namespaces.values()])
      .filter((namespace) => NvdimmState.capacity(namespace) > 0)

  return {
    facts,
    snap,
    sections: takeSections,
    autosnap: Effect.fnUntraced(function*(label: string) {
      for (const namespace of namespaces()) {
        const { end, start } = NvdimmState.resource(namespace)
        yield* snap(`${namespace.name}@${label}`, start, end - start)
      }
      yield* takeSections(label)
    }),
    command: (told: Executed) =>
      Effect.map(settle, () => {
        const executed = crash === undefined ? told : Crash.killed(told)
        const stdout = trimmed(executed.stdout)
        const json = jsonOf(stdout)
        const entry: Command = {
          n: commands.length + 1,
          command: executed.command,
          exit: executed.exit,
          stdout,
          stderr: trimmed(executed.stderr),
          dmesg: news(),
          ...(json === undefined ? {} : { json })
        }
        if (crash === undefined || crash.commands === commands.length) commands.push(entry)
        return entry
      }),
    text: (name: string, output: string) =>
      Effect.sync(() => {
        if (crash === undefined) phase(current)[name] = output.replace(/\n+$/, "")
      }),
    infoblocks: Effect.fnUntraced(function*(label: string) {
      if (crash !== undefined) return
      for (const namespace of namespaces()) {
        const { name } = namespace
        const { start } = NvdimmState.resource(namespace)
        const block = infoblock(media, start)
        if (Result.isSuccess(block)) infoblocks[`${name}@${label}`] = block.success
        const { stderr, stdout } = yield* tools.ndctl(["read-infoblock", name, "-j"], tools.input)
        const json = jsonOf(stdout)
        phase(current)[`read_infoblock:${name}`] = json ?? { raw: `${stderr}${stdout}`.trim() }
      }
    }),
    lines: (): ReadonlyArray<string> => lines,
    defects: (): ReadonlyArray<Defect> => [...defects.values()],
    shortage: (): Shortage | null => shortage,
    crash: (): Crash.Crash | undefined => crash,
    observed: () => ({ phases: Object.fromEntries(phases), commands, snapshots, infoblocks, sections })
  }
})

/**
 * What a recorder takes of the machine while it records.
 *
 * @category models
 * @since 0.1.0
 */
export type Services =
  | Effect.Services<ReturnType<typeof SnapshotFacts.take>>
  | Effect.Services<ReturnType<typeof PhaseFacts.take>>

/**
 * A recorder of the running machine: what {@link make} gives.
 *
 * @category models
 * @since 0.1.0
 */
export type Recorder = Effect.Success<ReturnType<typeof make>>
