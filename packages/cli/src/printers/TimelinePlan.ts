/**
 * What a picture of timelines shows, before it is drawn: groups, rows, pieces of spans and clusters of instants,
 * never more than a given number of them.
 *
 * @since 0.1.0
 */
import type { Entry } from "@vmemmap/core/time/Timeline"
import * as Tracks from "@vmemmap/core/time/Tracks"
import * as Label from "./Label.ts"
import * as TimeColumns from "./TimeColumns.ts"
import * as TimelinePieces from "./TimelinePieces.ts"

/**
 * How much is shown, and on what: `pixels` across, `lanes` of each group, `groups` of each timeline, `shapes`
 * altogether.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bounds {
  readonly pixels: number
  readonly lanes: number
  readonly groups: number
  readonly shapes: number
}

/**
 * A lane, or those that were too many: these have a profile, how busy they are on average in columns of equal width.
 *
 * `busy` is null where there are only instants.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly label: string
  readonly pieces: ReadonlyArray<ReadonlyArray<TimelinePieces.Piece>>
  readonly profile: ReadonlyArray<number> | null
  readonly clusters: ReadonlyArray<ReadonlyArray<Entry>>
  readonly busy: number | null
}

/**
 * Rows of one group, or of those that were too many.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  readonly name: string
  readonly rows: ReadonlyArray<Row>
}

/**
 * One timeline; `axis` is what its picture extends over, null when nothing happened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Block {
  readonly name: string
  readonly axis: Tracks.Extent | null
  readonly groups: ReadonlyArray<Group>
}

/**
 * What is shown, and what all of it comes to by name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan {
  readonly blocks: ReadonlyArray<Block>
  readonly spans: ReadonlyArray<Tracks.Tally>
  readonly instants: ReadonlyArray<Tracks.Tally>
}

/**
 * All of them, or the first and those that are left: never one that could have been shown in its place.
 *
 * @category conversions
 * @since 0.1.0
 */
export const folded = <A>(
  all: ReadonlyArray<A>,
  most: number
): readonly [shown: ReadonlyArray<A>, rest: ReadonlyArray<A>] =>
  all.length <= most + 1 ? [all, []] : [all.slice(0, most), all.slice(most)]

/**
 * The share of `extent` that lanes were busy, on average of those that have spans; null when none has.
 *
 * @category queries
 * @since 0.1.0
 */
export const busyShare = (lanes: ReadonlyArray<Tracks.Lane>, extent: Tracks.Extent): number | null => {
  let nanos = 0
  let count = 0
  for (const { spans } of lanes) {
    if (spans.length > 0) count++
    for (const { end, start } of Tracks.busy(spans)) nanos += end - start
  }
  return count === 0 ? null : nanos / count / Math.max(1, extent.end - extent.start)
}

/**
 * How busy lanes were in each of `columns` of `axis`, on average of those that have spans.
 *
 * @category queries
 * @since 0.1.0
 */
export const profile = (
  lanes: ReadonlyArray<Tracks.Lane>,
  axis: Tracks.Extent,
  columns: number
): ReadonlyArray<number> => {
  const filled = TimeColumns.make(columns)
  const place = (nanos: number): number => (nanos - axis.start) / Math.max(1, axis.end - axis.start) * columns
  const working = lanes.filter(({ spans }) => spans.length > 0)
  for (const { spans } of working) {
    for (const { end, start } of Tracks.busy(spans)) TimeColumns.add(filled, place(start), place(end))
  }
  return TimeColumns.sums(filled).map((sum) => sum / Math.max(1, working.length))
}

/** Spans of one lane that run at once are on rows of their own, up to this many. */
const mostRows = 4

/** Pixels of a column of a profile, and those two markers must be apart. */
const columnPixels = 4
const markerPixels = 9

const clustered = (
  clusters: ReadonlyArray<ReadonlyArray<Entry>>,
  nanos: number
): ReadonlyArray<ReadonlyArray<Entry>> => {
  const out: Array<Array<Entry>> = []
  for (const cluster of clusters) {
    const last = out.at(-1)
    if (last !== undefined && (cluster[0]?.start ?? 0) - (last[0]?.start ?? 0) < nanos) {
      for (const entry of cluster) last.push(entry)
    } else {
      out.push([...cluster])
    }
  }
  return out
}

/** A row in which nothing is closer together than `nanos` a pixel. */
const coarser = (row: Row, nanos: number, origin: number): Row => ({
  ...row,
  pieces: row.pieces.map((pieces) => TimelinePieces.join(pieces, nanos, origin)),
  clusters: clustered(row.clusters, nanos * markerPixels)
})

const instantsOf = (lanes: ReadonlyArray<Tracks.Lane>): ReadonlyArray<Entry> =>
  lanes.length === 1
    ? lanes[0]?.instants ?? []
    : lanes.flatMap(({ instants }) => instants).toSorted((a, b) => a.start - b.start)

const laneRow = (lane: Tracks.Lane, extent: Tracks.Extent): Row => ({
  label: Label.named(lane.name),
  pieces: TimelinePieces.rows(lane.spans, mostRows).map(TimelinePieces.single),
  profile: null,
  clusters: lane.instants.map((entry) => [entry]),
  busy: busyShare([lane], extent)
})

const foldedRow = (
  label: string,
  lanes: ReadonlyArray<Tracks.Lane>,
  extent: Tracks.Extent,
  axis: Tracks.Extent,
  pixels: number
): Row => {
  const busy = busyShare(lanes, extent)
  return {
    label,
    pieces: [],
    profile: busy === null ? null : profile(lanes, axis, Math.max(1, Math.floor(pixels / columnPixels))),
    clusters: instantsOf(lanes).map((entry) => [entry]),
    busy
  }
}

const groupsOf = (
  groups: ReadonlyArray<Tracks.Group>,
  extent: Tracks.Extent,
  axis: Tracks.Extent,
  bounds: Bounds
): ReadonlyArray<Group> => {
  const [shown, rest] = folded(groups, bounds.groups)
  const lanes = rest.flatMap((group) => group.lanes)
  const further = foldedRow(
    Label.plural(lanes.length, "lane"),
    lanes,
    extent,
    axis,
    bounds.pixels
  )
  return [
    ...shown.map(({ lanes, name }): Group => {
      const [own, more] = folded(lanes, bounds.lanes)
      const last = foldedRow(`… ${more.length} more lanes`, more, extent, axis, bounds.pixels)
      return {
        name: Label.named(name),
        rows: [...own.map((lane) => laneRow(lane, extent)), ...(more.length === 0 ? [] : [last])]
      }
    }),
    ...(rest.length === 0 ? [] : [{ name: `… ${rest.length} more groups`, rows: [further] }])
  ]
}

const shapesOf = (blocks: ReadonlyArray<Block>): number => {
  let sum = 0
  for (const { groups } of blocks) {
    for (const { rows } of groups) {
      for (const { clusters, pieces } of rows) sum += pieces.reduce((all, row) => all + row.length, clusters.length)
    }
  }
  return sum
}

const withGrain = (blocks: ReadonlyArray<Block>, grain: number, pixels: number): ReadonlyArray<Block> =>
  blocks.map((block) => {
    const { axis } = block
    if (axis === null) return block
    const nanos = Math.max(1, axis.end - axis.start) / pixels * grain
    const groups = block.groups.map((group) => ({
      ...group,
      rows: group.rows.map((row) => coarser(row, nanos, axis.start))
    }))
    return { ...block, groups }
  })

/**
 * The plan of timelines on one common axis or on one each. What is closer together than a pixel is one shape; where
 * there are still too many, than two pixels, four and so on, down to one or two shapes a row.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (timelines: ReadonlyArray<Tracks.Named>, isCommon: boolean, bounds: Bounds): Plan => {
  const all = timelines.map(({ entries, name }) => {
    const groups = Tracks.groups(entries)
    return { name, groups, extent: Tracks.extent(groups) }
  })
  const common = isCommon ? Tracks.union(all.map(({ extent }) => extent)) : null
  const groups = all.flatMap((each) => each.groups)
  let blocks: ReadonlyArray<Block> = all.map(({ extent, groups, name }) =>
    extent === null
      ? { name, axis: null, groups: [] }
      : { name, axis: common ?? extent, groups: groupsOf(groups, extent, common ?? extent, bounds) }
  )
  for (let grain = 1; grain === 1 || (shapesOf(blocks) > bounds.shapes && grain <= 2 * bounds.pixels); grain *= 2) {
    blocks = withGrain(blocks, grain, bounds.pixels)
  }
  return {
    blocks,
    spans: Tracks.tally(Tracks.entries(groups, "spans")),
    instants: Tracks.tally(Tracks.entries(groups, "instants"))
  }
}
