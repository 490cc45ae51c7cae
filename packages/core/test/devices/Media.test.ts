import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Media from "../../src/devices/Media.ts"
import * as Harness from "./Harness.ts"

const read = (
  media: Media.Media["Service"],
  address: number,
  length: number
) => [...Result.getOrThrow(media.read(address, length))]

describe("Media", () => {
  it("reads zeros where nothing was written, and what was written where it was, over page boundaries", () => {
    const media = Media.make()
    assert.deepStrictEqual(read(media, 2 ** 40, 4), [0, 0, 0, 0])
    Result.getOrThrow(media.write(4094, Uint8Array.of(1, 2, 3, 4)))
    assert.deepStrictEqual(read(media, 4093, 6), [0, 1, 2, 3, 4, 0])
    Result.getOrThrow(media.write(4095, Uint8Array.of(0, 9)))
    assert.deepStrictEqual(read(media, 4093, 6), [0, 1, 0, 9, 4, 0])
  })

  it("refuses what is no part of a device, however large", () => {
    const media = Media.make()
    for (const [address, length] of [[-1, 4], [0, Media.largest + 1], [2 ** 52 - 1, 2], [0.5, 1], [NaN, 1]] as const) {
      assert.strictEqual(Harness.errnoOf(media.read(address, length)), "EINVAL")
    }
  })

  it("23.3, 23.6: bad sectors fail reads, are cleared by whole writes, permanent ones never", () => {
    const media = Media.make()
    Result.getOrThrow(media.write(4096, new Uint8Array(4096).fill(7)))
    media.poison({ start: 4700, end: 4701 })
    assert.deepStrictEqual(media.bad({ start: 0, end: 8192 }), [{ start: 4608, end: 5120 }])
    assert.strictEqual(Harness.errnoOf(media.read(4096, 4096)), "EIO")
    assert.deepStrictEqual(read(media, 4096, 1), [7])
    assert.strictEqual(Harness.errnoOf(media.write(4700, Uint8Array.of(1))), "EIO")
    assert.isTrue(Result.isSuccess(media.write(4608, new Uint8Array(512).fill(3))))
    assert.deepStrictEqual(read(media, 4607, 2), [7, 3])
    media.poison({ start: 8192, end: 9216 }, true)
    assert.isFalse(media.clear({ start: 8192, end: 9216 }))
    assert.strictEqual(Harness.errnoOf(media.write(8192, new Uint8Array(1024))), "EIO")
    media.poison({ start: 4608, end: 5120 })
    assert.isTrue(media.clear({ start: 4096, end: 8192 }))
    assert.deepStrictEqual([read(media, 4607, 2), read(media, 5119, 2)], [[7, 0], [0, 7]])
  })

  const within = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
  const writes = Schema.Array(
    Schema.Struct({ at: within(16000), byte: within(255), length: within(380) })
  )

  it.prop("agrees with one array of bytes", [writes], ([writes]) => {
    const media = Media.make()
    const plain = new Uint8Array(16384)
    for (const { at, byte, length } of writes) {
      const bytes = new Uint8Array(length).fill(byte)
      Result.getOrThrow(media.write(at, bytes))
      plain.set(bytes, at)
    }
    assert.deepStrictEqual(read(media, 0, 16384), [...plain])
  })
})
