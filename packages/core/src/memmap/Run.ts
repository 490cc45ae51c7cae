/**
 * Struct pages that read alike, counted without looking at each: a run repeats with a period, and one period falls into
 * parts that repeat with a shorter one.
 *
 * @since 0.1.0
 */
import type { PfnRange } from "../geometry/PfnRange.ts"

/**
 * Pages `[start, end)` of one period, counted from where it begins; they read alike every `period` pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Part extends PfnRange {
  readonly period: number
}

/**
 * Pages that read alike every `period` pages, apart from where they point to; a period begins at `anchor`, which need not lie
 * in the range.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run extends PfnRange {
  readonly anchor: number
  readonly period: number
  readonly parts: ReadonlyArray<Part>
}

/**
 * Pages of a run that read alike: how many, the first and the last.
 *
 * @category models
 * @since 0.1.0
 */
export interface Alike {
  readonly count: number
  readonly first: number
  readonly last: number
}

/**
 * Parts of uniform pages, cut at ascending positions within a period.
 *
 * @category constructors
 * @since 0.1.0
 */
export const partsAt = (cuts: ReadonlyArray<number>, end: number): ReadonlyArray<Part> =>
  [0, ...cuts].map((start, i) => ({ start, end: cuts[i] ?? end, period: 1 })).filter(({ end, start }) => end > start)

/**
 * A range of pages that all read alike.
 *
 * @category constructors
 * @since 0.1.0
 */
export const uniform = ({ end, start }: PfnRange): Run => ({
  start,
  end,
  anchor: start,
  period: 1,
  parts: [{ start: 0, end: 1, period: 1 }]
})

/**
 * A range that repeats the same `size` pages, of which nothing else is known; repetitions begin at multiples of `size`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const repeated = ({ end, start }: PfnRange, size: number): Run => ({
  start,
  end,
  anchor: 0,
  period: size,
  parts: [{ start: 0, end: size, period: size }]
})

/**
 * A run at the period boundaries in it: what is left of a period at its start, whole periods, what is left at its end.
 *
 * @category combinators
 * @since 0.1.0
 */
export const periods = (run: Run): ReadonlyArray<Run> => {
  const { anchor, end, period, start } = run
  const first = Math.min(end, anchor + Math.ceil((start - anchor) / period) * period)
  const last = Math.max(first, anchor + Math.floor((end - anchor) / period) * period)
  return [[start, first], [first, last], [last, end]].flatMap(([start = 0, end = 0]) =>
    end > start ? [{ ...run, start, end }] : []
  )
}

/**
 * The pages of a run by what they read, each kind once. Cost grows with the parts, not with the pages.
 *
 * @category queries
 * @since 0.1.0
 */
export const alike = ({ anchor, end, parts, period, start }: Run): ReadonlyArray<Alike> => {
  const out: Array<Alike> = []
  for (const part of parts) {
    for (let at = part.start; at < Math.min(part.start + part.period, part.end); at++) {
      const inPeriod = Math.ceil((part.end - at) / part.period)
      /** How many pages of this kind lie below a position counted from the anchor. */
      const below = (position: number): number => {
        const whole = Math.floor(position / period)
        const inside = Math.ceil((position - whole * period - at) / part.period)
        return whole * inPeriod + Math.max(0, Math.min(inPeriod, inside))
      }
      const place = (index: number): number => {
        const whole = Math.floor(index / inPeriod)
        return anchor + whole * period + at + (index - whole * inPeriod) * part.period
      }
      const from = below(start - anchor)
      const to = below(end - anchor)
      if (to > from) out.push({ count: to - from, first: place(from), last: place(to - 1) })
    }
  }
  return out
}
