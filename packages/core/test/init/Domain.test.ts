import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as Domain from "../../src/init/Domain.ts"
import * as Fake from "./Fake.ts"

describe("Domain", () => {
  it.effect("13: whoever waits waits for all that was queued before, in whatever order that ends, and for nothing else", () =>
    Fake.inTime(Effect.scoped(Effect.gen(function*() {
      const domain = yield* Domain.make
      const jobs = Array.from({ length: 1000 }, () => Deferred.makeUnsafe<void>())
      const seen: Array<number> = []
      const waiting = []
      for (const [i, job] of jobs.entries()) {
        const before = domain.before()
        domain.queue(Deferred.await(job))
        waiting.push(yield* Effect.forkChild(Effect.andThen(before, Effect.sync(() => seen.push(i)))))
      }
      yield* Effect.sleep("1 nanos")
      assert.deepStrictEqual(seen, [0])
      for (const job of jobs.toReversed()) {
        assert.strictEqual(seen.length, 1)
        yield* Deferred.succeed(job, undefined)
        yield* Effect.sleep("1 nanos")
      }
      yield* Effect.forEach(waiting, Fiber.join, { discard: true })
      assert.deepStrictEqual(seen, jobs.map((_, i) => i))
      yield* domain.before()
    }))))

  it.effect("of those who wait one may be gone; nobody is left where nobody asks, nor after the end", () =>
    Effect.gen(function*() {
      yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
        const domain = yield* Domain.make
        const job = Deferred.makeUnsafe<void>()
        domain.queue(Deferred.await(job))
        const gone = yield* Effect.forkChild(domain.before())
        yield* Effect.sleep("1 nanos")
        const waiting = yield* Effect.forkChild(domain.before())
        yield* Effect.sleep("1 nanos")
        yield* Fiber.interrupt(gone)
        yield* Deferred.succeed(job, undefined)
        yield* Fiber.join(waiting)
      })))
      yield* Fake.inTime(Effect.scoped(Effect.gen(function*() {
        const domain = yield* Domain.make
        domain.queue(Effect.never)
        domain.queue(Effect.never)
      })))
    }))
})
