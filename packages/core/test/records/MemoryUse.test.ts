import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { GiB } from "../../src/geometry/Units.ts"
import * as DryRun from "../../src/records/DryRun.ts"
import { spec } from "./small.ts"

const use = (...lines: ReadonlyArray<string>) =>
  Effect.map(DryRun.run({ spec, script: lines.join("\n"), onTerminal: false }), (done) => done.use)

/** 64 bytes for each page of 4 KiB. */
const memmapOf = (bytes: number): number => bytes / 64

describe("MemoryUse", () => {
  it.effect("VMM: an untouched machine holds the memmap of its RAM", () =>
    Effect.gen(function*() {
      const { device, mappings, ram, structPages } = yield* use("ndctl destroy-namespace -f all")
      assert.deepStrictEqual([device, mappings], [0, []])
      assert.deepStrictEqual(ram, [{ node: "0", bytes: memmapOf(4 * GiB) }])
      assert.strictEqual(structPages.mapped * 4096, 4 * GiB)
    }))

  it.effect("ALT: a memmap on the device counts as the device's", () =>
    Effect.gen(function*() {
      const { device, mappings, ram } = yield* use("ndctl create-namespace -m devdax -M dev -s 1G")
      assert.isAbove(device, 0)
      assert.deepStrictEqual(ram, [{ node: "0", bytes: memmapOf(4 * GiB) }])
      const [mapping = assert.fail("nothing is mapped"), ...others] = mappings
      assert.deepStrictEqual(others, [])
      assert.isTrue(mapping.memmapOnDevice)
      assert.strictEqual(mapping.start, 8 * GiB)
      assert.strictEqual(mapping.compound, 2 ** 21)
    }))

  it.effect("CMP: a memmap in RAM is the node's, with compound pages where the alignment is above a page", () =>
    Effect.gen(function*() {
      const { device, mappings, ram, structPages } = yield* use("ndctl create-namespace -m devdax -M mem -s 1G")
      assert.strictEqual(device, 0)
      assert.isAbove(ram[0]?.bytes ?? 0, memmapOf(4 * GiB))
      assert.deepStrictEqual(mappings.map(({ compound, memmapOnDevice }) => [compound, memmapOnDevice]), [
        [2 ** 21, false]
      ])
      assert.isAbove(structPages.initialised, structPages.mapped / 8)
    }))
})
