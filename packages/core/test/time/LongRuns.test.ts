import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import * as Waiting from "../../src/time/Waiting.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const heap = Effect.sync(() => {
  collect()
  return process.memoryUsage().heapUsed
})

/** By how many bytes the heap grows between the first tenth of as many rounds and the end. */
const growth = <E>(round: Effect.Effect<unknown, E>, rounds: number, first: Effect.Effect<void> = Effect.void) =>
  Effect.runSync(VirtualTime.provide(Effect.gen(function*() {
    yield* first
    yield* Effect.repeat(round, { times: rounds / 10 })
    const before = yield* heap
    yield* Effect.repeat(round, { times: rounds * 9 / 10 })
    return (yield* heap) - before
  })))

const MiB = 2 ** 20

describe("VirtualTime: long runs", () => {
  it("memory does not grow with sleeps, nor with timeouts that were not needed", () => {
    assert.isBelow(growth(Effect.sleep("1 hour"), 50_000), 4 * MiB)
    assert.isBelow(growth(Effect.timeout(Effect.yieldNow, "1 hour"), 20_000), 4 * MiB)
    assert.isBelow(growth(Effect.timeout(Effect.sleep("1 nanos"), "1 day"), 20_000), 4 * MiB)
  })

  it("memory does not grow while there is always somebody ready", () => {
    const yields = Effect.andThen(Effect.forkDetach(Effect.forever(Effect.yieldNow)), Effect.void)
    assert.isBelow(growth(Effect.yieldNow, 100_000, yields), 4 * MiB)
  })

  it("memory does not grow with 100,000 short-lived fibers", () => {
    const batch = Effect.forEach(
      Array.from({ length: 100 }, (_, i) => i),
      (i) => Effect.forkChild(Effect.sleep(i % 7)),
      { discard: false }
    ).pipe(Effect.flatMap(Fiber.joinAll))
    assert.isBelow(growth(batch, 1000), 4 * MiB)
  })

  it("fibers that live long are found among many that do not", () => {
    const { exit, left } = Effect.runSync(VirtualTime.run(Effect.gen(function*() {
      for (let i = 0; i < 50; i++) {
        yield* Effect.forkDetach(Effect.sleep("1 day"))
        yield* Effect.forkDetach(Effect.sleep("1 second"))
        for (let n = 0; n < 200; n++) yield* Fiber.join(yield* Effect.forkChild(Effect.sleep(1)))
      }
      yield* Effect.sleep("1 hour")
    })))
    assert.deepStrictEqual(exit, Exit.void)
    assert.deepStrictEqual(left.map(({ name }) => name), Array.from({ length: 50 }, (_, i) => `fiber ${i}`))
  })

  it("so are fibers that begin to run long after younger ones", () => {
    const many = Effect.forEach(Array.from({ length: 5000 }), () => Effect.forkChild(Effect.void), { discard: true })
    const { left } = Effect.runSync(VirtualTime.run(Effect.gen(function*() {
      yield* Effect.forkDetach(Waiting.named(Effect.never, "old"))
      yield* VirtualTime.run(many)
      yield* Effect.forkDetach(Waiting.named(Effect.never, "young"), { startImmediately: true })
      yield* Effect.yieldNow
    })))
    assert.deepStrictEqual(left.map(({ name }) => name), ["old", "young"])
  })
})
