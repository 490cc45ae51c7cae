/**
 * Scenarios explored, and what comes of it as plain data: for the command, and for tests.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as Execution from "../explore/Execution.ts"
import * as Explore from "../explore/Explore.ts"
import * as Schedule from "../explore/Schedule.ts"
import * as Seeded from "../explore/Seeded.ts"
import type { Mutant } from "./Mutant.ts"
import * as Scenario from "./Scenario.ts"

/**
 * A step of a schedule that ends in a violation: `context` did it; `step` is `null` where it began, and where something else that was
 * ready went on: `woken`, where it has a name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Step {
  readonly context: string | null
  readonly woken: string | null
  readonly step: string | null
  readonly object: string | null
}

/**
 * A violation on the shortest schedule that was found, which `replay` makes again; `contexts` by their letters.
 *
 * @category models
 * @since 0.1.0
 */
export interface Found {
  readonly rule: string
  readonly problem: string
  readonly replay: string
  readonly contexts: ReadonlyArray<string>
  readonly steps: ReadonlyArray<Step>
}

/**
 * What came of a scenario. `preemptions` bound the search; `null`: it had no bound. `exhaustive`: there is no other schedule within
 * that; `complete`: nor beyond. `notes`: what a reader should know of it. `nanos` it took. `source`: the file, or the name again. `followed`: a replay did what
 * its schedule says; `null`: it is none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome {
  readonly name: string
  readonly source: string
  readonly about: string
  readonly rules: ReadonlyArray<string>
  readonly mutant: string | null
  readonly schedules: number
  readonly cut: number
  readonly states: number
  readonly depth: number
  readonly preemptions: number | null
  readonly exhaustive: boolean
  readonly complete: boolean
  readonly followed: boolean | null
  readonly nanos: number
  readonly violations: ReadonlyArray<Found>
  readonly notes: ReadonlyArray<string>
}

/**
 * `preemptions` instead of the scenario's own; `seed`: by chance instead of one after the other; no longer than `nanos`, on `clock`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound {
  readonly preemptions?: number | undefined
  readonly seed?: number | undefined
  readonly schedules?: number | undefined
  readonly nanos: number
  readonly clock: () => number
}

const stepOf = ({ choice, name, step }: Execution.Event): Step => ({
  context: choice._tag === "Context" ? name : null,
  woken: choice._tag === "Context" || name === "" ? null : name,
  step: step?.name ?? null,
  object: step?.object ?? null
})

/** Each problem once: one mistake shows in several places. */
const foundOf = (
  violations: ReadonlyArray<Execution.Violation>,
  execution: Execution.Execution,
  replay: string
): ReadonlyArray<Found> =>
  violations.slice(0, 4).map(({ problem, rule }) => ({
    rule,
    problem,
    replay,
    contexts: execution.names,
    steps: execution.events.map(stepOf)
  }))

/** What is known before anything is run. */
const question = ({ about, name, rules, source = name }: Scenario.Scenario, mutant: Mutant | null) => ({
  name,
  source,
  about,
  rules,
  mutant: mutant?.id ?? null
})

/**
 * Explores a scenario, with a mistake in the machine or without.
 *
 * @category running
 * @since 0.1.0
 */
export const explore = (scenario: Scenario.Scenario, mutant: Mutant | null, bound: Bound): Outcome =>
  Explore.drain(search(scenario, mutant, bound))

/**
 * The search that {@link explore} goes through.
 *
 * @category constructors
 * @since 0.1.0
 */
export const search = function*(
  scenario: Scenario.Scenario,
  mutant: Mutant | null,
  bound: Bound
): Explore.Search<Outcome> {
  const began = bound.clock()
  const until = () => bound.clock() - began >= bound.nanos
  const preemptions = bound.preemptions ?? scenario.preemptions
  const program = Scenario.program(scenario, mutant)
  const explored = bound.seed === undefined
    ? yield* Explore.search(program, { preemptions, reduce: scenario.reduce, until, schedules: bound.schedules })
    : Seeded.shortened(
      program,
      yield* Seeded.search(program, {
        seed: bound.seed,
        schedules: bound.schedules ?? Infinity,
        until,
        how: "pct",
        preemptions: preemptions ?? 3
      })
    )
  return {
    ...question(scenario, mutant),
    schedules: explored.schedules,
    cut: explored.cut,
    states: explored.states.size,
    depth: explored.depth,
    preemptions: preemptions ?? null,
    exhaustive: explored.exhaustive,
    complete: explored.complete,
    followed: null,
    nanos: Math.round(bound.clock() - began),
    violations: explored.findings.flatMap(({ execution, schedule, violations }) =>
      foundOf(violations, execution, schedule)
    ),
    notes: [
      ...(explored.schedules === 0 ? ["no schedule came to its end in that time"] : []),
      ...scenario.notes?.() ?? []
    ]
  }
}

/** Contexts that the scenario has; none have names where it ended before they began. */
const checkContexts = (
  text: string,
  choices: ReadonlyArray<Schedule.Choice>,
  names: ReadonlyArray<string>
): Result.Result<void, Schedule.ScheduleError> => {
  const stranger = choices.find((choice) => choice._tag === "Context" && choice.context >= names.length)
  return stranger?._tag !== "Context" || names.length === 0 ? Result.void : Result.fail(
    new Schedule.ScheduleError({
      text,
      problem: `there is no context ${Schedule.letter(stranger.context)}, but ${
        names.map((name, i) => `${Schedule.letter(i)} (${name})`).join(", ")
      }`
    })
  )
}

/** No choice was left out because it could not be; a violation may end it before all were made. */
const isFollowed = (choices: ReadonlyArray<Schedule.Choice>, { events, violations }: Execution.Execution): boolean => {
  const same = Math.min(choices.length, events.length)
  const done = events.slice(0, same).map(({ choice }) => choice)
  return Schedule.format(done) === Schedule.format(choices.slice(0, same)) &&
    (choices.length <= events.length || violations.length > 0)
}

/**
 * One schedule of a scenario again.
 *
 * @category running
 * @since 0.1.0
 */
export const replay = (
  scenario: Scenario.Scenario,
  mutant: Mutant | null,
  schedule: string,
  clock: () => number
): Result.Result<Outcome, Schedule.ScheduleError> =>
  Result.gen(function*() {
    const choices = yield* Schedule.parse(schedule)
    const began = clock()
    const execution = Explore.replay(Scenario.program(scenario, mutant), choices)
    yield* checkContexts(schedule, choices, execution.names)
    return {
      ...question(scenario, mutant),
      schedules: 1,
      cut: 0,
      states: execution.state === undefined ? 0 : 1,
      depth: execution.events.length,
      preemptions: null,
      exhaustive: false,
      complete: false,
      followed: isFollowed(choices, execution),
      nanos: Math.round(clock() - began),
      violations: foundOf(
        execution.violations,
        execution,
        Schedule.format(execution.events.map(({ choice }) => choice))
      ),
      notes: scenario.notes?.() ?? []
    }
  })
