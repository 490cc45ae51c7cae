import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Label from "../../src/printers/Label.ts"
import * as TimelineText from "../../src/printers/TimelineText.ts"
import { bringUp, hostile, instant, linesOf, span } from "./timelines.ts"

const plain: TimelineText.Look = { width: 72, colour: false, unicode: true }

// oxlint-disable-next-line no-control-regex
const uncoloured = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, "")

describe("TimelineText", () => {
  it("a row for each lane under its group, an axis, how busy each was, and what the signs mean", () => {
    assert.strictEqual(
      TimelineText.text([{ name: "linux-4.20", entries: bringUp(2, 12) }], { ...plain, lanes: 3 }),
      `linux-4.20
0 s to 2 s, a column is 43.5 ms, its height how much of that was busy
                   0.0 s      0.5 s       1.0 s      1.5 s          busy
                   ┬──────────┬───────────┬──────────┬──────────┬
boot
  cpu 0            █████████▂                                       20 %
mem_hotplug_lock
  nd_pmem 0                 ▆██████▁                                15 %
  nd_pmem 1                 ▆█████████████                          30 %
pmem0
  probe                     ▆█████████████████████████████▁         65 %
  worker 0                         ▇██████████████████████▁         50 %
  worker 1                         ▇██████████████████████▁         50 %
  … 11 more lanes                  ▇███B████A█████████████▁         50 %
pmem1
  probe                            ▇█████████████████████████████   65 %
  worker 0                                ███████████████████████   50 %
  worker 1                                ███████████████████████   50 %
  … 11 more lanes                         ████B████A█████████████   50 %

initialises ×48 23.5 s  waits for workers ×2 2 s  adds pages ×2 600 ms
holds ×2 600 ms  yields ×24 480 ms  memmap_init 400 ms  … 1 more
A fault is served ×2  B fault waits ×2  * several
`
    )
  })

  it("without Unicode a column is filled in quarters, and nothing but ASCII is printed", () => {
    const text = TimelineText.text([{ name: "linux-4.20", entries: bringUp(1, 2) }], {
      width: 0,
      colour: false,
      unicode: false
    })
    assert.strictEqual(
      text,
      `linux-4.20
0 s to 1.7 s, a column is 28.3 ms, busy from none of it to all: blank . - = #
             0.0 s            0.5 s             1.0 s            1.5 s      busy
             +----------------+-----------------+----------------+-------
boot
  cpu 0      ##############.                                                24 %
mem_hotplug_lock
  nd_pmem 0                ##########=                                      18 %
pmem0
  probe                    ##############################################   76 %
  worker 0                           .###################################   59 %
  worker 1                           .###################################   59 %
  faults                                    B      A

initialises x4 1.96 s  waits for workers 1 s  memmap_init 400 ms
adds pages 300 ms  holds 300 ms  yields x2 40 ms  ... 1 more
A fault is served  B fault waits  * several
`
    )
    const odd = TimelineText.text([{ name: hostile, entries: [span("é", "漢", hostile, 0, 9)] }], {
      ...plain,
      unicode: false
    })
    assert.match(odd, /^[\n -~]*$/)
  })

  it("colours tell names apart, the innermost first, and change nothing else", () => {
    const entries = [
      span("g", "l", "outer", 0, 100),
      span("g", "l", "inner", 0, 50),
      instant("g", "l", "mark", 90),
      ...Array.from({ length: 8 }, (_, i) => span("g", "m", `name ${i}`, i * 5, i * 5 + 1))
    ]
    const text = TimelineText.text([{ name: "t", entries }], { ...plain, colour: true })
    const row = linesOf(text).find((line) => line.startsWith("  l")) ?? ""
    // oxlint-disable-next-line no-control-regex
    assert.deepStrictEqual(row.match(/\u001b\[\d+m/g), [33, 39, 36, 39, 1, 22, 36, 39].map((code) => `\u001b[${code}m`))
    const without = TimelineText.text([{ name: "t", entries }], plain)
    assert.deepStrictEqual(
      linesOf(uncoloured(text)).filter((line) => line.includes("%")),
      linesOf(without).filter((line) => line.includes("%"))
    )
    assert.notInclude(without, "\u001b")
  })

  it("several timelines have an axis each, or one on which equal times stand under each other", () => {
    const timelines = [
      { name: "a", entries: [span("g", "l", "x", 0, 1000)] },
      { name: "b", entries: [span("g", "l", "x", 500, 1000)] },
      { name: "", entries: [] }
    ]
    const rows = (axis: "common" | "own") =>
      linesOf(TimelineText.text(timelines, { ...plain, axis })).filter((line) => line.startsWith("  l"))
    const full = "█".repeat(60)
    const half = "█".repeat(30)
    assert.deepStrictEqual(rows("own").map((line) => line.trim().split(/ +/)), [["l", full, "100", "%"], [
      "l",
      full,
      "100",
      "%"
    ]])
    assert.deepStrictEqual(rows("common").map((line) => line.trim().split(/ +/)), [["l", full, "100", "%"], [
      "l",
      half,
      "100",
      "%"
    ]])
    assert.include(TimelineText.text(timelines, plain), "\n\nnothing happened\n")
    assert.strictEqual(TimelineText.text([], plain), "")
  })

  const name = Arbitrary.schema(Schema.Literals(["a", "worker 0", "worker 10", "", hostile, "x".repeat(100), "漢字"]))
  const time = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 })))
  const entry = Arbitrary.map(
    Arbitrary.all([name, name, name, time, time, Arbitrary.schema(Schema.Boolean)]),
    ([group, lane, own, a, b, isSpan]) =>
      isSpan ? span(group, lane, own, Math.min(a, b), Math.max(a, b)) : instant(group, lane, own, a)
  )

  it.prop(
    "no line is wider than the terminal, whatever things are called",
    {
      entries: Arbitrary.array(entry, { minLength: 0, maxLength: 40 }),
      width: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 20, maximum: 200 }))),
      colour: Arbitrary.schema(Schema.Boolean),
      unicode: Arbitrary.schema(Schema.Boolean)
    },
    ({ entries, ...look }) => {
      const text = TimelineText.text([{ name: hostile, entries }], { ...look, lanes: 2, groups: 2 })
      for (const line of linesOf(uncoloured(text))) {
        assert.isAtMost(Label.width(line), look.width)
        assert.notMatch(line, /[\p{Cc}\p{Cf}\p{Cs}]|\s$/u)
      }
      assert.strictEqual(text, TimelineText.text([{ name: hostile, entries }], { ...look, lanes: 2, groups: 2 }))
    },
    { arbitrary: { runs: 200, seed: "text" } }
  )

  it("a hundred thousand entries in a thousand lanes are a page", () => {
    const entries = Array.from({ length: 100_000 }, (_, i) =>
      i % 9 === 0
        ? instant(`g${i % 50}`, `l${i % 1000}`, `i${i % 300}`, i)
        : span(`g${i % 50}`, `l${i % 1000}`, `s${i % 300}`, i, i + i % 5000))
    const text = TimelineText.text([{ name: "much", entries }], { ...plain, colour: true, lanes: 2, groups: 4 })
    assert.isAtMost(linesOf(text).length, 40)
    assert.isAtMost(text.length, 20_000)
    assert.include(text, "… 18 more lanes")
    assert.include(text, "… 46 more groups")
  })
})
