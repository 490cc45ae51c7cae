/** Every struct page of generated machines, decoded from its bytes, against the memmap of extents. */
import { assert, describe, it } from "@effect/vitest"
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as MemmapBytes from "@vmemmap/core/bytes/MemmapBytes"
import * as Machine from "@vmemmap/core/machine/Machine"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import type { StructPage } from "@vmemmap/core/memmap/StructPage"
import { Effect, Option } from "effect"
import * as Agreement from "../../src/Agreement.ts"
import * as Arbitraries from "../../src/Arbitraries.ts"
import * as Program from "../../src/Program.ts"
import type * as ReferenceModel from "../../src/ReferenceModel.ts"
import { model, runs, size } from "../machine/follow.ts"

/** Every pfn in a long run; else those where something begins or ends, and every now and then one. */
const interesting = function*(reference: ReferenceModel.ReferenceModel) {
  const all = runs(1) > 1
  const edges = new Set(Agreement.edges(reference))
  for (const pfn of Agreement.everyPfn(reference)) {
    if (all || pfn % 61 === 0 || edges.has(pfn)) yield pfn
  }
}

/** What every page of interest holds after each operation, as the machine's own reader finds it. */
const trace = Effect.fnUntraced(function*(
  spec: MachineSpec,
  program: ReadonlyArray<Program.Operation>,
  read: (pfn: number) => StructPage | null,
  before: (start: number, end: number) => Effect.Effect<void>
) {
  const reference = yield* model(spec)
  const { run } = yield* Program.runner
  const seen: Array<readonly [number, StructPage | null]> = []
  for (const operation of program) {
    if (Program.isUndefined(reference, operation)) continue
    yield* run(operation)
    Program.predict(reference, operation)
    const pfns = [...interesting(reference)]
    const low = pfns.reduce((least, pfn) => Math.min(least, pfn), Infinity)
    const high = pfns.reduce((most, pfn) => Math.max(most, pfn + 1), 0)
    if (low < high) yield* before(low, high)
    for (const pfn of pfns) seen.push([pfn, read(pfn)])
  }
  return seen
})

const ofExtents = (spec: MachineSpec, program: ReadonlyArray<Program.Operation>) =>
  Effect.scoped(Effect.gen(function*() {
    const { read } = yield* Memmap
    return yield* trace(spec, program, read, () => Effect.void)
  })).pipe(Effect.provide(Machine.layer(spec)))

const ofBytes = (spec: MachineSpec, program: ReadonlyArray<Program.Operation>, wasm: boolean) =>
  Effect.suspend(() => {
    const pool = BytePool.make({ bytes: 2 ** 28, wasm })
    if (pool === null) return Effect.die("no memory")
    return Effect.scoped(Effect.gen(function*() {
      const bytes = Option.getOrThrow(yield* Effect.serviceOption(MemmapBytes.MemmapBytes))
      // Now all of it lies there in large pieces, or page by page where that does not fit.
      return yield* trace(spec, program, bytes.page, (start, end) => Effect.ignore(bytes.materialise({ start, end })))
    })).pipe(
      Effect.provide(Machine.layer(spec, { memmap: MemmapBytes.layer(pool) })),
      Effect.tap(() => Effect.sync(() => assert.strictEqual(pool.usage().used, 0)))
    )
  })

describe("bytes of struct pages", () => {
  for (const arch of ["x86_64", "x86_64-5level", "arm64-4k", "arm64-16k", "arm64-64k"] as const) {
    for (const wasm of [true, false]) {
      it.effect.prop(
        `SPW-1 … SPW-7: decoded, they are what the extents say: ${arch}, ${wasm ? "WebAssembly" : "typed arrays"}`,
        { spec: Arbitraries.machine(arch), program: Arbitraries.pagemaps(arch, 4) },
        ({ program, spec: drawn }) =>
          Effect.gen(function*() {
            // Struct pages of another size have no known layout.
            const spec = { ...drawn, structPage: 64 }
            const expected = yield* ofExtents(spec, program)
            const found = yield* ofBytes(spec, program, wasm)
            assert.strictEqual(found.length, expected.length)
            found.forEach(([pfn, page], i) => {
              const wanted = expected[i]?.[1] ?? null
              if (JSON.stringify(page, text) !== JSON.stringify(wanted, text)) {
                assert.deepStrictEqual(page, wanted, `pfn ${pfn}`)
              }
            })
          }),
        // Bytes of whole machines take their time: more of them do not end in ten minutes beside other tests.
        { arbitrary: { runs: Math.min(runs(6), 50), seed: "bytes", size } }
      )
    }
  }
})

const text = (_key: string, value: unknown) => typeof value === "bigint" ? `${value}n` : value
