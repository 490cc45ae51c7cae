/**
 * Half-open ranges `[start, end)` of addresses or pfns, sorted and disjoint where a list of them is kept.
 *
 * @since 0.1.0
 */

/**
 * A half-open range. The unit (bytes or pages) is that of the caller.
 *
 * @category models
 * @since 0.1.0
 */
export interface PfnRange {
  readonly start: number
  readonly end: number
}

/**
 * The range of `length` units from `start`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLength = (start: number, length: number): PfnRange => ({ start, end: start + length })

/**
 * How many units the range has.
 *
 * @category queries
 * @since 0.1.0
 */
export const length = (range: PfnRange): number => range.end - range.start

/**
 * How many units the ranges have together, each counted by itself.
 *
 * @category queries
 * @since 0.1.0
 */
export const total = (ranges: ReadonlyArray<PfnRange>): number => ranges.reduce((sum, range) => sum + length(range), 0)

/**
 * Whether the two ranges share at least one unit.
 *
 * @category queries
 * @since 0.1.0
 */
export const overlaps = (a: PfnRange, b: PfnRange): boolean => a.start < b.end && b.start < a.end

/**
 * Whether `inner` lies wholly inside `outer`.
 *
 * @category queries
 * @since 0.1.0
 */
export const contains = (outer: PfnRange, inner: PfnRange): boolean =>
  outer.start <= inner.start && inner.end <= outer.end

/**
 * What the two ranges share; `end <= start` when they share nothing.
 *
 * @category combinators
 * @since 0.1.0
 */
export const intersection = (a: PfnRange, b: PfnRange): PfnRange => ({
  start: Math.max(a.start, b.start),
  end: Math.min(a.end, b.end)
})

/**
 * The largest range of whole `unit`s inside `range`; empty (`start === end`) when there is none.
 *
 * @category combinators
 * @since 0.1.0
 */
export const shrinkTo = (range: PfnRange, unit: number): PfnRange => {
  const start = Math.ceil(range.start / unit) * unit
  const end = Math.floor(range.end / unit) * unit
  return end > start ? { start, end } : { start, end: start }
}

/**
 * Where a run from `start` on ends that crosses at most `limit` - 1 multiples of `unit`, and does not go beyond the range.
 *
 * @category queries
 * @since 0.1.0
 */
export const runEnd = ({ end, start }: PfnRange, unit: number, limit: number): number =>
  limit === Infinity ? end : Math.min(end, (Math.floor(start / unit) + limit) * unit)

const isNormal = (ranges: ReadonlyArray<PfnRange>): boolean => {
  let last = -Infinity
  for (const { end, start } of ranges) {
    if (end <= start || start <= last) return false
    last = end
  }
  return true
}

/**
 * Sorts by start and joins ranges that touch or overlap.
 *
 * @category combinators
 * @since 0.1.0
 */
export const normalise = (ranges: ReadonlyArray<PfnRange>): ReadonlyArray<PfnRange> => {
  if (isNormal(ranges)) return ranges
  const out: Array<PfnRange> = []
  for (const range of ranges.filter((r) => r.end > r.start).toSorted((a, b) => a.start - b.start)) {
    const last = out.at(-1)
    if (last !== undefined && range.start <= last.end) {
      out[out.length - 1] = { start: last.start, end: Math.max(last.end, range.end) }
    } else {
      out.push(range)
    }
  }
  return out
}

/**
 * What is left of `range` after all of `holes` are taken out, ascending.
 *
 * @category combinators
 * @since 0.1.0
 */
export const subtract = (range: PfnRange, holes: ReadonlyArray<PfnRange>): ReadonlyArray<PfnRange> => {
  const out: Array<PfnRange> = []
  let start = range.start
  for (const hole of normalise(holes)) {
    if (hole.end <= start) continue
    if (hole.start >= range.end) break
    if (hole.start > start) out.push({ start, end: hole.start })
    start = hole.end
  }
  if (start < range.end) out.push({ start, end: range.end })
  return out
}
