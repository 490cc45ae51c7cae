/** The whole machine against recordings of a real kernel: sections, vmemmap, struct pages, zones. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as NvdimmBus from "../../src/devices/NvdimmBus.ts"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import * as Harness from "../devices/Harness.ts"
import * as Ndctl from "../devices/Ndctl.ts"
import * as Daxctl from "./Daxctl.ts"
import * as Snapshot from "./Snapshot.ts"

interface Observed {
  readonly snapshots?: Readonly<Record<string, Snapshot.Snapshot>>
  readonly sections?: Readonly<Record<string, ReadonlyArray<Snapshot.Section>>>
  readonly phases: Readonly<
    Record<string, {
      readonly zoneinfo?: ReadonlyArray<Snapshot.Zone>
      readonly sameAs?: Readonly<Record<string, string>>
    }>
  >
}

/** Memory that was online is in the allocator's hands: what its struct pages hold does not follow from the input. */
const wasOnline = (script: ReadonlyArray<string>) => script.some((line) => /system-ram|online/.test(line))

const zonesOf = (observed: Observed, name: string): ReadonlyArray<Snapshot.Zone> => {
  const phase = observed.phases[name]
  const other = phase?.sameAs?.zoneinfo
  return other === undefined ? phase?.zoneinfo ?? [] : zonesOf(observed, other)
}

const compare = Effect.fnUntraced(function*(
  input: Snapshot.Input & { readonly script: ReadonlyArray<string> },
  observed: Observed,
  at: string
) {
  for (const [label, recorded] of Object.entries(observed.snapshots ?? {})) {
    if (label !== at && !label.endsWith(`@${at}`)) continue
    const { vmemmap } = recorded
    assert.deepStrictEqual(yield* Snapshot.vmemmap(input, recorded), {
      virtStart: vmemmap.virtStart,
      virtSize: vmemmap.virtSize,
      leafCounts: vmemmap.leafCounts,
      unmappedBytes: vmemmap.unmappedBytes,
      backing: vmemmap.backing,
      tablePages: { pmd: vmemmap.tablePages.pmd, pte: vmemmap.tablePages.pte }
    }, label)
    if (wasOnline(input.script)) continue
    const images = yield* Snapshot.images({ ...recorded, partial: recorded.structPages.partial })
    assert.deepStrictEqual(images, Snapshot.recordedImages(recorded), label)
  }
  const sections = observed.sections?.[at]
  if (sections !== undefined) {
    assert.deepStrictEqual(
      yield* Snapshot.sections,
      sections.map(({ first, flags, last, subsections }) => ({ first, last, flags, subsections })),
      at
    )
  }
})

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
    it.effect(`SEC-1, SPW-3, SPW-8, SPW-9, ZON-14: ${entry.category}: ${entry.case}`, () =>
      Effect.gen(function*() {
        const record = Result.getOrThrow(KernelFacts.load(entry.case))
        const input = record.input as unknown as Parameters<typeof compare>[0]
        const observed = record.observed as unknown as Observed
        const spec = Result.getOrThrow(RecordedMachine.fromInput(record.input))
        yield* Effect.gen(function*() {
          const bus = yield* NvdimmBus.NvdimmBus
          yield* Harness.loadAll(bus)
          const ndctl = yield* Ndctl.make
          const daxctl = yield* Daxctl.make
          for (const line of input.script) {
            const isKnown = (yield* daxctl(line)) || (yield* ndctl.run(line))
            assert.isTrue(isKnown, line)
            const at = /^(?:autosnap|snap|ask sections) (\S+)/.exec(line)?.[1]
            if (at !== undefined) yield* compare(input, observed, at)
          }
          yield* compare(input, observed, "final")
          assert.deepStrictEqual(yield* Snapshot.zones, Snapshot.recordedZones(zonesOf(observed, "final")))
          yield* (yield* Ledger.Ledger).balance
        }).pipe(Effect.scoped, Effect.provide(Machine.layer(spec)))
      }))
  }
})
