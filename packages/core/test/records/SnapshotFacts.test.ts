/** Snapshots of machines; those of recordings with device memory are compared where these are replayed (`test/machine`). */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import { Pagemaps } from "../../src/hotplug/Pagemaps.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import type { StructPage } from "../../src/memmap/StructPage.ts"
import * as CompoundFacts from "../../src/records/CompoundFacts.ts"
import * as MemoryNames from "../../src/records/MemoryNames.ts"
import * as SnapshotFacts from "../../src/records/SnapshotFacts.ts"
import * as StructPageFacts from "../../src/records/StructPageFacts.ts"
import { Kernel } from "../../src/release/Kernel.ts"
import { Vmemmap } from "../../src/vmemmap/Vmemmap.ts"
import * as HotplugHarness from "../hotplug/Harness.ts"
import * as Replay from "../hotplug/Replay.ts"
import * as Snapshots from "./Snapshots.ts"

describe("snapshots of memory-block recordings", () => {
  for (const entry of KernelFacts.index.filter(({ category }) => category === "memory-block")) {
    it.effect(`SPW-4, SPW-8 … SPW-11: ${entry.case}`, () =>
      Effect.gen(function*() {
        const { facts, layer, spec } = HotplugHarness.recorded(entry.case)
        const compare = Snapshots.make(facts)
        yield* Effect.andThen(Replay.replay(facts, spec, compare.line), compare.end).pipe(Effect.provide(layer))
      }))
  }
})

const MiB = 2 ** 20
const GiB = 2 ** 30
const base = 64 * GiB

/** RAM enough for a long memmap. */
const roomy: MachineSpec = { ranges: [{ start: 0, size: 32 * GiB, kind: "ram" }] }

const generic = (offset: number, size: number, order: number) =>
  Effect.flatMap(Pagemaps, (pagemaps) =>
    pagemaps.memremap({
      name: "dax0.0",
      type: "generic",
      node: 0,
      ranges: [{ start: base + offset, end: base + offset + size }],
      order
    }))

const names = MemoryNames.ofMachine({ ...HotplugHarness.small, ...roomy }, 4096)

/** Compounds as the recorder counts them: page by page. */
const compoundsOf = (read: (pfn: number) => StructPage, start: number, end: number) => {
  const heads = new Map<number, number>()
  const deltas: Array<number> = []
  for (let pfn = start; pfn < end; pfn++) {
    const page = read(pfn)
    if (page._tag !== "Initialised" || page.links._tag !== "Tail") continue
    heads.set(page.links.head, (heads.get(page.links.head) ?? 0) + 1)
    deltas.push(pfn - page.links.head)
  }
  const tails = [...heads.values()]
  const numbers = [...new Set(tails)].toSorted((a, b) => a - b).slice(0, 8)
  return {
    count: deltas.length,
    minDelta: deltas.reduce((a, b) => Math.min(a, b)),
    maxDelta: deltas.reduce((a, b) => Math.max(a, b)),
    heads: heads.size,
    firstHead: Math.min(...heads.keys()),
    lastHead: Math.max(...heads.keys()),
    tailsPerHead: Object.fromEntries(numbers.map((n) => [n, tails.filter((tail) => tail === n).length]))
  }
}

describe("SnapshotFacts", () => {
  for (
    const [offset, size, order] of [
      [0, 512, 9],
      [0, 640, 13],
      [16, 512, 13],
      [2, 300, 15],
      [126, 260, 9],
      [4, 768, 17]
    ] as const
  ) {
    it.effect(`CMP-5, SPW-5, SPW-6: compounds of order ${order} from ${offset} MiB on, as counted page by page`, () =>
      Effect.gen(function*() {
        yield* generic(offset * MiB, size * MiB, order)
        const memmap = yield* Memmap
        // Begins and ends inside a compound.
        const range = { start: base + offset * MiB + 3 * 4096, size: size * MiB - 77 * 4096 }
        const { structPages } = yield* SnapshotFacts.take(names, range)
        const first = range.start / 4096
        assert.deepStrictEqual(
          { ...structPages.compound },
          compoundsOf(memmap.read, first, first + range.size / 4096)
        )
        assert.strictEqual(structPages.images.reduce((sum, { count }) => sum + count, 0), range.size / 4096)
      }).pipe(Effect.scoped, Effect.provide(HotplugHarness.layer())))
  }

  it.effect("SPW-5: 16 TiB of 1 GiB compounds are looked at in a few hundred pages", () =>
    Effect.gen(function*() {
      const size = 16 * 1024 * GiB
      yield* generic(0, size, 18)
      const memmap = yield* Memmap
      const kernel = yield* Kernel
      const { tables } = yield* Vmemmap
      let reads = 0
      const read = (pfn: number) => {
        reads++
        return memmap.read(pfn)
      }
      const first = base / 4096
      const pages = { start: first, end: first + size / 4096 }
      const facts = StructPageFacts.take({ kernel, memmap: { runs: memmap.runs, read }, tables }, pages)
      assert.isTrue(facts.partial)
      assert.deepStrictEqual(CompoundFacts.take({ runs: memmap.runs, read }, [pages]), {
        count: size / 4096 - 16384,
        minDelta: 1,
        maxDelta: 262143,
        heads: 16384,
        firstHead: first,
        lastHead: first + 16383 * 262144,
        tailsPerHead: { 262143: 16384 }
      })
      assert.isBelow(reads, 1000)
    }).pipe(Effect.scoped, Effect.provide(HotplugHarness.layer({ ...HotplugHarness.small, ...roomy }))))

  it.effect("SPW-9: runs of a long mapping are those of its ends", () =>
    Effect.gen(function*() {
      const size = 2048 * GiB
      yield* generic(0, size, 9)
      const { vmemmap } = yield* SnapshotFacts.take(names, { start: base, size })
      const groups = size / (2 * MiB)
      assert.strictEqual(vmemmap.runsTotal, 2 * groups)
      assert.strictEqual(vmemmap.runs.length, 32)
      const [virt = 0, , phys = 0] = vmemmap.runs[0] ?? []
      const last = vmemmap.runs.at(-1)
      assert.deepStrictEqual(last, [
        virt + (groups - 1) * 32768 + 8192,
        4096,
        (phys ?? 0) + (2 * groups - 1) * 4096,
        6,
        0,
        "ram"
      ])
      assert.deepStrictEqual(vmemmap.leafRuns, [[virt, virt + groups * 32768, 4096, "ram"]])
    }).pipe(Effect.scoped, Effect.provide(HotplugHarness.layer({ ...HotplugHarness.small, ...roomy }))))
})
