/** The engine against the reference model, over generated machines and programs. */
import { describe, it } from "@effect/vitest"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { Effect } from "effect"
import * as Arbitraries from "../../src/Arbitraries.ts"
import * as Program from "../../src/Program.ts"
import { follow, runs } from "./follow.ts"

const MiB = 2 ** 20

describe("engine = reference model, LCK-11", () => {
  for (
    const [arch, usual] of [
      ["x86_64", 40],
      ["x86_64-5level", 5],
      ["arm64-4k", 10],
      ["arm64-16k", 10],
      ["arm64-64k", 10],
      ["riscv64", 5]
    ] as const
  ) {
    it.effect.prop(
      `after every operation: ${arch}`,
      { spec: Arbitraries.machine(arch), program: Arbitraries.pagemaps(arch) },
      ({ program, spec }) => follow(spec, program),
      { arbitrary: { runs: runs(usual), seed: "programs" } }
    )
  }

  for (const [arch, usual] of [["x86_64", 30], ["arm64-4k", 5], ["arm64-64k", 5]] as const) {
    it.effect.prop(
      `after every operation on System RAM: ${arch}`,
      { spec: Arbitraries.machine(arch), program: Arbitraries.systemRam(arch) },
      ({ program, spec }) => follow(spec, program),
      { arbitrary: { runs: runs(usual), seed: "system ram" } }
    )
  }

  const machine: MachineSpec = { kernel: "6.1.176", ranges: [{ kind: "ram", start: 0, size: 250 * MiB, node: 0 }] }
  const map = (rest: Partial<Extract<Program.Operation, { readonly _tag: "Map" }>>) =>
    Program.Operation.cases.Map.make({
      name: "a",
      type: "generic",
      ranges: [],
      node: 0,
      order: 0,
      altmap: "none",
      complete: true,
      ...rest
    })
  const border = 64 * 1024
  const maps = {
    "a section and two pieces": map({ ranges: [{ startMiB: 382, sizeMiB: 132 }] }),
    "sections beyond the first PMD table": map({ ranges: [{ startMiB: border - 2, sizeMiB: 258 }] }),
    "the same on the device": map({ altmap: "fits", ranges: [{ startMiB: border - 128, sizeMiB: 384 }] }),
    "compounds": map({ order: 9, ranges: [{ startMiB: border - 2, sizeMiB: 4 }] }),
    "compounds wider than a section": map({ order: 16, ranges: [{ startMiB: border - 128, sizeMiB: 256 }] }),
    "two ranges": map({ ranges: [{ startMiB: border, sizeMiB: 128 }, { startMiB: 384, sizeMiB: 2 }] })
  }
  for (const [what, operation] of Object.entries(maps)) {
    it.effect(`SEC-12: whichever allocation fails: ${what}`, () =>
      Effect.forEach(
        [...Array.from({ length: 16 }, (_, n) => n), 24, 515, 516],
        (succeed) =>
          follow(machine, [{ _tag: "FailAllocation", succeed }, operation, { _tag: "Unmap", name: "a" }, operation]),
        { discard: true }
      ))
  }
})
