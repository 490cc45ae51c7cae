import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as BytePool from "../../src/bytes/BytePool.ts"
import * as PageKernel from "../../src/bytes/PageKernel.ts"
import * as Images from "./Images.ts"

const { granule } = BytePool

const make = (bytes: number, wasm: boolean, threads = 1): BytePool.BytePool => {
  const pool = BytePool.make({ bytes, threads, wasm })
  assert.isNotNull(pool)
  return pool
}

/** Where what is handed out begins. */
const beginOf = (threads: number): number => threads * Math.ceil(PageKernel.ownBytes / granule) * granule

const Operation = Schema.Struct({
  kind: Schema.Literals(["allocate", "allocate", "allocate", "release", "release a part"]),
  bytes: Schema.Literals([0, 1, 64, 4095, 4096, 4097, 8192, 40_000, 100_000, 300_000]),
  which: Images.int(0, 100)
})

const granules = 64

interface Run {
  readonly at: number
  readonly count: number
}

/** Who has which granule, and the first run of free ones that is long enough. */
const firstFit = (owners: ReadonlyArray<boolean>, count: number): number | null => {
  for (let at = 0; at + count <= owners.length; at++) {
    if (owners.slice(at, at + count).every((isOwned) => !isOwned)) return at
  }
  return null
}

describe("BytePool", () => {
  for (const wasm of [true, false]) {
    const name = wasm ? "WebAssembly" : "typed arrays"

    it.prop(
      `${name}: runs never overlap, are multiples of a granule, and the lowest that fit`,
      [Arbitrary.array(Arbitrary.schema(Operation), { minLength: 4, maxLength: 30 })],
      ([operations]) => {
        const pool = make(granules * granule, wasm)
        const owners = Array.from({ length: granules }, () => false)
        const runs: Array<Run> = []
        let touched = 0
        for (const { bytes, kind, which } of operations) {
          if (kind === "allocate") {
            const count = Math.ceil(bytes / granule)
            const expected = count === 0 ? null : firstFit(owners, count)
            const at = pool.allocate(bytes)
            assert.strictEqual(at, expected === null ? null : beginOf(1) + expected * granule)
            if (expected === null) continue
            owners.fill(true, expected, expected + count)
            runs.push({ at: expected, count })
            touched = Math.max(touched, expected + count)
          } else if (runs.length > 0) {
            const [run] = runs.splice(which % runs.length, 1)
            if (run === undefined) continue
            const count = kind === "release" ? run.count : which % run.count
            pool.release(beginOf(1) + run.at * granule, count * granule)
            owners.fill(false, run.at, run.at + count)
            if (count < run.count) runs.push({ at: run.at + count, count: run.count - count })
          }
          const used = owners.filter(Boolean).length * granule
          assert.deepStrictEqual(pool.usage(), { size: granules * granule, used, touched: touched * granule })
        }
        for (const { at, count } of runs) pool.release(beginOf(1) + at * granule, count * granule)
        assert.strictEqual(pool.usage().used, 0)
        assert.strictEqual(pool.allocate(granules * granule), beginOf(1))
      },
      { arbitrary: { runs: 60, seed: "pool", size: 20 } }
    )

    it(`${name}: what was given back is used again before what was never touched`, () => {
      const pool = make(10 * granule, wasm)
      const first = pool.allocate(2 * granule)
      pool.allocate(granule)
      assert.isNotNull(first)
      pool.release(first, 2 * granule)
      assert.strictEqual(pool.allocate(granule), first)
      assert.strictEqual(pool.allocate(granule), first + granule)
      assert.strictEqual(pool.usage().touched, 3 * granule)
    })

    it(`${name}: what is exhausted has nothing, and everything again when it is given back`, () => {
      const pool = make(3 * granule, wasm)
      const all = pool.allocate(3 * granule)
      assert.isNotNull(all)
      assert.isNull(pool.allocate(1))
      assert.isNull(pool.allocate(0))
      pool.release(all, 3 * granule)
      assert.isNull(pool.allocate(3 * granule + 1))
      assert.strictEqual(pool.allocate(3 * granule), all)
    })

    it(`${name}: a pool of nothing has nothing`, () => {
      const pool = make(0, wasm)
      assert.deepStrictEqual(pool.usage(), { size: 0, used: 0, touched: 0 })
      assert.isNull(pool.allocate(1))
    })

    it(`${name}: each thread has scratch memory of its own before what is handed out`, () => {
      const threads = 3
      const pool = make(2 * granule, wasm, threads)
      const kernels = [0, 1, 2].map(pool.kernelOf)
      assert.deepStrictEqual(kernels.map(({ name }) => name), kernels.map(() => wasm ? "wasm" : "typed arrays"))
      const ends = kernels.map(({ scratch }) => scratch + PageKernel.ownBytes)
      kernels.slice(1).forEach(({ scratch }, i) => assert.isAtLeast(scratch, ends[i] ?? Infinity))
      const at = pool.allocate(2 * granule)
      assert.isNotNull(at)
      assert.isAtLeast(at, ends.at(-1) ?? Infinity)
      assert.isAtLeast(pool.buffer.byteLength, at + 2 * granule)
    })

    it(`${name}: all threads write to the same memory, and so does whoever is sent it`, () => {
      const pool = make(granule, wasm, 2)
      const at = pool.allocate(granule)
      assert.isNotNull(at)
      const line = BigInt64Array.from({ length: 8 }, (_, i) => BigInt(i))
      pool.kernelOf(1).fill(at, 64, line)
      assert.strictEqual(pool.kernelOf(0).sum(at, granule), 64n * 168n)
      assert.strictEqual(BytePool.kernelOn(pool.shared, 1).sum(at, granule), 64n * 168n)
    })
  }

  it("memory has no content before somebody writes", () => {
    const pool = make(granule, true)
    assert.isTrue(new Uint8Array(pool.buffer, pool.allocate(granule) ?? 0, granule).every((byte) => byte === 0))
  })

  it("pools beyond 4 GiB are reserved, not touched, and there are none without WebAssembly", () => {
    const pool = make(2 ** 32 + granule, true)
    const low = pool.allocate(2 ** 32)
    const high = pool.allocate(granule)
    assert.isNotNull(low)
    assert.isNotNull(high)
    assert.isAtLeast(high, 2 ** 32)
    pool.kernelOf(0).fill(high, 64, BigInt64Array.from({ length: 8 }, () => 1n))
    assert.strictEqual(pool.kernelOf(0).sum(high, granule), 64n * 36n)
    assert.isNull(BytePool.make({ bytes: 2 ** 32, wasm: false }))
    assert.isNull(BytePool.make({ bytes: BytePool.largest }))
  })

  it("where there is no WebAssembly typed arrays do", () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly")
    assert.isDefined(descriptor)
    try {
      Object.defineProperty(globalThis, "WebAssembly", { ...descriptor, value: undefined })
      const pool = make(granule, true)
      assert.strictEqual(pool.shared._tag, "Plain")
      assert.strictEqual(pool.kernelOf(0).name, "typed arrays")
      assert.isNotNull(pool.allocate(granule))
    } finally {
      Object.defineProperty(globalThis, "WebAssembly", descriptor)
    }
  })
})
