import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as GrowAnswer from "../../src/answers/GrowAnswer.ts"
import { answer, run } from "../run.ts"

const GiB = 1024 ** 3

const small = (to: string) => ["grow", "--base", "1GiB", "--to", to, "--step", "1GiB"]

describe("vmemmap grow", () => {
  it.effect("a 1 GiB guest lives with 40 DIMMs of 1 GiB", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* answer(GrowAnswer.GrowAnswer, small("41GiB"))
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.strictEqual(json.steps.length, 40)
      assert.isTrue(json.steps.every((step) => step.ok && step.memmap === 16 * 1024 ** 2 && step.paidBy === "node 0"))
      assert.deepStrictEqual([json.maximum, json.firstFailure], [41 * GiB, null])
    }))

  it.effect("HOT-2: with 60 it does not, and the answer says which step ends it and what would help", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* answer(GrowAnswer.GrowAnswer, small("61GiB"))
      assert.strictEqual(status, 1)
      assert.isAbove(json.maximum, 41 * GiB)
      assert.isBelow(json.maximum, 61 * GiB)
      const last = json.steps.at(-1)
      assert.deepStrictEqual([last?.ok, last?.reason], [false, json.firstFailure?.reason ?? null])
      assert.strictEqual(json.firstFailure?.step, json.steps.length)
      assert.strictEqual(json.firstFailure?.total, json.maximum + GiB)
      assert.isNotEmpty(json.firstFailure?.whatWouldHelp)
      assert.strictEqual(stderr, `vmemmap: ${json.firstFailure?.reason}`)
      for (const [i, step] of json.steps.entries()) {
        assert.strictEqual(step.needed, step.memmap + step.pageTables + step.bookkeeping)
        assert.strictEqual(
          step.freeBefore - (json.steps[i + 1]?.freeBefore ?? step.freeBefore - step.needed),
          step.needed
        )
      }
    }))

  it.effect("what is said to help does help", () =>
    Effect.gen(function*() {
      for (
        const better of [
          ["--online", "kernel"],
          ["--online", "auto-movable"],
          ["--memmap-on-memory", "--kernel", "6.8"]
        ]
      ) {
        const { json, status } = yield* answer(GrowAnswer.GrowAnswer, [...small("61GiB"), ...better])
        assert.deepStrictEqual([status, json.maximum], [0, 61 * GiB], better.join(" "))
      }
    }))

  it.effect("HOT-22: a DIMM that is no whole number of memory blocks is refused", () =>
    Effect.gen(function*() {
      const { json, status } = yield* answer(
        GrowAnswer.GrowAnswer,
        ["grow", "--base", "1G", "--to", "4G", "--step", "100M"]
      )
      assert.deepStrictEqual([status, json.maximum], [1, GiB])
      assert.include(json.firstFailure?.reason, "HOT-22")
    }))

  it.effect("the table says it too: once, on standard output, with status 1", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(small("61GiB"))
      assert.deepStrictEqual([status, stderr], [1, ""])
      assert.match(stdout, /fails\n/)
      assert.match(stdout, /would help: /)
      assert.match(stdout, /\(\d+ steps in between not shown; --json has all\)\n/)
    }))

  it.effect("text is broken at blanks and fits the terminal", () =>
    Effect.gen(function*() {
      const wide = yield* run(small("61GiB"))
      const narrow = yield* run(small("61GiB"), { columns: 70 })
      const words = (text: string) => text.split(/\s+/).toSorted()
      assert.deepStrictEqual(words(narrow.stdout), words(wide.stdout))
      assert.deepStrictEqual(
        narrow.stdout.split("\n").filter((line) => line.length > 70 && !/^ *\S+ GiB/.test(line)),
        []
      )
    }))

  for (
    const [args, said] of [
      [["--base", "4G", "--to", "1G", "--step", "1G"], "not more than the 4 GiB there are"],
      [["--base", "1G", "--to", "2P", "--step", "1M"], "steps of"],
      [["--base", "1GB", "--to", "2G", "--step", "1G"], "--base: '1GB'"],
      [["--base", "1G", "--to", "2G", "--step", "0"], "step: 0 is not a size"],
      [["--base", "1G", "--to", "2G"], "--step"],
      [["--base", "1G", "--to", "2G", "--step", "1G", "--block-size", "100M"], "--block-size"],
      [["--base", "1G", "--to", "2G", "--step", "1G", "--how", "magic"], "--how"]
    ] as const
  ) {
    it.effect(`wrong use '${args.join(" ")}' is status 2 and leaves standard output empty`, () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* run(["grow", ...args])
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, said)
      }))
  }
})
