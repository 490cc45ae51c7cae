/** Every step of the engine is one that somebody minds: without it there are other schedules. */
import { assert, describe, it } from "@effect/vitest"
import type { Step } from "@vmemmap/core/kernel/Steps"
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Explore from "../../src/explore/Explore.ts"
import * as Scenario from "../../src/scenarios/Scenario.ts"
import { keeping, named } from "./around.ts"

const long = process.env.VMEMMAP_LONG === "1"

const engine = join(dirname(fileURLToPath(import.meta.url)), "../../../core/src")

/** The names of all steps, as the source says them. */
const stepNames = (): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const file of globSync("**/*.ts", { cwd: engine })) {
    const text = readFileSync(join(engine, file), "utf8")
    if (!text.includes("/Steps.ts\"")) continue
    for (const [, first = ""] of text.matchAll(/\b(?:read|write)\(([^,()]*),/g)) {
      for (const [, name = ""] of first.matchAll(/"([a-z-]+\.[a-z-]+)"/g)) names.add(name)
    }
  }
  return names
}

interface Witness {
  readonly scenario: string
  readonly preemptions: number
  readonly steps: ReadonlyArray<string>
}

/** Where each step is minded by another context, so that even the reduced schedules are other ones without it. */
const minded: ReadonlyArray<Witness> = [
  {
    scenario: "add-pfn-valid",
    preemptions: 1,
    steps: [
      "section.root",
      "section.publish-usage",
      "section.set-bits",
      "section.set-present",
      "section.set-has-mem-map",
      "section.clear-bits",
      "section.clear-has-mem-map",
      "section.free-usage",
      "section.clear-word"
    ]
  },
  {
    scenario: "device-beside-ram",
    preemptions: 1,
    steps: [
      "lock.take",
      "direct-map.map",
      "direct-map.unmap",
      "section.taint",
      "zone.clear-contiguous",
      "zone.grow-span",
      "zone.set-contiguous"
    ]
  },
  { scenario: "two-in-one-section", preemptions: 1, steps: ["vmemmap.populate", "vmemmap.unmap"] },
  {
    scenario: "get-unmap",
    preemptions: 1,
    steps: ["pagemap.kill", "pagemap.put-lifetime", "pagemap.erase", "pagemap.get", "pagemap.put"]
  },
  { scenario: "get-unmap", preemptions: 2, steps: ["pagemap.exit-reference"] },
  { scenario: "map-get", preemptions: 1, steps: ["pagemap.store", "pagemap.get-lifetime"] },
  { scenario: "map-dump", preemptions: 1, steps: ["page.init", "pageblock.set"] },
  {
    scenario: "add-online-walk",
    preemptions: 1,
    steps: [
      "node.prepare",
      "block.create",
      "zone.add-free",
      "section.set-online",
      "zone.set-present",
      "zone.undo-isolation",
      "block.set-online"
    ]
  },
  {
    scenario: "offline-walk",
    preemptions: 1,
    steps: [
      "zone.isolate",
      "section.clear-online",
      "zone.remove-free",
      "zone.remove-range",
      "block.set-offline",
      "resource.release",
      "node.try-offline"
    ]
  },
  { scenario: "online-remove", preemptions: 1, steps: ["zone.choose", "block.remove"] },
  { scenario: "offline-middle", preemptions: 1, steps: ["block.set-going-offline"] },
  { scenario: "node-comes", preemptions: 1, steps: ["node.bring-up"] },
  { scenario: "poison-walk", preemptions: 1, steps: ["page.poison"] },
  { scenario: "init-no-memory-ragged", preemptions: 0, steps: ["section.untaint"] },
  { scenario: "dax-fault-unbind", preemptions: 1, steps: ["dax.kill", "dax.fault", "dax.insert-entry"] },
  { scenario: "dax-pin-unbind", preemptions: 1, steps: ["page.pin", "page.unpin"] },
  { scenario: "dax-pin-unbind", preemptions: 2, steps: ["dax.zap"] }
]

/**
 * Nobody can write the page whose zone a device that goes away reads, for whoever initialised it has ended by then: only its own place in
 * the schedule tells of it.
 */
const unminded: ReadonlyArray<Witness> = [{ scenario: "remove-pfn-valid", preemptions: 1, steps: ["page.zone"] }]

/** How many schedules there are, all within the bound. */
const count = (
  { preemptions, scenario }: Witness,
  reduce: boolean,
  kept: (step: Step) => boolean
): number => {
  const program = keeping(Scenario.program(named(scenario)), kept)
  const { exhaustive, schedules } = Explore.exhaustive(program, { preemptions, reduce })
  assert.isTrue(exhaustive)
  return schedules
}

/** Steps without which there are as many schedules. */
const idle = (witness: Witness, reduce: boolean, steps: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = count(witness, reduce, () => true)
  return steps.filter((name) => count(witness, reduce, (step) => step.name !== name) === all)
}

describe("steps of the engine", () => {
  it("each has a scenario here, and there is no other", () => {
    const here = [...minded, ...unminded].flatMap(({ steps }) => steps)
    assert.deepStrictEqual(here.toSorted(), [...stepNames()].toSorted())
    assert.isAtLeast(here.length, 50)
  })

  for (const witness of minded) {
    const { preemptions, scenario } = witness
    const steps = long ? witness.steps : witness.steps.slice(0, 2)
    it(`${scenario} within ${preemptions} preemptions: other schedules without ${steps.join(", ")}`, () => {
      assert.deepStrictEqual(idle(witness, true, steps), [])
    }, long ? 120_000 : 20_000)
  }

  for (const witness of unminded) {
    it(`${witness.scenario}: other schedules without ${witness.steps.join(", ")}, where none is left out`, () => {
      assert.deepStrictEqual(idle(witness, false, witness.steps), [])
      assert.deepStrictEqual(idle(witness, true, witness.steps), witness.steps)
    }, 20_000)
  }

  it("a step that no scenario passes is noticed: there are as many schedules without it", () => {
    const [witness] = minded
    if (witness === undefined) throw new Error("there is none")
    assert.deepStrictEqual(idle({ ...witness, steps: [] }, true, ["section.no-such-step"]), ["section.no-such-step"])
  }, 20_000)
})
