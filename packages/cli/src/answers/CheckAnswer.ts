/**
 * What `vmemmap check --json` prints: scenarios explored, and known mistakes found.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Count, Lines, Text } from "./Described.ts"

const Maybe = (description: string) => Schema.NullOr(Schema.String).annotate({ description })

/**
 * @category models
 * @since 0.1.0
 */
export const Step = Schema.Struct({
  context: Maybe("Who did it; null: something else that was ready, such as a fiber that was woken."),
  woken: Maybe("Where something else went on: who, if it has a name."),
  step: Maybe("What it did; null: it began, or went on."),
  object: Maybe("What it was done to.")
}).annotate({ identifier: "ScheduleStep", description: "One step of a schedule." })

/**
 * @category models
 * @since 0.1.0
 */
export const Violation = Schema.Struct({
  invariant: Text("What does not hold."),
  rule: Text("The rule that is broken."),
  replay: Text("The schedule, for --replay."),
  contexts: Lines("The contexts, in the order of their letters A, B, …"),
  steps: Schema.Array(Step).annotate({ description: "Who did what, one after the other." })
}).annotate({ identifier: "CheckViolation", description: "A violation, on the shortest schedule that was found." })
/** @since 0.1.0 */
export interface Violation extends Schema.Schema.Type<typeof Violation> {}

/**
 * @category models
 * @since 0.1.0
 */
export const Explored = Schema.Struct({
  name: Text("The scenario."),
  source: Text("What names it for the command: its file, or its name."),
  about: Text("What happens at the same time."),
  rules: Lines("Rules it is about."),
  mutant: Maybe("The known mistake the machine had; null: none."),
  schedules: Count("Schedules that were run to their end."),
  cut: Count("Schedules that were given up, because another leads to the same."),
  states: Count("Different states in the end."),
  depth: Count("Steps of the longest schedule."),
  preemptions: Schema.NullOr(Schema.Natural).annotate({
    description: "How often a context was left at most although it could go on; null: no bound."
  }),
  exhaustive: Schema.Boolean.annotate({ description: "There is no other schedule within the bound." }),
  complete: Schema.Boolean.annotate({ description: "Nor is there one beyond it." }),
  followed: Schema.NullOr(Schema.Boolean).annotate({
    description: "With --replay: every step of the schedule could be done where it says; null: without it."
  }),
  ns: Count("Nanoseconds it took."),
  violations: Schema.Array(Violation).annotate({ description: "Empty: none within these bounds." }),
  notes: Lines("What a reader should know: no schedule was run to its end, or a command of a file failed in every one.")
}).annotate({ identifier: "ExploredScenario", description: "One scenario." })
/** @since 0.1.0 */
export interface Explored extends Schema.Schema.Type<typeof Explored> {}

/**
 * @category models
 * @since 0.1.0
 */
export const Kill = Schema.Struct({
  id: Text("The entry of spec 12."),
  about: Text("The mistake."),
  remedy: Text("What to do about it, or what was done, for whoever maintains the code."),
  scenario: Text("What exposes it."),
  found: Schema.Boolean.annotate({ description: "It was found." }),
  schedules: Count("Schedules until then."),
  ns: Count("Nanoseconds until then."),
  rule: Maybe("The rule that it broke."),
  replay: Maybe("The schedule, for --replay.")
}).annotate({ identifier: "MutantKill", description: "One known mistake." })
/** @since 0.1.0 */
export interface Kill extends Schema.Schema.Type<typeof Kill> {}

/**
 * @category models
 * @since 0.1.0
 */
export const OutOfReach = Schema.Struct({
  id: Text("The entry of spec 12."),
  about: Text("The mistake."),
  why: Text("What the machine lacks.")
}).annotate({
  identifier: "MutantOutOfReach",
  description: "A known mistake whose mechanism the machine does not have."
})

/**
 * @category models
 * @since 0.1.0
 */
export const CheckAnswer = Schema.Struct({
  scenarios: Schema.Array(Explored).annotate({ description: "What was explored." }),
  mutants: Schema.Array(Kill).annotate({ description: "With --mutant: the known mistakes." }),
  outOfReach: Schema.Array(OutOfReach).annotate({ description: "With --mutant all: those that cannot be made here." })
}).annotate({ title: "vmemmap check --json", description: "Scenarios explored, and known mistakes found." })
/** @since 0.1.0 */
export interface CheckAnswer extends Schema.Schema.Type<typeof CheckAnswer> {}

const Listing = Schema.Struct({
  name: Text("The scenario."),
  about: Text("What happens at the same time."),
  rules: Lines("Rules it is about.")
}).annotate({ identifier: "ListedScenario", description: "One scenario." })

const Mistake = Schema.Struct({
  id: Text("The entry of spec 12."),
  about: Text("The mistake."),
  scenario: Text("What exposes it.")
}).annotate({ identifier: "ListedMutant", description: "One known mistake." })

/**
 * @category models
 * @since 0.1.0
 */
export const ListAnswer = Schema.Struct({
  scenarios: Schema.Array(Listing).annotate({ description: "All that come with the command." }),
  mutants: Schema.Array(Mistake).annotate({ description: "The known mistakes that can be made here." }),
  outOfReach: Schema.Array(OutOfReach).annotate({ description: "Those that cannot." })
}).annotate({ title: "vmemmap check --list --json", description: "Scenarios and known mistakes that there are." })
/** @since 0.1.0 */
export interface ListAnswer extends Schema.Schema.Type<typeof ListAnswer> {}
