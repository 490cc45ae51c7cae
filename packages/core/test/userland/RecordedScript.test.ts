import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Result } from "effect"
import { TestClock } from "effect/testing"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as ScriptSyntax from "../../src/userland/ScriptSyntax.ts"
import { machine, recorded } from "./ScriptHarness.ts"

const scriptOf = (name: string): ReadonlyArray<string> | undefined => {
  const found = KernelFacts.load(name)
  const script = Result.isSuccess(found) ? found.success.input["script"] : undefined
  return Array.isArray(script) ? script.map(String) : undefined
}

const scripts = KernelFacts.index.flatMap((entry) => {
  const lines = scriptOf(entry.case)
  return lines === undefined ? [] : [{ name: entry.case, lines }]
})

describe("RecordedScript", () => {
  it("every script of the recordings parses", () => {
    assert.strictEqual(scripts.length, 184)
    for (const { lines, name } of scripts) {
      for (const text of [...lines, lines.join("\n")]) {
        const result = ScriptSyntax.parse(text)
        assert.isTrue(Result.isSuccess(result), `${name}: ${text}`)
      }
    }
  })

  it.effect("a recorded command has its words as the recordings show them", () =>
    Effect.gen(function*() {
      const on = machine()
      const { result, told } = yield* recorded([
        "for i in 1 2; do w online /sys/memory/memory$i/state; done",
        "w bogus /sys/memory/memory3/state",
        "w online /sys/memory/memory9/state",
        "r /sys/memory/memory1/state",
        "sysw offline /sys/memory/memory1/state",
        "cmd ndctl list \"-N\"",
        "cmd ndctl fail || cmd rmmod nd_pmem",
        "cmd sh -c \"printf 'X' | dd of=/dev/pmem0 bs=1 seek=$((4096+0)) conv=notrunc\"",
        "cmd dd if=/dev/zero of=/dev/pmem0 bs=4096 seek=1 count=1 conv=notrunc",
        "ndctl list; sync"
      ], on)
      assert.isTrue(Result.isSuccess(result))
      const counts = "1+0 records in\n1+0 records out\n"
      assert.deepStrictEqual(told, [
        ["sysw online /sys/memory/memory1/state", 0, "", ""],
        ["sysw online /sys/memory/memory2/state", 0, "", ""],
        [
          "sysw bogus /sys/memory/memory3/state",
          1,
          "",
          "dd: error writing '/sys/memory/memory3/state': Invalid argument\n"
        ],
        [
          "sysw online /sys/memory/memory9/state",
          1,
          "",
          "dd: can't open '/sys/memory/memory9/state': No such file or directory\n"
        ],
        ["cat /sys/memory/memory1/state", 0, "online\n", ""],
        ["ndctl list -N", 0, "list|-N\n", ""],
        ["ndctl fail", 240, "", "failed\n"],
        ["rmmod nd_pmem", 0, "", ""],
        ["sh -c printf 'X' | dd of=/dev/pmem0 bs=1 seek=4096 conv=notrunc", 0, "", counts],
        ["dd if=/dev/zero of=/dev/pmem0 bs=4096 seek=1 count=1 conv=notrunc", 0, "", counts]
      ])
      assert.deepStrictEqual(on.writes.at(-1), ["memory1", "offline"])
    }))

  it.effect("labels are three commands and a tenth of a second", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(recorded(["labels", "facts after"]))
      yield* TestClock.adjust("100 millis")
      const { told } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(told, [
        ["ndctl disable-region all", 0, "disable-region|all\n", ""],
        ["ndctl init-labels -f all", 0, "init-labels|-f|all\n", ""],
        ["ndctl enable-region all", 0, "enable-region|all\n", ""],
        ["facts", "after"]
      ])
      assert.strictEqual(yield* Clock.currentTimeMillis, 100)
    }))

  it.effect("looks from outside reach the recorder, sizes as numbers of bytes", () =>
    Effect.gen(function*() {
      const { told } = yield* recorded([
        "snap offline $((15*0x8000000)) $((0x8000000))",
        "autosnap ram",
        "ask sections on",
        "infoblocks now",
        "text iomem cat /proc/iomem /sys/none"
      ])
      assert.deepStrictEqual(told, [
        ["snap", "offline", 2_013_265_920, 134_217_728],
        ["autosnap", "ram"],
        ["sections", "on"],
        ["infoblocks", "now"],
        ["text", "iomem", {
          exit: 1,
          stdout: "00000000-00000fff : Reserved\n",
          stderr: "cat: can't open '/sys/none': No such file or directory\n"
        }]
      ])
    }))

  it.effect("what no recording asks for is refused by name", () =>
    Effect.gen(function*() {
      for (const line of ["ask weather", "snap x 0x10 4096", "snap x", "cmd", "seconds 5"]) {
        const { result } = yield* recorded([line])
        assert.isTrue(Result.isFailure(result) && result.failure._tag === "NotModelled", line)
      }
    }))
})
