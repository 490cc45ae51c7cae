import { describe, it } from "@effect/vitest"
import { Arbitrary, Effect } from "effect"
import * as BytePool from "../../src/bytes/BytePool.ts"
import * as TwoMemmaps from "./TwoMemmaps.ts"

describe("MemmapBytes", () => {
  for (const wasm of [true, false]) {
    // All of it fits, or a few pages do.
    for (const granules of [200, 20]) {
      it.effect.prop(
        `SPW-3 … SPW-7, INI-10, CMP-12: whatever is done, each page reads as from extents, word for word: ${
          wasm ? "WebAssembly" : "typed arrays"
        }, ${granules} granules`,
        [Arbitrary.array(Arbitrary.schema(TwoMemmaps.Operation), { minLength: 25, maxLength: 50 })],
        ([operations]) =>
          Effect.gen(function*() {
            const two = TwoMemmaps.make({ bytes: granules * BytePool.granule, wasm })
            for (const operation of operations) {
              two.run(operation)
              if (operation.kind !== "materialise") continue
              yield* Effect.ignore(two.made.bytes.materialise(two.rangeOf(operation)))
            }
            two.end()
          }),
        { arbitrary: { runs: 40, seed: `programs ${wasm} ${granules}`, size: 30 } }
      )
    }
  }
})
