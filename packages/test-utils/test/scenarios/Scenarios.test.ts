/** Every scenario on the machine as it is, and every known mistake. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Explore from "../../src/explore/Explore.ts"
import * as Schedule from "../../src/explore/Schedule.ts"
import * as Seeded from "../../src/explore/Seeded.ts"
import * as Mutants from "../../src/scenarios/Mutants.ts"
import * as Scenario from "../../src/scenarios/Scenario.ts"
import * as Scenarios from "../../src/scenarios/Scenarios.ts"

const long = process.env.VMEMMAP_LONG === "1"

const named = (name: string): Scenario.Scenario => {
  const found = Scenarios.all.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no scenario is called ${name}`)
  return found
}

/** The first rule that does not hold on any of some schedules by chance. */
const byChance = (scenario: Scenario.Scenario, seed: number, schedules: number) =>
  Seeded.run(Scenario.program(scenario), { seed, schedules, how: "pct", preemptions: 3, steps: 48 })

describe("scenarios", () => {
  it("there are twenty and more, each of its own name, about rules", () => {
    assert.isAtLeast(Scenarios.all.length, 20)
    assert.strictEqual(new Set(Scenarios.all.map(({ name }) => name)).size, Scenarios.all.length)
    for (const { rules } of Scenarios.all) assert.isAbove(rules.length, 0)
  })

  for (const scenario of Scenarios.all) {
    it(`${scenario.rules.join(", ")}: ${scenario.name}: nothing is found within its bounds`, () => {
      const schedules = long ? Infinity : 12
      const { exhaustive, findings } = Explore.exhaustive(Scenario.program(scenario), {
        preemptions: scenario.preemptions,
        schedules
      })
      assert.deepStrictEqual(findings.map(({ violations }) => violations), [])
      if (long) assert.isTrue(exhaustive)
    }, long ? 600_000 : 20_000)

    it(`${scenario.name}: nothing is found by chance`, () => {
      const { findings } = byChance(scenario, 1, long ? 20_000 : 2)
      assert.deepStrictEqual(findings.map(({ violations }) => violations), [])
    }, long ? 600_000 : 20_000)
  }
})

describe("mutants", () => {
  it("each is exposed by a scenario that there is, and few are out of reach", () => {
    for (const { scenario } of Mutants.all) assert.strictEqual(named(scenario).name, scenario)
    assert.isAtMost(Mutants.outOfReach.length, 5)
    const ids = [...Mutants.all, ...Mutants.outOfReach].map(({ id }) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
  })

  for (const mutant of Mutants.all) {
    it(`${mutant.id} is found, and again from its schedule alone: ${mutant.about}`, () => {
      const scenario = named(mutant.scenario)
      const { findings } = Explore.exhaustive(Scenario.program(scenario, mutant), { preemptions: scenario.preemptions })
      const [finding] = findings
      assert.isDefined(finding)
      const choices = Result.getOrThrow(Schedule.parse(finding?.schedule ?? ""))
      const again = Explore.replay(Scenario.program(scenario, mutant), choices)
      assert.deepStrictEqual(again.violations, finding?.violations)
    }, 60_000)
  }

  it("most are also found by chance, by whoever is not told where to look", () => {
    const names = [...new Set(Mutants.all.map(({ scenario }) => scenario))]
    const found = Mutants.all.filter((mutant) =>
      names.some((name) => {
        const program = Scenario.program(named(name), mutant)
        return Seeded.run(program, { seed: 3, schedules: long ? 500 : 2, how: "pct", steps: 48 }).findings.length > 0
      })
    )
    assert.isAtLeast(found.length, long ? Mutants.all.length - 1 : 12)
  }, long ? 600_000 : 60_000)
})
