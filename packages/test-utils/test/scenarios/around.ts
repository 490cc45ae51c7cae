/** Programs of scenarios with something changed around them: steps nobody stops at, invariants nobody looks at. */
import * as Steps from "@vmemmap/core/kernel/Steps"
import { Effect, Record } from "effect"
import type * as Execution from "../../src/explore/Execution.ts"
import type { Scenario } from "../../src/scenarios/Scenario.ts"
import * as Scenarios from "../../src/scenarios/Scenarios.ts"

export const named = (name: string): Scenario => {
  const found = Scenarios.all.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no scenario is called ${name}`)
  return found
}

type Program = Execution.Program<unknown>

/** The program whose contexts stop only at steps that are `kept`. */
export const keeping = (program: Program, kept: (step: Steps.Step) => boolean): Program => (explored) =>
  program({
    ...explored,
    contexts: (effects) =>
      explored.contexts(
        Record.map(effects, (effect) =>
          Effect.flatMap(Effect.service(Steps.Steps), ({ at }) =>
            Effect.provideService(
              effect,
              Steps.Steps,
              Steps.stepped((step) => at !== null && kept(step) ? at(step) : Effect.void)
            )))
      )
  })

/** The program of which nobody notices violations that are not `noticed`. */
export const noticing = (
  program: Program,
  noticed: (violation: Execution.Violation) => boolean
): Program =>
(explored) =>
  program({
    ...explored,
    watch: (look) => explored.watch(() => look().filter(noticed)),
    guard: (check) => explored.guard((step, fiber) => check(step, fiber).filter(noticed))
  }).pipe(Effect.map(({ state, violations }) => ({ state, violations: violations.filter(noticed) })))
