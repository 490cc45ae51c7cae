import { assert, describe, it } from "@effect/vitest"
import * as ToolFront from "../../src/userland/ToolFront.ts"

const answer = (...words: ReadonlyArray<string>) =>
  ToolFront.answer({ tool: "ndctl", version: "76.1", commands: ["list", "help"] }, words)

describe("ToolFront", () => {
  it("OBS-24: the first word decides: version, help, list of commands, or an option that is none", () => {
    for (const word of ["version", "--version", "-v"]) {
      assert.deepStrictEqual(answer(word, "list"), { exit: 0, stdout: "76.1\n", stderr: "" })
    }
    assert.deepStrictEqual(answer("--list-cmds")?.stdout, "list\nhelp\n")
    assert.deepStrictEqual(answer("--list"), {
      exit: 129,
      stdout: "",
      stderr: "Unknown option: --list\n\n Usage: ndctl [--version] [--help] COMMAND [ARGS]\n"
    })
    assert.deepStrictEqual([answer()?.exit, answer("help")?.exit, answer("bogus")?.exit], [1, 0, 1])
    assert.strictEqual(answer()?.stdout, answer("-h")?.stdout)
  })

  it("OBS-24: names of commands are left to the tool, and so are manual pages", () => {
    assert.isUndefined(answer("list", "-N"))
    assert.isUndefined(answer("help", "list"))
  })
})
