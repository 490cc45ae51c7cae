import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Style from "../../src/printers/Style.ts"
import * as Table from "../../src/printers/Table.ts"

const columns: ReadonlyArray<Table.Column> = [
  { title: "name" },
  { title: "bytes", align: "right" },
  { title: "why", flex: true }
]

describe("Table", () => {
  it("columns are as wide as their content, numbers to the right, no blanks at line ends", () => {
    assert.strictEqual(
      Table.render(columns, [["a", "1", "x"], ["long name", "12345678", ""]], { width: 0 }),
      ["name          bytes  why", "a                 1  x", "long name  12345678", ""].join("\n")
    )
  })

  it("colour does not count as width", () => {
    const { bad } = Style.make(true)
    const plain = Table.render(columns, [["a", "no", "x"]], { width: 0 })
    const coloured = Table.render(columns, [["a", bad("no"), "x"]], { width: 0 })
    // oxlint-disable-next-line no-control-regex
    assert.strictEqual(coloured.replace(/\u001b\[[0-9;]*m/g, ""), plain)
  })

  it("titles are wrapped before cells, and only where the terminal is narrow", () => {
    const titled: ReadonlyArray<Table.Column> = [{ title: "memmap in RAM", align: "right" }, { title: "on device" }]
    assert.strictEqual(
      Table.render(titled, [["2 GiB", "0"]], { width: 16 }),
      ["memmap  on", "in RAM  device", " 2 GiB  0", ""].join("\n")
    )
    assert.strictEqual(Table.render(titled, [["2 GiB", "0"]], { width: 24 }).split("\n")[0], "memmap in RAM  on device")
  })

  it("a long flexible column gives way to a short one, and both fit the terminal", () => {
    const two: ReadonlyArray<Table.Column> = [{ title: "what", flex: true }, { title: "why", flex: true }]
    const text = Table.render(two, [["abcd ".repeat(60).trim(), "one two three four five six seven"]], { width: 80 })
    for (const line of text.split("\n")) assert.isAtMost(line.length, 80)
    assert.include(text, "one two three four five six seven")
  })

  it("only the flexible column is wrapped when the terminal is narrow", () => {
    const text = Table.render(columns, [["a", "1", "one two three four five six seven eight nine ten"]], { width: 40 })
    for (const line of text.split("\n")) assert.isAtMost(line.length, 40)
    assert.strictEqual(
      text.split(/\s+/).join(" "),
      "name bytes why a 1 one two three four five six seven eight nine ten "
    )
  })

  const words = Arbitrary.array(Arbitrary.schema(Schema.NonEmptyString.check(Schema.isPattern(/^[!-~]{1,12}$/))), {
    minLength: 1,
    maxLength: 20
  })

  it.prop(
    "wrapping keeps every word and no line is longer than the width, unless it is one word",
    { words, width: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 }))) },
    ({ width, words }) => {
      const lines = Table.wrap(words.join(" "), width)
      assert.deepStrictEqual(lines.join(" ").split(" "), words)
      for (const line of lines) assert.isTrue(line.length <= width || !line.includes(" "), line)
    },
    { arbitrary: { runs: 200, seed: "table" } }
  )
})
