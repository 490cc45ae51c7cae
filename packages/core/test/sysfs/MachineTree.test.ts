/** The files of a machine against recordings of real ones, as they are once the drivers are loaded. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as PhaseFacts from "../../src/records/PhaseFacts.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import { outcome } from "../../src/userland/Tool.ts"

type Phase = Readonly<Record<string, unknown>> & { readonly sameAs?: Readonly<Record<string, string>> }

const silent = () => Effect.succeed(outcome(0))

const tools: PhaseFacts.Tools = {
  ndctl: silent,
  daxctl: silent,
  input: { stdin: new Uint8Array(), onTerminal: false, freshUuid: () => "" }
}

const boot = Effect.gen(function*() {
  const modules = yield* Modules
  for (const name of MachineTree.bootModules) yield* modules.load(name)
  return (yield* PhaseFacts.take(tools)) as Phase
})

const masks = (text: unknown) => String(text).split("\n").filter((line) => line.includes("="))

describe("MachineTree", () => {
  for (const { case: name, category } of KernelFacts.index) {
    if (category === "host" || category === "infoblock-tool") continue
    it.effect(`OBS-12 … OBS-19, HOT-17 … HOT-19: ${category}: ${name}`, () =>
      Effect.gen(function*() {
        const record = Result.getOrThrow(KernelFacts.load(name))
        const spec = Result.getOrThrow(RecordedMachine.fromInput(record.input))
        const phases = record.observed["phases"] as Readonly<Record<string, Phase>>
        const field = (key: string) =>
          phases["boot"]?.sameAs?.[key] === undefined ? phases["boot"]?.[key] : phases["before-drivers"]?.[key]
        const shown = yield* boot.pipe(
          Effect.provide(MachineTree.layer(spec).pipe(Layer.provideMerge(Machine.layer(spec))))
        )
        for (const key of ["nd_sysfs", "dax_sysfs", "pmem_block", "memory_blocks"]) {
          assert.deepStrictEqual(shown[key], field(key), key)
        }
        assert.deepStrictEqual(masks(shown["nodes"]), masks(field("nodes")))
        const zones = (rows: unknown) =>
          (rows as ReadonlyArray<{ readonly managed: number }>).map((row) => ({ ...row, managed: 0 }))
        assert.deepStrictEqual(zones(shown["zoneinfo"]), zones(field("zoneinfo")))
      }))
  }
})
