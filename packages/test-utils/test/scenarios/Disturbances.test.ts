/** Scenarios in which somebody is interrupted or unbound, or something fails: nothing is left half done. */
import { assert, describe, it } from "@effect/vitest"
import { GiB, MiB } from "@vmemmap/core/geometry/Units"
import { MemoryHotplug } from "@vmemmap/core/hotplug/MemoryHotplug"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import * as Steps from "@vmemmap/core/kernel/Steps"
import { Effect, Exit, Scope } from "effect"
import * as Explore from "../../src/explore/Explore.ts"
import * as Seeded from "../../src/explore/Seeded.ts"
import { apart, device, mapOnce, mapped, small } from "../../src/scenarios/Devices.ts"
import * as Disturbances from "../../src/scenarios/Disturbances.ts"
import * as Findings from "../../src/scenarios/Findings.ts"
import * as GeneratedScenario from "../../src/scenarios/GeneratedScenario.ts"
import * as Mutant from "../../src/scenarios/Mutant.ts"
import * as Mutants from "../../src/scenarios/Mutants.ts"
import * as Scenario from "../../src/scenarios/Scenario.ts"
import * as Scenarios from "../../src/scenarios/Scenarios.ts"

const long = process.env.VMEMMAP_LONG === "1"

const timeout = long ? 3_600_000 : 60_000

const named = (name: string): Scenario.Scenario => {
  const found = Scenarios.all.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no scenario is called ${name}`)
  return found
}

/** Rules that do not hold, within one preemption. */
const rules = (scenario: Scenario.Scenario, mutant: Mutant.Mutant | null = null, schedules = 300) =>
  Explore.exhaustive(Scenario.program(scenario, mutant), { preemptions: 1, schedules }).findings
    .flatMap(({ violations }) => violations.map(({ rule }) => rule))

/** Within one preemption, and by chance beyond. */
const clean = (scenario: Scenario.Scenario) => {
  const program = Scenario.program(scenario)
  const schedules = long ? 100 : 4
  const found = [
    ...Explore.exhaustive(program, { preemptions: 1, schedules }).findings,
    ...Seeded.run(program, { seed: 7, schedules: schedules / 2, how: "pct", preemptions: 3, steps: 48 }).findings
  ]
  assert.deepStrictEqual(found.map(({ schedule, violations }) => ({ schedule, violations })), [], scenario.name)
}

const pass = Steps.run(function*() {
  yield Steps.write("test.pass", "nothing")
})

const scenario = (setup: Scenario.Scenario["setup"]): Scenario.Scenario => ({
  name: "own",
  about: "a scenario of this test",
  rules: [],
  machine: small,
  setup
})

const request = device("pmem0", apart, 128 * MiB)

/** Names of the contexts of a scenario. */
const contextsOf = (scenario: Scenario.Scenario) => Explore.replay(Scenario.program(scenario), []).names

/** A few scenarios; in the long run all but one, whose writer of sync takes the device for granted. */
const chosen = long
  ? Scenarios.all.filter(({ name }) => name !== "init-sync")
  : ["two-in-one-section", "get-unmap", "offline-walk", "own-memmap", "init-fault", "online-remove"].map(named)

describe("disturbed scenarios", () => {
  for (const one of chosen) {
    it(`LCK-11: ${one.name}: whoever is interrupted, wherever`, () => {
      for (const name of contextsOf(one)) clean(Disturbances.interrupting(one, name))
    }, timeout)

    it(`SEC-12, HOT-7: ${one.name}: whatever fails`, () => {
      for (const what of ["allocation", "populate", "notifier"] as const) {
        for (const nth of long ? [1, 2, 3, 4, 6, 9] : [1, 3]) clean(Disturbances.failing(one, what, nth))
      }
    }, timeout)

    it(`MRP-12: ${one.name}: whichever device is unbound, whenever`, () => {
      for (const nth of [1, 2]) clean(Disturbances.unbinding(one, nth))
    }, timeout)
  }

  it("LCK-11: generated programs in which something goes wrong", () => {
    const programs = long ? 2000 : 12
    const { found, schedules } = GeneratedScenario.search({
      seed: "disturbed",
      programs,
      schedules: 12,
      disturbed: true
    })
    assert.deepStrictEqual([found?.text, found?.schedule, found?.violations], [undefined, undefined, undefined])
    assert.strictEqual(schedules, programs * 12)
  }, timeout)
})

describe("disturbances", () => {
  it("a context is interrupted at its end, at its beginning, or in the middle", () => {
    const reached: Array<number> = []
    const own = scenario(Effect.sync(() => {
      let at = 0
      const walk = Effect.forEach([1, 2, 3], (step) => Effect.andThen(pass, Effect.sync(() => void (at = step))))
      return { walk: Effect.ensuring(walk, Effect.sync(() => void reached.push(at))) }
    }))
    Explore.exhaustive(Scenario.program(Disturbances.interrupting(own, "walk")))
    assert.deepStrictEqual([...new Set(reached)].toSorted(), [0, 1, 2, 3])
  })

  it("MRP-12: a reference that is lost when its holder is interrupted is found: the device is unmapped for ever", () => {
    const losing: Mutant.Mutant = {
      id: "own",
      about: "a reference is given back only by who gets to it",
      scenario: "get-unmap",
      remedy: "release it however the holder ends",
      replace: ({ pagemaps }) => ({
        pagemaps: Mutant.wrap(Pagemaps, pagemaps, (original) =>
          Effect.succeed({
            ...original,
            get: Effect.fnUntraced(function*(pfn, hint) {
              const scope = yield* Scope.make()
              const found = yield* Scope.provide(original.get(pfn, hint), scope)
              yield* pass
              yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
              return found
            })
          }))
      })
    }
    const one = named("get-unmap")
    assert.deepStrictEqual(rules(one, losing), [])
    assert.include(rules(Disturbances.interrupting(one, "user"), losing), "deadlock")
  })

  it("SEC-12: a memmap that is undone wrongly is found only where populating or an allocation fails", () => {
    const mutant = Mutants.all.find(({ id }) => id === "BUG-21") ?? null
    const half = device("pmem0", apart, 64 * MiB)
    const one = scenario(Effect.sync(() => ({ map: Effect.ignore(mapOnce(half)), other: pass })))
    assert.deepStrictEqual(rules(one, mutant), [])
    assert.include(rules(Disturbances.failing(one, "populate", 1), mutant), "ledger")
    assert.include(
      [4, 5].flatMap((nth) => rules(Disturbances.failing(one, "allocation", nth), mutant)),
      "ledger"
    )
  })

  it("HOT-7, HOT-8: the n-th question is refused, and no other", () => {
    const block = { start: 8 * GiB / (128 * MiB), end: 8 * GiB / (128 * MiB) + 1 }
    const own = scenario(Effect.gen(function*() {
      const { addMemory, offline, online } = yield* MemoryHotplug
      yield* addMemory({ start: 8 * GiB, size: 128 * MiB, node: 0 })
      const told = (what: string, effect: Effect.Effect<unknown, unknown>) =>
        Effect.matchEffect(effect, { onFailure: () => Findings.report(what, "refused"), onSuccess: () => Effect.void })
      return {
        change: Effect.andThen(told("HOT-7", online(block, "online")), told("HOT-8", offline(block))),
        other: pass
      }
    }))
    const refused = (nth: number) => [...new Set(rules(Disturbances.failing(own, "notifier", nth)))]
    assert.deepStrictEqual([1, 2, 3].map(refused), [["HOT-7"], ["HOT-8"], []])
  })

  it("MRP-12: a device is unbound under who mapped it", () => {
    const own = scenario(Effect.succeed({
      map: Effect.gen(function*() {
        const { all } = yield* Pagemaps
        yield* mapped(request)
        yield* pass
        if (all().length === 0) yield* Findings.report("gone", "somebody else unmapped it")
      }),
      other: pass
    }))
    assert.deepStrictEqual(rules(own), [])
    assert.include(rules(Disturbances.unbinding(own, 1)), "gone")
    assert.deepStrictEqual(rules(Disturbances.unbinding(own, 2)), [])
  })
})
