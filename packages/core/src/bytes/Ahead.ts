/**
 * Struct pages that somebody else writes before they are described: where each lies.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import type * as PfnRange from "../geometry/PfnRange.ts"
import type { Image } from "../memmap/Image.ts"
import type { Sharing } from "../memmap/Memmap.ts"
import * as Placements from "./Placements.ts"

/**
 * What is written: pfns, what they hold and how many struct pages that is, as `InitWork.Part`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Part extends PfnRange.PfnRange {
  readonly image: Image
  readonly written: number
}

/**
 * Pages of a part with memory of their own, and how many of them are written.
 *
 * @category models
 * @since 0.1.0
 */
export interface Piece extends PfnRange.PfnRange {
  readonly lines: number
}

/** How many of the pages of a piece are written into memory of their own; `null` where some are not, or some more lie there. */
const linesOf = (
  image: Image,
  { end, start }: PfnRange.PfnRange,
  sharing: Sharing | undefined
): number | null => {
  const size = image._tag === "Compound" ? 2 ** image.order : 1
  const written = image._tag === "Compound" ? image.written : 1
  // A compound that was begun elsewhere is counted where it begins: its lines here are nobody's.
  const isCut = image._tag === "Compound" && (start - image.head) % size !== 0
  if (sharing === undefined) return written === size && !isCut ? end - start : null
  if (sharing._tag === "Page" || image._tag !== "Compound") return null
  const isOwn = sharing.size === size && sharing.kept === written && (sharing.first - image.head) % size === 0 &&
    (start - sharing.first) % size === 0
  return isOwn ? Placements.index(sharing, end) - Placements.index(sharing, start) : null
}

/**
 * The part cut where sharing changes; `null` where not all of its struct pages are written once into memory of their own, as where
 * heads are written over tails that they share with others (SPW-6).
 *
 * @category queries
 * @since 0.1.0
 */
export const pieces = (
  shared: ExtentMap.ExtentMap<Sharing>,
  { end, image, start, written }: Part
): ReadonlyArray<Piece> | null => {
  const all: ReadonlyArray<PfnRange.PfnRange & { readonly value?: Sharing }> = [
    ...ExtentMap.slice(shared, start, end),
    ...ExtentMap.gaps(shared, start, end)
  ]
  const found: Array<Piece> = []
  for (const piece of all.toSorted((a, b) => a.start - b.start)) {
    const lines = linesOf(image, piece, piece.value)
    if (lines === null) return null
    found.push({ start: piece.start, end: piece.end, lines })
  }
  return found.reduce((sum, { lines }) => sum + lines, 0) === written ? found : null
}
