/**
 * A map from numbers to values that are the same over long ranges: disjoint extents, ascending.
 *
 * A value speaks for every number of its extent and stays as it is when the extent is cut, so it must not depend on where
 * the extent begins. Neighbours with the same value (`===`) are one extent. Cost grows with extents.
 *
 * @since 0.1.0
 */
import type { PfnRange } from "./PfnRange.ts"

/**
 * Half-open, with its value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Extent<A> extends PfnRange {
  readonly value: A
}

/**
 * A mutable map of extents.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExtentMap<A> {
  readonly extents: Array<Extent<A>>
}

/**
 * A map without extents.
 *
 * @category constructors
 * @since 0.1.0
 */
export const empty = <A>(): ExtentMap<A> => ({ extents: [] })

/** Index of the first extent that ends after `position`. */
const lowerBound = <A>({ extents }: ExtentMap<A>, position: number): number => {
  let low = 0
  let high = extents.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const extent = extents[middle]
    if (extent !== undefined && extent.end <= position) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The extent that contains `position`.
 *
 * @category queries
 * @since 0.1.0
 */
export const find = <A>(map: ExtentMap<A>, position: number): Extent<A> | undefined => {
  const extent = map.extents[lowerBound(map, position)]
  return extent !== undefined && extent.start <= position ? extent : undefined
}

/**
 * The first extent of that value that ends after `position`.
 *
 * @category queries
 * @since 0.1.0
 */
export const next = <A>(map: ExtentMap<A>, position: number, value: A): Extent<A> | undefined => {
  for (let i = lowerBound(map, position); i < map.extents.length; i++) {
    if (map.extents[i]?.value === value) return map.extents[i]
  }
  return undefined
}

/**
 * The last extent of that value that begins before `position`.
 *
 * @category queries
 * @since 0.1.0
 */
export const previous = <A>(map: ExtentMap<A>, position: number, value: A): Extent<A> | undefined => {
  for (let i = lowerBound(map, position); i >= 0; i--) {
    const extent = map.extents[i]
    if (extent !== undefined && extent.start < position && extent.value === value) return extent
  }
  return undefined
}

/**
 * The extents inside `[start, end)`, cut to it, ascending. What has no value is left out.
 *
 * @category queries
 * @since 0.1.0
 */
export const slice = <A>(map: ExtentMap<A>, start: number, end: number): Array<Extent<A>> => {
  const out: Array<Extent<A>> = []
  for (let i = lowerBound(map, start); i < map.extents.length; i++) {
    const extent = map.extents[i]
    if (extent === undefined || extent.start >= end) break
    out.push(
      extent.start >= start && extent.end <= end
        ? extent
        : { start: Math.max(start, extent.start), end: Math.min(end, extent.end), value: extent.value }
    )
  }
  return out
}

/**
 * Whether any number of `[start, end)` has a value.
 *
 * @category queries
 * @since 0.1.0
 */
export const overlaps = <A>(map: ExtentMap<A>, start: number, end: number): boolean => {
  const extent = map.extents[lowerBound(map, start)]
  return start < end && extent !== undefined && extent.start < end
}

/**
 * The parts of `[start, end)` without a value, ascending.
 *
 * @category queries
 * @since 0.1.0
 */
export const gaps = <A>(map: ExtentMap<A>, start: number, end: number): ReadonlyArray<PfnRange> => {
  const out: Array<PfnRange> = []
  let from = start
  for (const extent of slice(map, start, end)) {
    if (extent.start > from) out.push({ start: from, end: extent.start })
    from = extent.end
  }
  if (from < end) out.push({ start: from, end })
  return out
}

/** Index of the first extent at or after the `first` that begins at or after `position`. */
const beginsAfter = <A>({ extents }: ExtentMap<A>, first: number, position: number): number => {
  let index = first
  for (let extent = extents[index]; extent !== undefined && extent.start < position; extent = extents[++index]);
  return index
}

/** Replaces the extents from `first` up to `last` by those that are some. */
const put = <A>(
  extents: Array<Extent<A>>,
  first: number,
  last: number,
  head: Extent<A> | null,
  middle: Extent<A> | null,
  tail: Extent<A> | null
): void => {
  let free = first
  let until = last
  const place = (extent: Extent<A>): void => {
    if (free === until) {
      extents.splice(free, 0, extent)
      until++
    } else {
      extents[free] = extent
    }
    free++
  }
  if (head !== null) place(head)
  if (middle !== null) place(middle)
  if (tail !== null) place(tail)
  if (free < until) extents.splice(free, until - free)
}

/**
 * Gives every number of `[start, end)` the value, whatever it had.
 *
 * @category operations
 * @since 0.1.0
 */
export const set = <A>(map: ExtentMap<A>, start: number, end: number, value: A): void => {
  if (end <= start) return
  const { extents } = map
  const own = { start, end, value }
  let first = lowerBound(map, start)
  let last = beginsAfter(map, first, end)
  const left = first < last ? extents[first] : undefined
  const right = first < last ? extents[last - 1] : undefined
  const before = extents[first - 1]
  const after = extents[last]
  let head: Extent<A> | null = null
  let tail: Extent<A> | null = null
  if (left !== undefined && left.start < start) {
    if (left.value === value) own.start = left.start
    else head = { start: left.start, end: start, value: left.value }
  } else if (before !== undefined && before.end === start && before.value === value) {
    own.start = before.start
    first--
  }
  if (right !== undefined && right.end > end) {
    if (right.value === value) own.end = right.end
    else tail = { start: end, end: right.end, value: right.value }
  } else if (after !== undefined && after.start === end && after.value === value) {
    own.end = after.end
    last++
  }
  put(extents, first, last, head, own, tail)
}

/**
 * Takes the values of `[start, end)` away.
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = <A>(map: ExtentMap<A>, start: number, end: number): void => {
  if (end <= start) return
  const { extents } = map
  const first = lowerBound(map, start)
  const last = beginsAfter(map, first, end)
  const left = extents[first]
  const right = extents[last - 1]
  if (left === undefined || right === undefined || first === last) return
  const head = left.start < start ? { start: left.start, end: start, value: left.value } : null
  const tail = right.end > end ? { start: end, end: right.end, value: right.value } : null
  put(extents, first, last, head, null, tail)
}
