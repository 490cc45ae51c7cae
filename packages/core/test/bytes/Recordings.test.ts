/** Materialised bytes against the struct pages of a real kernel, word for word. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema, Semaphore } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as BytePool from "../../src/bytes/BytePool.ts"
import * as MemmapBytes from "../../src/bytes/MemmapBytes.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as MemoryNames from "../../src/records/MemoryNames.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import * as SnapshotFacts from "../../src/records/SnapshotFacts.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Vmemmap } from "../../src/vmemmap/Vmemmap.ts"
import * as Snapshots from "../records/Snapshots.ts"
import * as Typist from "../userland/Typist.ts"
import * as ByteImages from "./ByteImages.ts"

const input = Schema.decodeUnknownSync(RecordedMachine.Input)

/** How much a recording looks at, of either end of a long range. */
const endPages = 2 ** 20

const looked = (range: PfnRange.PfnRange, partial: boolean): ReadonlyArray<PfnRange.PfnRange> =>
  partial
    ? [{ ...range, end: range.start + endPages }, { ...range, start: range.end - endPages }]
    : [range]

const compareAt = Effect.fnUntraced(function*(
  pool: BytePool.BytePool,
  names: MemoryNames.MemoryNames,
  observed: Snapshots.Observed,
  label: string
) {
  const { tables } = yield* Vmemmap
  for (const [, recorded] of Snapshots.snapshotsAt(observed, label)) {
    const { structPages } = yield* SnapshotFacts.take(names, recorded)
    const range = PfnRange.fromLength(recorded.start / 4096, Math.floor(recorded.size / 4096))
    const present = looked(range, structPages.partial).flatMap(({ end, start }) =>
      PfnRange.normalise(ExtentMap.slice(tables.leaves, start * 64, end * 64)).map((leaf) => ({
        start: leaf.start / 64,
        end: leaf.end / 64
      }))
    )
    const { images, samples } = yield* ByteImages.take(
      pool,
      present,
      Object.keys(recorded.structPages.samples).map(Number)
    )
    const own = { ...structPages, images: images.slice(0, 20), imagesTotal: images.length, samples }
    Snapshots.compareStructPages(own, recorded.structPages)
    const pages = (all: ReadonlyArray<{ readonly count: number }>) => all.reduce((sum, { count }) => sum + count, 0)
    assert.isAtLeast(pages(images), pages(recorded.structPages.images))
  }
})

const pool = BytePool.make({ bytes: 2 ** 30 })

/** One machine at a time has the pool. */
const turn = Semaphore.makeUnsafe(1)

describe("a memmap of bytes against recordings", () => {
  for (const entry of KernelFacts.index) {
    const record = Result.getOrThrow(KernelFacts.load(entry.case))
    const observed = record.observed as unknown as Snapshots.Observed
    if (Object.keys(observed.snapshots ?? {}).length === 0 || pool === null) continue
    it.effect(`SPW-1 … SPW-7: ${entry.category}: ${entry.case}`, () =>
      Effect.gen(function*() {
        const script = record.input["script"] as ReadonlyArray<string>
        const names = MemoryNames.ofRecording(input(record.input), 4096)
        const spec = Result.getOrThrow(RecordedMachine.fromInput(record.input))
        yield* Effect.gen(function*() {
          const type = yield* Typist.make
          for (const line of script) {
            yield* type(line)
            const label = Snapshots.labelOf(line)
            if (label !== undefined) yield* compareAt(pool, names, observed, label)
          }
          yield* compareAt(pool, names, observed, "final")
        }).pipe(Effect.scoped, Effect.provide(MachineTree.boot(spec, { memmap: MemmapBytes.layer(pool) })))
        assert.strictEqual(pool.usage().used, 0)
      }).pipe(turn.withPermits(1)))
  }
})
