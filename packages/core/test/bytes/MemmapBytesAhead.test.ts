/** Bytes that somebody writes before they are described. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as BytePool from "../../src/bytes/BytePool.ts"
import * as JobSlot from "../../src/bytes/JobSlot.ts"
import * as MemmapBytes from "../../src/bytes/MemmapBytes.ts"
import * as PageJob from "../../src/bytes/PageJob.ts"
import * as Image from "../../src/memmap/Image.ts"
import * as StructPageWords from "../../src/memmap/StructPageWords.ts"
import * as DeviceImages from "../memmap/DeviceImages.ts"
import * as Images from "./Images.ts"

const { vmemmap } = Images

const page = 4096

const compound = (head: number, written: number) => DeviceImages.compound(head, 9, written)

const groups = (first: number, size = 512) => ({ _tag: "Groups", first, size, kept: 128, tails: false }) as const

const before = DeviceImages.single(3)

const make = (pages = 64) => {
  const pool = BytePool.make({ bytes: pages * page })
  assert.isNotNull(pool)
  const made = MemmapBytes.make(pool, { perPage: 64, vmemmap })
  made.memmap.write(0, 512, before)
  return { pool, ...made }
}

type Made = ReturnType<typeof make>

const begin = ({ bytes }: Made, ...parts: Parameters<Made["bytes"]["ahead"]>[0]): MemmapBytes.Writing => {
  const writing = bytes.ahead(parts)
  assert.isNotNull(writing)
  return writing
}

/** Writes the first lines of what is to be written. */
const write = ({ pool }: Made, { segments }: MemmapBytes.Writing, lines = PageJob.linesOf(segments)): number =>
  PageJob.run(pool.kernelOf(0), { segments, slot: JobSlot.make(lines), past: false })

/** Page-like words that nobody would describe, in place of all that is to be written. */
const scribble = ({ pool }: Made, { segments }: MemmapBytes.Writing): void => {
  const line = BigInt64Array.from({ length: 8 }, () => 0x77n)
  for (const { at, lines } of segments) pool.kernelOf(0).fill(at, lines, line)
}

const isScribbled = ({ bytes }: Made, pfn: number): boolean => bytes.words(pfn).every((word) => word === 0x77n)

const encoded = (image: Image.Image, pfn: number): StructPageWords.Words =>
  StructPageWords.encode(Image.pageOf(image, pfn), pfn, vmemmap)

const reads = ({ bytes }: Made, image: Image.Image, ...pfns: ReadonlyArray<number>): void => {
  for (const pfn of pfns) assert.deepStrictEqual(bytes.words(pfn), encoded(image, pfn), `pfn ${pfn}`)
}

describe("struct pages that are written ahead", () => {
  it("are kept when the same image describes them, whole or in parts, and not written again", () => {
    const made = make()
    const image = DeviceImages.single(5)
    const writing = begin(made, { start: 64, end: 300, image, written: 236 })
    scribble(made, writing)
    writing.end(236)
    made.memmap.write(64, 100, image)
    made.memmap.write(100, 300, image)
    assert.isTrue([64, 99, 100, 127, 128, 299].every((pfn) => isScribbled(made, pfn)))
    reads(made, before, 63, 300)
    // From now on they are as all others.
    made.memmap.write(80, 81, DeviceImages.single(6))
    reads(made, DeviceImages.single(6), 80)
    reads(made, image, 81, 64, 127)
    assert.isTrue(isScribbled(made, 128))
  })

  it("are written again where somebody looked before they were described, and kept elsewhere", () => {
    const made = make()
    const image = DeviceImages.single(5)
    const writing = begin(made, { start: 64, end: 320, image, written: 256 })
    scribble(made, writing)
    writing.end(256)
    reads(made, before, 130)
    made.memmap.write(64, 320, image)
    reads(made, image, 128, 130, 191)
    assert.isTrue([64, 127, 192, 319].every((pfn) => isScribbled(made, pfn)))
  })

  it("are kept while the writer goes on behind them", () => {
    const made = make()
    const image = DeviceImages.single(5)
    const writing = begin(made, { start: 64, end: 300, image, written: 236 })
    scribble(made, writing)
    made.memmap.write(64, 160, image)
    assert.isTrue(isScribbled(made, 64))
    assert.isTrue(isScribbled(made, 159))
    reads(made, before, 160, 191, 192, 299)
    writing.end(236)
    made.memmap.write(160, 300, image)
    assert.isTrue(isScribbled(made, 299))
  })

  it("CMP-2: are kept in groups, of which only what is kept is written", () => {
    const made = make()
    made.memmap.share(1024, 2048, groups(1024))
    const image = compound(1024, 128)
    const writing = begin(made, { start: 1024, end: 2048, image, written: 256 })
    assert.strictEqual(PageJob.linesOf(writing.segments), 256)
    scribble(made, writing)
    writing.end(256)
    made.memmap.write(1024, 2048, image)
    assert.isTrue([1024, 1151, 1300, 1536, 1663, 2047].every((pfn) => isScribbled(made, pfn)))
  })

  it("are what they are described as, word for word, when they are really written", () => {
    const made = make()
    made.memmap.share(1024, 2048, groups(1024))
    const parts = [
      { start: 70, end: 200, image: DeviceImages.single(5), written: 130 },
      { start: 512, end: 1024, image: compound(512, 512), written: 512 },
      { start: 1024, end: 2048, image: compound(1024, 128), written: 256 }
    ]
    const writing = begin(made, ...parts)
    writing.end(write(made, writing))
    for (const { end, image, start } of parts) {
      made.memmap.write(start, end, image)
      for (let pfn = start; pfn < Math.min(end, start + 512); pfn++) {
        const at = made.bytes.locate(pfn)
        assert.isNotNull(at)
      }
      // Tails that are shared are those of their vmemmap page.
      for (let pfn = start; pfn < end; pfn++) {
        assert.deepStrictEqual(made.bytes.words(pfn), encoded(image, made.memmap.home(pfn)))
      }
    }
  })

  it("are written again when something else describes them", () => {
    const made = make()
    const writing = begin(made, { start: 64, end: 192, image: DeviceImages.single(5), written: 128 })
    scribble(made, writing)
    writing.end(128)
    // The same words, but nobody said that it is what was written.
    made.memmap.write(64, 128, DeviceImages.single(5))
    reads(made, DeviceImages.single(5), 64, 127)
    reads(made, before, 128, 191)
  })

  it("are not seen before they are described, not half of them either", () => {
    const made = make()
    reads(made, before, 64, 191)
    const writing = begin(made, { start: 64, end: 192, image: DeviceImages.single(5), written: 128 })
    const seen = () => {
      reads(made, before, 63, 64, 100, 127, 128, 191)
      assert.deepStrictEqual([64, 191].map(made.bytes.locate), [null, null])
    }
    seen()
    scribble(made, writing)
    seen()
    writing.end(128)
    reads(made, before, 64, 191)
  })

  it("are not seen either by who asks for all of them", () =>
    Effect.gen(function*() {
      const made = make()
      const writing = begin(made, { start: 64, end: 192, image: DeviceImages.single(5), written: 128 })
      scribble(made, writing)
      yield* made.bytes.materialise({ start: 0, end: 512 })
      reads(made, before, 63, 64, 191, 192)
      assert.deepStrictEqual([64, 191].map(made.bytes.locate), [null, null])
      assert.isNotNull(made.bytes.locate(192))
      writing.end(0)
      yield* made.bytes.materialise({ start: 0, end: 512 })
      assert.isNotNull(made.bytes.locate(64))
      reads(made, before, 64, 191)
    }).pipe(Effect.runPromise))

  it("are kept up to where the writer came, in groups too", () => {
    const made = make()
    made.memmap.share(1024, 4096, groups(1024))
    const image = DeviceImages.single(5)
    const compounds = compound(1024, 128)
    const writing = begin(
      made,
      { start: 64, end: 192, image, written: 128 },
      { start: 1024, end: 4096, image: compounds, written: 6 * 128 }
    )
    scribble(made, writing)
    writing.end(128 + 2 * 128 + 7)
    made.memmap.write(64, 192, image)
    made.memmap.write(1024, 2048, compounds)
    made.memmap.write(2048, 4096, compounds)
    assert.isTrue([64, 191, 1024, 1500, 1536, 2047].every((pfn) => isScribbled(made, pfn)))
    reads(made, compounds, 2048, 2049, 2054, 2055, 2560, 4000 - 4000 % 512 + 127)
  })

  it("are written again when the writer came nowhere", () => {
    const made = make()
    const writing = begin(made, { start: 64, end: 192, image: DeviceImages.single(5), written: 128 })
    scribble(made, writing)
    writing.end(0)
    reads(made, before, 64, 191)
    made.memmap.write(64, 192, DeviceImages.single(5))
    reads(made, DeviceImages.single(5), 64, 191)
  })

  it("are of whoever writes them now, when who began did not come so far and says so later", () => {
    const made = make()
    const image = DeviceImages.single(5)
    const first = begin(made, { start: 64, end: 320, image, written: 256 })
    // It is made to end at page 192, and somebody else goes on from there.
    const second = begin(made, { start: 192, end: 320, image, written: 128 })
    scribble(made, second)
    scribble(made, { ...first, segments: first.segments.map((one) => ({ ...one, lines: 128 })) })
    first.end(128)
    reads(made, before, 192, 319)
    scribble(made, second)
    second.end(128)
    made.memmap.write(64, 192, image)
    made.memmap.write(192, 320, image)
    assert.isTrue([64, 191, 192, 319].every((pfn) => isScribbled(made, pfn)))
  })

  it("are as described when somebody else describes them while they are written", () => {
    const made = make()
    const image = DeviceImages.single(5)
    const writing = begin(made, { start: 64, end: 192, image, written: 128 })
    made.memmap.write(100, 192, { _tag: "Poisoned" })
    reads(made, { _tag: "Poisoned" }, 100, 127, 128, 191)
    scribble(made, writing)
    reads(made, { _tag: "Poisoned" }, 100, 191)
    writing.end(128)
    reads(made, { _tag: "Poisoned" }, 100, 191)
    reads(made, before, 64, 99)
    made.memmap.write(64, 192, image)
    reads(made, image, 64, 191)
  })

  it("that are unmapped or dropped meanwhile keep their memory from others until the writer ends", () => {
    for (const lose of ["unmap", "drop", "dropAll", "share"] as const) {
      const made = make(4)
      const writing = begin(made, { start: 64, end: 192, image: DeviceImages.single(5), written: 128 })
      if (lose === "unmap") made.memmap.unmap(64, 192)
      else if (lose === "drop") made.bytes.drop({ start: 64, end: 192 })
      else if (lose === "dropAll") made.bytes.dropAll()
      else made.memmap.share(64, 192, { _tag: "Page", home: 0 })
      assert.strictEqual(made.bytes.usage().used, 2 * page, lose)
      const own = new Set(writing.segments.map(({ at }) => at))
      reads(made, before, 300, 400)
      assert.isTrue([300, 400].every((pfn) => !own.has(made.bytes.locate(pfn - pfn % 64) ?? 0)))
      scribble(made, writing)
      reads(made, before, 300, 383, 400)
      writing.end(128)
      assert.strictEqual(made.bytes.usage().used, 2 * page, lose)
      made.bytes.dropAll()
      assert.strictEqual(made.bytes.usage().used, 0, lose)
    }
  })

  it("and dropped meanwhile are made anew when they are described", () => {
    const made = make()
    const image = DeviceImages.single(5)
    const writing = begin(made, { start: 64, end: 192, image, written: 128 })
    made.bytes.drop({ start: 64, end: 192 })
    scribble(made, writing)
    reads(made, before, 64, 191)
    writing.end(128)
    made.memmap.write(64, 192, image)
    reads(made, image, 64, 191)
  })

  it("SPW-6: where heads are written over shared tails, are stores that nobody sees; bytes follow the description", () => {
    const made = make()
    const { bytes, memmap } = made
    memmap.share(0, 1024, groups(0, 1024))
    const image = compound(0, 128)
    const used = bytes.usage().used
    const writing = begin(made, { start: 0, end: 1024, image, written: 256 })
    assert.strictEqual(PageJob.linesOf(writing.segments), 256)
    assert.strictEqual(bytes.usage().used - used, 256 * 64)
    const isOutside = (pfn: number) => {
      const at = bytes.locate(pfn) ?? 0
      return writing.segments.every((one) => at < one.at || at >= one.at + one.lines * 64)
    }
    bytes.words(0)
    assert.isTrue(isOutside(0))
    scribble(made, writing)
    writing.end(256)
    memmap.write(0, 1024, image)
    reads(made, image, 0, 1, 63)
    // Last written is the second compound, over the page of tails of the first.
    for (let pfn = 64; pfn < 1024; pfn += 7) {
      assert.deepStrictEqual(bytes.words(pfn), encoded(image, 512 + 64 + pfn % 64))
      assert.deepStrictEqual(bytes.page(pfn), memmap.read(pfn))
    }
    assert.strictEqual(bytes.usage().used, 2 * page)
  })

  it("SPW-7: of compounds of which only the first pages are written where all have memory, aside as well", () => {
    const made = make()
    const image = compound(0, 128)
    const writing = begin(made, { start: 0, end: 512, image, written: 128 })
    scribble(made, writing)
    writing.end(128)
    made.memmap.write(0, 512, image)
    reads(made, image, 0, 1, 127)
    reads(made, before, 128, 511)
  })

  it("need memory: without it nobody begins, nothing changes, and all that was taken is given back", () => {
    const made = make(4)
    const parts = [
      { start: 0, end: 128, image: DeviceImages.single(5), written: 128 },
      { start: 128, end: 512, image: DeviceImages.single(5), written: 384 }
    ]
    reads(made, before, 130)
    assert.isNull(made.bytes.ahead(parts))
    reads(made, before, 0, 127, 130)
    made.memmap.write(0, 512, DeviceImages.single(5))
    reads(made, DeviceImages.single(5), 0, 127, 130, 511)
    made.bytes.dropAll()
    assert.strictEqual(made.bytes.usage().used, 0)
    assert.isNull(made.bytes.ahead([{ start: 0, end: 1024, image: compound(0, 128), written: 512 }]))
    assert.strictEqual(made.bytes.usage().used, 0)
  })

  it("may be none", () => {
    const made = make()
    const writing = begin(made, { start: 64, end: 64, image: DeviceImages.single(5), written: 0 })
    assert.deepStrictEqual(writing.segments, [])
    writing.end(0)
    assert.strictEqual(made.bytes.usage().used, 0)
  })
})
