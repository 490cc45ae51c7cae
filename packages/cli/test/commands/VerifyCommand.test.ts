import { assert, describe, it } from "@effect/vitest"
import * as RecordText from "@vmemmap/core/records/RecordText"
import * as KernelFacts from "@vmemmap/test-utils/KernelFacts"
import { Effect, Result } from "effect"
import * as VerifyAnswer from "../../src/answers/VerifyAnswer.ts"
import { answer, folderWith, run } from "../run.ts"

const record = (name: string) => RecordText.print(Result.getOrThrow(KernelFacts.load(name)))

/** A record that says one section more. */
const altered = (name: string) => record(name).replace("\"last\": 15, \"flags\"", "\"last\": 16, \"flags\"")

describe("vmemmap verify", () => {
  it.effect("one record that agrees: status 0 and one row", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["verify", "-"], { stdin: record("boot-2g") })
      assert.deepStrictEqual([status, stderr], [0, ""])
      const [head, row, , verdict] = stdout.split("\n")
      assert.match(head ?? "", /^category +records +compared +equal +different +not modelled +out of scope$/)
      assert.match(row ?? "", /^plain-boot +1 +([0-9]+) +\1 +0 +0 +[0-9]+$/)
      assert.match(verdict ?? "", /^1 record, no difference in scope; /)
    }))

  it.effect("recordings that come with the command, by case and by category", () =>
    Effect.gen(function*() {
      const { json, status } = yield* answer(VerifyAnswer.VerifyAnswer, ["verify", "boot-2g", "infoblock-validate"])
      assert.strictEqual(status, 0)
      assert.strictEqual(json.cases[0]?.case, "boot-2g")
      assert.deepStrictEqual(json.categories.map(({ category }) => category), ["plain-boot", "infoblock-validate"])
      const expected = KernelFacts.index.filter(({ category }) => category === "infoblock-validate").length
      assert.deepStrictEqual([json.passed, json.failed, json.cases.length], [1 + expected, 0, 1 + expected])
      for (const { compared, equal } of json.cases) assert.strictEqual(compared, equal)
    }))

  it.effect("a file goes before a case of its name", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "boot-2g": record("boot-4g") })
      const { json } = yield* answer(VerifyAnswer.VerifyAnswer, ["verify", "boot-2g"], { from })
      assert.deepStrictEqual(json.cases.map((one) => one.case), ["boot-4g"])
    }))

  it.effect("a folder: every record below it in order, its index left out; one total over the categories", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        "all/index.json": "[]",
        "all/b/boot.json": record("boot-2g"),
        "all/a.json": record("mode-sector-4160"),
        "all/notes.txt": "none"
      })
      const { status, stdout } = yield* run(["verify", "all"], { from })
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(
        stdout.split("\n").slice(1, 4).map((line) => line.split(/ {2,}/).slice(0, 2)),
        [["ns-mode", "1"], ["plain-boot", "1"], ["all", "2"]]
      )
    }))

  it.effect("a record that differs: status 1, the path with both values, and still every other record", () =>
    Effect.gen(function*() {
      const text = altered("boot-2g")
      assert.notStrictEqual(text, record("boot-2g"))
      const from = yield* folderWith({ "a.json": text, "b.json": record("boot-4g") })
      const { json, status, stderr } = yield* answer(VerifyAnswer.VerifyAnswer, ["verify", "a.json", "b.json"], {
        from
      })
      assert.deepStrictEqual([status, stderr, json.passed, json.failed], [1, "", 1, 1])
      const [first] = json.cases[0]?.different ?? []
      assert.strictEqual(first?.path, "sections.final[0].last")
      assert.deepStrictEqual([first?.kernel, first?.engine], [16, 15])
      const { stdout } = yield* run(["verify", "a.json", "b.json"], { from })
      assert.include(stdout, `boot-2g: ${first?.path}\n  kernel  16\n  engine  15\n`)
      assert.match(stdout, /\n1 of 2 records differs from the model; /)
    }))

  it.effect("what is no record: status 2 with the place and the remedy, nothing on standard output", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        "empty.json": "",
        "text.json": "hello",
        "list.json": "[]",
        "cut.json": record("boot-2g").slice(0, 2000),
        "bare.json": "{\"case\":\"x\",\"category\":\"y\",\"about\":\"\",\"input\":{},\"observed\":{}}",
        "nothing/x.txt": ""
      })
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["empty.json", "is empty"],
        ["text.json", "line 1, column 1"],
        ["list.json", "not a record"],
        ["cut.json", "line "],
        ["bare.json", "input"],
        ["nothing", "holds no record"],
        ["nowhere.json", "no such file"],
        ["kmen", "no such file, and no case or category of that name (did you mean 'kmem'?)"]
      ]
      const scope = yield* run(["verify", "kmem", "--scope"])
      assert.deepStrictEqual([scope.status, scope.stdout], [2, ""])
      assert.include(scope.stderr, "leave out the records")
      for (const [name, message] of cases) {
        const { status, stderr, stdout } = yield* run(["verify", name], { from })
        assert.deepStrictEqual([status, stdout], [2, ""], name)
        assert.include(stderr, message)
      }
    }))

  it.effect("--scope lists what is not compared, and why, as text and as JSON", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["verify", "--scope"])
      assert.strictEqual(status, 0)
      assert.isTrue(stdout.startsWith("out of scope: "))
      const { stdout: json } = yield* run(["verify", "--scope", "--json"])
      assert.hasAllKeys(JSON.parse(json), ["leaves", "withinLeaves"])
    }))
})
