import { assert } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { Errno } from "../../src/kernel/Errno.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import * as Modules from "../../src/sysfs/Modules.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as RecordedScript from "../../src/userland/RecordedScript.ts"
import * as Script from "../../src/userland/Script.ts"
import type { ScriptError } from "../../src/userland/ScriptError.ts"
import * as ScriptSyntax from "../../src/userland/ScriptSyntax.ts"
import type { Command } from "../../src/userland/ShellCommand.ts"
import * as Tool from "../../src/userland/Tool.ts"

const refuse = (errno: Errno) => Effect.fail(new KernelError({ errno, rule: "29", problem: "refused", remedy: "none" }))

/** Memory blocks that refuse `bogus`, a device of 16 KiB, and what was written to attributes, in order. */
export const machine = () => {
  const writes: Array<readonly [path: string, text: string]> = []
  const states = new Map<string, string>()
  const media = new Uint8Array(16_384)
  const state = (name: string) =>
    SysfsTree.directory({
      state: SysfsTree.writable(() => states.get(name) ?? "offline", (text) => {
        writes.push([name, text])
        return text.startsWith("bogus") ? refuse("EINVAL") : Effect.sync(() => void states.set(name, text.trim()))
      }),
      removable: SysfsTree.attribute(() => 1)
    })
  const root = SysfsTree.directory({
    sys: SysfsTree.directory({
      memory: SysfsTree.directory({
        memory1: state("memory1"),
        memory2: state("memory2"),
        memory3: state("memory3"),
        link: { _tag: "Link", target: "/sys/memory/memory3" },
        probe: SysfsTree.trigger((text) => Effect.sync(() => void writes.push(["probe", text]))),
        broken: { _tag: "File", read: refuse("EIO"), write: null }
      })
    }),
    proc: SysfsTree.directory({ iomem: SysfsTree.attribute(() => "00000000-00000fff : Reserved") }),
    dev: SysfsTree.directory({
      pmem0: {
        _tag: "Bytes",
        size: media.length,
        read: (offset, length) => Effect.sync(() => media.slice(offset, offset + length)),
        write: (offset, bytes) => Effect.sync(() => void media.set(bytes, offset))
      },
      pmem1: {
        _tag: "Bytes",
        size: 2 ** 40,
        read: (_offset, length) => Effect.sync(() => new Uint8Array(length)),
        write: null
      }
    })
  })
  const loaded = new Set(["nd_pmem"])
  const modules: Modules.Modules["Service"] = {
    known: ["nd_pmem", "dax_pmem", "kmem", "device_dax", "dax"],
    builtin: ["dax"],
    needs: (name) => name === "dax_pmem" ? ["kmem"] : [],
    loaded: () => [...loaded],
    load: (name) =>
      name === "device_dax" ? refuse("ENOMEM") : Effect.sync(() => void (name === "dax" || loaded.add(name))),
    unload: (name) =>
      name === "kmem"
        ? refuse("EAGAIN")
        : Effect.suspend(() => loaded.delete(name) ? Effect.void : refuse("ENOENT"))
  }
  return { writes, media, loaded, root, modules }
}

export type Machine = ReturnType<typeof machine>

/** `ndctl` prints its words; with `fail` it fails. */
const ndctl: Tool.Tool = (words, { onTerminal }) =>
  Effect.succeed(
    words[0] === "fail"
      ? Tool.outcome(240, "", "failed\n")
      : Tool.outcome(0, `${onTerminal ? "terminal " : ""}${words.join("|")}\n`, "")
  )

export const commands: ReadonlyMap<string, Command> = new Map([["ndctl", ndctl]])

const provide = <A, E>(
  effect: Effect.Effect<A, E, SysfsTree.SysfsTree | Modules.Modules>,
  { modules, root }: Machine
) => effect.pipe(Effect.provideService(SysfsTree.SysfsTree, { root }), Effect.provideService(Modules.Modules, modules))

const failureOf = <A, E>(result: Result.Result<A, E>): E | undefined =>
  Result.isFailure(result) ? result.failure : undefined

/** Runs a script; every command line that ended, and how the script did. */
export const run = Effect.fnUntraced(function*(text: string, on: Machine = machine()) {
  const executed: Array<Script.Executed> = []
  const result = yield* Effect.result(
    Effect.flatMap(Effect.fromResult(ScriptSyntax.parse(text)), (script) =>
      provide(
        Script.run(script, {
          commands,
          input: { onTerminal: true, freshUuid: () => "" },
          onCommand: (entry) => Effect.sync(() => void executed.push(entry))
        }),
        on
      ))
  )
  return { executed, result, failure: failureOf(result) }
})

/** The exit status and output of every command line of a script that runs to its end. */
export const outcomes = Effect.fnUntraced(function*(text: string, on?: Machine) {
  const { executed, result } = yield* run(text, on)
  if (Result.isFailure(result)) return assert.fail(result.failure.message)
  return executed.map(({ exit, stderr, stdout }) => [exit, stdout, stderr] as const)
})

/** The error a script stops with. */
export const stops = Effect.fnUntraced(function*(text: string, on?: Machine) {
  const { failure } = yield* run(text, on)
  return failure ?? assert.fail(`ran to its end: ${text}`)
})

/** Runs the script of a recording; what the recorder was told, in order. */
export const recorded = Effect.fnUntraced(function*(lines: ReadonlyArray<string>, on: Machine = machine()) {
  const told: Array<ReadonlyArray<unknown>> = []
  const tell = (...what: ReadonlyArray<unknown>) => Effect.sync(() => void told.push(what))
  const result: Result.Result<void, ScriptError | Tool.NotModelled> = yield* Effect.result(provide(
    RecordedScript.run(lines, {
      commands,
      freshUuid: () => "",
      onCommand: ({ command, exit, stderr, stdout }) => tell(command, exit, stdout, stderr),
      onFacts: (phase) => tell("facts", phase),
      onSnap: (label, start, size) => tell("snap", label, start, size),
      onAutosnap: (label) => tell("autosnap", label),
      onSections: (label) => tell("sections", label),
      onInfoblocks: (label) => tell("infoblocks", label),
      onText: (name, outcome) => tell("text", name, outcome)
    }),
    on
  ))
  return { told, result, failure: failureOf(result) }
})
