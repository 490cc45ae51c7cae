import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Ref } from "effect"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import { type Next, random } from "../random.ts"

const each = { concurrency: "unbounded", discard: true } as const

/** Calls `run` with every sequence of answers that it asks for: `pick(n)` is one of the numbers below `n`. */
const everyChoice = <A>(run: (pick: (count: number) => number) => A): ReadonlyArray<A> => {
  const results: Array<A> = []
  let path: ReadonlyArray<readonly [index: number, count: number]> | null = []
  while (path !== null) {
    const given: ReadonlyArray<readonly [index: number, count: number]> = path
    const taken: Array<readonly [index: number, count: number]> = []
    results.push(run((count) => {
      const [index] = given[taken.length] ?? [0]
      taken.push([index, count])
      return index
    }))
    const at = taken.findLastIndex(([index, count]) => index + 1 < count)
    path = at === -1 ? null : taken.slice(0, at + 1).map(([index, count], i) => [index + (i === at ? 1 : 0), count])
  }
  return results
}

const logged = (program: (log: (line: string) => Effect.Effect<void>) => Effect.Effect<unknown>) =>
(
  options: VirtualTime.Options
): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const log = (line: string) => Effect.sync(() => void lines.push(line))
  Effect.runSync(VirtualTime.provide(program(log), options))
  return lines
}

/** Sleepers that are due at one instant, then tasks. */
const sleepers = logged((log) =>
  Effect.forEach(["a", "b", "c", "d", "e"], (name) => Effect.andThen(Effect.sleep(1), log(name)), each)
)
const tasks = logged((log) =>
  Effect.forEach(["a", "b", "c", "d", "e"], (name) => Effect.andThen(Effect.yieldNow, log(name)), each)
)
const both = logged((log) =>
  Effect.andThen(
    Effect.forEach(["a", "b", "c"], (name) => Effect.andThen(Effect.sleep(1), log(name)), each),
    Effect.void
  ).pipe((sleeping) =>
    Effect.all([
      Effect.sleep(1).pipe(
        Effect.andThen(Effect.forEach(["x", "y"], (name) => Effect.andThen(Effect.yieldNow, log(name)), each))
      ),
      sleeping
    ], each)
  )
)

const lostUpdate = (bumps: number, options: VirtualTime.Options): Exit.Exit<number, unknown> =>
  Effect.runSync(Effect.exit(VirtualTime.provide(
    Effect.gen(function*() {
      const ref = yield* Ref.make(0)
      const bump = Effect.flatMap(Ref.get(ref), (n) => Ref.set(ref, n + 1))
      yield* Effect.all(Array.from({ length: bumps }, () => bump), each)
      return yield* Ref.get(ref)
    }),
    options
  )))

/** True with a probability, `percent` in a hundred. */
const sometimes = (next: Next, percent: number) => () => next(100) < percent

describe("VirtualTime: choose", () => {
  it("sees everything that is ready, tasks before sleepers, each by age", () => {
    const seen: Array<ReadonlyArray<VirtualTime.Ready>> = []
    both({
      choose: (ready) => {
        seen.push(ready)
        return 0
      }
    })
    assert.deepStrictEqual(
      seen.map((ready) => ready.map(({ kind }) => kind.slice(0, 1)).join("")),
      ["ssss", "ttsss", "tsss", "sss", "ss"]
    )
    for (const ready of seen) {
      for (const kind of ["task", "sleeper"]) {
        const orders = ready.filter((one) => one.kind === kind).map(({ order }) => order)
        assert.deepStrictEqual(orders, orders.toSorted((a, b) => a - b))
      }
    }
  })

  it("the first is what runs without it", () => {
    for (const program of [sleepers, tasks, both]) assert.deepStrictEqual(program({ choose: () => 0 }), program({}))
  })

  it("any choice is obeyed", () => {
    for (const program of [sleepers, tasks]) {
      for (let seed = 0; seed < 50; seed++) {
        const next = random(seed)
        const names = ["a", "b", "c", "d", "e"]
        const expected: Array<string> = []
        const lines = program({
          choose: (ready) => {
            const index = next(ready.length)
            assert.strictEqual(ready.length, names.length)
            expected.push(...names.splice(index, 1))
            return index
          }
        })
        assert.deepStrictEqual(lines, [...expected, ...names])
      }
    }
  })

  it("an index out of range is the nearest one, and one that is no number the first", () => {
    const last = sleepers({ choose: (ready) => ready.length - 1 })
    assert.deepStrictEqual(last, ["e", "d", "c", "b", "a"])
    assert.deepStrictEqual(sleepers({ choose: () => Infinity }), last)
    assert.deepStrictEqual(sleepers({ choose: () => -3 }), sleepers({}))
    assert.deepStrictEqual(both({ choose: () => Number.NaN }), both({}))
  })

  it("never lets anybody wait for one who sleeps longer", () => {
    const next = random(3)
    for (let run = 0; run < 50; run++) {
      const lines = logged((log) =>
        Effect.forEach([3, 1, 2, 3, 1, 2], (n) => Effect.andThen(Effect.sleep(n), log(`${n}`)), each)
      )({ choose: (ready) => next(ready.length) })
      assert.deepStrictEqual(lines, ["1", "1", "2", "2", "3", "3"])
    }
  })

  it("all interleavings of three workers of two steps are found by trying every choice", () => {
    const program = logged((log) =>
      Effect.forEach(["a", "b", "c"], (name) =>
        Effect.yieldNow.pipe(
          Effect.andThen(log(`${name}1`)),
          Effect.andThen(Effect.yieldNow),
          Effect.andThen(log(`${name}2`))
        ), each)
    )
    const found = everyChoice((pick) => program({ choose: (ready) => pick(ready.length) }).join(" "))
    // 6! / (2! 2! 2!)
    assert.strictEqual(new Set(found).size, 90)
    assert.strictEqual(found.length, 90)
  })
})

describe("VirtualTime: preempt", () => {
  it("finds the lost update, which nobody meets without it", () => {
    assert.deepStrictEqual(lostUpdate(2, {}), Exit.succeed(2))
    assert.deepStrictEqual(lostUpdate(2, { preempt: () => false }), Exit.succeed(2))
    const found = new Set<unknown>()
    for (let seed = 0; seed < 200; seed++) {
      const exit = lostUpdate(3, { preempt: sometimes(random(seed), 20) })
      found.add(exit._tag === "Success" ? exit.value : exit)
    }
    assert.deepStrictEqual([...found].toSorted(), [1, 2, 3])
  })

  it("every program gets on, also where it is preempted before every operation", () => {
    assert.isTrue(Exit.isSuccess(lostUpdate(3, { preempt: () => true, limit: 10_000 })))
    for (let seed = 0; seed < 100; seed++) {
      assert.isTrue(Exit.isSuccess(lostUpdate(3, { preempt: sometimes(random(seed), 50), limit: 10_000 })))
    }
  })

  it("is asked once before each operation", () => {
    const asked = (preempts: boolean) => {
      let count = 0
      const program = Effect.forEach([1, 2, 3, 4, 5], () => Effect.sync(() => {}), { discard: true })
      Effect.runSync(VirtualTime.provide(program, {
        preempt: () => {
          count++
          return preempts
        }
      }))
      return count
    }
    assert.strictEqual(asked(true), asked(false))
    assert.isAbove(asked(false), 5)
  })

  it("who is interrupted right after a wake-up takes nobody else's timer along", () => {
    const program = Effect.gen(function*() {
      const napping = yield* Effect.forEach([1, 2, 1, 2], (n) => Effect.forkChild(Effect.sleep(n)))
      yield* Effect.sleep(1)
      const others = yield* Effect.forEach([3, 4], (n) => Effect.forkChild(Effect.sleep(n)))
      yield* Effect.yieldNow
      yield* Fiber.interruptAll(napping)
      yield* Fiber.joinAll(others)
    })
    for (let seed = 0; seed < 1000; seed++) {
      const next = random(seed)
      const { exit, left } = Effect.runSync(VirtualTime.run(program, {
        choose: (ready) => next(ready.length),
        preempt: sometimes(next, 30)
      }))
      assert.deepStrictEqual([exit, left], [Exit.void, []])
    }
  })
})
