import { assert, describe, it } from "@effect/vitest"
import * as JsonFault from "@vmemmap/core/inputs/JsonFault"
import * as JsonText from "@vmemmap/core/inputs/JsonText"
import { Arbitrary, Result, Schema } from "effect"
import { expectRefused, ok } from "./expect.ts"

const parse = (text: string) => JsonText.parse("f", text)

describe("JsonText", () => {
  it("reads what JSON.parse reads", () => {
    const text = `{"a": [1, -2.5e3, "x\\u0041\\"", true, null], "b": {"__proto__": 1}}`
    assert.strictEqual(JSON.stringify(ok(parse(text))), JSON.stringify(JSON.parse(text)))
  })

  it("truncated JSON: says that it ends in the middle, of what, and where that began", () => {
    expectRefused(
      parse(`{"regions":[\n {"dev":"region0","size":4294`),
      "f: line 2, column 30",
      "ends in the middle of an object",
      "line 2, column 2",
      "cut short"
    )
    expectRefused(parse(`[1, 2`), "ends in the middle of an array")
    expectRefused(parse(`["abc`), "ends in the middle of a string")
    expectRefused(parse(`["a\\u12`), "ends in the middle of a string")
    expectRefused(parse(`[-`), "ends in the middle of a number")
    expectRefused(parse(`[fal`), "ends in the middle of a word")
    expectRefused(parse(`{"a":`), "ends in the middle of an object")
    expectRefused(parse("  "), "is empty")
  })

  it("names line, column and character of a syntax error", () => {
    expectRefused(parse(`{\n  "a": 1\n  "b": 2\n}`), "line 3, column 3", "has '\"' where ',' or '}' should be")
    expectRefused(parse(`[1,]`), "line 1, column 4", "has ']' where a value should begin")
    expectRefused(parse(`{a: 1}`), "has 'a' where a key in double quotes should be")
    expectRefused(parse(`[1] x`), "has 'x' after the end of the value")
    expectRefused(parse(`["\t"]`), "U+0009 inside a string")
    expectRefused(parse(`["\\x"]`), "unknown escape")
    expectRefused(parse(`[01]`), "where ',' or ']' should be")
    expectRefused(parse(`[NaN]`), "has 'N' where a value should begin")
  })

  it("refuses a key written twice, also when escaped differently", () => {
    expectRefused(
      parse(`{"size": 1,\n "si\\u007ae": 2}`),
      "line 2, column 2",
      `the key "si\\u007ae" twice in one object`
    )
    assert.deepStrictEqual(ok(parse(`[{"a": 1}, {"a": 2}]`)), [{ a: 1 }, { a: 2 }])
  })

  it("keeps 64-bit integers exact as decimal text", () => {
    assert.deepStrictEqual(ok(parse(`{"a": 10248187106440278, "b": [-9223372036854775808, 18446744073709551615]}`)), {
      a: "10248187106440278",
      b: ["-9223372036854775808", "18446744073709551615"]
    })
    assert.deepStrictEqual(ok(parse("[9007199254740991, 9007199254740992, 1234567890123456]")), [
      9007199254740991,
      "9007199254740992",
      1234567890123456
    ])
  })

  it("leaves long digits inside strings alone and does not repair a number used as a key", () => {
    assert.deepStrictEqual(ok(parse(`{"u": "10248187106440278 \\"10248187106440278"}`)), {
      u: "10248187106440278 \"10248187106440278"
    })
    expectRefused(parse(`{10248187106440278: 1}`), "where a key in double quotes should be")
    expectRefused(parse(`[00010248187106440278]`), "where ',' or ']' should be")
  })

  it("refuses nesting deeper than the limit at the place where it happens", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)
    ok(parse(nested(JsonText.depthLimit)))
    expectRefused(parse(nested(JsonText.depthLimit + 1)), `column ${JsonText.depthLimit + 1}`, "nests deeper")
    expectRefused(parse("[".repeat(1_000_000)), "nests deeper")
  })

  it("refuses more than 64 MiB", () => {
    expectRefused(parse(" ".repeat(JsonText.sizeLimit + 1)), "larger than 64 MiB")
  })

  it("reads several documents one after the other, and a byte order mark", () => {
    assert.deepStrictEqual(ok(JsonText.parseDocuments("f", `\uFEFF[1]\n{"a":{}}\n[]`)), [[1], { a: {} }, []])
    assert.deepStrictEqual(ok(JsonText.parseDocuments("f", "3")), [3])
    expectRefused(JsonText.parseDocuments("f", `{}\n{"a":1,"a":2}`), "line 2, column 8", "twice")
    expectRefused(JsonText.parseDocuments("f", `{} x {}`), "column 4", "where '{' or '[' should be")
    expectRefused(JsonText.parseDocuments("f", `{} {} x`), "column 7")
    expectRefused(JsonText.parseDocuments("f", `{} {`), "ends in the middle of an object")
  })

  const pieces = Schema.Array(Schema.Literals([
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\"",
    "1",
    "-",
    "0",
    ".5",
    "e3",
    "true",
    "nul",
    "null",
    " ",
    "\n",
    "\"",
    "\\",
    "\\n",
    "12345678901234567890"
  ]))
  it.prop("finds a fault exactly where JSON.parse refuses or a key is double", [
    Arbitrary.map(Arbitrary.schema(pieces), (parts) => parts.join(""))
  ], ([text]) => {
    const builtin = Result.try((): unknown => JSON.parse(text))
    const fault = JsonFault.find(text, false)
    if (Result.isFailure(builtin)) assert.isDefined(fault, text)
    else assert.isTrue(fault === undefined || fault.problem.includes("twice"), text)
  }, { arbitrary: { runs: 5000, seed: "json" } })
})
