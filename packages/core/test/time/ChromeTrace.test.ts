import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as ChromeTrace from "../../src/time/ChromeTrace.ts"
import type { Details, Entry } from "../../src/time/Timeline.ts"
import type * as Tracks from "../../src/time/Tracks.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(ChromeTrace.ChromeTrace))

const span = (group: string, lane: string, name: string, start: number, end: number, details: Details = {}): Entry => ({
  kind: "span",
  group,
  lane,
  name,
  start,
  end,
  details
})

const instant = (group: string, lane: string, name: string, at: number, details: Details = {}): Entry => ({
  ...span(group, lane, name, at, at, details),
  kind: "instant"
})

const eventsOf = (...timelines: ReadonlyArray<Tracks.Named>): ReadonlyArray<ChromeTrace.Event> =>
  decode(ChromeTrace.text(timelines)).traceEvents

const named = (entries: ReadonlyArray<Entry>): Tracks.Named => ({ name: "t", entries })

/** Processes with their threads, by name. */
const namesOf = (events: ReadonlyArray<ChromeTrace.Event>) =>
  events.flatMap((event) =>
    event.ph === "M" && (event.name === "process_name" || event.name === "thread_name")
      ? [`${event.name === "thread_name" ? "  " : ""}${event.args.name}`]
      : []
  )

const nanos = (micros: number): number => Math.round(micros * 1000)

describe("ChromeTrace", () => {
  it("groups are processes, lanes are threads, spans and instants are their events", () => {
    const entries = [
      instant("pmem0", "faults", "fault", 1500, { pfn: 4096, why: "not yet" }),
      span("pmem0", "worker 0", "init", 1000, 3001, { pages: 512 }),
      span("boot", "", "boot", 0, 10),
      instant("pmem0", "", "ready", 4000)
    ]
    assert.deepStrictEqual(eventsOf({ name: "linux-4.20", entries }), [
      { ph: "M", ts: 0, pid: 1, tid: 1, name: "process_name", args: { name: "linux-4.20: boot" } },
      { ph: "M", ts: 0, pid: 1, tid: 1, name: "process_sort_index", args: { sort_index: 0 } },
      { ph: "M", ts: 0, pid: 1, tid: 2, name: "thread_name", args: { name: "boot" } },
      { ph: "M", ts: 0, pid: 1, tid: 2, name: "thread_sort_index", args: { sort_index: 0 } },
      { ph: "X", ts: 0, dur: 0.01, pid: 1, tid: 2, name: "boot" },
      { ph: "M", ts: 0, pid: 3, tid: 3, name: "process_name", args: { name: "linux-4.20: pmem0" } },
      { ph: "M", ts: 0, pid: 3, tid: 3, name: "process_sort_index", args: { sort_index: 1 } },
      { ph: "M", ts: 0, pid: 3, tid: 4, name: "thread_name", args: { name: "worker 0" } },
      { ph: "M", ts: 0, pid: 3, tid: 4, name: "thread_sort_index", args: { sort_index: 0 } },
      { ph: "X", ts: 1, dur: 2.001, pid: 3, tid: 4, name: "init", args: { pages: 512 } },
      { ph: "M", ts: 0, pid: 3, tid: 5, name: "thread_name", args: { name: "faults" } },
      { ph: "M", ts: 0, pid: 3, tid: 5, name: "thread_sort_index", args: { sort_index: 1 } },
      { ph: "i", s: "t", ts: 1.5, pid: 3, tid: 5, name: "fault", args: { pfn: 4096, why: "not yet" } },
      { ph: "i", s: "p", ts: 4, pid: 3, tid: 3, name: "ready" }
    ])
  })

  it("the document is one JSON object, one event a line, and speedscope finds a time in every event", () => {
    const text = ChromeTrace.text([named([span("g", "l", "a", 0, 1), instant("g", "l", "b", 2)])])
    const lines = [...ChromeTrace.lines([named([span("g", "l", "a", 0, 1), instant("g", "l", "b", 2)])])]
    assert.strictEqual(lines.join(""), text)
    for (const line of lines.slice(0, -1)) assert.strictEqual(line.indexOf("\n"), line.length - 1)
    assert.strictEqual(
      text,
      `{"traceEvents":[
{"ph":"M","ts":0,"pid":1,"tid":1,"name":"process_name","args":{"name":"t: g"}},
{"ph":"M","ts":0,"pid":1,"tid":1,"name":"process_sort_index","args":{"sort_index":0}},
{"ph":"M","ts":0,"pid":1,"tid":2,"name":"thread_name","args":{"name":"l"}},
{"ph":"M","ts":0,"pid":1,"tid":2,"name":"thread_sort_index","args":{"sort_index":0}},
{"ph":"X","ts":0,"dur":0.001,"pid":1,"tid":2,"name":"a"},
{"ph":"i","s":"t","ts":0.002,"pid":1,"tid":2,"name":"b"}
],"displayTimeUnit":"ns"}
`
    )
    assert.deepStrictEqual(decode(ChromeTrace.text([])).traceEvents, [])
    assert.deepStrictEqual(decode(ChromeTrace.text([named([])])).traceEvents, [])
  })

  it("several timelines are processes of their own, and no number is used twice", () => {
    const one = { name: "a", entries: [span("g", "l", "x", 0, 1)] }
    const other = { name: "", entries: [span("g", "l", "x", 0, 1), span("", "", "x", 0, 1)] }
    const events = eventsOf(one, other)
    assert.deepStrictEqual(namesOf(events), ["a: g", "  l", "(no name)", "  (no name)", "g", "  l"])
    const tracks = events.flatMap((event) => event.name.endsWith("_name") ? [event.tid] : [])
    assert.deepStrictEqual(tracks, [1, 2, 3, 4, 5, 6])
  })

  it("spans that overlap without nesting are on an extra lane that has a name of its own", () => {
    const entries = [
      span("g", "l", "outer", 0, 100),
      span("g", "l", "inner", 10, 20),
      span("g", "l", "beyond", 50, 150),
      span("g", "l", "next", 100, 120),
      span("g", "l (2)", "other", 0, 1)
    ]
    const events = eventsOf(named(entries))
    assert.deepStrictEqual(namesOf(events), ["t: g", "  l", "  l (3)", "  l (2)"])
    const on = Map.groupBy(events.filter(({ ph }) => ph === "X"), ({ tid }) => tid)
    assert.deepStrictEqual([...on.values()].map((own) => own.map(({ name }) => name)), [
      ["outer", "inner", "next"],
      ["beyond"],
      ["other"]
    ])
  })

  it("times are exact to the nanosecond up to 101 days", () => {
    const start = 101 * 86_400_000_000_000 + 1
    const timeline = named([span("g", "l", "x", start, start + 1001)])
    const complete = eventsOf(timeline).find(({ ph }) => ph === "X")
    assert.include(ChromeTrace.text([timeline]), "\"ts\":8726400000000.001,\"dur\":1.001,")
    assert.strictEqual(nanos(complete?.ts ?? 0), start)
  })

  it("hostile names and details leave the document whole", () => {
    const name = `"</script>\\\n\u0000\u007f\u001b[31m${String.fromCharCode(0xd800)}\u{1f600}${"x".repeat(100_000)}`
    const whole = name.toWellFormed()
    const text = ChromeTrace.text([{
      name,
      entries: [
        span(name, name, name, 0, 1, { [name]: name, nan: NaN, far: -Infinity, ["__proto__"]: 1 }),
        instant(name, name, name, 0)
      ]
    }])
    // oxlint-disable-next-line no-control-regex
    assert.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f]|\\ud8/)
    const events = decode(text).traceEvents
    assert.deepStrictEqual(namesOf(events), [`${whole}: ${whole}`, `  ${whole}`])
    const complete = events.find(({ ph }) => ph === "X")
    assert.strictEqual(complete?.name, whole)
    assert.deepInclude(complete?.args, { [whole]: whole, nan: "NaN", far: "-Infinity" })
  })

  const time = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })))
  const few = Arbitrary.schema(Schema.Literals(["a", "b", "b (2)", ""]))
  const entry = Arbitrary.map(
    Arbitrary.all([few, few, time, time, Arbitrary.schema(Schema.Boolean)]),
    ([group, lane, a, b, isSpan]) =>
      isSpan ? span(group, lane, "s", Math.min(a, b), Math.max(a, b)) : instant(group, lane, "i", a)
  )

  it.prop(
    "every entry is one event, and what a reader stacks on a thread nests",
    { entries: Arbitrary.array(entry, { minLength: 0, maxLength: 60 }) },
    ({ entries }) => {
      const events = eventsOf(named(entries))
      const times = (own: ReadonlyArray<readonly [string, number, number]>) => own.map(String).toSorted()
      assert.deepStrictEqual(
        times(
          events.flatMap((event) =>
            event.ph === "M" ? [] : [[event.ph, nanos(event.ts), event.ph === "X" ? nanos(event.dur) : 0] as const]
          )
        ),
        times(entries.map(({ end, kind, start }) => [kind === "span" ? "X" : "i", start, end - start]))
      )
      for (const own of Map.groupBy(events, ({ tid }) => tid).values()) {
        const stack: Array<number> = []
        for (const event of own.filter((each) => each.ph === "X")) {
          const end = nanos(event.ts) + nanos(event.dur)
          while (stack.length > 0 && (stack.at(-1) ?? 0) <= nanos(event.ts)) stack.pop()
          assert.isAtMost(end, stack.at(-1) ?? Infinity)
          stack.push(end)
        }
      }
      const threads = namesOf(events).join("\n").split(/^(?! )/m).map((group) =>
        group.split("\n").filter((_) => _ !== "")
      )
      for (const names of threads) assert.strictEqual(new Set(names).size, names.length, names.join())
    },
    { arbitrary: { runs: 200, seed: "trace" } }
  )
})
