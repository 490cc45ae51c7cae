import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import { root } from "../run.ts"

describe("docs/bugs", () => {
  it.effect(
    "has a page for each known mistake, which is what check prints for the schedule it names",
    () =>
      Effect.gen(function*() {
        const script = Path.join(root, "scripts", "bugs.ts")
        const { status, stderr } = yield* Effect.sync(() =>
          ChildProcess.spawnSync(process.execPath, [script, "--check"], { cwd: root, encoding: "utf8" })
        )
        assert.deepStrictEqual([status, stderr], [0, ""])
      }),
    60_000
  )
})
