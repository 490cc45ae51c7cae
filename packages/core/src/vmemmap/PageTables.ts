/**
 * The page tables that map the vmemmap: which virtual addresses have a leaf, what it points to, which table pages that
 * takes, and how often each physical page is referenced (VMM-2, VMM-7, CMP-3, SPW-9).
 *
 * Virtual addresses are bytes from the start of the vmemmap, physical ones pfns. Runs of like leaves are one extent.
 *
 * @since 0.1.0
 */
import type { Architecture } from "../geometry/Architecture.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"

/**
 * Leaves of `leaf` bytes, anchored at virtual address `anchor`:
 *
 * - `Linear`: one block after the other from pfn `frame` on
 * - `Same`: all of them the page `frame`
 * - `Groups`: of each `group` leaves the first `kept` have pages of their own, one after the other, and the rest repeat the
 *   last of them; with `tails` the rest are that page instead
 *
 * `device` names the pagemap whose altmap owns the memory; `null` is RAM.
 *
 * @category models
 * @since 0.1.0
 */
export type Leaves =
  & { readonly leaf: number; readonly anchor: number; readonly frame: number; readonly device: number | null }
  & (
    | { readonly _tag: "Linear" }
    | { readonly _tag: "Same" }
    | { readonly _tag: "Groups"; readonly group: number; readonly kept: number; readonly tails: number | null }
  )

/**
 * The tables. `pte` and `pmd` are the slots of one table each that exist, by slot number; `references` counts the leaves of
 * a page only where leaves of another run point to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface PageTables {
  readonly pageSize: number
  readonly pmdSize: number
  /** Virtual bytes one PMD table maps. */
  readonly pmdSpan: number
  readonly leaves: ExtentMap.ExtentMap<Leaves>
  readonly pte: ExtentMap.ExtentMap<true>
  readonly pmd: ExtentMap.ExtentMap<true>
  readonly references: Map<number, number>
  /** Pages of tails that compounds of one order share and that stay (CMP-12). */
  readonly tails: Set<number>
}

/**
 * Tables without a leaf.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (arch: Architecture): PageTables => ({
  pageSize: arch.pageSize,
  pmdSize: arch.pmdSize,
  pmdSpan: arch.pmdTable.entries * arch.pmdSize,
  leaves: ExtentMap.empty(),
  pte: ExtentMap.empty(),
  pmd: ExtentMap.empty(),
  references: new Map(),
  tails: new Set()
})

/**
 * The physical page (its first pfn, for larger leaves) behind a virtual address of a run.
 *
 * @category queries
 * @since 0.1.0
 */
export const frameOf = (leaves: Leaves, virtual: number, pageSize: number): number => {
  const index = Math.floor((virtual - leaves.anchor) / leaves.leaf)
  switch (leaves._tag) {
    case "Linear":
      return leaves.frame + index * (leaves.leaf / pageSize)
    case "Same":
      return leaves.frame
    case "Groups": {
      const inGroup = index % leaves.group
      if (leaves.tails !== null && inGroup >= leaves.kept) return leaves.tails
      return leaves.frame + Math.floor(index / leaves.group) * leaves.kept + Math.min(inGroup, leaves.kept - 1)
    }
  }
}

const slotRange = (start: number, end: number, span: number) => ({
  start: Math.floor(start / span),
  end: Math.ceil(end / span)
})

/**
 * How many tables must be allocated before base pages (`pte`) or larger leaves can be mapped in `[start, end)`.
 *
 * @category queries
 * @since 0.1.0
 */
export const missing = (
  tables: PageTables,
  start: number,
  end: number,
  basePages: boolean
): { readonly pte: number; readonly pmd: number } => {
  const count = (map: ExtentMap.ExtentMap<true>, span: number) => {
    const slots = slotRange(start, end, span)
    return PfnRange.total(ExtentMap.gaps(map, slots.start, slots.end))
  }
  return { pte: basePages ? count(tables.pte, tables.pmdSize) : 0, pmd: count(tables.pmd, tables.pmdSpan) }
}

/**
 * Maps `[start, end)`, where nothing is mapped yet; its tables exist from now on.
 *
 * @category operations
 * @since 0.1.0
 */
export const map = (tables: PageTables, start: number, end: number, leaves: Leaves): void => {
  ExtentMap.set(tables.leaves, start, end, leaves)
  const pmd = slotRange(start, end, tables.pmdSpan)
  ExtentMap.set(tables.pmd, pmd.start, pmd.end, true)
  if (leaves.leaf < tables.pmdSize) {
    const pte = slotRange(start, end, tables.pmdSize)
    ExtentMap.set(tables.pte, pte.start, pte.end, true)
  }
  if (leaves._tag === "Same") {
    const count = (end - start) / leaves.leaf
    tables.references.set(leaves.frame, references(tables, leaves.frame) + count)
  }
}

/** Leaves that point to a page, counted where they are (before the ones of another run are added). */
const references = (tables: PageTables, frame: number): number => {
  const known = tables.references.get(frame)
  if (known !== undefined) return known
  for (const extent of tables.leaves.extents) {
    const { value } = extent
    if (value._tag === "Groups" && frame >= value.frame) {
      const group = Math.floor((frame - value.frame) / value.kept)
      const start = value.anchor + group * value.group * value.leaf
      const end = Math.min(start + value.group * value.leaf, extent.end)
      if (start >= extent.start && start < extent.end && frameOf(value, end - value.leaf, tables.pageSize) === frame) {
        return (end - start) / value.leaf - value.kept + 1
      }
    } else if (value._tag === "Linear" && value.device === null) {
      const virtual = value.anchor + (frame - value.frame) * tables.pageSize
      if (virtual >= extent.start && virtual < extent.end) return 1
    }
  }
  return 0
}

/**
 * Physical memory nothing maps any more: `pages` from pfn `start` on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Freed {
  readonly start: number
  readonly pages: number
  readonly device: number | null
}

/** Drops `count` references to one page; the page when none is left. */
const drop = (tables: PageTables, frame: number, count: number, held: number): ReadonlyArray<Freed> => {
  const left = (tables.references.get(frame) ?? held) - count
  if (left > 0) {
    tables.references.set(frame, left)
    return []
  }
  tables.references.delete(frame)
  return [{ start: frame, pages: 1, device: null }]
}

const freeGroups = (
  tables: PageTables,
  start: number,
  end: number,
  { anchor, frame, group, kept, leaf, tails }: Extract<Leaves, { readonly _tag: "Groups" }>
): ReadonlyArray<Freed> => {
  const from = (start - anchor) / leaf
  const to = (end - anchor) / leaf
  /** What becomes free when leaves `[from, to)` of one group go. */
  const part = (index: number): ReadonlyArray<Freed> => {
    const first = Math.max(0, from - index * group)
    const last = Math.min(group, to - index * group)
    const base = frame + index * kept
    const repeats = last - Math.max(first, kept - 1)
    const own = Math.max(0, Math.min(last, tails === null ? kept - 1 : kept) - first)
    return [
      ...(own > 0 ? [{ start: base + first, pages: own, device: null }] : []),
      ...(repeats > 0 && tails === null ? drop(tables, base + kept - 1, repeats, group - kept + 1) : [])
    ]
  }
  const whole = { start: Math.ceil(from / group), end: Math.floor(to / group) }
  const pages = { start: frame + whole.start * kept, end: frame + whole.end * kept }
  const isPlain = whole.end > whole.start &&
    ![...tables.references.keys()].some((page) => page >= pages.start && page < pages.end)
  const out: Array<Freed> = []
  for (let index = Math.floor(from / group); index * group < to; index++) {
    if (isPlain && index === whole.start) {
      out.push({ start: pages.start, pages: pages.end - pages.start, device: null })
      index = whole.end - 1
    } else {
      out.push(...part(index))
    }
  }
  return out
}

/**
 * Unmaps what is mapped in `[start, end)`, whole leaves, and frees tables left without a leaf.
 *
 * @category operations
 * @since 0.1.0
 */
export const unmap = (
  tables: PageTables,
  start: number,
  end: number
): { readonly freed: ReadonlyArray<Freed>; readonly pte: number; readonly pmd: number } => {
  const gone = ExtentMap.slice(tables.leaves, start, end)
  ExtentMap.remove(tables.leaves, start, end)
  const freed = gone.flatMap(({ end, start, value }): ReadonlyArray<Freed> => {
    const count = (end - start) / value.leaf
    const frame = frameOf(value, start, tables.pageSize)
    switch (value._tag) {
      case "Same":
        return drop(tables, frame, count, count)
      case "Groups":
        return freeGroups(tables, start, end, value)
      case "Linear": {
        const pages = count * (value.leaf / tables.pageSize)
        if (tables.references.size === 0) return [{ start: frame, pages, device: value.device }]
        const shared = [...tables.references.keys()].filter((page) => page >= frame && page < frame + pages)
        return [
          ...PfnRange.subtract(PfnRange.fromLength(frame, pages), shared.map((page) => PfnRange.fromLength(page, 1)))
            .map((own) => ({ start: own.start, pages: PfnRange.length(own), device: value.device })),
          ...shared.flatMap((page) => drop(tables, page, 1, 1))
        ]
      }
    }
  })
  return {
    freed,
    pte: emptied(tables, tables.pte, start, end, true),
    pmd: emptied(tables, tables.pmd, start, end, false)
  }
}

/** Removes the tables of `[start, end)` in whose slot no leaf is left, and counts them. */
const emptied = (
  tables: PageTables,
  map: ExtentMap.ExtentMap<true>,
  start: number,
  end: number,
  basePages: boolean
): number => {
  const span = basePages ? tables.pmdSize : tables.pmdSpan
  const { end: last, start: first } = slotRange(start, end, span)
  const isUsed = (slot: number) =>
    basePages
      ? ExtentMap.slice(tables.leaves, slot * span, (slot + 1) * span).some(({ value }) => value.leaf < tables.pmdSize)
      : ExtentMap.overlaps(tables.leaves, slot * span, (slot + 1) * span)
  const from = isUsed(first) ? first + 1 : first
  const to = last - 1 >= from && isUsed(last - 1) ? last - 1 : last
  const count = PfnRange.total(ExtentMap.slice(map, from, to))
  ExtentMap.remove(map, from, to)
  return count
}
