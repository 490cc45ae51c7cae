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

/** Replaces what lies in `[start, end)` by `middle`, joining neighbours with the same value. */
const splice = <A>({ extents }: ExtentMap<A>, start: number, end: number, middle: ReadonlyArray<Extent<A>>): void => {
  if (end <= start) return
  const first = lowerBound({ extents }, start)
  let last = first
  const left: Array<Extent<A>> = []
  const right: Array<Extent<A>> = []
  for (let extent = extents[last]; extent !== undefined && extent.start < end; extent = extents[++last]) {
    if (extent.start < start) left.push({ start: extent.start, end: start, value: extent.value })
    if (extent.end > end) right.push({ start: end, end: extent.end, value: extent.value })
  }
  const before = extents[first - 1]
  const after = extents[last]
  const touchesBefore = before !== undefined && before.end === start
  const touchesAfter = after !== undefined && after.start === end
  const joined: Array<Extent<A>> = []
  for (
    const extent of [...(touchesBefore ? [before] : []), ...left, ...middle, ...right, ...(touchesAfter ? [after] : [])]
  ) {
    const previous = joined.at(-1)
    if (previous !== undefined && previous.end === extent.start && previous.value === extent.value) {
      joined[joined.length - 1] = { start: previous.start, end: extent.end, value: extent.value }
    } else {
      joined.push(extent)
    }
  }
  const from = touchesBefore ? first - 1 : first
  extents.splice(from, (touchesAfter ? last + 1 : last) - from, ...joined)
}

/**
 * Gives every number of `[start, end)` the value, whatever it had.
 *
 * @category operations
 * @since 0.1.0
 */
export const set = <A>(map: ExtentMap<A>, start: number, end: number, value: A): void =>
  splice(map, start, end, [{ start, end, value }])

/**
 * Takes the values of `[start, end)` away.
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = <A>(map: ExtentMap<A>, start: number, end: number): void => splice(map, start, end, [])
