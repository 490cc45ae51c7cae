import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Checks from "../../src/scenarios/Checks.ts"
import type { Mutant } from "../../src/scenarios/Mutant.ts"
import * as Mutants from "../../src/scenarios/Mutants.ts"
import type { Scenario } from "../../src/scenarios/Scenario.ts"
import * as Scenarios from "../../src/scenarios/Scenarios.ts"

const scenario = (name: string): Scenario => Scenarios.all.find((one) => one.name === name) ?? assert.fail(name)

const mutant = (id: string): Mutant => Mutants.all.find((one) => one.id === id) ?? assert.fail(id)

/** A clock that goes on by a nanosecond whenever somebody looks. */
const ticking = () => {
  let now = 0
  return () => now++
}

const walked = scenario("remove-pfn-valid")

const bound = (schedules: number) => ({ schedules, nanos: Infinity, clock: ticking() })

const replayed = (schedule: string, made: Mutant | null) => Checks.replay(walked, made, schedule, ticking())

const problem = (schedule: string): string => {
  const result = replayed(schedule, null)
  return Result.isFailure(result) ? result.failure.message : assert.fail(schedule)
}

describe("Checks", () => {
  it("LCK-11.1: a mistake is found with who did what, and its schedule makes it again, and only with the mistake", () => {
    const made = mutant("BUG-3")
    const { exhaustive, mutant: id, violations } = Checks.explore(walked, made, bound(100))
    const [found = assert.fail()] = violations
    assert.deepStrictEqual([id, exhaustive, found.rule], ["BUG-3", false, "LCK-11.1"])
    assert.deepStrictEqual(found.contexts, ["unmap", "walker"])
    assert.deepStrictEqual(found.steps[0], { context: "unmap", woken: null, step: null, object: null })
    assert.deepStrictEqual(found.steps.at(-1), {
      context: "unmap",
      woken: null,
      step: "section.free-usage",
      object: "section:64"
    })
    const again = Result.getOrThrow(replayed(found.replay, made))
    assert.deepStrictEqual(again.violations, violations)
    assert.deepStrictEqual([again.schedules, again.depth, again.followed], [1, found.steps.length, true])
    assert.deepStrictEqual(Result.getOrThrow(replayed(found.replay, null)).violations, [])
  })

  it("so many schedules, or so much time, are not exceeded", () => {
    const { cut, exhaustive, nanos, schedules, violations } = Checks.explore(walked, null, bound(2))
    assert.deepStrictEqual([schedules, exhaustive, violations], [2, false, []])
    assert.isAbove(nanos, cut)
    const short = Checks.explore(walked, null, { nanos: 60, clock: ticking() })
    assert.isAtMost(short.schedules, 3)
    assert.isFalse(short.exhaustive)
  })

  it("time that is up ends a schedule in the middle, which then does not count; where none came to its end that is told", () => {
    for (const seed of [undefined, 1]) {
      const none = Checks.explore(walked, null, { nanos: 3, clock: ticking(), seed })
      assert.deepStrictEqual([none.schedules, none.states, none.exhaustive], [0, 0, false])
      assert.deepStrictEqual(none.notes, ["no schedule came to its end in that time"])
    }
  })

  it("whether there is another schedule is known within the bound, and beyond it", () => {
    const all = ({ complete, exhaustive }: Checks.Outcome) => [exhaustive, complete]
    assert.deepStrictEqual(all(Checks.explore(walked, null, bound(100_000))), [true, true])
    const unbounded = { ...bound(100_000), preemptions: 0 }
    assert.deepStrictEqual(all(Checks.explore(scenario("online-remove"), null, unbounded)), [true, false])
  })

  it("who was woken has its name, or that of its context", () => {
    const { violations } = Checks.explore(scenario("init-after-failure"), mutant("BUG-29 (leaked mutex)"), bound(100))
    const woken = new Set(violations[0]?.steps.flatMap(({ context, woken }) => context === null ? [woken] : []))
    for (const name of ["map", "pmem0 worker 0", "pmem0 worker 1"]) assert.isTrue(woken.has(name), name)
    assert.isFalse(woken.has(null))
  })

  it("preemptions are those asked for, else the scenario's, and bound what is explored", () => {
    const other = scenario("online-remove")
    const nowhere = Checks.explore(other, null, { ...bound(1000), preemptions: 0 })
    assert.deepStrictEqual([nowhere.preemptions, nowhere.exhaustive], [0, true])
    const once = Checks.explore(other, null, { ...bound(1000), preemptions: 1 })
    assert.isTrue(once.exhaustive)
    assert.isAbove(once.schedules, nowhere.schedules)
    assert.strictEqual(Checks.explore(other, null, bound(1)).preemptions, other.preemptions)
  })

  it("the same seed finds the same, on the same schedule", () => {
    const by = (seed: number) => {
      const { nanos: _, ...outcome } = Checks.explore(walked, mutant("BUG-3"), { ...bound(200), seed })
      return outcome
    }
    assert.deepStrictEqual(by(7), by(7))
    assert.strictEqual(by(7).violations[0]?.rule, "LCK-11.1")
    assert.isFalse(by(7).exhaustive)
  })

  it("what comes with the kit is named by its name", () => {
    const { name, source } = Checks.explore(walked, null, bound(1))
    assert.deepStrictEqual([name, source], ["remove-pfn-valid", "remove-pfn-valid"])
  })

  it("a replay says whether it could do what its schedule says", () => {
    const followed = (schedule: string) => Result.getOrThrow(replayed(schedule, null)).followed
    const { depth } = Result.getOrThrow(replayed("A", null))
    assert.deepStrictEqual(["", "A", "2A B", `${depth + 1}A`, "A ~7 B", "A.3"].map(followed), [
      true,
      true,
      true,
      false,
      false,
      false
    ])
    for (const id of ["BUG-7", "BUG-9", "BUG-12", "BUG-28", "BUG-29 (leaked mutex)"]) {
      const made = mutant(id)
      const exposing = scenario(made.scenario)
      const explored = Checks.explore(exposing, made, bound(1000))
      const again = Checks.replay(exposing, made, explored.violations[0]?.replay ?? assert.fail(id), ticking())
      assert.deepStrictEqual([id, explored.followed, Result.getOrThrow(again).followed], [id, null, true])
    }
  }, 20_000)

  it("a schedule that is none, or of contexts that the scenario has not, is refused with those it has", () => {
    assert.strictEqual(problem("3A x"), "'3A x' is no schedule: 'x' is no context such as 2A, and no ~1")
    assert.strictEqual(
      problem("3A 2C"),
      "'3A 2C' is no schedule: there is no context C, but A (unmap), B (walker)"
    )
    assert.strictEqual(problem("Z.3").split(": ")[1], "there is no context Z, but A (unmap), B (walker)")
    assert.strictEqual(Result.getOrThrow(replayed("", null)).schedules, 1)
  })
})
