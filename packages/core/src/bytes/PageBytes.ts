/**
 * Descriptions of struct pages made into bytes, and bytes read back.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import type * as PfnRange from "../geometry/PfnRange.ts"
import type { Image } from "../memmap/Image.ts"
import type { Content, State } from "../memmap/Memmap.ts"
import type * as StructPageWords from "../memmap/StructPageWords.ts"
import type * as BytePool from "./BytePool.ts"
import type { Segment } from "./PageJob.ts"
import * as PagePattern from "./PagePattern.ts"
import * as PageWriter from "./PageWriter.ts"
import * as Placements from "./Placements.ts"

/**
 * - `describe` writes what is described of placed pages
 * - `segment` is what somebody is to write for placed pages of one image
 * - `read` the words of the struct page at a byte; `sum` adds up those of placed pages, as `PageKernel.sum` does
 *
 * @category models
 * @since 0.1.0
 */
export interface PageBytes {
  readonly describe: (range: PfnRange.PfnRange, placement: Placements.Placement) => void
  readonly segment: (range: PfnRange.PfnRange, placement: Placements.Placement, image: Image) => Segment
  readonly read: (at: number) => StructPageWords.Words
  readonly sum: (
    placed: ReadonlyArray<ExtentMap.Extent<Placements.Placement>>
  ) => { readonly bytes: number; readonly sum: bigint }
}

type GroupOf = Placements.Group & { readonly base: number }

/** Whether each group holds one compound of the image, head first. */
const isAligned = ({ delta, image }: Content, { first, size }: Placements.Group): boolean =>
  image._tag === "Compound" && 2 ** image.order === size && delta === 0 && (first - image.head) % size === 0

/** Runs of pages with own memory that lie side by side, in a range of groups. */
const runs = function*({ first, kept, size }: Placements.Group, { end, start }: PfnRange.PfnRange) {
  if (kept === size) {
    yield { start, end }
    return
  }
  for (let at = first + Math.floor((start - first) / size) * size; at < end; at += size) {
    const run = { start: Math.max(at, start), end: Math.min(at + kept, end) }
    if (run.end > run.start) yield run
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  pool: BytePool.BytePool,
  { contents, pins, references }: State,
  vmemmap: bigint
): PageBytes => {
  const kernel = pool.kernelOf(0)
  const words = new BigUint64Array(pool.buffer)
  const halves = new Int32Array(pool.buffer)

  const write = (placement: GroupOf, { end, start }: PfnRange.PfnRange, placed: PagePattern.Placed): void => {
    const lines = Placements.index(placement, end) - Placements.index(placement, start)
    PageWriter.write(kernel, Placements.position(placement, start), placed, lines)
  }

  const describeRun = (range: PfnRange.PfnRange, placement: GroupOf): void => {
    for (const { end, start, value: { delta, image } } of ExtentMap.slice(contents, range.start, range.end)) {
      write(placement, { start, end }, PagePattern.make(image, start, { delta, vmemmap }))
    }
    for (const gap of ExtentMap.gaps(contents, range.start, range.end)) {
      write(placement, gap, { pattern: PagePattern.unwritten, from: 0 })
    }
  }

  /** Whole groups of one compound each at once, everything else run by run. */
  const describeContents = (range: PfnRange.PfnRange, placement: GroupOf): void => {
    const { first, kept, size } = placement
    if (kept === size) return describeRun(range, placement)
    let at = range.start
    const rest = (end: number): void => {
      for (const run of runs(placement, { start: at, end })) describeRun(run, placement)
      at = end
    }
    for (const { end, start, value } of ExtentMap.slice(contents, range.start, range.end)) {
      const from = first + Math.ceil((start - first) / size) * size
      const to = end === range.end ? end : first + Math.floor((end - first) / size) * size
      if (!isAligned(value, placement) || to <= from) continue
      rest(from)
      write(placement, { start: from, end: to }, PagePattern.make(value.image, from, { vmemmap, stored: kept }))
      at = to
    }
    rest(range.end)
  }

  /** What users have added to counts: references of pages and heads, pins of compounds, in their first tails. */
  const count = (range: PfnRange.PfnRange, placement: GroupOf): void => {
    const each = (map: ExtentMap.ExtentMap<number>, change: (at: number, value: number) => void): void => {
      for (const { end, start, value } of ExtentMap.slice(map, range.start, range.end)) {
        for (const run of runs(placement, { start, end })) {
          const first = Placements.position(placement, run.start)
          for (let i = 0; i < run.end - run.start; i++) change(first + i * PagePattern.line, value)
        }
      }
    }
    const isTail = (at: number) => ((halves[at / 4 + 2] as number) & 1) === 1
    // Zeros were never written, and ones are poison.
    const isWritten = (at: number) => words[at / 8] !== 0n && words[at / 8] !== 0xffffffffffffffffn
    // Boot RAM in the hands of the allocator counts what nobody here knows.
    const isCounted = (at: number) => !isTail(at) && isWritten(at) && ((halves[at / 4] as number) & 0x3ffff) !== 0
    each(references, (at, value) => {
      if (isCounted(at)) halves[at / 4 + 13] = (halves[at / 4 + 13] as number) + value
    })
    each(pins, (at, value) => {
      if (isTail(at) && isWritten(at) && words[at / 8 + 2] !== 0n) {
        halves[at / 4 + 6] = (halves[at / 4 + 6] as number) + value
      }
    })
  }

  return {
    describe: (range, placement) => {
      describeContents(range, placement)
      count(range, placement)
    },
    segment: ({ end, start }, placement, image) => ({
      ...PagePattern.make(image, start, {
        vmemmap,
        stored: placement.kept === placement.size ? undefined : placement.kept
      }),
      at: Placements.position(placement, start),
      lines: Placements.index(placement, end) - Placements.index(placement, start)
    }),
    sum: (placed) => {
      let bytes = 0
      let sum = 0n
      for (const { end, start, value } of placed) {
        const size = (Placements.index(value, end) - Placements.index(value, start)) * PagePattern.line
        bytes += size
        sum += kernel.sum(Placements.position(value, start), size)
      }
      return { bytes, sum: BigInt.asUintN(64, sum) }
    },
    read: (at) => Array.from(words.subarray(at / 8, at / 8 + PagePattern.line / 8))
  }
}
