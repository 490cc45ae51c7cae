/** Bulk and stepped execution of the same program. */
import { assert, describe, it } from "@effect/vitest"
import * as Steps from "@vmemmap/core/kernel/Steps"
import * as Machine from "@vmemmap/core/machine/Machine"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { Effect } from "effect"
import * as Arbitraries from "../../src/Arbitraries.ts"
import * as Invariants from "../../src/Invariants.ts"
import * as Observation from "../../src/Observation.ts"
import * as Program from "../../src/Program.ts"
import { lines, model, none, runs, size } from "./follow.ts"

const MiB = 2 ** 20

/** What the operations answer, and what the machine then looks like. */
const outcome = (
  spec: MachineSpec,
  program: ReadonlyArray<Program.Operation>,
  granularity: (state: Invariants.State) => Steps.Granularity
) =>
  Effect.scoped(
    Effect.gen(function*() {
      const { giveBack, run } = yield* Program.runner
      const reference = yield* model(spec)
      const answers = yield* Effect.forEach(program.filter((one) => !Program.isUndefined(reference, one)), run)
      const before = yield* Observation.take
      yield* giveBack
      return { answers, before, after: yield* Observation.take }
    }).pipe((steps) =>
      Effect.flatMap(Invariants.state, (state) => Effect.provideService(steps, Steps.Steps, granularity(state)))
    )
  ).pipe(Effect.provide(Machine.layer(spec)))

/** Every step is observed, and the invariants with it. */
const watched = (state: Invariants.State) => {
  let adding: ReadonlyArray<{ readonly start: number; readonly end: number }> = []
  return Steps.stepped((step) =>
    Effect.sync(() => {
      const section = /^section:(\d+)$/.exec(step.object)?.[1]
      // SEC-11: from here to the end of the addition bits may be set without a memmap.
      if (step.name === "section.set-bits" && section !== undefined) {
        const start = Number(section) * state.table.pagesPerSection
        adding = [{ start, end: start + state.table.pagesPerSection }]
      }
      none(`before ${step.name} of ${step.object}`, lines(Invariants.between(state, { adding })))
      if (step.name === "section.set-present") adding = []
    })
  )
}

const agree = (spec: MachineSpec, program: ReadonlyArray<Program.Operation>) =>
  Effect.gen(function*() {
    const bulk = yield* outcome(spec, program, () => Steps.bulk)
    const stepped = yield* outcome(spec, program, watched)
    assert.deepStrictEqual(stepped.answers, bulk.answers)
    assert.deepStrictEqual(stepped.before, bulk.before)
    assert.deepStrictEqual(stepped.after, bulk.after)
  })

describe("bulk = stepped", () => {
  for (
    const [arch, usual] of [["x86_64", 60], ["arm64-4k", 5], ["arm64-64k", 5], ["ppc64-radix", 10], [
      "s390x",
      5
    ]] as const
  ) {
    it.effect.prop(
      `the same answers and the same state, LCK-11 at every step: ${arch}`,
      { spec: Arbitraries.machine(arch), program: Arbitraries.pagemaps(arch) },
      ({ program, spec }) => agree(spec, program),
      { arbitrary: { runs: runs(usual), seed: "granularity", size } }
    )
  }

  it.effect.prop(
    "the same answers and the same state, LCK-11 at every step: System RAM",
    { spec: Arbitraries.machine(), program: Arbitraries.systemRam() },
    ({ program, spec }) => agree(spec, program),
    { arbitrary: { runs: runs(40), seed: "system ram", size } }
  )

  it.effect.prop(
    "SEC-12: the same when RAM runs out",
    { program: Arbitraries.pagemaps("x86_64", 5) },
    ({ program }) => agree({ ranges: [{ kind: "ram", start: 0, size: 12 * MiB, node: 0 }] }, program),
    { arbitrary: { runs: runs(30), seed: "shortage", size } }
  )
})
