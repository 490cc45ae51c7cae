/**
 * How many distinct vmemmap pages back a compound devmap, in closed form (CMP-2, CMP-7, CMP-12).
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import * as CompoundVmemmap from "../vmemmap/CompoundVmemmap.ts"

/**
 * Compounds begun in `piece`, a run of whole sections or one partial section of `range` (both in bytes): CMP-2 summed over
 * the chunks of the piece without visiting them.
 *
 * A chunk is the part of the range in one section. It continues a compound when compounds are larger than a subsection and
 * its offset from the range start is not a compound boundary; otherwise it begins every compound it touches.
 */
const compoundsBegun = (
  { arch }: CompoundVmemmap.Kernel,
  range: PfnRange,
  piece: PfnRange,
  compound: number
): number => {
  const bytes = piece.end - piece.start
  if (bytes <= 0) return 0
  if (compound <= Architecture.subsectionSize) return Math.ceil(bytes / compound)
  const section = arch.sectionSize
  const offset = piece.start - range.start
  const chunks = Math.ceil(bytes / section)
  if (compound <= section) return offset % compound === 0 ? chunks * Math.ceil(Math.min(bytes, section) / compound) : 0
  if (offset % section !== 0) return 0
  const period = compound / section
  const firstHead = (period - offset / section % period) % period
  return chunks > firstHead ? Math.ceil((chunks - firstHead) / period) : 0
}

/** A compound of less than a vmemmap page shares its page with its neighbours: 5.19 to 6.5 keep no more pages than there are. */
const pagesTouched = ({ arch, structPage }: CompoundVmemmap.Kernel, { end, start }: PfnRange): number =>
  Alignment.slotsTouched(start / arch.pageSize * structPage, end / arch.pageSize * structPage, arch.pageSize)

/**
 * Distinct vmemmap pages that back the `pieces` of `range` (bytes, cut at section boundaries) when tails are shared:
 * `pagesKept` per compound begun, and one more in all where tails are shared beyond the compound (CMP-7, CMP-12).
 *
 * @category counting
 * @since 0.1.0
 */
export const uniquePages = (
  kernel: CompoundVmemmap.Kernel,
  range: PfnRange,
  pieces: ReadonlyArray<PfnRange>,
  order: number
): number => {
  const compound = 2 ** order * kernel.arch.pageSize
  const kept = CompoundVmemmap.pagesKept(kernel.release)
  const pages = pieces.reduce(
    (n, piece) =>
      n + Math.min(compoundsBegun(kernel, range, piece, compound) * kept, pagesTouched(kernel, piece) + kept - 1),
    0
  )
  const repeatsTail = kept === 1 && pieces.some((piece) => pagesTouched(kernel, piece) > kept)
  return repeatsTail ? pages + 1 : pages
}

/**
 * The same for ppc64, whose routine counts compounds from pfn 0 (CMP-9). `gaps` are the virtual bytes of the vmemmap that
 * are to be mapped, in whole pages.
 *
 * @category counting
 * @since 0.1.0
 */
export const uniquePagesAbsolute = (
  { arch, structPage }: CompoundVmemmap.Kernel,
  gaps: ReadonlyArray<PfnRange>,
  order: number,
  mapped: (virtual: number) => boolean
): number => {
  const bytes = 2 ** order * structPage
  return gaps.reduce((sum, { end, start }) => {
    const first = Alignment.down(start, bytes)
    const compounds = Math.ceil((end - first) / bytes)
    const heads = compounds - (first < start ? 1 : 0)
    const lastIsHeadOnly = end <= first + (compounds - 1) * bytes + arch.pageSize
    const hasFirstTail = first + arch.pageSize < start && mapped(first + arch.pageSize)
    return sum + heads + compounds - (lastIsHeadOnly ? 1 : 0) - (hasFirstTail ? 1 : 0)
  }, 0)
}
