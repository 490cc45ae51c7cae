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
  readonly pud: number
}

/**
 * The leaves of a range, whole ones also where it begins or ends inside a leaf; cut where a frame of `edges` (pfns, any order)
 * begins.
 *
 * @category queries
 * @since 0.1.0
 */
export const leavesIn = (
  tables: PageTables.PageTables,
  { end, start }: PfnRange.PfnRange,
  edges: ReadonlyArray<number> = []
): ReadonlyArray<ExtentMap.Extent<PageTables.Leaves>> =>
  ExtentMap.slice(tables.leaves, start, end).flatMap(({ end, start, value }) => {
    const { anchor, leaf } = value
    const from = Math.floor((start - anchor) / leaf)
    const to = Math.ceil((end - anchor) / leaf)
    const cuts = edges.map((frame) => leafOf(tables, value, frame)).filter((index) => index > from && index < to)
    if (cuts.length === 0) return { start: anchor + from * leaf, end: anchor + to * leaf, value }
    const bounds = [...new Set([from, ...cuts, to])].toSorted((a, b) => a - b)
    return bounds.slice(1).map((next, i) => ({
      start: anchor + (bounds[i] ?? next) * leaf,
      end: anchor + next * leaf,
      value
    }))
  })

/** The first leaf of a run, counted from its anchor, that points to `frame` or beyond; where all are one page, none. */
const leafOf = ({ pageSize }: PageTables.PageTables, leaves: PageTables.Leaves, frame: number): number => {
  const offset = frame - leaves.frame
  switch (leaves._tag) {
    case "Linear":
      return Math.ceil(offset / (leaves.leaf / pageSize))
    case "Same":
      return -1
    case "Groups":
      return Math.floor(offset / leaves.kept) * leaves.group + offset - Math.floor(offset / leaves.kept) * leaves.kept
  }
}

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

/**
 * `count` neighbouring empty entries of `size` bytes each from `start` on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Holes {
  readonly start: number
  readonly size: number
  readonly count: number
}

/** A range by the entries of `span` bytes that it touches: whole ones together, one cut at an end by itself. */
const entries = ({ end, start }: PfnRange.PfnRange, span: number): ReadonlyArray<Holes> => {
  const first = Math.min(end, Math.ceil(start / span) * span)
  const last = Math.max(first, Math.floor(end / span) * span)
  return [
    { start, size: first - start, count: 1 },
    { start: first, size: span, count: (last - first) / span },
    { start: last, size: end - last, count: 1 }
  ].filter(({ count, size }) => count > 0 && size > 0)
}

/** A range where tables of one level are there (`present`) and where not, by their slots of `span` bytes. */
const bySlots = (
  map: ExtentMap.ExtentMap<true>,
  range: PfnRange.PfnRange,
  span: number
): ReadonlyArray<{ readonly range: PfnRange.PfnRange; readonly present: boolean }> => {
  const slots = { start: Math.floor(range.start / span), end: Math.ceil(range.end / span) }
  return [
    ...ExtentMap.slice(map, slots.start, slots.end).map((slot) => ({ ...slot, present: true })),
    ...ExtentMap.gaps(map, slots.start, slots.end).map((slot) => ({ ...slot, present: false }))
  ].map(({ end, present, start }) => ({
    range: PfnRange.intersection(range, { start: start * span, end: end * span }),
    present
  })).toSorted((a, b) => a.range.start - b.range.start)
}

/** The tables above those of PMD entries: there where any of these is, each as wide as a table of its own level. */
const upper = ({ pmd, pmdSize, pmdSpan }: PageTables.PageTables): { map: ExtentMap.ExtentMap<true>; span: number } => {
  const perTable = pmdSpan / pmdSize
  const map = ExtentMap.empty<true>()
  for (const { end, start } of pmd.extents) {
    ExtentMap.set(map, Math.floor(start / perTable), Math.ceil(end / perTable), true)
  }
  return { map, span: pmdSpan * perTable }
}

/**
 * The empty entries of a range, ascending, of the lowest table that exists: entries of base pages count whole, larger ones as
 * far as they lie in the range.
 *
 * @category queries
 * @since 0.1.0
 */
export const holesIn = (
  tables: PageTables.PageTables,
  { end, start }: PfnRange.PfnRange
): ReadonlyArray<Holes> => {
  const pud = upper(tables)
  return ExtentMap.gaps(tables.leaves, start, end).flatMap((gap) =>
    bySlots(pud.map, gap, pud.span).flatMap(({ present, range }) =>
      present
        ? bySlots(tables.pmd, range, tables.pmdSpan).flatMap(({ present, range }) =>
          present
            ? bySlots(tables.pte, range, tables.pmdSize).flatMap(({ present, range }) =>
              present ? entries(whole(range, tables.pageSize), tables.pageSize) : entries(range, tables.pmdSize)
            )
            : entries(range, tables.pmdSpan)
        )
        : entries(range, pud.span)
    )
  )
}

const whole = ({ end, start }: PfnRange.PfnRange, unit: number): PfnRange.PfnRange => ({
  start: Math.floor(start / unit) * unit,
  end: Math.ceil(end / unit) * unit
})

/**
 * The memory behind `[start, end)`, bytes of the vmemmap, by what `nameOf` calls the memory of a frame; without the pages of
 * tails that belong to no range of their own (CMP-12) unless `tails` asks for them. Names change at the frames of `edges` only.
 *
 * @category queries
 * @since 0.1.0
 */
export const backing = <A>(
  tables: PageTables.PageTables,
  { end, start }: PfnRange.PfnRange,
  nameOf: (frame: number, device: number | null) => A,
  tails = true,
  edges: ReadonlyArray<number> = []
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
  for (const extent of leavesIn(tables, { start, end }, edges)) {
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
  const holes = holesIn(tables, range)
  const pud = upper(tables)
  const slots = (map: ExtentMap.ExtentMap<true>, span: number) =>
    PfnRange.total(ExtentMap.slice(map, Math.floor(start / span), Math.ceil(end / span)))
  return {
    leaves,
    holes: holes.reduce((sum, { count }) => sum + count, 0),
    unmappedBytes: holes.reduce((sum, { count, size }) => sum + count * size, 0),
    backing: backing(tables, range, (_, device) => device),
    pte: slots(tables.pte, tables.pmdSize),
    pmd: slots(tables.pmd, tables.pmdSpan),
    pud: PfnRange.total(ExtentMap.slice(pud.map, Math.floor(start / pud.span), Math.ceil(end / pud.span)))
  }
}
