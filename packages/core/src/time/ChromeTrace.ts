/**
 * Timelines as a Chrome trace, the JSON object that ui.perfetto.dev, chrome://tracing and speedscope open.
 *
 * A group is a process and a lane a thread; both are numbered from one sequence, since readers tell threads by their
 * number alone. Spans of a lane that overlap without nesting go to a lane of their own, `name (2)`: on one track
 * readers drop them. Times are exact to the nanosecond up to 101 days: beyond that a reader's microseconds are not.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Details, Entry } from "./Timeline.ts"
import * as Tracks from "./Tracks.ts"

const Args = Schema.Record(Schema.String, Schema.Union([Schema.Finite, Schema.String]))

const place = { ts: Schema.Finite, pid: Schema.Natural, tid: Schema.Natural }

/**
 * A span; `ts` and `dur` are microseconds, with three decimals where they are no whole number of them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Complete = Schema.Struct({
  ph: Schema.Literal("X"),
  dur: Schema.Finite,
  ...place,
  name: Schema.String,
  args: Schema.optionalKey(Args)
})

/**
 * An instant of a thread, or of a whole process.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Instant = Schema.Struct({
  ph: Schema.Literal("i"),
  s: Schema.Literals(["t", "p"]),
  ...place,
  name: Schema.String,
  args: Schema.optionalKey(Args)
})

/**
 * What a process or a thread is called.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Name = Schema.Struct({
  ph: Schema.Literal("M"),
  ...place,
  name: Schema.Literals(["process_name", "thread_name"]),
  args: Schema.Struct({ name: Schema.String })
})

/**
 * Where a process or a thread is shown.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SortIndex = Schema.Struct({
  ph: Schema.Literal("M"),
  ...place,
  name: Schema.Literals(["process_sort_index", "thread_sort_index"]),
  args: Schema.Struct({ sort_index: Schema.Natural })
})

/**
 * One element of `traceEvents`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Event = Schema.Union([Complete, Instant, Name, SortIndex])

/**
 * One element of `traceEvents`.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = typeof Event.Type

/**
 * The whole document.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChromeTrace = Schema.Struct({
  traceEvents: Schema.Array(Event),
  displayTimeUnit: Schema.Literal("ns")
})

/**
 * The whole document.
 *
 * @category models
 * @since 0.1.0
 */
export type ChromeTrace = typeof ChromeTrace.Type

/** The nearest number to a decimal of three places; JSON prints those places, and so does every reader's clock. */
const micros = (nanos: number): number => nanos / 1000

const argsOf = (details: Details): { readonly args?: Readonly<Record<string, number | string>> } => {
  const all = Object.entries(details).map(([key, value]) =>
    [
      key.toWellFormed(),
      typeof value === "number" && Number.isFinite(value) ? value : String(value).toWellFormed()
    ] as const
  )
  return all.length === 0 ? {} : { args: Object.fromEntries(all) }
}

interface Place {
  readonly pid: number
  readonly tid: number
}

const metadata = (
  kind: "process" | "thread",
  { pid, tid }: Place,
  name: string,
  index: number
): ReadonlyArray<Event> => [
  { ph: "M", ts: 0, pid, tid, name: `${kind}_name`, args: { name: name.toWellFormed() } },
  { ph: "M", ts: 0, pid, tid, name: `${kind}_sort_index`, args: { sort_index: index } }
]

const complete = ({ details, end, name, start }: Entry, { pid, tid }: Place): Event => ({
  ph: "X",
  ts: micros(start),
  dur: micros(end - start),
  pid,
  tid,
  name: name.toWellFormed(),
  ...argsOf(details)
})

const instant = ({ details, name, start }: Entry, { pid, tid }: Place): Event => ({
  ph: "i",
  s: pid === tid ? "p" : "t",
  ts: micros(start),
  pid,
  tid,
  name: name.toWellFormed(),
  ...argsOf(details)
})

const unnamed = "(no name)"

const firstNamed = (...names: ReadonlyArray<string>): string => names.find((name) => name !== "") ?? unnamed

/** The first of `name`, `name (2)`, ... from `number` on that no lane of the group has yet. */
const spareNames = (group: Tracks.Group): (name: string, number: number) => string => {
  const taken = new Set(group.lanes.map(({ name }) => name))
  return (name, number) => {
    for (let n = number;; n++) {
      const spare = n === 1 ? name : `${name} (${n})`
      if (taken.has(spare)) continue
      taken.add(spare)
      return spare
    }
  }
}

/**
 * The elements of `traceEvents`: of each group its name, then of each lane its name, spans and instants, as `Tracks`
 * orders them. An instant of a lane without a name belongs to the process.
 *
 * @category conversions
 * @since 0.1.0
 */
export function* events(timelines: Iterable<Tracks.Named>): Generator<Event, void> {
  let numbers = 0
  let processes = 0
  for (const timeline of timelines) {
    for (const group of Tracks.groups(timeline.entries)) {
      const pid = ++numbers
      const named = [timeline.name, group.name].filter((name) => name !== "").join(": ")
      yield* metadata("process", { pid, tid: pid }, firstNamed(named), processes++)
      const spare = spareNames(group)
      let threads = 0
      for (const { instants, name, spans } of group.lanes) {
        const layers = Tracks.layers(spans)
        const parts = Map.groupBy(spans, (_, i) => layers[i] ?? 0)
        if (name !== "" && !parts.has(0)) parts.set(0, [])
        const own = name === "" ? pid : numbers + 1
        for (const [layer, part] of [...parts].toSorted(([a], [b]) => a - b)) {
          const place = { pid, tid: ++numbers }
          const shown = name !== "" && layer === 0 ? name : spare(firstNamed(name, group.name), layer + 1)
          yield* metadata("thread", place, shown, threads++)
          for (const span of part) yield complete(span, place)
        }
        for (const entry of instants) yield instant(entry, { pid, tid: own })
      }
    }
  }
}

/** One reader takes DEL for a control character, which JSON leaves as it is. */
const json = (event: Event): string => JSON.stringify(event).replaceAll("\u007f", "\\u007f")

/**
 * The document in pieces, one event a line: a large trace need never be one string. Equal timelines give equal bytes.
 *
 * @category printing
 * @since 0.1.0
 */
export function* lines(timelines: Iterable<Tracks.Named>): Generator<string, void> {
  yield "{\"traceEvents\":[\n"
  let last = ""
  for (const event of events(timelines)) {
    if (last !== "") yield `${last},\n`
    last = json(event)
  }
  yield `${last}\n],"displayTimeUnit":"ns"}\n`
}

/**
 * The document as one string.
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (timelines: Iterable<Tracks.Named>): string => [...lines(timelines)].join("")
