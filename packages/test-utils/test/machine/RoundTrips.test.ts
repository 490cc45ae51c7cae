/** pfn ↔ struct page ↔ address over everything that is mapped, holes included. */
import { assert, describe, it } from "@effect/vitest"
import * as Machine from "@vmemmap/core/machine/Machine"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as PageAddress from "@vmemmap/core/sections/PageAddress"
import { Effect } from "effect"
import * as Agreement from "../../src/Agreement.ts"
import * as Arbitraries from "../../src/Arbitraries.ts"
import * as Invariants from "../../src/Invariants.ts"
import * as Program from "../../src/Program.ts"
import { model, none, runs, size } from "./follow.ts"

const roundTrips = (spec: MachineSpec, program: ReadonlyArray<Program.Operation>) =>
  Effect.scoped(Effect.gen(function*() {
    const reference = yield* model(spec)
    const { kernel, table } = yield* Invariants.state
    const differences = yield* Agreement.make
    const { run } = yield* Program.runner
    for (const operation of program) {
      if (Program.isUndefined(reference, operation)) continue
      yield* run(operation)
      Program.predict(reference, operation)
    }
    const pfns = Agreement.everyPfn(reference)
    const { structPage } = kernel
    const word = PageAddress.bases(kernel.arch)?.vmemmap
    const linear = PageAddress.bases(kernel.arch)?.linear
    for (const pfn of pfns) {
      const offset = PageAddress.fromPfn(kernel, pfn)
      const isRight = offset === pfn * structPage && PageAddress.toPfn(kernel, offset) === pfn &&
        PageAddress.toPfn(kernel, offset + 1) === undefined &&
        (word === undefined || PageAddress.address(kernel, pfn) === word + BigInt(pfn) * BigInt(structPage)) &&
        (linear === undefined ||
          PageAddress.linear(kernel, pfn) === linear + BigInt(pfn) * BigInt(kernel.arch.pageSize))
      if (!isRight) assert.fail(`pfn ${pfn} does not come back`)
    }
    // The word of a section, decoded, leads to the struct pages of its pfns (SEC-2).
    for (const section of reference.sections.table.keys()) {
      const encoded = PageAddress.sectionWord(kernel, table, section)
      if (encoded === undefined || word === undefined || encoded === 0n) continue
      assert.strictEqual(encoded - encoded % 32n, word)
    }
    none("every pfn", differences(reference, Agreement.everyPfn(reference)))
  })).pipe(Effect.provide(Machine.layer(spec)))

describe("pfns", () => {
  for (const arch of ["x86_64", "x86_64-5level", "arm64-4k", "arm64-16k", "arm64-64k"] as const) {
    it.effect.prop(
      `SEC-2, SEC-6, SEC-7: pages, addresses, pfn_valid() and pfn_to_online_page() of every pfn: ${arch}`,
      { spec: Arbitraries.machine(arch), program: Arbitraries.pagemaps(arch, 4) },
      ({ program, spec }) => roundTrips(spec, program),
      { arbitrary: { runs: runs(5), seed: "pfns", size } }
    )
  }
})
