import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { ScriptError } from "../../src/userland/ScriptError.ts"
import { NotModelled } from "../../src/userland/Tool.ts"
import { cpuTime } from "../cpuTime.ts"
import { random } from "../random.ts"
import { machine, recorded, run } from "./ScriptHarness.ts"
import * as ScriptMutations from "./ScriptMutations.ts"

/** Time that passes at once. */
const instant = Effect.provideService(Clock.Clock, {
  currentTimeMillisUnsafe: () => 0,
  currentTimeMillis: Effect.succeed(0),
  currentTimeNanosUnsafe: () => 0n,
  currentTimeNanos: Effect.succeed(0n),
  monotonicTimeNanosUnsafe: () => 0n,
  monotonicTimeNanos: Effect.succeed(0n),
  sleep: () => Effect.void
})

const runs = process.env.VMEMMAP_LONG === "1" ? 10_000 : 1500

/** One machine for all scripts: what they leave behind is nobody's. */
const on = machine()

/** How a script ends and how long it takes by itself: a machine that is busy with something else gets another chance. */
const timed = Effect.fnUntraced(function*(text: string, asRecording: boolean) {
  for (let attempt = 1;; attempt++) {
    const start = cpuTime()
    const { failure } = asRecording ? yield* recorded([text], on) : yield* run(text, on)
    const took = cpuTime() - start
    if (took < 100 || attempt === 5) return { failure, took }
  }
})

describe("Hostile scripts", () => {
  it.effect(
    `${runs} mutated scripts end in a result or a typed error, each within 100 ms`,
    () =>
      Effect.gen(function*() {
        const next = random(20_260)
        const ends = { result: 0, ScriptError: 0, NotModelled: 0 }
        for (let count = 0; count < runs; count++) {
          const text = ScriptMutations.draw(next)
          const { failure, took } = yield* timed(text, next(4) > 0)
          assert.isBelow(took, 100, text)
          if (failure === undefined) {
            ends.result++
            continue
          }
          assert.isTrue(failure instanceof ScriptError || failure instanceof NotModelled, text)
          assert.isBelow(failure.message.length, 1000, text)
          ends[failure._tag]++
        }
        for (const [end, count] of Object.entries(ends)) assert.isAbove(count, runs / 20, end)
      }).pipe(instant),
    { timeout: 120_000 }
  )
})
