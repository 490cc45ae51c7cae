/**
 * Where in a pool the struct pages lie that have memory of their own: whole vmemmap pages, and of compounds that share their tails only
 * what each of them keeps, side by side.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { Sharing } from "../memmap/Memmap.ts"
import type * as BytePool from "./BytePool.ts"
import { line } from "./PagePattern.ts"

/**
 * From pfn `first` on, the first `kept` of each `size` pages have memory of their own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  readonly first: number
  readonly size: number
  readonly kept: number
}

/**
 * Pages with memory of their own: all of them, or those of groups.
 *
 * @category models
 * @since 0.1.0
 */
export interface Own extends PfnRange.PfnRange {
  readonly group: Group | null
}

/** Memory from the pool, until no page is there any more and nobody holds it. */
interface Allocation {
  readonly at: number
  readonly bytes: number
  pages: number
  holds: number
}

/**
 * Page `first` lies at byte `base`, and the others behind it as the group says.
 *
 * @category models
 * @since 0.1.0
 */
export interface Placement extends Group {
  readonly base: number
  readonly allocation: Allocation
}

/**
 * Ranges are pfns whose own memory is meant.
 *
 * - `place` finds memory for what of some ranges has none, and for whole groups where single pages of them have; `missing` is
 *   what all of that takes in bytes where there is not enough, then everything is as it was
 * - `within`: what is placed of a range
 * - `locate` a page; `null` where it is not placed
 * - `drop` gives the memory of a range back, once nobody holds it; `hold` keeps it for somebody, who releases it
 *
 * @category models
 * @since 0.1.0
 */
export interface Placements {
  readonly place: (parts: ReadonlyArray<Own>) => {
    readonly placed: ReadonlyArray<PfnRange.PfnRange>
    readonly missing: number
  }
  readonly within: (range: PfnRange.PfnRange) => ReadonlyArray<ExtentMap.Extent<Placement>>
  readonly locate: (pfn: number) => number | null
  readonly drop: (range: PfnRange.PfnRange) => void
  readonly hold: (placement: Placement) => () => void
}

/**
 * How many pages below a pfn have memory of their own, counted from the first of the groups.
 *
 * @category queries
 * @since 0.1.0
 */
export const index = ({ first, kept, size }: Group, pfn: number): number => {
  const group = Math.floor((pfn - first) / size)
  return group * kept + Math.min(kept, pfn - first - group * size)
}

/**
 * Up to which page so many lines get, from one on.
 *
 * @category queries
 * @since 0.1.0
 */
export const reach = (group: Group, from: number, lines: number): number => {
  const { first, kept, size } = group
  const total = index(group, from) + lines
  const groups = Math.floor(total / kept)
  return first + groups * size + total - groups * kept
}

/**
 * The byte at which a page lies.
 *
 * @category queries
 * @since 0.1.0
 */
export const position = (placement: Group & { readonly base: number }, pfn: number): number =>
  placement.base + index(placement, pfn) * line

const alone = (first: number): Group => ({ first, size: 1, kept: 1 })

/**
 * The memory that the struct pages of a range are in, cut where sharing changes, in whole vmemmap pages of `perPage` and whole
 * groups.
 *
 * @category queries
 * @since 0.1.0
 */
export const own = (
  shared: ExtentMap.ExtentMap<Sharing>,
  perPage: number,
  { end, start }: PfnRange.PfnRange
): ReadonlyArray<Own> => {
  const outward = { start: start - start % perPage, end: Math.ceil(end / perPage) * perPage }
  const plain = ExtentMap.gaps(shared, outward.start, outward.end).map((gap): Own => ({ ...gap, group: null }))
  const pages = new Set<number>()
  const groups: Array<Own> = []
  for (const extent of ExtentMap.slice(shared, start, end)) {
    const { value } = extent
    if (value._tag === "Page") {
      pages.add(value.home)
      continue
    }
    const { first, kept, size } = value
    const whole = ExtentMap.find(shared, extent.start) ?? extent
    groups.push({
      start: Math.max(whole.start, first + Math.floor((extent.start - first) / size) * size),
      end: Math.min(whole.end, first + Math.ceil((extent.end - first) / size) * size),
      group: { first, kept, size }
    })
  }
  // A page that others repeat may be one of a group's.
  const homes = [...pages].flatMap((home) => {
    const range = PfnRange.fromLength(home, perPage)
    return PfnRange.subtract(range, [...plain, ...groups]).map((rest): Own => ({ ...rest, group: null }))
  })
  return [...plain, ...groups, ...homes].toSorted((a, b) => a.start - b.start)
}

/** A range over runs of memory, one after the other. */
const cut = (
  range: PfnRange.PfnRange,
  group: Group,
  runs: ReadonlyArray<BytePool.Run>
): ReadonlyArray<ExtentMap.Extent<Placement>> => {
  let { start } = range
  return runs.map(({ at, bytes }, i): ExtentMap.Extent<Placement> => {
    const end = i === runs.length - 1 ? range.end : reach(group, start, bytes / line)
    const allocation: Allocation = { at, bytes, pages: end - start, holds: 0 }
    const extent = { start, end, value: { ...group, base: at - index(group, start) * line, allocation } }
    start = end
    return extent
  })
}

/**
 * Nothing is placed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (pool: BytePool.BytePool): Placements => {
  const map = ExtentMap.empty<Placement>()

  const settle = (allocation: Allocation): void => {
    if (allocation.pages === 0 && allocation.holds === 0) pool.release(allocation.at, allocation.bytes)
  }

  const drop = ({ end, start }: PfnRange.PfnRange): void => {
    for (const extent of ExtentMap.slice(map, start, end)) {
      const { allocation } = extent.value
      allocation.pages -= extent.end - extent.start
      settle(allocation)
    }
    ExtentMap.remove(map, start, end)
  }

  /** What of a part has no memory; of groups also what has some by single pages, but for where all is there. */
  const lacking = ({ end, group, start }: Own): ReadonlyArray<PfnRange.PfnRange> => {
    const gaps = ExtentMap.gaps(map, start, end)
    if (group === null || gaps.length === 0) return gaps
    const { first, size } = group
    const whole = ExtentMap.slice(map, start, end).filter(({ value }) => value.size === size && value.first === first)
    return PfnRange.subtract({ start, end }, whole)
  }

  return {
    place: (parts) => {
      const wanted = parts.flatMap((part) =>
        lacking(part).map((range) => {
          const group = part.group ?? alone(range.start)
          return { range, group, bytes: (index(group, range.end) - index(group, range.start)) * line }
        })
      ).filter(({ bytes }) => bytes > 0)
      const found: Array<ExtentMap.Extent<Placement>> = []
      for (const { bytes, group, range } of wanted) {
        const runs = pool.gather(bytes)
        if (runs === null) {
          for (const { value: { allocation } } of found) pool.release(allocation.at, allocation.bytes)
          return { placed: [], missing: wanted.reduce((sum, { bytes }) => sum + bytes, 0) }
        }
        found.push(...cut(range, group, runs))
      }
      for (const { end, start, value } of found) {
        drop({ start, end })
        ExtentMap.set(map, start, end, value)
      }
      return { placed: found.map(({ end, start }) => ({ start, end })), missing: 0 }
    },
    within: ({ end, start }) => ExtentMap.slice(map, start, end),
    locate: (pfn) => {
      const found = ExtentMap.find(map, pfn)?.value
      return found === undefined ? null : position(found, pfn)
    },
    drop,
    hold: ({ allocation }) => {
      allocation.holds++
      return () => {
        allocation.holds--
        settle(allocation)
      }
    }
  }
}
