import { assert, describe, it } from "@effect/vitest"
import type { Entry } from "@vmemmap/core/time/Timeline"
import { Arbitrary, Schema } from "effect"
import * as TimelineSvg from "../../src/printers/TimelineSvg.ts"
import { bringUp, hostile, instant, span } from "./timelines.ts"

interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly number: (name: string) => number
}

const element = (name: string, text: string): Element => {
  const all = [...text.matchAll(/ ([a-zA-Z:-]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value] as const)
  const attributes = new Map(all)
  assert.strictEqual(attributes.size, all.length, `an attribute twice: ${text}`)
  return { name, attributes, number: (name) => Number(attributes.get(name) ?? "NaN") }
}

/** The elements in order; fails where the text is no well-formed XML. */
const parse = (svg: string): ReadonlyArray<Element> => {
  const open: Array<string> = []
  const elements: Array<Element> = []
  const leave = (name: string) => {
    assert.strictEqual(open.pop(), name)
    return ""
  }
  // oxlint-disable-next-line no-control-regex
  assert.notMatch(svg, /[\u0000-\u0008\u000b-\u001f\p{Cs}\ufffe\uffff]/u)
  const rest = svg.replace(/<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/g, (_, end, name, attributes, empty) => {
    if (end === "/") return leave(name)
    if (empty === "") open.push(name)
    elements.push(element(name, attributes))
    return ""
  })
  assert.deepStrictEqual(open, [])
  assert.notMatch(rest, /[<>]|&(?!amp;|lt;|gt;|quot;|#39;)/)
  return elements
}

/** Bars with where they are. */
const bars = (svg: string) =>
  parse(svg).filter(({ attributes, name }) =>
    name === "rect" && attributes.get("height") === "12" && attributes.has("x")
  )
    .map((bar) => ({
      hue: bar.attributes.get("class"),
      opacity: bar.attributes.get("fill-opacity"),
      x: bar.number("x"),
      y: bar.number("y"),
      end: bar.number("x") + bar.number("width")
    }))

const texts = (svg: string): ReadonlyArray<string> =>
  [...svg.matchAll(/<text [^>]*>(?:<title>[^<]*<\/title>)?([^<]*)<\/text>/g)].map(([, text = ""]) => text)

const draw = (entries: ReadonlyArray<Entry>, look: Partial<TimelineSvg.Look> = {}): string =>
  TimelineSvg.svg([{ name: "", entries }], { title: "t", ...look })

describe("TimelineSvg", () => {
  it("a document by itself that says in words what it shows and is drawn for light and dark", () => {
    const svg = TimelineSvg.svg([{ name: "strategy linux-4.20", entries: bringUp(2, 4) }], { title: "Two devices" })
    const [root, title, desc] = parse(svg)
    assert.deepStrictEqual(
      [root?.name, root?.attributes.get("role"), root?.attributes.get("xmlns"), title?.name, desc?.name],
      ["svg", "img", "http://www.w3.org/2000/svg", "title", "desc"]
    )
    assert.include(
      svg,
      "<desc>33 spans and 4 instants. strategy linux-4.20: 0 s to 2 s, 4 groups. " +
        "Longest: initialises ×16, 7.84 s; waits for workers ×2, 2 s; adds pages ×2, 600 ms; holds ×2, 600 ms; " +
        "… 3 more names. Instants: fault is served ×2; fault waits ×2.</desc>"
    )
    assert.include(svg, "@media (prefers-color-scheme:dark)")
    assert.notMatch(svg, /<script|href|url\(|@import|font-family/)
    const shown = ["strategy linux-4.20", "boot", "mem_hotplug_lock", "pmem1", "probe", "worker 3", "faults", "1.0 s"]
    for (const label of shown) assert.include(texts(svg), label)
    assert.strictEqual(
      svg,
      TimelineSvg.svg([{ name: "strategy linux-4.20", entries: bringUp(2, 4) }], { title: "Two devices" })
    )
  })

  it("bars are where their times are, those of one name in one colour, lanes in the order of their numbers", () => {
    const svg = draw([
      span("g", "l 10", "a", 0, 500),
      span("g", "l 10", "b", 500, 900),
      span("g", "l 9", "b", 500, 1000),
      span("g", "l 9", "within", 600, 700)
    ])
    const [b, within, a, other] = bars(svg)
    assert.deepStrictEqual([b?.hue, other?.hue, a?.hue, within?.hue], ["h0", "h0", "h1", "h2"])
    assert.strictEqual(b?.x, other?.x)
    assert.strictEqual(a?.y, other?.y)
    assert.isBelow(b?.y ?? 0, within?.y ?? 0)
    assert.isBelow(within?.y ?? 0, a?.y ?? 0)
    assert.closeTo(((b?.end ?? 0) - (b?.x ?? 0)) / ((a?.end ?? 0) - (a?.x ?? 0)), 1, 0.01)
    assert.deepStrictEqual(texts(svg).filter((text) => text.startsWith("l ")), ["l 9", "l 10"])
  })

  it("what is shorter than a pixel is one pale bar that tells how many there are", () => {
    const svg = draw([
      ...Array.from({ length: 10_000 }, (_, i) => span("g", "l", "short", i * 10, i * 10 + 5)),
      span("g", "l", "long", 100_000, 200_000)
    ])
    assert.isAtMost(bars(svg).length, 600)
    assert.match(bars(svg)[9]?.opacity ?? "", /^0\.5/)
    assert.match(svg, /<title>\d+ spans, busy 5\d %\nshort ×\d+, \d+ ns\n/)
    assert.include(texts(svg), "short spans drawn as one, pale where idle")
  })

  it("instants are markers with their name where it fits, and say the rest when pointed at", () => {
    const svg = draw([
      span("g", "l", "s", 0, 1000),
      instant("g", "l", "first", 100, { pfn: 4096 }),
      ...[501, 502, 503].map((at) => instant("g", "l", "often", at)),
      instant("g", "l", "last", 1000)
    ])
    for (const label of ["first", "often ×3", "last"]) assert.include(texts(svg), label)
    assert.include(svg, "<title>first\ng / l\n100 ns\npfn: 4096</title>")
    assert.strictEqual(parse(svg).filter(({ attributes }) => attributes.get("class") === "mark").length, 3 + 3 + 1)
  })

  it("lanes beyond the limit are one outline of how busy they were", () => {
    const svg = draw(bringUp(1, 16), { lanes: 3 })
    assert.include(texts(svg), "… 15 more lanes")
    assert.strictEqual(parse(svg).filter(({ attributes }) => attributes.get("class") === "rest").length, 2)
    assert.include(texts(svg), "several lanes: how busy on average")
  })

  it("several timelines are under each other, on one axis or on one each", () => {
    const timelines = [
      { name: "a", entries: [span("g", "l", "x", 0, 1000)] },
      { name: "b", entries: [span("g", "l", "x", 500, 1000)] },
      { name: "c", entries: [] }
    ]
    const [long, short] = bars(TimelineSvg.svg(timelines, { title: "t", axis: "common" }))
    assert.strictEqual(long?.end, short?.end)
    assert.closeTo(((short?.end ?? 0) - (short?.x ?? 0)) / ((long?.end ?? 0) - (long?.x ?? 0)), 0.5, 0.01)
    const own = bars(TimelineSvg.svg(timelines, { title: "t" }))
    assert.strictEqual(own[0]?.x, own[1]?.x)
    assert.include(texts(TimelineSvg.svg(timelines, { title: "t" })), "nothing happened")
    parse(TimelineSvg.svg([], { title: "" }))
  })

  const name = Arbitrary.schema(Schema.Literals(["a", "worker 0", "worker 10", "", hostile, "x".repeat(100), "漢字"]))
  const time = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 })))
  const entry = Arbitrary.map(
    Arbitrary.all([name, name, name, time, time, Arbitrary.schema(Schema.Boolean)]),
    ([group, lane, own, a, b, isSpan]) =>
      isSpan
        ? span(group, lane, own, Math.min(a, b), Math.max(a, b), { [hostile]: hostile })
        : instant(group, lane, own, a)
  )

  it.prop(
    "the document is well-formed whatever things are called, and everything is on the page",
    { entries: Arbitrary.array(entry, { minLength: 0, maxLength: 40 }) },
    ({ entries }) => {
      const svg = TimelineSvg.svg([{ name: hostile, entries }], { title: hostile, lanes: 2, groups: 2, width: 800 })
      const [root] = parse(svg)
      for (const bar of bars(svg)) {
        assert.isAtMost(bar.end, 800 - 24)
        assert.isAtMost(bar.y + 12, root?.number("height") ?? 0)
      }
      for (const { attributes } of parse(svg)) {
        assert.notMatch([...attributes.values()].join(" "), /NaN|Infinity|undefined/)
      }
    },
    { arbitrary: { runs: 100, seed: "svg" } }
  )

  it("a hundred thousand entries in a thousand lanes make a document of bounded size", () => {
    const entries = Array.from({ length: 100_000 }, (_, i) =>
      i % 9 === 0
        ? instant(`g${i % 50}`, `l${i % 1000}`, `i${i % 300}`, i)
        : span(`g${i % 50}`, `l${i % 1000}`, `s${i % 300}`, i, i + i % 5000))
    const svg = draw(entries, { lanes: 6, groups: 20, shapes: 3000 })
    assert.isAtMost(bars(svg).length, 3000)
    assert.isAtMost(svg.length, 1_000_000)
  })
})
