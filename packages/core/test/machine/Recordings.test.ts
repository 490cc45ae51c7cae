/** The whole machine against recordings of a real kernel: sections, vmemmap, struct pages, zones. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import * as Snapshots from "../records/Snapshots.ts"
import * as Typist from "../userland/Typist.ts"
import * as Zoneinfo from "./Zoneinfo.ts"

interface Observed extends Snapshots.Observed {
  readonly phases: Readonly<
    Record<
      string,
      Readonly<Record<string, unknown>> & {
        readonly zoneinfo?: ReadonlyArray<Zoneinfo.Zone>
        readonly sameAs?: Readonly<Record<string, string>>
      }
    >
  >
}

const zonesOf = (observed: Observed, name: string): ReadonlyArray<Zoneinfo.Zone> => {
  const phase = observed.phases[name]
  const other = phase?.sameAs?.zoneinfo
  return other === undefined ? phase?.zoneinfo ?? [] : zonesOf(observed, other)
}

/** Not replayed here: what the tool itself refuses, and what depends on how much memory was free at that moment. */
const elsewhere = new Set(["refuse-flags", "refuse-no-ram-fsdax"])

const replayed = new Set<KernelFacts.Category>([
  "plain-boot",
  "ns-mode",
  "ns-size",
  "multi-ns",
  "region-placement",
  "legacy-memmap",
  "infoblock-validate",
  "sysfs",
  "kmem",
  "recreate",
  "large-device",
  "virtio-pmem",
  "refuse"
])

describe("the machine against recordings", () => {
  for (const entry of KernelFacts.index) {
    if (!replayed.has(entry.category) || elsewhere.has(entry.case)) continue
    it.effect(`SEC-1, SPW-1 … SPW-11, ZON-14: ${entry.category}: ${entry.case}`, () =>
      Effect.gen(function*() {
        const record = Result.getOrThrow(KernelFacts.load(entry.case))
        const script = record.input["script"] as ReadonlyArray<string>
        const compare = Snapshots.make(record)
        const observed = record.observed as unknown as Observed
        const spec = Result.getOrThrow(RecordedMachine.fromInput(record.input))
        yield* Effect.gen(function*() {
          const type = yield* Typist.make
          for (const line of script) {
            yield* type(line)
            yield* compare.line(line)
          }
          yield* compare.end
          assert.deepStrictEqual(yield* Zoneinfo.zones, Zoneinfo.recordedZones(zonesOf(observed, "final")))
          yield* (yield* Ledger.Ledger).balance
        }).pipe(Effect.scoped, Effect.provide(MachineTree.boot(spec)))
      }))
  }
})
