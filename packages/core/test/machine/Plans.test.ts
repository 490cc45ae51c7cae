/** Every option of a plan, carried out on the engine: what planning says is what happens. */
import { describe, it } from "@effect/vitest"
import { Arbitrary, Effect } from "effect"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as Alternatives from "../../src/planning/Alternatives.ts"
import type * as PlanOption from "../../src/planning/PlanOption.ts"
import * as Administrator from "./Administrator.ts"
import * as Books from "./Books.ts"
import * as Carried from "./Carried.ts"
import * as Planned from "./Planned.ts"

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
    { arbitrary: { runs: runs(200, 5000), seed: "plans" } }
  )
})
