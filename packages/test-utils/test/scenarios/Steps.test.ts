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

/** Every schedule of it that differs by more than what commutes is run, or those within so many preemptions. */
interface Witness {
  readonly scenario: string
  readonly preemptions?: number
  readonly steps: ReadonlyArray<string>
}

/** Where each step is minded by another context, so that even the reduced schedules are other ones without it. */
const minded: ReadonlyArray<Witness> = [
  {
    scenario: "add-pfn-valid",
    steps: [
      "section.root",
      "section.publish-usage",
      "section.set-bits",
      "section.set-present",
      "section.set-has-mem-map"
    ]
  },
  {
    scenario: "get-unmap",
    steps: [
      "pagemap.exit-reference",
      "page.zone",
      "pagemap.kill",
      "pagemap.put-lifetime",
      "pagemap.erase",
      "pagemap.get",
      "pagemap.put",
      "lock.take",
      "section.clear-bits",
      "section.clear-has-mem-map",
      "section.free-usage",
      "section.clear-word",
      "vmemmap.unmap",
      "direct-map.unmap"
    ]
  },
  { scenario: "map-get", steps: ["pagemap.store", "pagemap.get-lifetime"] },
  { scenario: "map-dump", steps: ["pageblock.set", "page.init", "vmemmap.populate"] },
  {
    scenario: "dax-pin-unbind",
    steps: ["dax.zap", "dax.fault", "dax.kill", "dax.insert-entry", "page.pin", "page.unpin"]
  },
  { scenario: "node-comes", steps: ["node.bring-up", "node.prepare", "direct-map.map", "block.create"] },
  {
    scenario: "online-remove",
    steps: [
      "zone.choose",
      "zone.clear-contiguous",
      "zone.grow-span",
      "zone.set-contiguous",
      "zone.add-free",
      "section.set-online",
      "zone.set-present",
      "zone.undo-isolation",
      "block.set-online",
      "block.remove",
      "resource.release",
      "node.try-offline"
    ]
  },
  {
    scenario: "offline-middle",
    steps: [
      "block.set-going-offline",
      "zone.isolate",
      "section.clear-online",
      "zone.remove-free",
      "zone.remove-range",
      "block.set-offline"
    ]
  },
  { scenario: "deferred-grow", steps: ["node.take-resize-lock"] },
  { scenario: "device-beside-ram", preemptions: 1, steps: ["section.taint"] },
  { scenario: "poison-walk", preemptions: 1, steps: ["page.poison"] },
  { scenario: "init-no-memory-ragged", preemptions: 0, steps: ["section.untaint"] }
]

/** How many schedules there are, all within the bound. */
const count = ({ preemptions, scenario }: Witness, kept: (step: Step) => boolean): number => {
  const program = keeping(Scenario.program(named(scenario)), kept)
  const { exhaustive, schedules } = Explore.exhaustive(program, { preemptions })
  assert.isTrue(exhaustive)
  return schedules
}

/** Steps without which there are as many schedules. */
const idle = (witness: Witness, steps: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = count(witness, () => true)
  return steps.filter((name) => count(witness, (step) => step.name !== name) === all)
}

describe("steps of the engine", () => {
  it("each has a scenario here, and there is no other", () => {
    const here = minded.flatMap(({ steps }) => steps)
    assert.deepStrictEqual(here.toSorted(), [...stepNames()].toSorted())
    assert.isAtLeast(here.length, 50)
  })

  for (const witness of long ? minded : minded.filter((_, i) => i % 2 === 1)) {
    const steps = long ? witness.steps : witness.steps.slice(0, 1)
    it(`${witness.scenario}: other schedules without ${steps.join(", ")}`, () => {
      assert.deepStrictEqual(idle(witness, steps), [])
    }, long ? 120_000 : 60_000)
  }

  it("a step that no scenario passes is noticed: there are as many schedules without it", () => {
    assert.deepStrictEqual(idle({ scenario: "get-unmap", steps: [] }, ["section.no-such-step"]), [
      "section.no-such-step"
    ])
  }, 20_000)
})
