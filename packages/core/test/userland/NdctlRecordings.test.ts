/** ndctl over the files of a modelled machine against recordings of the real tool on a real kernel. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as JsonText from "../../src/inputs/JsonText.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as Coreutils from "../../src/userland/Coreutils.ts"
import * as Daxctl from "../../src/userland/Daxctl.ts"
import * as Modprobe from "../../src/userland/Modprobe.ts"
import * as Ndctl from "../../src/userland/Ndctl.ts"
import * as RecordedScript from "../../src/userland/RecordedScript.ts"
import type * as ShellCommand from "../../src/userland/ShellCommand.ts"

interface Command {
  readonly command: string
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

type Kind = "ndctl_list" | "ndctl_list_human"

type Phase = { readonly [K in Kind]?: unknown } & { readonly sameAs?: { readonly [K in Kind]?: string } }

interface Observed {
  readonly commands?: ReadonlyArray<Command>
  readonly phases: Readonly<Record<string, Phase>>
}

/** Numbers a recording keeps exactly are texts in what our reader makes of the same output. */
const exact = (value: unknown): unknown => {
  if (typeof value === "bigint") return String(value)
  if (Array.isArray(value)) return value.map(exact)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, exact(field)]))
}

const form = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

const zero = "00000000-0000-0000-0000-000000000000"

/** Uuids that nobody gave differ from run to run. */
const blind = (given: ReadonlySet<string>, text: string): string =>
  text.replaceAll(form, (uuid) => uuid === zero || given.has(uuid) ? uuid : "fresh")

/** The option list of a complaint is the tool's own text. */
const headed = (text: string): string => text.replace(/\n\n usage: ndctl (\S+)[^]*$/, "\n\n usage: ndctl $1").trimEnd()

const shown = (given: ReadonlySet<string>) => ({ command, exit, stderr, stdout }: Command) => ({
  command,
  exit,
  stdout: blind(given, stdout.trimEnd()),
  stderr: headed(stderr)
})

const listed = (phases: Observed["phases"], name: string, kind: Kind): unknown => {
  const other = phases[name]?.sameAs?.[kind]
  return other === undefined ? phases[name]?.[kind] : listed(phases, other, kind)
}

const fresh = () => {
  let count = 0
  return () => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, "0")}`
}

const freshUuid = fresh()

const input = { stdin: new Uint8Array(), onTerminal: false, freshUuid }

const options: Readonly<Record<Kind, string>> = { ndctl_list: "list -RNDvvvi", ndctl_list_human: "list -RNDXu" }

const show = Effect.fnUntraced(function*(kind: Kind) {
  const { exit, stderr, stdout } = yield* Ndctl.run(options[kind].split(" "), input)
  assert.deepStrictEqual([exit, stderr], [0, ""])
  return stdout === "" ? undefined : Result.getOrThrow(JsonText.parse(kind, stdout))
})

/** The order of fields counts: texts are compared. */
const text = (given: ReadonlySet<string>, value: unknown): string | undefined =>
  value === undefined ? undefined : blind(given, JSON.stringify(exact(value), null, 1))

const programs: ReadonlyArray<readonly [string, ShellCommand.Program]> = [
  ...Coreutils.commands,
  ...Modprobe.commands,
  ["ndctl", Ndctl.run],
  ["daxctl", Daxctl.run]
]

/** What depends on how much memory was free at that moment. */
const lucky = new Set(["refuse-no-ram-fsdax"])

const categories = new Set(KernelFacts.index.map(({ category }) => category))
for (const other of ["host", "infoblock-tool"] as const) categories.delete(other)

describe("ndctl against recordings", () => {
  for (const entry of KernelFacts.index) {
    if (!categories.has(entry.category) || lucky.has(entry.case)) continue
    it.effect(`OBS-20 to OBS-27: ${entry.category}: ${entry.case}`, () =>
      Effect.gen(function*() {
        const record = Result.getOrThrow(KernelFacts.load(entry.case))
        const { script } = record.input as unknown as { readonly script: ReadonlyArray<string> }
        const observed = record.observed as unknown as Observed
        const spec = Result.getOrThrow(RecordedMachine.fromInput(record.input))
        const given = new Set(script.join(" ").match(form) ?? [])
        const isOurs = ({ command }: Command) => command.startsWith("ndctl ")
        const commands: Array<Command> = []
        const phase = Effect.fnUntraced(function*(name: string) {
          for (const kind of ["ndctl_list", "ndctl_list_human"] as const) {
            const seen = text(given, yield* show(kind))
            assert.strictEqual(seen, text(given, listed(observed.phases, name, kind)), `${name}: ${kind}`)
          }
        })
        yield* Effect.gen(function*() {
          const modules = yield* Modules
          for (const name of MachineTree.bootModules) yield* modules.load(name)
          yield* phase("boot")
          const running = yield* Effect.forkChild(RecordedScript.run(script, {
            commands: new Map(programs),
            freshUuid,
            onCommand: (executed) => Effect.sync(() => commands.push(executed)),
            onFacts: phase,
            onSnap: () => Effect.void,
            onAutosnap: () => Effect.void,
            onSections: () => Effect.void,
            onInfoblocks: () => Effect.void,
            onText: () => Effect.void
          }))
          while (running.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
          yield* Fiber.join(running)
          assert.deepStrictEqual(
            commands.filter(isOurs).map(shown(given)),
            (observed.commands ?? []).filter(isOurs).map(shown(given))
          )
          yield* phase("final")
        }).pipe(Effect.scoped, Effect.provide(MachineTree.layer(spec).pipe(Layer.provideMerge(Machine.layer(spec)))))
      }))
  }
})
