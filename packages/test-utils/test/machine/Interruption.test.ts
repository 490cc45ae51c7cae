/** A program that is interrupted, or fails, gives back what its scope holds. */
import { assert, describe, it } from "@effect/vitest"
import * as Faults from "@vmemmap/core/frames/Faults"
import * as Steps from "@vmemmap/core/kernel/Steps"
import * as Ledger from "@vmemmap/core/machine/Ledger"
import * as Machine from "@vmemmap/core/machine/Machine"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { Arbitrary, Effect, Exit, Fiber, Metric, Schema } from "effect"
import * as Arbitraries from "../../src/Arbitraries.ts"
import * as Invariants from "../../src/Invariants.ts"
import * as Observation from "../../src/Observation.ts"
import * as Program from "../../src/Program.ts"
import { lines, model, none, runs, size } from "./follow.ts"

/** Counts fibers that have begun and not ended. */
const fibers = () => {
  let alive = 0
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => {
      alive++
    },
    recordFiberEnd: () => {
      alive--
    }
  }
  return { alive: () => alive, service }
}

/** Runs a program until its `at`-th step and ends it there, by `how`. */
const endAt = (
  spec: MachineSpec,
  program: ReadonlyArray<Program.Operation>,
  at: number,
  how: "interrupt" | "die"
) =>
  Effect.gen(function*() {
    const state = yield* Invariants.state
    const ledger = yield* Ledger.Ledger
    const faults = yield* Faults.Faults
    const before = yield* Observation.take
    const counter = fibers()
    const stop = new Error("stopped")
    let left = at
    let target: Fiber.Fiber<unknown, unknown> | undefined
    const step = () =>
      Effect.suspend(() => {
        if (left-- !== 0) return Effect.yieldNow
        if (how === "interrupt") target?.interruptUnsafe()
        return Effect.void
      })
    const running = Effect.scoped(Effect.gen(function*() {
      const { run } = yield* Program.runner
      const reference = yield* model(spec)
      for (const operation of program) {
        if (Program.isUndefined(reference, operation)) continue
        yield* run(operation)
        if (how === "die" && left < 0) return yield* Effect.die(stop)
      }
    })).pipe(
      Effect.provideService(Steps.Steps, Steps.stepped(step)),
      Effect.provideService(Metric.FiberRuntimeMetrics, counter.service)
    )
    target = yield* Effect.forkChild(running)
    const exit = yield* Fiber.await(target)
    if (left >= 0) assert.isTrue(Exit.isSuccess(exit))
    faults.disarm()
    assert.strictEqual(counter.alive(), 0, "fibers alive")
    none("at the end", lines(Invariants.rest(state, { users: new Map() })))
    assert.isTrue(yield* Invariants.lockIsFree)
    yield* ledger.balance
    const after = yield* Observation.take
    assert.deepStrictEqual(after.pagemaps, [])
    assert.deepStrictEqual(after.index, [])
    return { before, after }
  }).pipe(Effect.provide(Machine.layer(spec)))

const Ending = Schema.Struct({
  at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 120 })),
  how: Schema.Literals(["interrupt", "die"])
})

const input = {
  spec: Arbitraries.machine(),
  program: Arbitraries.pagemaps("x86_64", 6),
  ending: Arbitrary.schema(Ending)
}

/** Programs in which every map has all it needs leave nothing behind; others may leak sections (SEC-12). */
const isClean = (operation: Program.Operation) =>
  operation._tag !== "FailAllocation" && (operation._tag !== "Map" || operation.altmap !== "short")

describe("ended programs", () => {
  it.effect.prop(
    "HOT-9: no fiber is left, the locks are free, the books balance: System RAM",
    { ...input, program: Arbitraries.systemRam() },
    ({ ending, program, spec }) => endAt(spec, program, ending.at, ending.how),
    { arbitrary: { runs: runs(80), seed: "interruption", size } }
  )

  it.effect.prop(
    "MRP-12: nothing is mapped, no fiber is left, the locks are free, the books balance",
    input,
    ({ ending, program, spec }) => endAt(spec, program, ending.at, ending.how),
    { arbitrary: { runs: runs(120), seed: "interruption", size } }
  )

  it.effect.prop(
    "what did not fail to be mapped leaves the memmap as it was",
    input,
    ({ ending, program, spec }) =>
      Effect.map(endAt(spec, program.filter(isClean), ending.at, ending.how), ({ after, before }) => {
        const memmaps = ({ sections }: typeof before) =>
          sections.map(({ map, memmap, section, usage }) => ({ section, map, usage, memmap }))
        const leaks = memmaps(after).length > memmaps(before).length
        if (!leaks) assert.deepStrictEqual(memmaps(after), memmaps(before))
      }),
    { arbitrary: { runs: runs(60), seed: "interruption", size } }
  )
})
