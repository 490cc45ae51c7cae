import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as Steps from "../../src/kernel/Steps.ts"

const count = (log: Array<string>) =>
  Steps.run(function*(limit) {
    for (let i = 0; i < 3;) {
      const n = Math.min(3 - i, limit)
      yield Steps.write("unit.take", `unit:${i}`)
      log.push(`take ${n}`)
      i += n
    }
    return log.length
  })

describe("Steps", () => {
  it.effect("an operation takes long runs in bulk, and one unit at a time when observed", () =>
    Effect.gen(function*() {
      const bulk: Array<string> = []
      assert.strictEqual(yield* count(bulk), 1)
      assert.deepStrictEqual(bulk, ["take 3"])
      const log: Array<string> = []
      const observed = Steps.stepped((step) => Effect.sync(() => log.push(`${step.access} ${step.object}`)))
      yield* Effect.provideService(count(log), Steps.Steps, observed)
      assert.deepStrictEqual(log, [
        "write unit:0",
        "take 1",
        "write unit:1",
        "take 1",
        "write unit:2",
        "take 1"
      ])
    }))

  it.effect("an operation that has begun ends, also when its fiber is interrupted at a step", () =>
    Effect.gen(function*() {
      const reached = yield* Deferred.make<void>()
      const resume = yield* Deferred.make<void>()
      const log: Array<string> = []
      const at = Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(resume))
      const fiber = yield* count(log).pipe(
        Effect.provideService(Steps.Steps, Steps.stepped(() => at)),
        Effect.forkChild
      )
      yield* Deferred.await(reached)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* Deferred.succeed(resume, undefined)
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(log, ["take 1", "take 1", "take 1"])
    }))
})
