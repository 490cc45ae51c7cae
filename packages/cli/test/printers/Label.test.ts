import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Label from "../../src/printers/Label.ts"
import { hostile } from "./timelines.ts"

describe("Label", () => {
  it("nothing that moves a cursor or turns the writing direction is left of a name", () => {
    const shown = Label.printable(hostile)
    assert.notMatch(shown, /\p{Cc}|\p{Cf}|\p{Cs}/u)
    assert.isTrue(shown.startsWith("\"><script>&amp;'\ufffd\ufffd[31m  \ufffd\ufffd]]>\u{1f600}漢x"))
    assert.isAtMost(shown.length, 512)
    assert.match(Label.ascii(hostile), /^[ -~]+$/)
    assert.strictEqual(Label.named(""), "(no name)")
  })

  it("sentences keep their length, and lose the same", () => {
    assert.strictEqual(Label.sentence("a\n\u001b[2Jb\u202e"), "a \ufffd[2Jb\ufffd")
    assert.strictEqual(Label.sentence("word ".repeat(500)), "word ".repeat(500))
  })

  it("wide characters take two cells, marks none", () => {
    assert.strictEqual(Label.width("abc"), 3)
    assert.strictEqual(Label.width("漢字"), 4)
    assert.strictEqual(Label.width("e\u0301"), 1)
    assert.strictEqual(Label.width("\u{1f600}"), 2)
  })

  it("names keep their numbers when they are cut, titles their beginning", () => {
    assert.strictEqual(Label.fit("worker 10", 9), "worker 10")
    assert.strictEqual(Label.fit("worker 10", 6), "wor…10")
    assert.strictEqual(Label.fit("worker 10", 7, "..."), "wo...10")
    assert.strictEqual(Label.fit("worker 10", 2, "..."), "")
    assert.strictEqual(Label.clip("waits for workers", 7), "waits…")
    assert.strictEqual(Label.pad("漢", 4), "漢  ")
    assert.deepStrictEqual([0, 1, 2].map((count) => Label.plural(count, "lane")), ["0 lanes", "1 lane", "2 lanes"])
  })

  it("XML has no character that it forbids and nothing unescaped", () => {
    assert.strictEqual(Label.xml("<a b=\"c\">&'\u0000\ufffe"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;\ufffd\ufffd")
  })

  const piece = Arbitrary.schema(Schema.Literals(["a", "漢", "e\u0301", "\u{1f600}", " ", "1"]))
  const cells = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })))

  it.prop(
    "what is fitted fits, and is changed only if it has to be",
    { pieces: Arbitrary.array(piece, { minLength: 0, maxLength: 20 }), cells },
    ({ cells, pieces }) => {
      const text = pieces.join("")
      for (const fitted of [Label.fit(text, cells), Label.clip(text, cells)]) {
        assert.isAtMost(Label.width(fitted), cells)
        if (Label.width(text) <= cells) assert.strictEqual(fitted, text)
      }
    },
    { arbitrary: { runs: 200, seed: "label" } }
  )
})
