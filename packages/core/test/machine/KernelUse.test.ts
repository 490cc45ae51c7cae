import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { GiB, MiB } from "../../src/geometry/Units.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import * as KernelUse from "../../src/machine/KernelUse.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as Small from "../records/small.ts"

/** The blocks of boot RAM that cannot go offline, by number. */
const held = (cmdline: string, machine: MachineSpec = Small.spec) =>
  Small.on(
    Effect.gen(function*() {
      yield* KernelUse.make(cmdline)
      const blocks = yield* MemoryBlocks
      const hotplug = yield* MemoryHotplug
      const stuck: Array<number> = []
      for (const { end, start } of blocks.runs()) {
        for (let block = start; block < end; block++) {
          const result = yield* Effect.result(hotplug.offline({ start: block, end: block + 1 }))
          if (Result.isFailure(result)) stuck.push(block)
          else yield* hotplug.online({ start: block, end: block + 1 }, "online_kernel")
        }
      }
      return stuck
    }),
    machine
  )

describe("KernelUse", () => {
  it.effect("HOT-25: the first block of the highest zone and the last one of boot RAM stay online", () =>
    Effect.gen(function*() {
      // 3 GiB below 4 GiB, 1 GiB above: blocks 0 to 23 and 32 to 39 of 128 MiB
      const stuck = yield* held("")
      assert.includeMembers([...stuck], [32, 39])
      assert.isFalse(stuck.includes(35))
    }))

  it.effect("HOT-25: a large log of the kernel takes more from the top", () =>
    Effect.gen(function*() {
      const [without, large] = [yield* held(""), yield* held("log_buf_len=64M")]
      assert.isAbove(large.length, without.length)
      assert.include(large, 38)
    }))

  it.effect("HOT-25: every node with RAM keeps its own; the log lies in the highest", () =>
    Effect.gen(function*() {
      const nodes: MachineSpec = {
        ...Small.spec,
        ranges: [
          { start: MiB, size: 3 * GiB - MiB, kind: "ram", node: 0 },
          { start: 4 * GiB, size: GiB, kind: "ram", node: 0 },
          { start: 5 * GiB, size: 2 * GiB, kind: "ram", node: 1 }
        ]
      }
      assert.includeMembers([...yield* held("", nodes)], [32, 39, 40, 55])
      const large = yield* held("log_buf_len=64M", nodes)
      assert.include(large, 54)
      assert.notInclude(large, 38)
    }))
})
