/** What kernels write against a writer that knows nothing but lines and words. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { blockLines, type Heads, ownBytes, type PageKernel, pieceLines } from "../../src/bytes/PageKernel.ts"
import * as TypedArrayKernel from "../../src/bytes/TypedArrayKernel.ts"
import { random } from "../random.ts"
import * as Images from "./Images.ts"
import * as Memories from "./Memories.ts"

const windowLines = 6 * blockLines

const memories = Memories.make(windowLines)

type Words = BigInt64Array

/** The same operations on a window, word for word. */
const naive = (view: DataView) => {
  const put = (line: number, word: number, value: bigint) => view.setBigUint64(line * 64 + word * 8, value, true)
  const one = (line: number, words: Words) => words.forEach((value, word) => put(line, word, value))
  return {
    fill: (line: number, lines: number, words: Words) => {
      for (let i = 0; i < lines; i++) one(line + i, words)
    },
    self: (line: number, lines: number, words: Words, address: bigint) => {
      for (let i = 0; i < lines; i++) {
        one(line + i, words)
        put(line + i, 1, address + BigInt(i) * 64n)
        put(line + i, 2, address + BigInt(i) * 64n)
      }
    },
    tails: (line: number, blocks: number, words: Words, { every, left, step }: Heads) => {
      for (let i = 0; i < blocks * blockLines; i++) {
        const heads = Math.floor((Math.floor(i / pieceLines) + every - left) / every)
        one(line + i, words)
        put(line + i, 1, (words[1] ?? 0n) + BigInt(heads * step))
      }
    },
    spread: (line: number, count: number, stride: number, words: Words, step: number) => {
      for (let i = 0; i < count; i++) {
        one(line + i * stride, words)
        put(line + i * stride, 1, (words[1] ?? 0n) + BigInt(i * step))
      }
    },
    copy: (to: number, from: number, lines: number) =>
      new Uint8Array(view.buffer).copyWithin(to * 64, from * 64, (from + lines) * 64),
    flood: (line: number, lines: number) => new Uint8Array(view.buffer).fill(0x5a, line * 64, (line + lines) * 64),
    sum: (line: number, lines: number) => {
      let sum = 0n
      for (let word = line * 8; word < (line + lines) * 8; word++) {
        sum += view.getBigUint64(word * 8, true) * BigInt(word % 8 + 1)
      }
      return BigInt.asUintN(64, sum)
    }
  }
}

const Operation = Schema.Struct({
  kind: Schema.Literals(["spread", "fill", "fill", "self", "self", "tails", "tails", "copy", "flood", "sum"]),
  at: Images.int(0, 2 * blockLines),
  blocks: Images.int(0, 2),
  more: Images.int(-3, 3),
  other: Images.int(0, blockLines),
  seed: Images.int(0, 2 ** 31),
  address: Schema.Literals(["anywhere", "crossing", "beginning", "negative"])
})

type Operation = typeof Operation.Type

const linesOf = ({ blocks, more, other, seed }: Operation): number =>
  Math.max(0, seed % 3 === 0 ? other : blocks * blockLines + more)

/** Where lines point to: also across 4 GiB in the middle of a block, or just at its end. */
const addressOf = ({ address, other }: Operation): bigint => {
  const base = 0xffffea0000000000n
  switch (address) {
    case "anywhere":
      return base + BigInt(other) * 64n + 8n
    case "crossing":
      return base + 0xfffff000n - BigInt(other) * 64n + 8n
    case "beginning":
      return base + 0x100000000n - BigInt(blockLines) * 64n + 8n
    case "negative":
      return BigInt.asIntN(64, base) + 0x7ffff000n - BigInt(other) * 64n + 8n
  }
}

/** The same as a word of a template. */
const pointed = (operation: Operation): bigint => BigInt.asIntN(64, addressOf(operation))

const wordsOf = (seed: number, count: number): Words => {
  const next = random(seed)
  return BigInt64Array.from(
    { length: count },
    () => BigInt.asIntN(64, BigInt(next(2 ** 32)) << 32n | BigInt(next(2 ** 32)))
  )
}

/** Does the same to both; answers both sums where there is one. */
const run = (
  kernel: PageKernel,
  at: number,
  plain: ReturnType<typeof naive>,
  operation: Operation
): readonly [bigint, bigint] => {
  const lines = linesOf(operation)
  const line = operation.at
  const words = wordsOf(operation.seed, 8)
  const byte = at + line * 64
  switch (operation.kind) {
    case "spread": {
      const stride = 1 + operation.other % 512
      const count = Math.min(operation.seed % 20, Math.floor((windowLines - line) / stride))
      words[1] = pointed(operation)
      kernel.spread(byte, count, stride * 64, words, operation.seed)
      plain.spread(line, count, stride, words, operation.seed)
      break
    }
    case "fill":
      kernel.fill(byte, lines, words)
      plain.fill(line, lines, words)
      break
    case "self":
      kernel.self(byte, lines, words, addressOf(operation))
      plain.self(line, lines, words, addressOf(operation))
      break
    case "tails": {
      const every = 1 + operation.seed % 40
      const heads = { every, left: 1 + operation.other % every, step: operation.seed }
      words[1] = pointed(operation)
      kernel.tails(byte, operation.blocks, words, heads)
      plain.tails(line, operation.blocks, words, heads)
      break
    }
    case "copy": {
      // To somewhere else, or a little back.
      const to = operation.seed % 2 === 0 ? Math.max(0, line - operation.other) : line + 3 * blockLines
      const count = to < line ? lines : Math.min(lines, 3 * blockLines - 1, windowLines - to)
      kernel.copy(at + to * 64, byte, count * 64)
      plain.copy(to, line, count)
      break
    }
    case "flood":
      kernel.flood(byte, lines * 64)
      plain.flood(line, lines)
      break
    case "sum":
      return [kernel.sum(byte, lines * 64), plain.sum(line, lines)]
  }
  return [0n, 0n]
}

describe("PageKernel", () => {
  for (const memory of memories) {
    const { at, buffer, kernel, name } = memory
    const window = Memories.window(memory)

    it.prop(
      `${name}: writes what was asked for, and no byte besides`,
      [Arbitrary.array(Arbitrary.schema(Operation), { minLength: 4, maxLength: 8 })],
      ([operations]) => {
        const expected = new Uint8Array(windowLines * 64).fill(Memories.untouched)
        window.set(expected)
        const plain = naive(new DataView(expected.buffer))
        for (const operation of operations) {
          const [found, wanted] = run(kernel, at, plain, operation)
          assert.strictEqual(found, wanted)
          Memories.same(window, expected, `after ${operation.kind} of ${linesOf(operation)} lines at ${operation.at}`)
        }
      },
      { arbitrary: { runs: 80, seed: "kernel" } }
    )

    it(`${name}: addresses that cross 4 GiB anywhere in a block carry over`, () => {
      const words = wordsOf(7, 8)
      for (const before of [0, 1, 63, 64, 65, blockLines - 1, blockLines, blockLines + 1]) {
        const address = 0xffffea0100000000n - BigInt(before) * 64n
        const expected = new Uint8Array(windowLines * 64).fill(Memories.untouched)
        window.set(expected)
        kernel.self(at, 2 * blockLines, words, address)
        naive(new DataView(expected.buffer)).self(0, 2 * blockLines, words, address)
        Memories.same(window, expected, `${before} lines before 4 GiB`)
      }
    })

    it(`${name}: sums are those of 64 bits, however large the words`, () => {
      window.fill(0xff)
      // Each line adds up to -(1 + ... + 8).
      assert.strictEqual(kernel.sum(at, windowLines * 64), BigInt.asUintN(64, -36n * BigInt(windowLines)))
      assert.strictEqual(kernel.sum(at, 0), 0n)
      kernel.fill(at + 5 * 64, 1, BigInt64Array.of(0n, 0n, 0n, 0n, 0n, 0n, 0n, -1n))
      assert.strictEqual(kernel.sum(at + 5 * 64, 64), BigInt.asUintN(64, -8n))
    })

    it(`${name}: nothing but its own memory changes elsewhere`, () => {
      const outside = new Uint8Array(buffer, kernel.scratch - Memories.gap, Memories.gap)
      const behind = new Uint8Array(buffer, kernel.scratch + ownBytes, Memories.gap)
      outside.fill(1)
      behind.fill(2)
      const words = wordsOf(3, 8)
      kernel.fill(at, 2 * blockLines, words)
      kernel.self(at, 2 * blockLines, words, 64n)
      kernel.tails(at, 2, words, { every: 3, left: 2, step: 64 })
      kernel.spread(at, 3, 64 * 512, words, 64)
      kernel.sum(at, 4096)
      assert.isTrue(outside.every((byte) => byte === 1))
      assert.isTrue(behind.every((byte) => byte === 2))
    })
  }

  it("typed arrays add up more than a number can tell exactly", () => {
    const lines = 2 ** 18
    const buffer = new SharedArrayBuffer(ownBytes + lines * 64)
    new Uint8Array(buffer).fill(0xff)
    const sum = TypedArrayKernel.make(buffer, 0).sum(ownBytes, lines * 64)
    assert.strictEqual(sum, BigInt.asUintN(64, -36n * BigInt(lines)))
  })

  it("all kernels add up the same", () => {
    const sums = memories.map((memory) => {
      Memories.window(memory).fill(0)
      memory.kernel.self(memory.at, 3000, wordsOf(11, 8), 0xffffea0000000008n)
      return memory.kernel.sum(memory.at, windowLines * 64)
    })
    assert.deepStrictEqual(sums, sums.map(() => sums[0] ?? 0n))
    assert.notStrictEqual(sums[0], 0n)
  })
})
