/** daxctl over the files of a modelled machine against recordings of the real tool on a real kernel. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as JsonText from "../../src/inputs/JsonText.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import * as Daxctl from "../../src/userland/Daxctl.ts"
import * as Typist from "./Typist.ts"

interface Command {
  readonly command: string
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

interface Phase {
  readonly daxctl_list?: unknown
  readonly sameAs?: { readonly daxctl_list?: string }
}

const input = { stdin: new Uint8Array(), onTerminal: false, freshUuid: () => "" }

const daxctl = (line: string) => Daxctl.run(line.split(" ").slice(1), input)

/** Tool output is recorded without the newline at its end. */
const recorded = ({ command, exit, stderr, stdout }: Command) => ({ command, exit, stdout, stderr })

const listed = (phases: Readonly<Record<string, Phase>>, name: string): unknown => {
  const other = phases[name]?.sameAs?.daxctl_list
  return other === undefined ? phases[name]?.daxctl_list : listed(phases, other)
}

const show = Effect.gen(function*() {
  const { stdout } = yield* daxctl("daxctl list -DRi")
  return stdout === "" ? undefined : Result.getOrThrow(JsonText.parse("daxctl list", stdout))
})

const categories = new Set<KernelFacts.Category>([
  "kmem",
  "recreate",
  "large-device",
  "multi-ns",
  "ns-mode",
  "ns-size",
  "region-placement",
  "legacy-memmap",
  "infoblock-validate",
  "sysfs",
  "virtio-pmem",
  "refuse"
])

/** Not replayed: what ndctl itself refuses, and what depends on how much memory was free at that moment. */
const elsewhere = new Set(["refuse-flags", "refuse-no-ram-fsdax"])

describe("daxctl against recordings", () => {
  for (const entry of KernelFacts.index) {
    if (!categories.has(entry.category) || elsewhere.has(entry.case)) continue
    it.effect(`OBS-18, OBS-20, OBS-28: ${entry.category}: ${entry.case}`, () =>
      Effect.gen(function*() {
        const record = Result.getOrThrow(KernelFacts.load(entry.case))
        const { script } = record.input as unknown as { readonly script: ReadonlyArray<string> }
        const observed = record.observed as unknown as {
          readonly commands?: ReadonlyArray<Command>
          readonly phases: Readonly<Record<string, Phase>>
        }
        const spec = Result.getOrThrow(RecordedMachine.fromInput(record.input))
        yield* Effect.gen(function*() {
          const type = yield* Typist.make
          const isOurs = ({ command }: { readonly command: string }) => command.startsWith("daxctl ")
          const commands: Array<Command> = []
          for (const line of script) {
            for (const { command, exit, stderr, stdout } of (yield* type(line)).filter(isOurs)) {
              commands.push({ command, exit, stdout: stdout.trimEnd(), stderr: stderr.trimEnd() })
            }
            const phase = /^facts (\S+)$/.exec(line)?.[1]
            if (phase !== undefined) assert.deepStrictEqual(yield* show, listed(observed.phases, phase), phase)
          }
          const wanted = (observed.commands ?? []).filter(isOurs).map(recorded)
          assert.deepStrictEqual(commands, wanted)
          assert.deepStrictEqual(yield* show, listed(observed.phases, "final"), "final")
        }).pipe(Effect.scoped, Effect.provide(MachineTree.boot(spec)))
      }))
  }
})
