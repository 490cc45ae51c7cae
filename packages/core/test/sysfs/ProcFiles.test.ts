import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Harness from "../devices/Harness.ts"
import { on, typed } from "./Shell.ts"

const GiB = 1024 ** 3

const machine = (kernel: string) => ({
  ...Harness.machine([]),
  kernel,
  dimms: [{ start: 8 * GiB, size: GiB, node: 0 }]
})

describe("ProcFiles", () => {
  it.effect("OBS-12: kernels before 6.11 do not count the memmap", () =>
    on(
      machine("6.1"),
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* typed("cat /proc/vmstat"), [[0, "", ""]])
      })
    ))

  it.effect("OBS-12: later ones count that of boot apart from what came later", () =>
    on(
      machine("6.12"),
      Effect.gen(function*() {
        // boot RAM touches 32 sections, the DIMM has 8
        const counted = `nr_memmap_pages ${8 * 512}\nnr_memmap_boot_pages ${32 * 512}\n`
        assert.deepStrictEqual(yield* typed("cat /proc/vmstat"), [[0, counted, ""]])
      })
    ))

  it.effect("SPW-11: kpageflags of boot memory, a hole in it, a memory block that is offline, and nothing above", () =>
    on(
      machine("6.1"),
      Effect.gen(function*() {
        const words = (pfn: number, count: number) =>
          `dd if=/proc/kpageflags bs=8 skip=${pfn} count=${count} status=none`
        const noPage = "\0\0\x10\0\0\0\0\0"
        const outcomes = yield* typed(
          [words(0x9f, 2), words(2 * GiB / 4096, 1), words(8 * GiB / 4096, 1), words(9 * GiB / 4096 - 1, 2)].join("\n")
        )
        assert.deepStrictEqual(outcomes.map(([, stdout]) => stdout), [
          "\0\0\0\0\x01\0\0\0".repeat(2),
          noPage,
          noPage,
          noPage
        ])
      })
    ))
})
