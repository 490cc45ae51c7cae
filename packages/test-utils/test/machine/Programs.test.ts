/** The engine against the reference model, over generated machines and programs. */
import { describe, it } from "@effect/vitest"
import * as Arbitraries from "../../src/Arbitraries.ts"
import { follow, runs, size } from "./follow.ts"

describe("engine = reference model, LCK-11", () => {
  for (
    const [arch, usual] of [
      ["x86_64", 15],
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
      { arbitrary: { runs: runs(usual), seed: "programs", size } }
    )
  }

  for (const [arch, usual] of [["x86_64", 12], ["arm64-4k", 5], ["arm64-64k", 5]] as const) {
    it.effect.prop(
      `after every operation on System RAM: ${arch}`,
      { spec: Arbitraries.machine(arch), program: Arbitraries.systemRam(arch) },
      ({ program, spec }) => follow(spec, program),
      { arbitrary: { runs: runs(usual), seed: "system ram", size } }
    )
  }
})
