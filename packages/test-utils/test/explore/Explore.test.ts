import { assert, describe, it } from "@effect/vitest"
import * as Steps from "@vmemmap/core/kernel/Steps"
import { Deferred, Effect, Result, Semaphore } from "effect"
import type * as Execution from "../../src/explore/Execution.ts"
import * as Explore from "../../src/explore/Explore.ts"
import * as Schedule from "../../src/explore/Schedule.ts"
import * as Seeded from "../../src/explore/Seeded.ts"

const context = (name: string, objects: ReadonlyArray<string>, act: (object: string) => void) =>
  [
    name,
    Steps.run(function*() {
      for (const object of objects) {
        yield Steps.write(`${name}.write`, object)
        act(object)
      }
    })
  ] as const

/** A context that is an operation needs no fiber; the same inside another effect has one. */
const ways: Readonly<Record<string, <A>(operation: Effect.Effect<A>) => Effect.Effect<A>>> = {
  "without fibers": (operation) => operation,
  "as fibers": (operation) => Effect.suspend(() => operation)
}

/** Contexts that write objects one after the other; the state is the order in which each object was written. */
const writers = (
  objects: ReadonlyArray<ReadonlyArray<string>>,
  way: typeof ways[string] = (operation) => operation
): Execution.Program =>
(explored) =>
  Effect.gen(function*() {
    const orders = new Map<string, string>()
    const contexts = objects.map((own, i) =>
      context(`c${i}`, own, (object) => orders.set(object, `${orders.get(object) ?? ""}${i}`))
    )
    yield* explored.contexts(Object.fromEntries(contexts.map(([name, operation]) => [name, way(operation)])))
    return { violations: [], state: JSON.stringify([...orders].toSorted()) }
  })

const times = (count: number, object: string): ReadonlyArray<string> => Array.from({ length: count }, () => object)

const factorial = (n: number): number => n < 2 ? 1 : n * factorial(n - 1)

/** In how many orders so many steps of each can be done, beginnings included. */
const multinomial = (counts: ReadonlyArray<number>): number => {
  const all = counts.map((count) => count + 1)
  return all.reduce((orders, count) => orders / factorial(count), factorial(all.reduce((a, b) => a + b, 0)))
}

/** Reads a number and writes it, one more: two of them can lose one. */
const counter = (
  add: number,
  way: typeof ways[string] = (operation) => operation
): Execution.Program =>
(explored) =>
  Effect.gen(function*() {
    let value = 0
    const bump = Steps.run(function*() {
      for (let i = 0; i < add; i++) {
        yield Steps.read("counter.read", "counter")
        const read = value
        yield Steps.write("counter.write", "counter")
        value = read + 1
      }
    })
    yield* explored.contexts({ first: way(bump), second: way(bump) })
    const violations = value === 2 * add ? [] : [{ rule: "lost update", problem: `${value} of ${2 * add}` }]
    return { violations, state: `${value}` }
  })

describe("Explore", () => {
  for (const counts of [[1, 1], [2, 3], [4, 4], [1, 1, 1], [2, 2, 2], [1, 1, 1, 1]]) {
    for (const [name, way] of Object.entries(ways)) {
      it(`where nothing commutes there are as many schedules as orders: ${counts.join(" and ")}, ${name}`, () => {
        const program = writers(counts.map((count) => times(count, "one")), way)
        const { complete, cut, exhaustive, schedules } = Explore.exhaustive(program, { reduce: false })
        assert.deepStrictEqual([schedules, cut, exhaustive, complete], [multinomial(counts), 0, true, true])
      })
    }
  }

  it("whether a context is a fiber makes no difference to schedules, states, and what is found where", () => {
    const summary = ({ findings, states, ...rest }: Explore.Explored) => ({
      ...rest,
      states: [...states],
      findings: findings.map(({ schedule, violations }) => [schedule, violations])
    })
    const found = Object.values(ways).map((way) => [
      summary(Explore.exhaustive(writers([["a", "b", "shared"], ["c", "shared"], ["shared", "d"]], way))),
      summary(Explore.exhaustive(counter(2, way), { stop: false })),
      summary(Seeded.run(counter(2, way), { seed: 3, schedules: 50, how: "pct" }))
    ])
    assert.deepStrictEqual(found[0], found[1])
  })

  it("an operation that throws ends its context alone", () => {
    const ends = Object.values(ways).map((way) => {
      const seen: Array<string> = []
      const broken = Steps.run(function*() {
        yield Steps.write("x.write", "x")
        throw new Error("broken")
      })
      const { findings } = Explore.exhaustive((explored) =>
        Effect.gen(function*() {
          const exits = yield* explored.contexts({ first: way(broken), second: way(Steps.run(function*() {})) })
          seen.push(exits.map(({ _tag }) => _tag).join(" "))
          return { violations: [], state: "" }
        })
      )
      return [findings.length, new Set(seen)]
    })
    assert.deepStrictEqual(ends, [[0, new Set(["Failure Success"])], [0, new Set(["Failure Success"])]])
  })

  it("an operation that has begun ends although whoever runs the contexts is interrupted, and none begins after that", () => {
    const states = Object.values(ways).map((way) => {
      const { findings, states } = Explore.exhaustive((explored) =>
        Effect.gen(function*() {
          let written = 0
          const told = yield* Deferred.make<void>()
          const writer = Steps.run(function*() {
            for (let i = 0; i < 3; i++) {
              yield Steps.write("x.write", "x")
              written++
            }
          })
          const contexts = explored.contexts({ writer: way(writer), teller: Deferred.succeed(told, undefined) })
          yield* Effect.raceFirst(contexts, Deferred.await(told))
          return { violations: [], state: `${written}` }
        })
      )
      return [findings.length, [...states].toSorted()]
    })
    assert.deepStrictEqual(states, [[0, ["0", "3"]], [0, ["0", "3"]]])
  })

  it("contexts may follow others, and begin inside others: all end, in every order", () => {
    const write = (name: string, order: Array<string>) =>
      Steps.run(function*() {
        yield Steps.write("order.push", "order")
        order.push(name)
      })
    const pair = (explored: Execution.Explored, order: Array<string>, names: string) =>
      Effect.map(
        explored.contexts(Object.fromEntries([...names].map((name) => [name, write(name, order)]))),
        (exits) => exits.length
      )
    const one: Execution.Program = (explored) =>
      Effect.gen(function*() {
        const order: Array<string> = []
        const counts = [yield* pair(explored, order, "ab"), yield* pair(explored, order, "cde")]
        return { violations: [], state: `${order.join("")} ${counts.join()}` }
      })
    const other: Execution.Program = (explored) =>
      Effect.gen(function*() {
        const order: Array<string> = []
        const [, inner] = yield* explored.contexts({ a: write("a", order), b: pair(explored, order, "cd") })
        return { violations: [], state: `${order.join("")} ${inner?._tag}` }
      })
    const follow = Explore.exhaustive(one, { stop: false })
    assert.deepStrictEqual([follow.findings.length, follow.complete, follow.states.size], [0, true, 2 * 6])
    assert.isTrue([...follow.states].every((state) => /^[ab]{2}[cde]{3} 2,3$/.test(state)))
    const inside = Explore.exhaustive(other, { stop: false })
    assert.deepStrictEqual([inside.findings.length, inside.complete, inside.states.size], [0, true, 6])
    assert.isTrue([...inside.states].every((state) => state.endsWith("Success")))
  })

  it("reduced, the same states are reached by ten times fewer schedules", () => {
    const program = writers([["a", "b", "shared", "c"], ["d", "shared", "e"], ["f", "g"]])
    const all = Explore.exhaustive(program, { reduce: false })
    const some = Explore.exhaustive(program)
    assert.deepStrictEqual([...some.states].toSorted(), [...all.states].toSorted())
    assert.strictEqual(some.states.size, 2)
    assert.isAtLeast(all.schedules, 10 * (some.schedules + some.cut))
  })

  it("reduced, contexts that share nothing only begin in another order", () => {
    assert.strictEqual(Explore.exhaustive(writers([["a", "a", "a"], ["b", "b", "b"]])).schedules, 2)
    assert.strictEqual(Explore.exhaustive(writers([["a", "a"], ["b", "b"], ["c"]])).schedules, 6)
  })

  it("reduced, reads commute and writes of the same do not", () => {
    const reader = (name: string) =>
      Steps.run(function*() {
        yield Steps.read(name, "x")
      })
    const readers: Execution.Program = (explored) =>
      Effect.as(explored.contexts({ first: reader("a"), second: reader("b") }), { violations: [], state: "" })
    assert.strictEqual(Explore.exhaustive(readers).schedules, 2)
    assert.isAbove(Explore.exhaustive(writers([["x"], ["x"]])).schedules, 2)
  })

  it("finds a lost update, and the shortest schedule to it", () => {
    const { findings, states } = Explore.exhaustive(counter(2), { stop: false })
    assert.deepStrictEqual([...states].toSorted(), ["2", "3", "4"])
    const [finding] = findings
    const { events, violations } = finding?.execution ?? { events: [], violations: [] }
    assert.strictEqual(violations[0]?.rule, "lost update")
    const switches = events.filter(({ name }, i) => i > 0 && name !== events[i - 1]?.name).length
    assert.strictEqual(switches, 2)
  })

  it("a schedule is replayed from its text alone", () => {
    const [finding] = Explore.exhaustive(counter(1)).findings
    const choices = Result.getOrThrow(Schedule.parse(finding?.schedule ?? ""))
    const again = Explore.replay(counter(1), choices)
    assert.deepStrictEqual(again.violations, finding?.violations)
    assert.strictEqual(Schedule.format(again.events.map(({ choice }) => choice)), finding?.schedule)
  })

  it("reduced within a bound, the same states are reached as without reduction", () => {
    const next = Seeded.random(1)
    const upTo = (count: number) => Math.floor(next() * count)
    for (let i = 0; i < 20; i++) {
      const objects = Array.from({ length: 3 }, () => Array.from({ length: 1 + upTo(3) }, () => "abc"[upTo(3)] ?? "a"))
      for (const preemptions of [0, 1, 2]) {
        const all = Explore.exhaustive(writers(objects), { preemptions, reduce: false })
        const some = Explore.exhaustive(writers(objects), { preemptions })
        const missing = [...all.states].filter((state) => !some.states.has(state))
        assert.deepStrictEqual(missing, [], `${JSON.stringify(objects)}, ${preemptions} preemptions`)
        assert.isAtMost(some.schedules, all.schedules)
      }
    }
  })

  it("without preemptions contexts run one after the other", () => {
    const bound = { preemptions: 0, reduce: false } as const
    assert.strictEqual(Explore.exhaustive(counter(3), bound).findings.length, 0)
    assert.strictEqual(Explore.exhaustive(writers([["a"], ["a"], ["a"]]), bound).schedules, 6)
    assert.isFalse(Explore.exhaustive(counter(3), bound).complete)
  })

  it("contexts that wait for each other's locks are a deadlock, with who waits", () => {
    const program: Execution.Program = (explored) =>
      Effect.gen(function*() {
        const [left, right] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
        const step = (name: string) =>
          Steps.run(function*() {
            yield Steps.write("lock.take", name)
          })
        const both = (a: Semaphore.Semaphore, b: Semaphore.Semaphore, names: readonly [string, string]) =>
          Effect.andThen(
            step(names[0]),
            a.withPermits(1)(Effect.andThen(step(names[1]), b.withPermits(1)(Effect.void)))
          )
        yield* explored.contexts({
          first: both(left, right, ["left", "right"]),
          second: both(right, left, ["right", "left"])
        })
        return { violations: [] }
      })
    const { findings } = Explore.exhaustive(program)
    assert.strictEqual(findings[0]?.violations[0]?.rule, "deadlock")
  })

  it("whoever is woken inside another context goes on when it is chosen", () => {
    const program: Execution.Program = (explored) =>
      Effect.gen(function*() {
        const told = yield* Deferred.make<void>()
        let isReady = false
        let seen = false
        yield* explored.contexts({
          teller: Effect.andThen(
            Deferred.succeed(told, undefined),
            Effect.sync(() => {
              isReady = true
            })
          ),
          listener: Effect.andThen(
            Deferred.await(told),
            Effect.sync(() => {
              seen = isReady
            })
          )
        })
        return { violations: [], state: `${seen}` }
      })
    assert.deepStrictEqual([...Explore.exhaustive(program).states].toSorted(), ["false", "true"])
  })

  it("what watches ends a run at the step before which it does not hold", () => {
    const program: Execution.Program = (explored) =>
      Effect.gen(function*() {
        let open = 0
        yield* explored.watch(() => open > 1 ? [{ rule: "one at a time", problem: `${open}` }] : [])
        const enter = Steps.run(function*() {
          yield Steps.write("enter", "room")
          open++
          yield Steps.write("leave", "room")
          open--
        })
        yield* explored.contexts({ first: enter, second: enter })
        return { violations: [] }
      })
    const { findings } = Explore.exhaustive(program)
    assert.deepStrictEqual(findings[0]?.violations, [{ rule: "one at a time", problem: "2" }])
  })

  it("a program that fails or dies is a violation", () => {
    const failing: Execution.Program<string> = () => Effect.fail("no")
    const dying: Execution.Program = () => Effect.die(new Error("never"))
    assert.deepStrictEqual(Explore.exhaustive(failing).findings[0]?.violations, [{ rule: "failure", problem: "no" }])
    assert.deepStrictEqual(Explore.exhaustive(dying).findings[0]?.violations, [{ rule: "defect", problem: "never" }])
  })
})

describe("Seeded", () => {
  for (const how of ["uniform", "preemptions", "pct"] as const) {
    it(`finds a lost update by chance, and the same one again: ${how}`, () => {
      const run = () => Seeded.run(counter(2), { seed: 5, schedules: 500, how, steps: 10 })
      const { findings, schedules } = run()
      assert.strictEqual(findings[0]?.violations[0]?.rule, "lost update")
      assert.deepStrictEqual(run().findings[0]?.schedule, findings[0]?.schedule)
      assert.strictEqual(run().schedules, schedules)
    })
  }

  it("other seeds, other schedules", () => {
    const found = [1, 2, 3, 4, 5, 6].map((seed) => Seeded.run(counter(3), { seed, schedules: 200 }).schedules)
    assert.isAbove(new Set(found).size, 1)
  })
})
