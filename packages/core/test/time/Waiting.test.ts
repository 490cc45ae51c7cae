import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Waiting from "../../src/time/Waiting.ts"

const current = Effect.all([Effect.service(Waiting.Name), Effect.service(Waiting.WaitsFor)])

describe("Waiting", () => {
  it.effect("nobody has a name, or waits for anything, unless somebody says so", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* current, [null, null])
    }))

  it.effect("holds within an effect and not after it, the inner one first", () =>
    Effect.gen(function*() {
      const inner = current.pipe(Waiting.waitingFor("its turn"))
      assert.deepStrictEqual(yield* Waiting.named(inner, "worker"), ["worker", "its turn"])
      assert.deepStrictEqual(yield* inner.pipe(Waiting.named("b"), Waiting.named("a")), ["b", "its turn"])
      assert.deepStrictEqual(yield* current, [null, null])
    }))

  it.effect("children inherit it, and can be asked while they wait", () =>
    Effect.gen(function*() {
      const never = Waiting.waitingFor(Effect.never, "nothing")
      const fibers = yield* Effect.all([
        Effect.forkChild(never, { startImmediately: true }),
        Effect.forkChild(Waiting.named(never, "own"), { startImmediately: true })
      ]).pipe(Waiting.named("parent"))
      assert.deepStrictEqual(fibers.map((fiber) => fiber.getRef(Waiting.Name)), ["parent", "own"])
      assert.deepStrictEqual(fibers.map((fiber) => fiber.getRef(Waiting.WaitsFor)), ["nothing", "nothing"])
      yield* Fiber.interruptAll(fibers)
    }))
})
