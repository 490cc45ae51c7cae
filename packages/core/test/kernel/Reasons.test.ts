import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { KernelError } from "../../src/kernel/KernelError.ts"
import * as Reasons from "../../src/kernel/Reasons.ts"

const error = new KernelError({ errno: "EBUSY", rule: "24.6", step: "unbind", problem: "in use", remedy: "wait" })

const reason = { errno: "EBUSY", rule: "24.6", problem: "in use", remedy: "wait" }

const heard = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const all: Array<Reasons.Reason> = []
    return Effect.map(
      Effect.result(Effect.provideService(effect, Reasons.Reasons, (one) => all.push(one))),
      (result) => ({ all, result })
    )
  })

describe("Reasons", () => {
  it.effect("27.4: a refusal is told as what it is, and stays a failure", () =>
    Effect.gen(function*() {
      const { all, result } = yield* heard(Reasons.telling(Effect.fail(error)))
      assert.deepStrictEqual(all, [reason])
      assert.strictEqual(result._tag === "Failure" ? result.failure : undefined, error)
    }))

  it.effect("what succeeds is not told; what is passed over is, in order", () =>
    Effect.gen(function*() {
      const { all, result } = yield* heard(
        Reasons.telling(Effect.succeed(1)).pipe(
          Effect.andThen(Effect.ignore(Reasons.telling(Effect.fail(error)))),
          Effect.andThen(Reasons.tell({ ...reason, errno: "ENXIO" }))
        )
      )
      assert.deepStrictEqual(all.map(({ errno }) => errno), ["EBUSY", "ENXIO"])
      assert.strictEqual(result._tag, "Success")
    }))

  it.effect("nobody has to listen", () => Effect.asVoid(Effect.result(Reasons.telling(Effect.fail(error)))))
})
