/** Struct pages that are written against struct pages that are encoded one by one. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { blockLines } from "../../src/bytes/PageKernel.ts"
import * as PagePattern from "../../src/bytes/PagePattern.ts"
import * as PageWriter from "../../src/bytes/PageWriter.ts"
import * as Image from "../../src/memmap/Image.ts"
import * as StructPageWords from "../../src/memmap/StructPageWords.ts"
import { random } from "../random.ts"
import * as Images from "./Images.ts"
import * as Memories from "./Memories.ts"

const { vmemmap } = Images

const margin = 3

const windowLines = 10 * blockLines

const memories = Memories.make(windowLines)

const Run = Schema.Struct({
  start: Images.int(5000, 40_000),
  far: Images.int(0, 20),
  delta: Schema.Literals([0, 0, 0, 64, -64, 1, -17, 4096]),
  stored: Schema.Literals([64, 128, "all", "odd"]),
  blocks: Images.int(0, 2),
  more: Images.int(-70, 70),
  seed: Images.int(0, 2 ** 31)
})

type Run = typeof Run.Type

/** Some runs go on to the next chunk, most do not. */
const linesOf = ({ blocks, more, seed }: Run): number =>
  Math.max(1, (seed % 8 === 0 ? PageWriter.chunkLines : blocks * blockLines) + more)

const storedOf = (image: Image.Image, { seed, stored }: Run): number | undefined => {
  if (image._tag !== "Compound" || stored === "all") return undefined
  const size = 2 ** image.order
  return Math.min(size, stored === "odd" ? 1 + seed % Math.min(size, 700) : stored)
}

/** The pages that lie one after the other: of each compound only those that are stored. */
const pagesOf = (
  image: Image.Image,
  first: number,
  lines: number,
  stored: number | undefined
): ReadonlyArray<number> => {
  if (image._tag !== "Compound" || stored === undefined) return Array.from({ length: lines }, (_, i) => first + i)
  const size = 2 ** image.order
  const index = (first - image.head) % size
  const head = first - index
  return Array.from(
    { length: lines },
    (_, i) => head + Math.floor((index + i) / stored) * size + (index + i) % stored
  )
}

/** Where a run may begin: of compounds at a page that is stored. */
const firstOf = (image: Image.Image, { far, start }: Run, stored: number | undefined): number => {
  // Far away the upper halves of addresses change.
  const from = far > 12 ? start + 2 ** 26 * far - 30_000 : start
  if (image._tag !== "Compound" || stored === undefined) return from
  const size = 2 ** image.order
  const at = from - image.head
  return image.head + Math.floor(at / size) * size + at % size % stored
}

/** `[0, lines)` in parts, in any order. */
const partsOf = (lines: number, seed: number): ReadonlyArray<readonly [number, number]> => {
  const next = random(seed)
  const cuts = [0, ...Array.from({ length: next(4) }, () => next(lines + 1)), lines].toSorted((a, b) => a - b)
  return cuts.slice(1).map((end, i) => [next(1000), cuts[i] ?? 0, end] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, start, end]) => [start, end])
}

const name = (image: Image.Image, lines: number, parts: number) =>
  `${
    JSON.stringify(image, (_, value) => typeof value === "bigint" ? `${value}` : value)
  }, ${lines} lines in ${parts} parts`

describe("PageWriter", () => {
  it.prop(
    "SPW-3, CMP-2: a run in any parts, past the cache or not, is what its pages encode to one by one, and nothing besides",
    [Images.image, Arbitrary.schema(Run)],
    ([image, run]) => {
      const lines = linesOf(run)
      const stored = storedOf(image, run)
      const first = firstOf(image, run, stored)
      const placed = PagePattern.make(image, first - run.delta, { delta: run.delta, stored, vmemmap })
      const expected = new Uint8Array((lines + 2 * margin) * 64).fill(Memories.untouched)
      expected.set(Images.bytesOf(image, pagesOf(image, first, lines, stored)), margin * 64)
      for (const memory of memories) {
        for (const past of [false, true]) {
          const window = Memories.window(memory).subarray(0, expected.length)
          window.fill(Memories.untouched)
          const parts = past === (run.seed % 2 === 0) ? [[0, lines] as const] : partsOf(lines, run.seed)
          const writer = PageWriter.make(memory.kernel, memory.at + margin * 64, placed, past)
          for (const [start, end] of parts) writer.write(start, end)
          const what = `${memory.name}${past ? " past the cache" : ""}: ${name(image, lines, parts.length)}`
          Memories.same(window, expected, what)
        }
      }
    },
    { arbitrary: { runs: 150, seed: "writer", size: 20 } }
  )

  for (const memory of memories) {
    const { at, kernel } = memory

    it(`${memory.name}: SPW-4: a block that is online has a head of order 10 each 1024 pages, from the first on`, () => {
      const free = { _tag: "Free", node: 0, zone: "Movable", order: 10, listed: true } as const
      PageWriter.write(kernel, at, PagePattern.make(free, 4 * 1024 - 5, { vmemmap }), 2 * 1024)
      const halves = new Int32Array(memory.buffer, at, 2 * 1024 * 16)
      const buddies = Array.from({ length: 2 * 1024 }, (_, line) => line).filter((line) =>
        halves[line * 16 + 12] === -129
      )
      assert.deepStrictEqual(buddies, [5, 1029])
    })

    it(`${memory.name}: SPW-5: heads and first tails of compounds of 1 GiB that keep two vmemmap pages each`, () => {
      const image = {
        _tag: "Compound",
        node: 0,
        zone: "Device",
        head: 2 ** 18,
        order: 18,
        written: 128,
        refcount: 1,
        pagemap: 1,
        metadata: true
      } as const
      const compounds = 70
      PageWriter.write(kernel, at, PagePattern.make(image, 2 ** 18, { vmemmap, stored: 128 }), compounds * 128)
      const words = new BigUint64Array(memory.buffer, at, compounds * 128 * 8)
      for (let compound = 0; compound < compounds; compound++) {
        const head = 2 ** 18 * (compound + 1)
        for (const index of [0, 1, 2, 63, 64, 127]) {
          const pfn = head + index
          assert.deepStrictEqual(
            Array.from(words.subarray((compound * 128 + index) * 8, (compound * 128 + index + 1) * 8)),
            [...StructPageWords.encode(Image.pageOf(image, pfn), pfn, vmemmap)]
          )
        }
      }
    })

    it(`${memory.name}: INI-10: lines that were never written are zeros`, () => {
      Memories.window(memory).fill(1)
      PageWriter.write(kernel, at, { pattern: PagePattern.unwritten, from: 0 }, 1500)
      const window = Memories.window(memory)
      assert.isTrue(window.subarray(0, 1500 * 64).every((byte) => byte === 0))
      assert.strictEqual(window[1500 * 64], 1)
    })

    it(`${memory.name}: nothing is written of no lines`, () => {
      Memories.window(memory).fill(9)
      const placed = PagePattern.make({ _tag: "Poisoned" }, 0, { vmemmap })
      for (const past of [false, true]) PageWriter.make(kernel, at, placed, past).write(7, 7)
      assert.isTrue(Memories.window(memory).every((byte) => byte === 9))
    })
  }
})
