/**
 * How the memmap of a range is mapped, as one would find it by walking the page tables (SPW-9).
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as PageTables from "./PageTables.ts"

/**
 * One kind of memory behind a range. `references` are leaves, `frames` distinct blocks they point to, `bytes` the size of
 * those.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backing<A> {
  readonly memory: A
  readonly bytes: number
  readonly frames: number
  readonly references: number
}

/**
 * `backing` is by pagemap whose altmap it is, `null` for RAM; `leaves` counts leaves by their size in bytes; `holes` counts empty entries of the lowest table that exists; tables are
 * those passed on the way.
 *
 * @category models
 * @since 0.1.0
 */
export interface Survey {
  readonly leaves: ReadonlyMap<number, number>
  readonly holes: number
  readonly unmappedBytes: number
  readonly backing: ReadonlyArray<Backing<number | null>>
  readonly pte: number
  readonly pmd: number
}

/** The leaves of a range, whole ones also where it begins or ends inside a leaf. */
const leavesIn = (tables: PageTables.PageTables, { end, start }: PfnRange.PfnRange) =>
  ExtentMap.slice(tables.leaves, start, end).map(({ end, start, value }) => ({
    start: value.anchor + Math.floor((start - value.anchor) / value.leaf) * value.leaf,
    end: value.anchor + Math.ceil((end - value.anchor) / value.leaf) * value.leaf,
    value
  }))

/** Distinct blocks a run of leaves points to, apart from pages other runs point to as well. */
const framesOf = (tables: PageTables.PageTables, { end, start, value }: ExtentMap.Extent<PageTables.Leaves>) => {
  const count = (end - start) / value.leaf
  switch (value._tag) {
    case "Linear":
      return { from: PageTables.frameOf(value, start, tables.pageSize), count, step: value.leaf / tables.pageSize }
    case "Same":
      return { from: value.frame, count: 1, step: 1 }
    case "Groups": {
      const first = Math.floor((start - value.anchor) / value.leaf)
      const last = Math.floor((end - value.anchor) / value.leaf) - 1
      const own = (index: number) =>
        Math.floor(index / value.group) * value.kept + Math.min(index % value.group, value.kept - 1)
      const startsInTail = value.tails !== null && first % value.group >= value.kept
      const from = own(first) + (startsInTail ? 1 : 0)
      return { from: value.frame + from, count: own(last) - from + 1, step: 1 }
    }
  }
}

const holesIn = (tables: PageTables.PageTables, gap: PfnRange.PfnRange): number => {
  let holes = 0
  for (let at = gap.start; at < gap.end;) {
    const pmdEnd = (Math.floor(at / tables.pmdSpan) + 1) * tables.pmdSpan
    if (ExtentMap.find(tables.pmd, Math.floor(at / tables.pmdSpan)) === undefined) {
      holes++
      at = pmdEnd
      continue
    }
    const end = Math.min(gap.end, (Math.floor(at / tables.pmdSize) + 1) * tables.pmdSize)
    const hasTable = ExtentMap.find(tables.pte, Math.floor(at / tables.pmdSize)) !== undefined
    holes += hasTable ? Math.ceil((end - at) / tables.pageSize) : 1
    at = end
  }
  return holes
}

/**
 * The memory behind `[start, end)`, bytes of the vmemmap, by what `nameOf` calls the memory of a frame; without the pages of
 * tails that belong to no range of their own (CMP-12) unless `tails` asks for them.
 *
 * @category queries
 * @since 0.1.0
 */
export const backing = <A>(
  tables: PageTables.PageTables,
  { end, start }: PfnRange.PfnRange,
  nameOf: (frame: number, device: number | null) => A,
  tails = true
): ReadonlyArray<Backing<A>> => {
  const sums = new Map<A, { bytes: number; frames: number; references: number }>()
  const seen = ExtentMap.empty<true>()
  const count = (memory: A, pages: number, frames: number, references: number) => {
    const sum = sums.get(memory) ?? { bytes: 0, frames: 0, references: 0 }
    sum.bytes += pages * tables.pageSize
    sum.frames += frames
    sum.references += references
    sums.set(memory, sum)
  }
  const fresh = (from: number, to: number): number => {
    const pages = PfnRange.total(ExtentMap.gaps(seen, from, to))
    ExtentMap.set(seen, from, to, true)
    return pages
  }
  for (const extent of leavesIn(tables, { start, end })) {
    const { device, leaf } = extent.value
    const references = (extent.end - extent.start) / leaf
    const common = extent.value._tag === "Groups"
      ? extent.value.tails
      : extent.value._tag === "Same" && tables.tails.has(extent.value.frame)
      ? extent.value.frame
      : null
    if (tails && common !== null) {
      const pages = fresh(common, common + 1)
      count(nameOf(common, null), pages, pages, 0)
    }
    const own = common !== null && extent.value._tag === "Same"
      ? { count: 0, from: extent.value.frame, step: 1 }
      : framesOf(tables, extent)
    const pages = fresh(own.from, own.from + own.count * own.step)
    count(nameOf(own.from, device), pages, pages / own.step, references)
  }
  return [...sums].map(([memory, sum]) => ({ memory, ...sum }))
}

/**
 * The mapping of `[start, end)`, bytes of the vmemmap.
 *
 * @category queries
 * @since 0.1.0
 */
export const take = (tables: PageTables.PageTables, range: PfnRange.PfnRange): Survey => {
  const { end, start } = range
  const leaves = new Map<number, number>()
  for (const extent of leavesIn(tables, range)) {
    const { leaf } = extent.value
    leaves.set(leaf, (leaves.get(leaf) ?? 0) + (extent.end - extent.start) / leaf)
  }
  const gaps = ExtentMap.gaps(tables.leaves, start, end)
  const slots = (map: ExtentMap.ExtentMap<true>, span: number) =>
    PfnRange.total(ExtentMap.slice(map, Math.floor(start / span), Math.ceil(end / span)))
  return {
    leaves,
    holes: gaps.reduce((n, gap) => n + holesIn(tables, gap), 0),
    unmappedBytes: PfnRange.total(gaps),
    backing: backing(tables, range, (_, device) => device),
    pte: slots(tables.pte, tables.pmdSize),
    pmd: slots(tables.pmd, tables.pmdSpan)
  }
}
