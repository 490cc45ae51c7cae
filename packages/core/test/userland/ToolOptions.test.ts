import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as ToolOptions from "../../src/userland/ToolOptions.ts"

const command: ToolOptions.Command = {
  usage: ["ndctl try-namespace [<options>]"],
  options: [
    ToolOptions.text("size", "s", "size"),
    ToolOptions.text("sector-size", "l", "lba-size"),
    ToolOptions.flag("force", "f"),
    { long: "verbose", short: "v", kind: "count" },
    { long: "depth", kind: "number", placeholder: "n" },
    ToolOptions.flag("no-online", "N"),
    { long: "secret", kind: "flag", hidden: true }
  ]
}

const list = `
 usage: ndctl try-namespace [<options>]

    -s, --size <size>
    -l, --sector-size <lba-size>
    -f, --force
    -v, --verbose
    --depth <n>
    -N, --no-online

`

const parse = (line: string) => ToolOptions.parse(command, line === "" ? [] : line.split(" "))

const parsed = (line: string) => Result.getOrThrow(parse(line))

const complaint = (line: string) => Result.getOrThrow(Result.flip(parse(line))).stderr.replace(list, "")

describe("ToolOptions", () => {
  it("OBS-24: every way of giving a value", () => {
    for (const line of ["-s 1G", "-s1G", "--size 1G", "--size=1G", "--siz=1G", "-fs 1G", "-s 2G -s 1G"]) {
      assert.strictEqual(parsed(line).texts.get("size"), "1G", line)
    }
    assert.strictEqual(parsed("--size=").texts.get("size"), "")
    assert.strictEqual(parsed("--depth -3").texts.get("depth"), "-3")
  })

  it("OBS-24: flags, counts and what takes them back", () => {
    assert.strictEqual(parsed("-vvv --verbose").counts.get("verbose"), 4)
    assert.isTrue(ToolOptions.has(parsed("--force"), "force"))
    assert.isFalse(ToolOptions.has(parsed("-f --no-force"), "force"))
    assert.isTrue(ToolOptions.has(parsed("--no-online"), "no-online"))
    assert.isFalse(ToolOptions.has(parsed("-N --online"), "no-online"))
    assert.isFalse(parsed("-s 1G --no-size").texts.has("size"))
  })

  it("OBS-24: arguments stand anywhere, and nothing is an option behind --", () => {
    assert.deepStrictEqual(parsed("a -f b - -- -s c").rest, ["a", "b", "-", "-s", "c"])
    assert.deepStrictEqual(parsed("").rest, [])
  })

  it("OBS-24: complaints", () => {
    const complaints: Readonly<Record<string, string>> = {
      "--bogus": "unknown option `bogus'",
      "--bogus=1": "unknown option `bogus=1'",
      "-q": "unknown switch `q'",
      "-fq": "unknown switch `q'",
      "-s": "switch `s' requires a value",
      "--size": "option `size' requires a value",
      "--force=1": "option `force' takes no value",
      "--s": "Ambiguous option: s (could be --sector-size or --secret)",
      "--depth x": "option `depth' expects a numerical value",
      "-force": "did you mean `--force` (with two dashes ?)"
    }
    for (const [line, text] of Object.entries(complaints)) {
      const [first] = Result.getOrThrow(Result.flip(parse(line))).stderr.split("\n")
      assert.strictEqual(first, `  Error: ${text}`, line)
      assert.strictEqual(Result.getOrThrow(Result.flip(parse(line))).exit, 129)
    }
  })

  it("OBS-24: below a misused option stands that option alone, below a typing mistake nothing", () => {
    const below = (line: string) =>
      Result.getOrThrow(Result.flip(parse(line))).stderr.split("\n").filter((l) => /^ {4}-/.test(l))
    assert.deepStrictEqual(below("-fs"), ["    -s, --size <size>"])
    assert.deepStrictEqual(below("--size"), ["    -s, --size <size>"])
    assert.deepStrictEqual(below("--siz"), [])
    assert.deepStrictEqual(below("--force=1"), ["    -f, --force"])
    assert.deepStrictEqual(below("-force"), [])
    assert.isAbove(below("-q").length, 2)
  })

  it("OBS-24: -h and --help print the option list alone", () => {
    for (const line of ["-h", "--help", "-s 1G -h"]) assert.strictEqual(complaint(line), "")
    assert.strictEqual(ToolOptions.usage(command), list)
  })

  it("OBS-24: the tool's own complaints are followed by an empty line", () => {
    assert.deepStrictEqual(ToolOptions.wrong(command, ["invalid mode 'x'"]), {
      exit: 129,
      stdout: "",
      stderr: `  Error: invalid mode 'x'\n\n${list}`
    })
  })
})
