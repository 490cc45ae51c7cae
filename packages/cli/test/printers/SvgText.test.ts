import { assert, describe, it } from "@effect/vitest"
import * as Label from "../../src/printers/Label.ts"
import * as SvgText from "../../src/printers/SvgText.ts"
import { hostile } from "./timelines.ts"

describe("SvgText", () => {
  it("coordinates have two decimals at most", () => {
    assert.deepStrictEqual([1, 1.005, 1 / 3, -0.001].map(SvgText.number), ["1", "1", "0.33", "0"])
  })

  it("texts are shortened to the room there is, or left out", () => {
    assert.strictEqual(SvgText.fit("waits for workers", 1000, 10), "waits for workers")
    assert.strictEqual(SvgText.fit("waits for workers", 50, 10), "waits f…")
    assert.strictEqual(SvgText.fit("worker number 10", 60, 10, Label.fit), "work…r 10")
    assert.strictEqual(SvgText.fit("waits for workers", 20, 10), "")
    for (const room of [30, 100, 500]) assert.isAtMost(SvgText.width(SvgText.fit(hostile, room, 10), 10), room)
  })

  it("a text that was cut tells the whole when pointed at, an empty one is nothing", () => {
    assert.strictEqual(
      SvgText.text(1, 2.345, "a & b", "class=\"c\""),
      "<text x=\"1\" y=\"2.35\" class=\"c\">a &amp; b</text>"
    )
    assert.strictEqual(SvgText.text(1, 2, "a…", "", "a<b"), "<text x=\"1\" y=\"2\"><title>a&lt;b</title>a…</text>")
    assert.strictEqual(SvgText.text(1, 2, "", "", "a"), "")
  })
})
