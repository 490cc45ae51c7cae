import { assert, describe, it } from "@effect/vitest"
import * as SubsectionBitmap from "../../src/sections/SubsectionBitmap.ts"
import { random } from "../random.ts"

/** Bits of a chunk, which is private from its first write on. */
const chunk = 16_384
const chunks = 70

describe("SubsectionBitmap", () => {
  it("what is written by the word is there, also where the bitmap grows for it", () => {
    const bitmap = SubsectionBitmap.make(chunks * chunk)
    for (let root = 0; root < chunks; root++) SubsectionBitmap.write(bitmap, root * chunk + 32, 32, 0b101)
    for (let root = 0; root < chunks; root++) {
      const bits = [31, 32, 33, 34, 35].map((bit) => SubsectionBitmap.get(bitmap, root * chunk + bit))
      assert.deepStrictEqual(bits, [false, true, false, true, false], `chunk ${root}`)
    }
  })

  it("is what a list of bits is, however it is written", () => {
    for (let seed = 0; seed < 20; seed++) {
      const next = random(seed)
      const bitmap = SubsectionBitmap.make(chunks * chunk)
      const bits = new Uint8Array(chunks * chunk)
      for (let step = 0; step < 300; step++) {
        const from = next(bits.length)
        const on = next(2) === 0
        if (next(3) === 0) {
          const end = Math.min(bits.length, from + next(3 * chunk))
          SubsectionBitmap.set(bitmap, from, end, on)
          bits.fill(on ? 1 : 0, from, end)
        } else {
          const width = [1, 8, 32][next(3)] as number
          const bit = from - from % width
          const value = next(2 ** 31) * 2 + next(2)
          SubsectionBitmap.write(bitmap, bit, width, value)
          for (let i = 0; i < width; i++) bits[bit + i] = value >>> i & 1
        }
      }
      for (let bit = 0; bit < bits.length; bit += 1 + next(7)) {
        if (SubsectionBitmap.get(bitmap, bit) !== (bits[bit] === 1)) assert.fail(`seed ${seed}, bit ${bit}`)
      }
    }
  })
})
