import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit } from "effect"
import { TestConsole } from "effect/testing"
import * as DaxStore from "../../../../examples/first-extent/DaxStore.ts"
import * as Service from "../../../../examples/first-extent/Service.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"

/** The service of the example as it is, on a clock and a screen of the test. */
const serve = Effect.fnUntraced(function*(strategy: string, patience: Duration.Duration) {
  const screen: Array<string> = []
  const run = yield* VirtualTime.run(
    Service.serve(patience).pipe(
      Effect.provide(DaxStore.layer(strategy), { local: true }),
      Effect.provideService(Service.Screen, (text) => Effect.sync(() => void screen.push(text)))
    )
  )
  return { ...run, screen, console: yield* TestConsole.logLines }
})

describe("examples/first-extent", () => {
  it.effect("serves at once where exactly the first extent is initialised, the bar goes on to the end", () =>
    Effect.gen(function*() {
      const { console, exit, left, nanos, screen } = yield* serve("vmemmap", Duration.millis(1))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(left, [])
      assert.strictEqual(console[0], "serving from pfn 0x10400200 after 0.0 ms")
      const percents = screen.flatMap((text) => [.../([0-9]+) %/g[Symbol.matchAll](text)].map(([, n]) => Number(n)))
      assert.deepStrictEqual(percents, percents.toSorted((a, b) => a - b))
      assert.isAbove(percents.length, 10)
      assert.strictEqual(percents.at(-1), 100)
      // A terabyte's struct pages at 13.9 GB/s, seen within the next tenth of a second.
      assert.isAbove(nanos, 16 * 2 ** 30 / 13.9)
      assert.isBelow(nanos, 16 * 2 ** 30 / 13.9 + 2e8)
    }))

  it.effect("26.2: v1 waits for the worker; who has less patience is told, and nothing is left behind", () =>
    Effect.gen(function*() {
      const { exit, left } = yield* serve("async-2018-v1", Duration.seconds(1))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(exit), "TooSlow")
      assert.deepStrictEqual(left, [])
      const patient = yield* serve("async-2018-v1", Duration.seconds(5))
      assert.isTrue(Exit.isSuccess(patient.exit))
    }))

  it.effect("the same run twice draws the same screen", () =>
    Effect.gen(function*() {
      const one = yield* serve("async-2018-v2", Duration.seconds(1))
      const two = yield* serve("async-2018-v2", Duration.seconds(1))
      assert.deepStrictEqual(one.screen, two.screen)
      assert.strictEqual(one.nanos, two.nanos)
    }))
})
