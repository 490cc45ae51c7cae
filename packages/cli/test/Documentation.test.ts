import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"

const root = Path.join(import.meta.dirname, "..", "..", "..")

const node = (...args: ReadonlyArray<string>) =>
  Effect.sync(() => ChildProcess.spawnSync(process.execPath, [...args], { cwd: root, encoding: "utf8" }))

describe("documentation", () => {
  it.effect("the README shows what the command prints", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* node(Path.join("scripts", "readme.ts"), "--check")
      assert.deepStrictEqual([status, stderr], [0, ""])
    }))

  it.effect("the example program decides on the eight-socket machine", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* node(Path.join("examples", "admission.ts"), "examples/eight-socket.yaml")
      const answers = stdout.trim().split("\n").map((line) => line.split("\t"))
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(
        answers.map(([kernel, mode, answer = ""]) => [kernel, mode, answer.includes("admitted")]),
        [
          ["5.10", "fsdax", false],
          ["5.10", "devdax", false],
          ["6.1", "fsdax", false],
          ["6.1", "devdax", true],
          ["proposed-2026", "fsdax", false],
          ["proposed-2026", "devdax", true]
        ]
      )
    }))
})
