import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as CapturedTree from "../../src/sysfs/CapturedTree.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"

const tree = (files: Readonly<Record<string, string>>) => CapturedTree.fromFiles("tree", new Map(Object.entries(files)))

const refused = (files: Readonly<Record<string, string>>): string => {
  const made = tree(files)
  return Result.isFailure(made) ? made.failure.message : assert.fail("accepted")
}

describe("CapturedTree", () => {
  it.effect("files are read by path, directories listed, nothing is written", () =>
    Effect.gen(function*() {
      const root = Result.getOrThrow(tree({ "sys/a/x": "1\n", "sys/a/node0/": "../../node/node0", "sys/b": "2\n" }))
      assert.deepStrictEqual(SysfsTree.list({ root }, "/sys"), ["a", "b"])
      assert.deepStrictEqual(SysfsTree.list({ root }, "/sys/a"), ["x", "node0"])
      assert.deepStrictEqual(SysfsTree.list({ root }, "/sys/a/node0"), [])
      assert.strictEqual(yield* SysfsTree.read({ root }, "/sys/a/x"), "1\n")
      const write = yield* Effect.result(SysfsTree.write({ root }, "/sys/b", "3"))
      assert.isTrue(Result.isFailure(write) && write.failure.errno === "EACCES")
    }))

  it("paths that leave the root, are there twice, or nest deeply are refused", () => {
    assert.include(refused({ "../etc/passwd": "" }), "no plain path below the root")
    assert.include(refused({ "/sys/a": "" }), "no plain path below the root")
    assert.include(refused({ "a": "", "a/b": "" }), "lies below a file")
    assert.include(refused({ "a/b": "", "a": "" }), "is there twice")
    assert.include(refused({ [Array(40).fill("a").join("/")]: "" }), "folders deep")
    assert.include(refused({ a: "x".repeat(2 ** 25 + 1), b: "x".repeat(2 ** 25) }), "too large")
  })
})
