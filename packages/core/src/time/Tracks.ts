/**
 * Timelines by group and lane, for whoever draws them: in an order that does not depend on who ended first.
 *
 * Names alike but for their numbers stay together, in the order of their numbers; what began first comes first. Nothing
 * here depends on a language or on the order of entries, except that of entries with the same times.
 *
 * @since 0.1.0
 */
import type { Entry } from "./Timeline.ts"

/**
 * A timeline and what it is called where several are shown.
 *
 * @category models
 * @since 0.1.0
 */
export interface Named {
  readonly name: string
  readonly entries: ReadonlyArray<Entry>
}

/**
 * A lane: both lists ascend by start; of spans that begin together the longest comes first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lane {
  readonly name: string
  readonly spans: ReadonlyArray<Entry>
  readonly instants: ReadonlyArray<Entry>
}

/**
 * A group and its lanes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  readonly name: string
  readonly lanes: ReadonlyArray<Lane>
}

/**
 * From when to when, in nanoseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Extent {
  readonly start: number
  readonly end: number
}

/** Nobody can draw an entry without finite times. */
const isDrawable = ({ end, start }: Entry): boolean => Number.isFinite(start) && Number.isFinite(end)

const whole = (entry: Entry): Entry => {
  const start = Math.round(entry.start)
  const end = Math.max(start, Math.round(entry.end))
  return start === entry.start && end === entry.end ? entry : { ...entry, start, end }
}

const compareNumbers = (a: string, b: string): number => {
  const [left, right] = [a.replace(/^0+(?=.)/, ""), b.replace(/^0+(?=.)/, "")]
  return left.length - right.length || compareTexts(left, right)
}

const compareTexts = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const isNumber = (text: string): boolean => /^[0-9]/.test(text)

/**
 * Compares names as people number things: `worker 2` is before `worker 10`.
 *
 * @category ordering
 * @since 0.1.0
 */
export const compareNames = (a: string, b: string): number => {
  const left = a.match(/[0-9]+|[^0-9]+/g) ?? []
  const right = b.match(/[0-9]+|[^0-9]+/g) ?? []
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [one, other] = [left[i] ?? "", right[i] ?? ""]
    const order = isNumber(one) && isNumber(other) ? compareNumbers(one, other) : compareTexts(one, other)
    if (order !== 0) return order
  }
  return left.length - right.length || compareTexts(a, b)
}

/** What names have in common that differ in their numbers only. */
const familyOf = (name: string): string => name.replace(/[0-9]+/g, "0")

const ordered = (firsts: ReadonlyMap<string, number>): ReadonlyArray<string> => {
  const families = new Map<string, number>()
  for (const [name, first] of firsts) {
    const family = familyOf(name)
    families.set(family, Math.min(first, families.get(family) ?? Infinity))
  }
  return [...firsts.keys()].map((name) => ({ name, family: familyOf(name) })).toSorted((a, b) =>
    a.family === b.family
      ? compareNames(a.name, b.name)
      : (families.get(a.family) ?? 0) - (families.get(b.family) ?? 0) || compareNames(a.family, b.family)
  ).map(({ name }) => name)
}

const firstOf = (entries: ReadonlyArray<Entry>): number => {
  let first = Infinity
  for (const { start } of entries) first = Math.min(first, start)
  return first
}

const getOrPut = <A>(map: Map<string, A>, key: string, make: () => A): A => {
  const own = map.get(key) ?? make()
  map.set(key, own)
  return own
}

const mapValues = <A, B>(map: ReadonlyMap<string, A>, f: (value: A) => B): ReadonlyMap<string, B> =>
  new Map([...map].map(([key, value]) => [key, f(value)]))

const laneOf = (name: string, entries: ReadonlyArray<Entry>): Lane => ({
  name,
  spans: entries.filter(({ kind }) => kind === "span").toSorted((a, b) => a.start - b.start || b.end - a.end),
  instants: entries.filter(({ kind }) => kind === "instant").toSorted((a, b) => a.start - b.start)
})

/**
 * The groups of a timeline with their lanes, times rounded to whole nanoseconds, no end before its start. Entries whose
 * times are not finite are left out.
 *
 * @category conversions
 * @since 0.1.0
 */
export const groups = (entries: ReadonlyArray<Entry>): ReadonlyArray<Group> => {
  const found = new Map<string, Map<string, Array<Entry>>>()
  for (const entry of entries.filter(isDrawable)) {
    const lanes = getOrPut(found, entry.group, () => new Map<string, Array<Entry>>())
    getOrPut(lanes, entry.lane, (): Array<Entry> => []).push(whole(entry))
  }
  const begun = mapValues(found, (lanes) => mapValues(lanes, firstOf))
  return ordered(mapValues(begun, (lanes) => [...lanes.values()].reduce((a, b) => Math.min(a, b)))).map((name) => ({
    name,
    lanes: ordered(begun.get(name) ?? new Map()).map((lane) => laneOf(lane, found.get(name)?.get(lane) ?? []))
  }))
}

/**
 * From the first start to the last end of what `groups` returns; `null` when there is nothing.
 *
 * @category queries
 * @since 0.1.0
 */
export const extent = (all: ReadonlyArray<Group>): Extent | null => {
  let start = Infinity
  let end = -Infinity
  for (const { lanes } of all) {
    for (const { instants, spans } of lanes) {
      for (const entry of spans) {
        start = Math.min(start, entry.start)
        end = Math.max(end, entry.end)
      }
      start = Math.min(start, instants[0]?.start ?? Infinity)
      end = Math.max(end, instants.at(-1)?.start ?? -Infinity)
    }
  }
  return start > end ? null : { start, end }
}

/**
 * The extent that covers all of them; `null` when there is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const union = (extents: ReadonlyArray<Extent | null>): Extent | null =>
  extents.reduce(
    (a, b) => a === null ? b : b === null ? a : { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) },
    null
  )

/**
 * What entries of one name come to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tally {
  readonly name: string
  readonly count: number
  readonly nanos: number
}

/**
 * Entries by name, those that took most first, then the most frequent. Nested spans count for themselves as well.
 *
 * @category queries
 * @since 0.1.0
 */
export const tally = (entries: ReadonlyArray<Entry>): ReadonlyArray<Tally> => {
  const found = new Map<string, { count: number; nanos: number }>()
  for (const { end, kind, name, start } of entries) {
    const own = getOrPut(found, name, () => ({ count: 0, nanos: 0 }))
    own.count += 1
    own.nanos += kind === "span" ? end - start : 0
  }
  return [...found].map(([name, own]) => ({ name, ...own })).toSorted((a, b) =>
    b.nanos - a.nanos || b.count - a.count || compareNames(a.name, b.name)
  )
}

/**
 * All spans, or all instants, of groups.
 *
 * @category conversions
 * @since 0.1.0
 */
export const entries = (all: ReadonlyArray<Group>, kind: "spans" | "instants"): ReadonlyArray<Entry> =>
  all.flatMap(({ lanes }) => lanes.flatMap((lane) => lane[kind]))

/**
 * When at least one span of a lane runs: stretches that ascend and do not meet.
 *
 * @category queries
 * @since 0.1.0
 */
export const busy = (spans: Lane["spans"]): ReadonlyArray<Extent> => {
  const out: Array<{ start: number; end: number }> = []
  for (const { end, start } of spans) {
    const last = out.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else out.push({ start, end })
  }
  return out
}

/** How many spans run at once, at most; both are indices of spans, by start and by end. */
const most = (spans: Lane["spans"], starts: ReadonlyArray<number>, ends: ReadonlyArray<number>): number => {
  let most = 0
  let over = 0
  starts.forEach((span, begun) => {
    while ((spans[ends[over] ?? -1]?.end ?? Infinity) <= (spans[span]?.start ?? 0)) over++
    most = Math.max(most, begun + 1 - over)
  })
  return most
}

/**
 * For each span of a lane the first layer on which it meets only spans that lie within it or around it. Where all of
 * them nest, that is layer 0. Takes `n log n` steps, however many overlap.
 *
 * @category queries
 * @since 0.1.0
 */
export const layers = (spans: Lane["spans"]): Uint32Array => {
  const layer = new Uint32Array(spans.length)
  const starts = spans.flatMap(({ end, start }, i) => end > start ? [i] : [])
  const ends = starts.toSorted((a, b) => (spans[a]?.end ?? 0) - (spans[b]?.end ?? 0))
  const size = 2 ** Math.ceil(Math.log2(Math.max(1, most(spans, starts, ends))))
  const open = Array.from({ length: size }, (): Array<number> => [])
  // a tree: where the innermost open span of a layer ends, and the latest of those below a node
  const latest = new Float64Array(2 * size).fill(Infinity)
  const set = (at: number) => {
    latest[size + at] = open[at]?.at(-1) ?? Infinity
    for (let node = (size + at) >> 1; node >= 1; node >>= 1) {
      latest[node] = Math.max(latest[2 * node] ?? 0, latest[2 * node + 1] ?? 0)
    }
  }
  let over = 0
  for (const span of starts) {
    const { end, start } = spans[span] as Entry
    for (; (spans[ends[over] ?? -1]?.end ?? Infinity) <= start; over++) {
      const at = layer[ends[over] ?? 0] ?? 0
      open[at]?.pop()
      set(at)
    }
    let node = 1
    while (node < size) node = 2 * node + ((latest[2 * node] ?? 0) >= end ? 0 : 1)
    layer[span] = node - size
    open[node - size]?.push(end)
    set(node - size)
  }
  return layer
}
