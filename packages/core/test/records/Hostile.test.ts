import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as DryRun from "../../src/records/DryRun.ts"
import * as KernelRecord from "../../src/records/KernelRecord.ts"
import * as Verification from "../../src/records/Verification.ts"
import { type Next, random } from "../random.ts"
import * as Hostile from "./hostile.ts"

const runs = process.env.VMEMMAP_LONG === "1" ? 10_000 : 75

/** Processor time of this thread in milliseconds. */
const spent = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

interface Subject {
  readonly what: string
  readonly effect: Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>
}

/** How each of them ends. Who else runs on the machine does not count, and a second try may be faster. */
const ends = Effect.fnUntraced(function*(draw: (next: Next) => Subject) {
  const counts = new Map<string, number>()
  for (let seed = 0; seed < runs; seed++) {
    const { effect, what } = draw(random(seed))
    for (let attempt = 1;; attempt++) {
      const start = spent()
      const exit = yield* Effect.exit(effect)
      const took = spent() - start
      if (took > 1000 && attempt < 3) continue
      assert.isBelow(took, 1000, `${seed}: ${what}`)
      const reason = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
      assert.isTrue(reason === undefined || reason._tag === "Fail", `${seed}: ${String(reason)}: ${what}`)
      if (reason?._tag === "Fail") assert.isBelow(reason.error.message.length, 2000, `${seed}: ${what}`)
      const end = reason?._tag === "Fail" ? reason.error._tag : "result"
      counts.set(end, (counts.get(end) ?? 0) + 1)
      break
    }
  }
  return counts
})

describe("Hostile input", { concurrent: false }, () => {
  it.effect(
    `${runs} damaged scripts on whole machines end in a result or a typed error, each within a second`,
    () =>
      Effect.gen(function*() {
        const counts = yield* ends((next) => {
          const script = Hostile.script(next)
          const spec = Hostile.machines[next(Hostile.machines.length)] ?? {}
          return { what: script, effect: DryRun.run({ spec, script, onTerminal: next(2) === 0 }) }
        })
        assert.isAbove(counts.get("result") ?? 0, runs / 2)
        assert.isAbove(counts.get("ScriptError") ?? 0, runs / 40)
      }),
    { timeout: 7_200_000 }
  )

  it.effect(
    `${runs} damaged records end in a comparison or a typed error, each within a second`,
    () =>
      Effect.gen(function*() {
        const dryRuns = yield* Effect.forEach(Hostile.machines, (spec) => {
          const request = { spec, script: "ndctl list\nlsmem", onTerminal: false }
          return Effect.map(DryRun.run(request), (done) => DryRun.toRecord(request, done))
        })
        const draw = Hostile.recordsOf(dryRuns)
        const counts = yield* ends((next) => {
          const text = draw(next)
          const read = Effect.suspend(() => Effect.fromResult(KernelRecord.parse("record", text)))
          return { what: text.slice(0, 2000), effect: Effect.flatMap(read, Verification.run) }
        })
        assert.isAbove(counts.get("result") ?? 0, runs / 10)
        assert.isAbove(counts.get("InputError") ?? 0, runs / 10)
      }),
    { timeout: 7_200_000 }
  )
})
