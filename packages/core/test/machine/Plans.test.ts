/** Every option of a plan, carried out on the engine: what planning says is what happens. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Option } from "effect"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as Alternatives from "../../src/planning/Alternatives.ts"
import type * as PlanOption from "../../src/planning/PlanOption.ts"
import * as Administrator from "./Administrator.ts"
import * as Books from "./Books.ts"
import * as Carried from "./Carried.ts"
import * as Grown from "./Grown.ts"
import * as Planned from "./Planned.ts"
import * as Sequences from "./Sequences.ts"

const runs = (short: number, long: number) => process.env.VMEMMAP_LONG === "1" ? long : short

describe("every option of every plan", () => {
  it.effect.prop(
    "28.2, 28.7: is refused alike, or leaves the same bytes and costs the same memory",
    { spec: Arbitrary.schema(Planned.Case) },
    ({ spec }) =>
      Effect.gen(function*() {
        const { isApart, kernel, machine, nodes, planned } = Planned.machineOf(spec)
        for (const target of planned.flatMap(({ targets }) => targets)) {
          const place = { kernel, target, nodes, apart: isApart(target) }
          const carryOut = (options: ReadonlyArray<PlanOption.PlanOption>) =>
            Effect.gen(function*() {
              const admin = yield* Administrator.make
              const accounts = yield* Books.make
              yield* Planned.prepare(admin, planned)
              for (const option of options) yield* Carried.compare(admin, accounts, place, option)
              yield* (yield* Ledger.Ledger).balance
            }).pipe(Effect.scoped, Effect.provide(Machine.layer(machine)))
          const options = Alternatives.all(target, kernel)
          const [clean, others] = [false, true].map((traces) =>
            options.filter((option) => Carried.leavesTraces(kernel, target, option) === traces)
          )
          yield* carryOut(clean ?? [])
          for (const option of others ?? []) yield* carryOut([option])
        }
      }),
    { arbitrary: { runs: runs(100, 5000), seed: "plans" } }
  )

  it.effect.prop(
    "28.2: whatever is created, disabled, enabled, made System RAM and back: the machine holds what the plans of the active say",
    { spec: Arbitrary.schema(Planned.Case), steps: Arbitrary.schema(Sequences.Steps) },
    ({ spec, steps }) =>
      Effect.gen(function*() {
        const { kernel, machine, planned } = Planned.machineOf(spec)
        yield* Effect.gen(function*() {
          const admin = yield* Administrator.make
          const accounts = yield* Books.make
          const ledger = yield* Ledger.Ledger
          yield* Planned.prepare(admin, planned)
          yield* Sequences.run(admin, accounts, kernel, planned.flatMap(({ targets }) => targets), steps)
          yield* ledger.balance
          assert.deepStrictEqual(ledger.firstImbalance(), Option.none())
        }).pipe(Effect.scoped, Effect.provide(Machine.layer(machine)))
      }),
    { arbitrary: { runs: runs(150, 20_000), seed: "sequences" } }
  )

  it.effect.prop(
    "HOT-2, HOT-24: a growth plan fails at the device at which the engine has no memory, and pays as much for each",
    { spec: Arbitrary.schema(Grown.Case) },
    ({ spec }) => Grown.compare(spec),
    { arbitrary: { runs: runs(75, 10_000), seed: "growth" } }
  )
})
