import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as Harness from "../devices/Harness.ts"
import { on, typed } from "./Shell.ts"

const GiB = 1024 ** 3

const labelled = Harness.machine([{ start: 8 * GiB, size: GiB }])

const unarmed: MachineSpec = {
  ...Harness.machine([]),
  devices: [{
    name: "region0",
    kind: "pmem",
    start: 8 * GiB,
    size: GiB,
    node: 0,
    targetNode: 0,
    labelArea: 0,
    unarmed: true
  }]
}

const records = (read: string, written: string) => `${read} records in\n${written} records out\n`

describe("BlockDeviceFiles", () => {
  it.effect("21.8: a fresh disk in sector mode reads zeros; what is written stays, also while it is disabled", () =>
    on(
      labelled,
      Effect.gen(function*() {
        const outcomes = yield* typed([
          "ndctl disable-region all",
          "ndctl init-labels -f all",
          "ndctl enable-region all",
          "ndctl create-namespace -m sector -s 256M",
          "dd if=/dev/pmem0s bs=4 count=1 status=none",
          "printf hello | dd of=/dev/pmem0s bs=4096 seek=5 conv=sync,notrunc",
          "printf abc | dd of=/dev/pmem0s bs=1 seek=8190 conv=notrunc status=none",
          "dd if=/dev/pmem0s bs=1 skip=20480 count=5 status=none",
          "ndctl disable-namespace namespace0.0",
          "ndctl enable-namespace namespace0.0",
          "dd if=/dev/pmem0s bs=1 skip=8190 count=4 status=none",
          "dd if=/dev/pmem0s bs=1 skip=20480 count=5 status=none"
        ].join("\n"))
        assert.deepStrictEqual(outcomes.slice(4), [
          [0, "\0\0\0\0", ""],
          [0, "", records("0+1", "1+0")],
          [0, "", ""],
          [0, "hello", ""],
          [0, "", "disabled 1 namespace\n"],
          [0, "", "enabled 1 namespace\n"],
          [0, "abc\0", ""],
          [0, "hello", ""]
        ])
      })
    ))

  it.effect("21.8: sectors with metadata are 512 bytes to whoever reads them", () =>
    on(
      labelled,
      Effect.gen(function*() {
        const outcomes = yield* typed([
          "ndctl create-namespace -f -e namespace0.0 -m sector -l 520 -L",
          "cat /sys/block/pmem0s/queue/logical_block_size",
          "printf hi | dd of=/dev/pmem0s bs=512 conv=sync,notrunc seek=3 status=none",
          "dd if=/dev/pmem0s bs=512 skip=3 count=1 status=none",
          "dd if=/dev/pmem0s bs=1 skip=1535 count=4 status=none"
        ].join("\n"))
        assert.deepStrictEqual(outcomes.slice(1), [
          [0, "512\n", ""],
          [0, "", ""],
          [0, `hi${"\0".repeat(510)}`, ""],
          [0, "\0hi\0", ""]
        ])
      })
    ))

  it.effect("23.1: a disk ends: reads get less, writes what fits, and nothing begins beyond it", () =>
    on(
      labelled,
      Effect.gen(function*() {
        const full = "dd: error writing '/dev/pmem0': No space left on device\n"
        assert.deepStrictEqual(
          yield* typed([
            "dd if=/dev/pmem0 bs=1M skip=1023 count=3 of=/dev/null",
            "dd if=/dev/pmem0 bs=1M skip=2000 count=3 of=/dev/null",
            "dd if=/dev/zero of=/dev/pmem0 bs=4096 seek=262143 count=3",
            "dd if=/dev/zero of=/dev/pmem0 bs=4096 seek=262144 count=1",
            "dd if=/dev/zero of=/dev/pmem0 bs=4096 seek=262145 count=1"
          ].join("\n")),
          [
            [0, "", records("1+0", "1+0")],
            [0, "", records("0+0", "0+0")],
            [1, "", full + records("2+0", "1+0")],
            [1, "", full + records("1+0", "0+0")],
            [1, "", "dd: /dev/pmem0: Invalid argument\n"]
          ]
        )
      })
    ))

  it.effect("23.1: a read-only disk is not written", () =>
    on(
      unarmed,
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* typed("cat /sys/block/pmem0/ro\ndd if=/dev/zero of=/dev/pmem0 bs=4096 count=1 conv=notrunc"),
          [
            [0, "1\n", ""],
            [1, "", `dd: error writing '/dev/pmem0': Operation not permitted\n${records("1+0", "0+0")}`]
          ]
        )
      })
    ))
})
