/**
 * What the struct pages of a run look like in memory: few distinct lines of 64 bytes that repeat, with pointers that move along.
 *
 * @since 0.1.0
 */
import * as Image from "../memmap/Image.ts"
import * as StructPageWords from "../memmap/StructPageWords.ts"

/**
 * Bytes of a struct page in a memmap of bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const line = 64

/**
 * Pages as they lie in memory one after the other, counted from the first of a period on.
 *
 * - every `stored` pages a period ends: the first line of a period may be another, `first`, and so the second one, `second`
 * - `rest` are the words of all others. They point, with w1 and w2, to themselves (`self`), with w1 to the head of their period
 *   (`head`, and so does `second`), or to nothing that moves
 * - `base` is the address that page 0 points to, and each period's is `step` bytes further
 *
 * @category models
 * @since 0.1.0
 */
export interface PagePattern {
  readonly points: "nowhere" | "self" | "head"
  readonly stored: number
  readonly base: bigint
  readonly step: bigint
  readonly rest: StructPageWords.Words
  readonly first: StructPageWords.Words | null
  readonly second: StructPageWords.Words | null
}

/**
 * A pattern, and which page of it the first of a run is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Placed {
  readonly pattern: PagePattern
  readonly from: number
}

const plain = { stored: 1, base: 0n, step: 0n, first: null, second: null }

/**
 * The struct page of `start` and those behind it, in a run of one image, each found where its own is and holding what the image says of
 * it `delta` pages on. `stored`: how many struct pages of each compound have memory of their own, those that are written at least.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  image: Image.Image,
  start: number,
  { delta = 0, stored, vmemmap }: {
    readonly vmemmap: bigint
    readonly delta?: number
    readonly stored?: number | undefined
  }
): Placed => {
  const address = (pfn: number) => vmemmap + BigInt(pfn) * BigInt(line)
  const words = (pfn: number) => StructPageWords.encode(Image.pageOf(image, pfn), pfn, vmemmap)
  const at = start + delta
  switch (image._tag) {
    case "Poisoned":
      return { pattern: { ...plain, points: "nowhere", rest: words(at) }, from: 0 }
    case "InUse":
    case "Single": {
      const isSelf = image._tag === "InUse" || image.links._tag === "Self"
      return {
        pattern: {
          ...plain,
          points: isSelf ? "self" : "nowhere",
          rest: words(at),
          base: isSelf ? address(at) + 8n : 0n,
          step: isSelf ? BigInt(line) : 0n
        },
        from: 0
      }
    }
    case "Free": {
      const size = 2 ** image.order
      const first = at - at % size
      return {
        pattern: {
          points: "self",
          stored: size,
          base: address(first) + 8n,
          step: BigInt(line * size),
          rest: words(first + (size > 1 ? 1 : 0)),
          first: words(first),
          second: null
        },
        from: at - first
      }
    }
    case "Compound": {
      const size = 2 ** image.order
      const own = stored ?? size
      const head = image.head + Math.floor((at - image.head) / size) * size
      return {
        pattern: {
          points: "head",
          stored: own,
          base: address(head) + 1n,
          step: BigInt(line * size),
          rest: words(head + Math.min(2, size - 1)),
          first: words(head),
          second: size > 2 ? words(head + 1) : null
        },
        from: at - head
      }
    }
  }
}

/**
 * Lines that hold nothing but zeros, as memory that was never written.
 *
 * @category constants
 * @since 0.1.0
 */
export const unwritten: PagePattern = {
  ...plain,
  points: "nowhere",
  rest: StructPageWords.encode({ _tag: "Unwritten" }, 0, 0n)
}
