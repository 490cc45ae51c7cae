/** A program on an engine and on a reference model, compared after every operation. */
import { assert } from "@effect/vitest"
import * as BootMemory from "@vmemmap/core/machine/BootMemory"
import * as Ledger from "@vmemmap/core/machine/Ledger"
import * as Machine from "@vmemmap/core/machine/Machine"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as Kernel from "@vmemmap/core/release/Kernel"
import { Effect } from "effect"
import * as Agreement from "../../src/Agreement.ts"
import * as Invariants from "../../src/Invariants.ts"
import * as Program from "../../src/Program.ts"
import * as ReferenceModel from "../../src/ReferenceModel.ts"

const long = process.env.VMEMMAP_LONG === "1"

/** How often a property is tried. */
export const runs = (usual: number) => long ? usual * 20 : usual

/** How long programs get. */
export const size = 40

/** Fails with everything that was found, one line each. */
export const none = (when: string, found: ReadonlyArray<string>) => {
  if (found.length > 0) assert.fail([when, ...found].join("\n  "))
}

export const lines = (violations: ReadonlyArray<Invariants.Violation>) =>
  violations.map(({ problem, rule }) => `${rule}: ${problem}`)

/** The model of a machine, for the kernel in context. */
export const model = Effect.fnUntraced(function*(spec: MachineSpec) {
  const kernel = yield* Kernel.Kernel
  const { blockSize, nodes, possibleNodes } = yield* Effect.fromResult(BootMemory.make(spec))
  return ReferenceModel.make({ kernel, nodes, blockSize, possibleNodes })
})

const users = ({ pagemaps }: ReferenceModel.ReferenceModel) =>
  new Map([...pagemaps].map(([name, pagemap]) => [name, pagemap.users]))

/**
 * Engine and model answer alike and are in the same state; the invariants hold; the books balance. `last` are the pfns looked at
 * in the end: all of them, unless said otherwise.
 */
export const follow = (
  spec: MachineSpec,
  operations: ReadonlyArray<Program.Operation>,
  last: (reference: ReferenceModel.ReferenceModel) => Iterable<number> = Agreement.everyPfn
) =>
  Effect.scoped(Effect.gen(function*() {
    const reference = yield* model(spec)
    const ledger = yield* Ledger.Ledger
    const state = yield* Invariants.state
    const differences = yield* Agreement.make
    const { run } = yield* Program.runner
    const check = Effect.fnUntraced(function*(when: string, pfns: Iterable<number>) {
      none(when, differences(reference, pfns))
      none(when, lines(Invariants.rest(state, { users: users(reference) })))
      yield* ledger.balance
    })
    yield* check("after boot", Agreement.edges(reference))
    for (const [i, operation] of operations.entries()) {
      if (Program.isUndefined(reference, operation)) continue
      const when = `after operation ${i} (${operation._tag})`
      const answer = yield* run(operation)
      assert.strictEqual(answer, Program.predict(reference, operation), when)
      if (operation._tag === "FailAllocation") continue
      yield* check(when, Agreement.edges(reference))
      if (answer === "waits") assert.isTrue(yield* Invariants.lockIsFree, `LCK-11.9 ${when}`)
    }
    yield* check("at the end", last(reference))
  })).pipe(Effect.provide(Machine.layer(spec)))
