import { assert, describe, it } from "@effect/vitest"
import * as BlockText from "../../src/records/BlockText.ts"

describe("BlockText", () => {
  it("22.1: a block is its digits, and they are the block again", () => {
    const block = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) % 256)
    const text = BlockText.print(block)
    assert.strictEqual(text.slice(0, 8), "00070e15")
    assert.deepStrictEqual(BlockText.bytes(text), block)
  })

  it("22.1: nothing but zeros is a word", () => {
    assert.strictEqual(BlockText.print(new Uint8Array(4096)), "zeros")
  })
})
