/** Documents whose programs are started one after the other. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { root } from "./run.ts"

const node = (...args: ReadonlyArray<string>) =>
  Effect.sync(() => ChildProcess.spawnSync(process.execPath, [...args], { cwd: root, encoding: "utf8" }))

describe("documented programs", () => {
  it.effect("the README shows what the command prints", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* node(Path.join("scripts", "readme.ts"), "--check")
      assert.deepStrictEqual([status, stderr], [0, ""])
    }), 120_000)

  it.effect("every program of docs/testing.md prints what is below it", () =>
    Effect.gen(function*() {
      const text = Fs.readFileSync(Path.join(root, "docs", "testing.md"), "utf8")
      const programs = [...text.matchAll(/```ts\n([^]*?)```\n\n```text\n([^]*?)```/g)]
      assert.isAtLeast(programs.length, 7)
      assert.lengthOf(text.match(/^```ts$/gm) ?? [], programs.length)
      for (const [, program = "", printed] of programs) {
        const { stderr, stdout } = yield* node("--input-type=module-typescript", "--eval", program)
        assert.deepStrictEqual([stdout, stderr], [printed, ""], program)
      }
    }), 120_000)
})
