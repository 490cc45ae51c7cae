/** What is looked at while scenarios run: nothing of it is idle, and what is wrong with it shows. */
import { assert, describe, it } from "@effect/vitest"
import type { KernelError } from "@vmemmap/core/kernel/KernelError"
import * as BootMemory from "@vmemmap/core/machine/BootMemory"
import * as Machine from "@vmemmap/core/machine/Machine"
import * as MachineTree from "@vmemmap/core/sysfs/MachineTree"
import { Effect, Layer, Result, type Scope } from "effect"
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type * as Execution from "../../src/explore/Execution.ts"
import * as Explore from "../../src/explore/Explore.ts"
import type { Mutant } from "../../src/scenarios/Mutant.ts"
import * as Mutants from "../../src/scenarios/Mutants.ts"
import * as Scenario from "../../src/scenarios/Scenario.ts"
import * as Scenarios from "../../src/scenarios/Scenarios.ts"
import { named, noticing } from "./around.ts"
import * as Planted from "./planted.ts"

const long = process.env.VMEMMAP_LONG === "1"

const known = (id: string, scenario?: string): Mutant => {
  const found = Mutants.all.find((mutant) => mutant.id === id)
  if (found === undefined) throw new Error(`no mistake is called ${id}`)
  return { ...found, scenario: scenario ?? found.scenario }
}

/** One thing that is looked at, by the violations it reports, and a mistake that nothing else notices. */
interface Invariant {
  readonly rule: string
  /** Where others report the same rule. */
  readonly says?: RegExp
  readonly mutant: Mutant
}

/** The mistake is found where somebody asks `pfn_valid()`; here nobody does. */
const unasked = known("BUG-3", "get-unmap")

const invariants: ReadonlyArray<Invariant> = [
  // Invariants.between and Invariants.rest
  { rule: "LCK-11.1", mutant: unasked },
  { rule: "LCK-11.2", mutant: Planted.onlineFirst },
  { rule: "LCK-11.3", mutant: Planted.countedTwice },
  { rule: "LCK-11.4", mutant: known("BUG-22") },
  { rule: "LCK-11.5", says: /^page 0x|^pages of/, mutant: known("BUG-1") },
  { rule: "LCK-11.6", mutant: known("BUG-12") },
  { rule: "LCK-11.7", says: /references of users|leads to a pagemap/, mutant: Planted.keptReference },
  { rule: "LCK-11.8", mutant: Planted.presentTwice },
  // Watches
  { rule: "INI-10", mutant: known("BUG-8") },
  { rule: "SEC-14", mutant: known("BUG-6") },
  { rule: "LCK-11.7", says: /counts -[0-9]+ references$/, mutant: known("BUG-2") },
  { rule: "INI-5", mutant: known("BUG-23") },
  { rule: "INI-8", mutant: known("BUG-16") },
  { rule: "INI-9", mutant: known("BUG-13") },
  { rule: "HOT-9", says: /^node/, mutant: known("BUG-20") },
  { rule: "HOT-9", says: /^memory block/, mutant: Planted.blockStays },
  { rule: "LCK-4", mutant: known("BUG-17") },
  { rule: "ledger", mutant: known("BUG-21") },
  // What contexts find out themselves
  { rule: "SEC-7", mutant: known("BUG-9") },
  { rule: "LCK-11.5", says: / reads the struct page of /, mutant: Planted.pageForgotten },
  { rule: "LCK-11.5", says: / uses the struct page of /, mutant: Planted.pinForgotten },
  { rule: "LCK-10", mutant: Planted.unheldWhileUsed },
  { rule: "MRP-12", mutant: Planted.unheldWhileFound },
  { rule: "DEF-7", mutant: Planted.grownInVain },
  { rule: "DEF-9", mutant: Planted.bootTwice },
  { rule: "ASY-8", mutant: known("BUG-28") },
  { rule: "defect", mutant: Planted.dies }
]

const source = join(dirname(fileURLToPath(import.meta.url)), "../../src")

/** The rules that are reported by name; what the machine itself says has its own. */
const reported = (): ReadonlySet<string> => {
  const rules = new Set<string>()
  for (const file of globSync(["Invariants.ts", "explore/*.ts", "scenarios/*.ts"], { cwd: source })) {
    const text = readFileSync(join(source, file), "utf8")
    for (const [, rule = ""] of text.matchAll(/(?:report\(|violations\()\s*"([^"]+)"/g)) rules.add(rule)
    for (const [, rule = ""] of text.matchAll(/rule: "([^"]+)",\s+problem/g)) rules.add(rule)
    for (const [, rule = ""] of text.matchAll(/\["([A-Z]+-[0-9.]+)", [^"]/g)) rules.add(rule)
  }
  return rules
}

const isOf = ({ rule, says }: Pick<Invariant, "rule" | "says">) => (violation: Execution.Violation): boolean =>
  violation.rule === rule && (says === undefined || says.test(violation.problem))

const explore = (mutant: Mutant, noticed: (violation: Execution.Violation) => boolean) => {
  const scenario = named(mutant.scenario)
  return Explore.exhaustive(noticing(Scenario.program(scenario, mutant), noticed), {
    preemptions: scenario.preemptions,
    schedules: long ? 5000 : 45
  }).findings.flatMap(({ violations }) => violations)
}

describe("invariants", () => {
  it("each that the source reports has a mistake here that nothing else notices", () => {
    const here = new Set([...invariants.map(({ rule }) => rule), "deadlock"])
    const left = [...reported()].filter((rule) => !here.has(rule))
    assert.deepStrictEqual(left, [])
    assert.isAtLeast(reported().size, 20)
  })

  for (const { mutant, rule, says } of invariants) {
    it(`${rule}${says === undefined ? "" : ` (${says.source})`}: without it nobody notices: ${mutant.about}`, () => {
      const is = isOf(says === undefined ? { rule } : { rule, says })
      const found = explore(mutant, () => true)
      assert.isTrue(found.some(is), `found: ${JSON.stringify(found)}`)
      assert.deepStrictEqual(explore(mutant, (violation) => !is(violation)), [])
    }, long ? 600_000 : 60_000)
  }

  it("LCK-7: a reader of pfn_valid() dies of what LCK-11.1 sees before it", () => {
    const mutant = known("BUG-3")
    const isMapped = isOf({ rule: "LCK-11.1" })
    const crashes = isOf({ rule: "defect" })
    assert.isTrue(explore(mutant, (violation) => !isMapped(violation)).some(crashes))
    assert.deepStrictEqual(explore(mutant, (violation) => !isMapped(violation) && !crashes(violation)), [])
  }, 60_000)

  it("a deadlock is all that shows of a mutex that is kept", () => {
    const mutant = known("BUG-29 (leaked mutex)")
    const { violations } = Explore.replay(Scenario.program(named(mutant.scenario), mutant), [])
    assert.deepStrictEqual(violations.map(({ rule }) => rule), ["deadlock"])
  })
})

/** The clean machine, with something more that is looked at. */
const watched = (look: () => ReadonlyArray<Execution.Violation>, guard: Execution.Guard = () => []) => {
  const program = Scenario.program(named("remove-pfn-valid"))
  const around: Execution.Program<unknown> = (explored) =>
    Effect.andThen(Effect.andThen(explored.watch(look), explored.guard(guard)), program(explored))
  return Explore.exhaustive(around, { preemptions: 0 }).findings.flatMap(({ violations }) => violations)
}

describe("a broken invariant", () => {
  const wrong: Execution.Violation = { rule: "LCK-11.1", problem: "nothing is right" }
  const fail = (): never => {
    throw new Error("this invariant is broken")
  }

  it("is not what else is looked at: the machine is clean", () => {
    assert.deepStrictEqual(watched(() => []), [])
  })

  it("that finds something everywhere is noticed on the machine as it is", () => {
    assert.deepStrictEqual(watched(() => [wrong]), [wrong])
    assert.include(watched(() => [], () => [wrong]), wrong)
  })

  it("that fails is noticed, between two steps and before one", () => {
    const says = (what: () => ReadonlyArray<Execution.Violation>): string => {
      try {
        return what().map(({ problem }) => problem).join()
      } catch (error) {
        return String(error)
      }
    }
    assert.include(says(() => watched(fail)), "this invariant is broken")
    assert.include(says(() => watched(() => [], fail)), "this invariant is broken")
  })

  it("that fails at rest is a defect", () => {
    const program = Scenario.program(named("remove-pfn-valid"))
    const around: Execution.Program<unknown> = (explored) => Effect.map(program(explored), fail)
    const [violation] = Explore.replay(around, []).violations
    assert.deepStrictEqual(violation, { rule: "defect", problem: "this invariant is broken" })
  })
})

describe("scenarios", () => {
  it("a machine of Machine.layer and its tree, and a scope, are all that setting one up asks for", () => {
    for (const { machine, name, replace, setup } of Scenarios.all) {
      const bare: Effect.Effect<Scenario.Contexts, KernelError, Scenario.Services | Scope.Scope> = setup
      const memory = Result.getOrThrow(BootMemory.make(machine))
      const own = Machine.parts(memory, machine)
      const layer = MachineTree.layer(machine).pipe(
        Layer.provideMerge(Machine.boot(memory, machine, { ...own, ...replace?.(own) }))
      )
      const contexts = Effect.runSync(Effect.provide(Effect.scoped(Effect.map(bare, Object.keys)), layer))
      assert.isAtLeast(contexts.length, 2, name)
    }
  }, 20_000)
})
