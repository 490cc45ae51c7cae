/**
 * The sub-ranges of a range and how far each is: pending → busy → done, each once (ASY-6, ASY-14).
 *
 * A range is divided among workers, the share of each is cut into sub-ranges. States are kept as extents: cost grows with
 * what happened, not with sub-ranges. All positions are pfns.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"

/**
 * What one worker is given: pages `[start, end)` in sub-ranges of `unit` counted from `origin`; the first and the last may be
 * shorter. May be empty.
 *
 * @category models
 * @since 0.1.0
 */
export interface Share extends PfnRange {
  readonly origin: number
  readonly unit: number
}

/**
 * `C` is who is busy with a sub-range. What is neither pending nor busy is done.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubRanges<C extends object> {
  readonly range: PfnRange
  readonly shares: ReadonlyArray<Share>
  readonly states: ExtentMap.ExtentMap<C | "pending">
}

/**
 * Shares as posted in 2018: of `⌊n/W⌋` pages, the last takes the remainder (ASY-4), in sub-ranges of `⌈share/R⌉` (ASY-6).
 * With fewer pages than workers all but the last are empty.
 *
 * @category constructors
 * @since 0.1.0
 */
export const posted = ({ end, start }: PfnRange, workers: number, subRanges: number): ReadonlyArray<Share> => {
  const pages = Math.floor((end - start) / workers)
  return Array.from({ length: workers }, (_, i) => {
    const from = start + i * pages
    const to = i === workers - 1 ? end : from + pages
    return { start: from, end: to, origin: from, unit: Math.max(1, Math.ceil((to - from) / subRanges)) }
  })
}

/**
 * Shares whose ends, but the first and the last, are multiples of `align` counted from `origin`, in sub-ranges of `unit`
 * counted from there, which divides it. As equal as that allows, and never empty: there may be fewer than `workers`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const aligned = (
  { end, start }: PfnRange,
  { align, origin, unit, workers }: {
    readonly workers: number
    readonly align: number
    readonly origin: number
    readonly unit: number
  }
): ReadonlyArray<Share> => {
  const first = Math.floor((start - origin) / align)
  const blocks = Math.ceil((end - origin) / align) - first
  const many = Math.max(1, Math.min(workers, blocks))
  const border = (i: number) => origin + (first + Math.floor(i * blocks / many)) * align
  return Array.from({ length: many }, (_, i) => ({
    start: Math.max(start, border(i)),
    end: Math.min(end, border(i + 1)),
    origin,
    unit
  })).filter((share) => share.end > share.start)
}

/**
 * Everything pending.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <C extends object>(range: PfnRange, shares: ReadonlyArray<Share>): SubRanges<C> => {
  const states = ExtentMap.empty<C | "pending">()
  if (range.end > range.start) ExtentMap.set(states, range.start, range.end, "pending")
  return { range, shares, states }
}

/**
 * The share that has a pfn; of empty ones none.
 *
 * @category queries
 * @since 0.1.0
 */
export const shareOf = (shares: ReadonlyArray<Share>, pfn: number): Share | undefined => {
  let low = 0
  let high = shares.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((shares[middle] as Share).end <= pfn) low = middle + 1
    else high = middle
  }
  const share = shares[low]
  return share !== undefined && share.start <= pfn && pfn < share.end ? share : undefined
}

/**
 * Where the sub-range of `share` that has a pfn begins, and where it ends.
 *
 * @category queries
 * @since 0.1.0
 */
export const unitStart = ({ origin, start, unit }: Share, pfn: number): number =>
  Math.max(start, origin + Math.floor((pfn - origin) / unit) * unit)
/** @since 0.1.0 */
export const unitEnd = ({ end, origin, unit }: Share, pfn: number): number =>
  Math.min(end, origin + (Math.floor((pfn - origin) / unit) + 1) * unit)

/**
 * The first pending pages of `within` at or after `from`, to the end of where they are pending.
 *
 * @category queries
 * @since 0.1.0
 */
export const nextPending = <C extends object>(
  { states }: SubRanges<C>,
  within: PfnRange,
  from: number = within.start
): PfnRange | undefined => {
  const found = ExtentMap.next(states, Math.max(from, within.start), "pending")
  if (found === undefined) return undefined
  const start = Math.max(found.start, from, within.start)
  const end = Math.min(found.end, within.end)
  return start < end ? { start, end } : undefined
}

/**
 * What of pages that belong to a share lies in the sub-range they begin in.
 *
 * @category queries
 * @since 0.1.0
 */
export const firstUnit = (share: Share, { end, start }: PfnRange): PfnRange => ({
  start,
  end: Math.min(end, unitEnd(share, start))
})

/**
 * Pending pages become busy.
 *
 * @category operations
 * @since 0.1.0
 */
export const claim = <C extends object>({ states }: SubRanges<C>, { end, start }: PfnRange, claim: C): void =>
  ExtentMap.set(states, start, end, claim)

/**
 * Busy pages become pending again: whoever had them will not do them.
 *
 * @category operations
 * @since 0.1.0
 */
export const giveBack = <C extends object>({ states }: SubRanges<C>, { end, start }: PfnRange): void => {
  if (start < end) ExtentMap.set(states, start, end, "pending")
}

/**
 * Busy pages are done.
 *
 * @category operations
 * @since 0.1.0
 */
export const finish = <C extends object>({ states }: SubRanges<C>, { end, start }: PfnRange): void => {
  if (start < end) ExtentMap.remove(states, start, end)
}

/**
 * Whether all pages of a range are done.
 *
 * @category queries
 * @since 0.1.0
 */
export const isDone = <C extends object>({ states }: SubRanges<C>, { end, start }: PfnRange): boolean =>
  !ExtentMap.overlaps(states, start, end)

/**
 * What of a range is not done, ascending, with who is busy with it.
 *
 * @category queries
 * @since 0.1.0
 */
export const undone = <C extends object>(
  { states }: SubRanges<C>,
  { end, start }: PfnRange
): ReadonlyArray<ExtentMap.Extent<C | "pending">> => ExtentMap.slice(states, start, end)
