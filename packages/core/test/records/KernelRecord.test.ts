import { assert, describe, it } from "@effect/vitest"
import { Option, Result } from "effect"
import * as KernelRecord from "../../src/records/KernelRecord.ts"
import * as LeafPath from "../../src/records/LeafPath.ts"
import * as RecordComparison from "../../src/records/RecordComparison.ts"
import * as RecordText from "../../src/records/RecordText.ts"
import { cpuTime } from "../cpuTime.ts"
import { expectRefused, ok } from "../inputs/expect.ts"
import * as Observed from "./observed.ts"

const isLong = process.env.VMEMMAP_LONG === "1"

describe("LeafPath", () => {
  it("is printed as it is written, and read back", () => {
    for (
      const [path, text] of [
        [["phases", "final", "zoneinfo", 3, "spanned"], "phases.final.zoneinfo[3].spanned"],
        [["phases", "final", "nd_sysfs", "namespace0.0", "size"], "phases.final.nd_sysfs[\"namespace0.0\"].size"],
        [["phases", "before-drivers"], "phases[\"before-drivers\"]"],
        [["a", "", "\"\\]\n"], "a[\"\"][\"\\\"\\\\]\\n\"]"],
        [[0, "é"], "[0][\"é\"]"],
        [[], ""]
      ] as const
    ) {
      assert.strictEqual(LeafPath.print(path), text)
      assert.deepStrictEqual(ok(LeafPath.parse(text)), path)
    }
  })

  it("text that is no path is refused where it stops being one", () => {
    for (const text of ["a..b", ".a", "a[", "a[x]", "a.", "a b", "a[\"b]", "a[1", "a\"b\"", "[1]b"]) {
      expectRefused(LeafPath.parse(text), "character", "is no part of a path")
    }
    expectRefused(LeafPath.parse("phases..final"), "character 7")
  })

  it("every leaf of a recording can be named, read and altered", () => {
    const { observed } = Observed.load("multi-mixed")
    for (const { path, value } of LeafPath.leaves(observed)) {
      assert.deepStrictEqual(ok(LeafPath.parse(LeafPath.print(path))), path)
      assert.deepStrictEqual(LeafPath.get(observed, path), Option.some(value))
    }
    const path = ["phases", "final", "iomem", 0, "name"]
    const other = LeafPath.set(observed, path, "Other")
    assert.deepStrictEqual(LeafPath.get(other, path), Option.some("Other"))
    assert.deepStrictEqual(LeafPath.get(observed, path), Option.some("Reserved"))
    assert.deepStrictEqual(LeafPath.set(observed, ["phases", "nowhere", "x"], 1), observed)
    assert.deepStrictEqual(LeafPath.get(observed, ["toString"]), Option.none())
  })
})

describe("KernelRecord", () => {
  it("every recording is one, and its text reads back as the same record", () => {
    for (const record of Observed.all) {
      const text = KernelRecord.toText(record)
      const read = ok(KernelRecord.parse(record.case, text))
      assert.deepStrictEqual(read, record)
      assert.strictEqual(KernelRecord.toText(read), text)
    }
  })

  it("integers are exact, and small values stand on one line", () => {
    const record = Observed.load("cycle-destroy")
    const ids = LeafPath.leaves(record.observed).filter(({ path }) => path.at(-1) === "iset_id").map(({ value }) =>
      value
    )
    assert.include(ids, 10248187106440278n)
    const text = KernelRecord.toText(record)
    assert.include(text, "\"iset_id\": 10248187106440278,")
    assert.strictEqual(RecordText.print({ a: [1, 2], b: "é", c: undefined }), "{\"a\": [1, 2], \"b\": \"\\u00e9\"}\n")
    assert.deepStrictEqual(
      ok(RecordText.parse("t", "[9007199254740993, 18446744073709551615, \"9007199254740993\", 1e300, -0.5]")),
      [9007199254740993n, 18446744073709551615n, "9007199254740993", 1e300, -0.5]
    )
  })

  it("inputs are known by what they hold", () => {
    const kinds = Map.groupBy(Observed.all, (record) => ok(KernelRecord.given(record.case, record))._tag)
    assert.deepStrictEqual([...kinds].map(([kind, records]) => [kind, records.length]).toSorted(), [
      ["Host", 1],
      ["InfoblockTool", 71],
      ["Machine", 184]
    ])
  })

  it("what is no record is refused, and it is said where", () => {
    const good = Observed.load("boot-2g")
    const parse = (value: unknown) => KernelRecord.decode("file", value)
    expectRefused(parse([]), "file", "is an array, not a record")
    expectRefused(parse({ ...good, case: "" }), "case")
    expectRefused(parse({ ...good, input: {} }), "input", "script, spec, memoryOptions, tool")
    expectRefused(parse({ ...good, input: { ...good.input, script: [1] } }), "input.script[0]")
    expectRefused(parse({ ...good, input: { ...good.input, ram: {} } }), "input.ram.below4G", "is missing")
    expectRefused(parse({ ...good, observed: { ...good.observed, phases: { final: 3 } } }), "observed.phases.final")
    expectRefused(parse({ ...good, observed: { ...good.observed, commands: {} } }), "observed.commands")
    expectRefused(KernelRecord.parse("file", "{\"a\": 1,}"), "line 1, column 9")
    expectRefused(KernelRecord.parse("file", "{\"a\": 1e999}"), "file: a: is a number too large")
    expectRefused(KernelRecord.parse("file", "{\"a\": 1, \"a\": 2}"), "twice")
    expectRefused(KernelRecord.parse("file", "[".repeat(100_000)), "nests deeper")
    expectRefused(KernelRecord.parse("file", " ".repeat(RecordText.sizeLimit + 1)), "is larger than 16 MiB")
  })

  it("mutated records end in a record or an error that says where, and are compared all the same", () => {
    const random = Observed.random(17)
    const pick = <A>(values: ReadonlyArray<A>): A => values[Math.floor(random() * values.length)] as A
    const names = new Set([
      "boot-2g",
      "tool-edge-empty",
      "tool-uuid-0",
      "host-6.18",
      "kmem-small-256m",
      "cycle-modes"
    ])
    const records = Observed.all.filter((record) => names.has(record.case))
    const texts = new Map(records.map((record) => [record, KernelRecord.toText(record)]))
    const tokens = [
      "{",
      "}",
      "[",
      "]",
      "\"",
      ":",
      ",",
      "null",
      "1e999",
      "-1",
      "18446744073709551616",
      "\\u0000",
      "\n",
      "__proto__"
    ]
    const keys = ["__proto__", "sameAs", "runs", "images", "words", "dmesg", "hex", "length"]
    const junk = [null, -1, 1e300, 2n ** 70n, "", "~".repeat(2000), [], {}, [[]], { "": [null] }, true]
    const mutateText = (text: string): string => {
      const at = Math.floor(random() * text.length)
      const size = Math.floor(random() * 20)
      return pick([
        () => text.slice(0, at),
        () => text.slice(0, at) + pick(tokens) + text.slice(at),
        () => text.slice(0, at) + text.slice(at + size),
        () => text.slice(0, at) + text.slice(at, at + size).repeat(3) + text.slice(at + size)
      ])()
    }
    const mutateValue = (record: KernelRecord.KernelRecord): unknown => {
      const leaf = pick(LeafPath.leaves(record))
      const path = leaf.path.slice(0, 1 + Math.floor(random() * leaf.path.length))
      const value = random() < 0.8 ? pick(junk) : Object.fromEntries([[pick(keys), pick(junk)]])
      return LeafPath.set(record, path, value)
    }
    const count = isLong ? 10_000 : 500
    const started = cpuTime()
    let accepted = 0
    for (let i = 0; i < count; i++) {
      const record = pick(records)
      const text = random() < 0.5 ? mutateText(texts.get(record) ?? "") : RecordText.print(mutateValue(record))
      const result = KernelRecord.parse("file", text)
      if (Result.isFailure(result)) {
        assert.match(result.failure.message, /^file: .*; /s)
        assert.isBelow(result.failure.message.length, 2000)
        continue
      }
      accepted++
      const { compared, equal } = RecordComparison.compare(result.success, Observed.asEngine(record))
      assert.isAtLeast(compared, equal)
      RecordComparison.compare(record, result.success.observed)
    }
    assert.isAbove(accepted, count / 4)
    assert.isBelow((cpuTime() - started) / count, 100)
  }, 3_600_000)
})
