/**
 * Spans of a lane in pieces that can be told apart: what is too short for that becomes one with its neighbours.
 *
 * @since 0.1.0
 */
import type { Entry } from "@vmemmap/core/time/Timeline"
import type * as Tracks from "@vmemmap/core/time/Tracks"

/**
 * What is drawn as one: spans, and how long at least one of them ran.
 *
 * @category models
 * @since 0.1.0
 */
export interface Piece extends Tracks.Extent {
  readonly busy: number
  readonly entries: ReadonlyArray<Entry>
}

/**
 * Each span on the first of `most` rows that is free when it begins, and on the last when none is.
 *
 * @category conversions
 * @since 0.1.0
 */
export const rows = (spans: Tracks.Lane["spans"], most: number): ReadonlyArray<ReadonlyArray<Entry>> => {
  const out: Array<Array<Entry>> = []
  const ends: Array<number> = []
  const takesTime = ({ end, start }: Entry): number => end > start ? 1 : 0
  for (const span of spans.toSorted((a, b) => a.start - b.start || takesTime(a) - takesTime(b))) {
    const free = ends.findIndex((end) => end <= span.start)
    const at = free >= 0 ? free : Math.min(ends.length, most - 1)
    ends[at] = Math.max(ends[at] ?? span.end, span.end)
    const row = out[at] ?? []
    out[at] = row
    row.push(span)
  }
  return out
}

/**
 * Every span by itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const single = (spans: ReadonlyArray<Entry>): ReadonlyArray<Piece> =>
  spans.map((span) => ({ start: span.start, end: span.end, busy: span.end - span.start, entries: [span] }))

/**
 * Joins pieces that overlap, and those shorter than `nanos` that begin in the same `nanos` from `origin` on.
 *
 * @category conversions
 * @since 0.1.0
 */
export const join = (pieces: ReadonlyArray<Piece>, nanos: number, origin: number): ReadonlyArray<Piece> => {
  const out: Array<{ start: number; end: number; busy: number; entries: Array<Entry> }> = []
  const place = ({ start }: Tracks.Extent): number => Math.floor((start - origin) / nanos)
  const isShort = ({ end, start }: Tracks.Extent): boolean => end - start < nanos
  for (const piece of pieces) {
    const last = out.at(-1)
    if (
      last !== undefined &&
      (piece.start < last.end || (isShort(last) && isShort(piece) && place(last) === place(piece)))
    ) {
      const beyond = Math.max(0, piece.end - Math.max(last.end, piece.start))
      const apart = beyond / Math.max(1, piece.end - piece.start)
      last.busy += piece.busy * apart
      last.end = Math.max(last.end, piece.end)
      for (const entry of piece.entries) last.entries.push(entry)
    } else {
      out.push({ ...piece, entries: [...piece.entries] })
    }
  }
  return out
}
