/** Generated programs under schedules by chance: on the machine as it is, and with known mistakes. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Explore from "../../src/explore/Explore.ts"
import * as Schedule from "../../src/explore/Schedule.ts"
import * as GeneratedProgram from "../../src/scenarios/GeneratedProgram.ts"
import * as GeneratedScenario from "../../src/scenarios/GeneratedScenario.ts"
import * as Mutants from "../../src/scenarios/Mutants.ts"
import * as Scenario from "../../src/scenarios/Scenario.ts"

const long = process.env.VMEMMAP_LONG === "1"

/** A million schedules in parts of 10,008: at 150 to 250 a second each takes about a minute, all of them one to two hours. */
const parts = long ? 100 : 1

const clean = (seed: string, programs: number) => {
  const { found, schedules } = GeneratedScenario.search({ seed, programs, schedules: 12 })
  if (found !== null) {
    const violations = found.violations.map(({ problem, rule }) => `${rule}: ${problem}`)
    assert.fail([`seed ${seed}`, found.text, found.schedule, ...violations].join("\n"))
  }
  return schedules
}

/** Some that generated programs find within a few dozen. */
const easy = new Set(["BUG-1", "BUG-2", "BUG-16", "BUG-21"])

describe("generated programs", () => {
  it("a seed makes the same programs again, of two or three contexts, and no two alike", () => {
    const programs = GeneratedProgram.fromSeed("programs", 40)
    assert.deepStrictEqual(GeneratedProgram.fromSeed("programs", 40), programs)
    for (const { contexts } of programs) assert.include([2, 3], contexts.length)
    assert.strictEqual(new Set(programs.map(GeneratedProgram.text)).size, programs.length)
  })

  for (let part = 0; part < parts; part++) {
    it(`LCK-11: nothing is found on the machine as it is: part ${part + 1} of ${parts}`, () => {
      const programs = long ? 834 : 25
      assert.strictEqual(clean(`machine ${part}`, programs), programs * 12)
    }, long ? 3_600_000 : 60_000)
  }

  it("ASY-11: who waits for the page tables while another fails to map the memmap maps nothing any more", () => {
    const device = { gapMiB: 0, altmap: "none", node: 0 } as const
    const scenario = GeneratedScenario.make({
      kernel: "6.8",
      poison: true,
      ownMemmap: false,
      second: "no",
      strategy: "vmemmap:kernel=6.1;vmemmap=base;workers=2",
      beside: false,
      devices: [
        { ...device, type: "generic", sizeMiB: 130, order: 9, altmap: "short", background: "possible" },
        { ...device, type: "generic", sizeMiB: 256, order: 0, altmap: "fits", background: "no" }
      ],
      before: [],
      contexts: [[{ _tag: "Bind", device: 0 }], [{ _tag: "Bind", device: 1 }]]
    })
    // Found by the million: the second of two who map had the mutex once the first had failed.
    const choices = Result.getOrThrow(Schedule.parse("9A 3B 3~0 9A 23B 2~0 3A"))
    const { events, violations } = Explore.replay(Scenario.program(scenario), choices)
    assert.deepStrictEqual(violations, [])
    assert.isTrue(events.some(({ step }) => step?.name === "section.free-usage"))
  })

  for (const mutant of Mutants.all.filter(({ id }) => easy.has(id))) {
    it(`${mutant.id}: a program a person can read is found, and its schedule leads there again`, () => {
      const { found } = GeneratedScenario.search({ seed: "mutants", programs: 60, schedules: 3, mutant })
      if (found === null) return assert.fail("nothing is found")
      assert.isAtMost(found.program.contexts.flat().length, 4, found.text)
      const choices = Result.getOrThrow(Schedule.parse(found.schedule))
      const again = Explore.replay(Scenario.program(GeneratedScenario.make(found.program), mutant), choices)
      assert.deepStrictEqual(again.violations, found.violations)
    }, 60_000)
  }

  // Ten minutes at most.
  it.runIf(long)("at least twenty known mistakes are found by programs that know nothing of them", () => {
    const found = Mutants.all.filter((mutant) =>
      GeneratedScenario.search({ seed: "mutants", programs: 1200, schedules: 3, mutant }).found !== null
    )
    assert.isAtLeast(found.length, 20, found.map(({ id }) => id).join(", "))
  }, 3_600_000)
})
