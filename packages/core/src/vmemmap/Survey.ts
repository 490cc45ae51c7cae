/**
 * How the memmap of a range is mapped, as one would find it by walking the page tables (SPW-9).
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import * as PageTables from "./PageTables.ts"

/**
 * One kind of memory behind a range: RAM (`device` `null`) or the altmap of a pagemap. `references` are leaves, `frames`
 * distinct blocks they point to, `bytes` the size of those.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backing {
  readonly device: number | null
  readonly bytes: number
  readonly frames: number
  readonly references: number
}

/**
 * `leaves` counts leaves by their size in bytes; `holes` counts empty entries of the lowest table that exists; tables are
 * those passed on the way.
 *
 * @category models
 * @since 0.1.0
 */
export interface Survey {
  readonly leaves: ReadonlyMap<number, number>
  readonly holes: number
  readonly unmappedBytes: number
  readonly backing: ReadonlyArray<Backing>
  readonly pte: number
  readonly pmd: number
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

const holesIn = (tables: PageTables.PageTables, gap: PfnRange): number => {
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
 * The memory behind `[start, end)`, bytes of the vmemmap; without the pages of tails that belong to no range of their own
 * (CMP-12) unless `tails` asks for them.
 *
 * @category queries
 * @since 0.1.0
 */
export const backing = (
  tables: PageTables.PageTables,
  { end, start }: PfnRange,
  tails = true
): ReadonlyArray<Backing> => {
  const common = new Set<number>()
  const sums = new Map<number | null, { bytes: number; frames: number; references: number }>()
  const seen = ExtentMap.empty<true>()
  for (const extent of ExtentMap.slice(tables.leaves, start, end)) {
    const { device, leaf } = extent.value
    const tail = extent.value._tag === "Groups" ? extent.value.tails : null
    if (tail !== null) common.add(tail)
    const isTail = extent.value._tag === "Same" && tables.tails.has(extent.value.frame)
    if (isTail) common.add(extent.value.frame)
    const { count, from, step } = isTail ? { count: 0, from: 0, step: 1 } : framesOf(tables, extent)
    const fresh = ExtentMap.gaps(seen, from, from + count * step).reduce((n, gap) => n + gap.end - gap.start, 0)
    ExtentMap.set(seen, from, from + count * step, true)
    const sum = sums.get(device) ?? { bytes: 0, frames: 0, references: 0 }
    sums.set(device, {
      bytes: sum.bytes + fresh * tables.pageSize,
      frames: sum.frames + fresh / step,
      references: sum.references + Math.ceil((extent.end - extent.start) / leaf)
    })
  }
  const ram = sums.get(null)
  if (tails && ram !== undefined) {
    ram.bytes += common.size * tables.pageSize
    ram.frames += common.size
  }
  return [...sums].map(([device, sum]) => ({ device, ...sum }))
}

/**
 * The mapping of `[start, end)`, bytes of the vmemmap.
 *
 * @category queries
 * @since 0.1.0
 */
export const take = (tables: PageTables.PageTables, range: PfnRange): Survey => {
  const { end, start } = range
  const leaves = new Map<number, number>()
  for (const extent of ExtentMap.slice(tables.leaves, start, end)) {
    const { leaf } = extent.value
    leaves.set(leaf, (leaves.get(leaf) ?? 0) + Math.ceil((extent.end - extent.start) / leaf))
  }
  const gaps = ExtentMap.gaps(tables.leaves, start, end)
  const slots = (map: ExtentMap.ExtentMap<true>, span: number) =>
    ExtentMap.slice(map, Math.floor(start / span), Math.ceil(end / span)).reduce((n, e) => n + e.end - e.start, 0)
  return {
    leaves,
    holes: gaps.reduce((n, gap) => n + holesIn(tables, gap), 0),
    unmappedBytes: gaps.reduce((n, gap) => n + gap.end - gap.start, 0),
    backing: backing(tables, range),
    pte: slots(tables.pte, tables.pmdSize),
    pmd: slots(tables.pmd, tables.pmdSpan)
  }
}
