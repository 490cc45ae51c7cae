/**
 * `vmemmap check`: what can happen when several things happen at the same time, schedule by schedule.
 *
 * @since 0.1.0
 */
import * as Nanos from "@vmemmap/core/time/Nanos"
import type * as Explore from "@vmemmap/test-utils/explore/Explore"
import type * as Checks from "@vmemmap/test-utils/scenarios/Checks"
import type { Mutant } from "@vmemmap/test-utils/scenarios/Mutant"
import type { Scenario } from "@vmemmap/test-utils/scenarios/Scenario"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { performance } from "node:perf_hooks"
import type * as CheckAnswer from "../answers/CheckAnswer.ts"
import { AnswerIsNo, orWrongUse, WrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as CheckPrinter from "../printers/CheckPrinter.ts"
import * as Label from "../printers/Label.ts"
import * as Style from "../printers/Style.ts"
import * as Table from "../printers/Table.ts"
import * as Nearest from "../sources/Nearest.ts"
import * as Sources from "../sources/Sources.ts"
import * as Options from "./Options.ts"

const flags = {
  sources: Argument.String("scenario").pipe(
    Argument.withDescription(
      "Scenarios that come with the command, by name, or files of your own; none for all that come with it"
    ),
    Argument.variadic()
  ),
  all: Flag.Boolean("all").pipe(
    Flag.withDescription("All scenarios that come with the command, as without any"),
    Flag.withDefault(false)
  ),
  mutant: Flag.String("mutant").pipe(
    Flag.withMetavar("BUG"),
    Flag.withDescription("A machine with a known mistake, such as BUG-3, or 'all' one after the other"),
    Flag.optional
  ),
  bound: Flag.Int("bound").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("How often a context may be left although it could go on (else as the scenario says)"),
    Flag.optional
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withMetavar("S"),
    Flag.withDescription("Schedules by chance instead of one after the other; the same seed, the same schedules"),
    Flag.optional
  ),
  budget: Flag.String("budget").pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription("For each scenario at most, such as 60s"),
    Flag.withDefault("10s")
  ),
  replay: Flag.String("replay").pipe(
    Flag.withMetavar("SCHEDULE"),
    Flag.withDescription("One schedule again, as a violation names it"),
    Flag.optional
  ),
  list: Flag.Boolean("list").pipe(
    Flag.withDescription("The scenarios and known mistakes; explore nothing"),
    Flag.withDefault(false)
  ),
  json: Options.json
}

/** Loaded when it is needed: it has a machine of its own. */
const kit = Effect.promise(async () => ({
  ...(await import("@vmemmap/test-utils/scenarios/Checks")),
  scenarios: (await import("@vmemmap/test-utils/scenarios/Scenarios")).all,
  mutants: await import("@vmemmap/test-utils/scenarios/Mutants"),
  file: await import("@vmemmap/test-utils/scenarios/ScenarioFile"),
  letter: (await import("@vmemmap/test-utils/explore/Schedule")).letter
}))

type Kit = Effect.Success<typeof kit>

/** A file before a scenario of that name, as everywhere. */
const find = Effect.fnUntraced(function*({ file, scenarios }: Kit, source: string) {
  const fs = yield* FileSystem.FileSystem
  const known = scenarios.find(({ name }) => name === source)
  const isFile = source === "-" || (yield* Effect.orElseSucceed(fs.exists(yield* Sources.resolve(source)), () => false))
  if (isFile) return yield* orWrongUse(file.read(source, yield* Sources.text(source)))
  if (known !== undefined) return known
  return yield* new WrongUse({
    problem: `there is no scenario '${source.slice(0, 80)}' and no such file${
      Nearest.question(source, scenarios.map(({ name }) => name))
    }; 'vmemmap check --list' has the scenarios`
  })
})

const findMutants = Effect.fnUntraced(function*({ mutants }: Kit, text: string) {
  if (text === "all") return mutants.all
  const found = mutants.all.filter(({ id }) => id === text || id.startsWith(`${text} `))
  if (found.length > 0) return found
  const other = mutants.outOfReach.find(({ id }) => id === text)
  return yield* new WrongUse({
    problem: other === undefined
      ? `there is no mistake '${text.slice(0, 40)}'${
        Nearest.question(text, mutants.all.map(({ id }) => id))
      }; 'vmemmap check --list' has those there are`
      : `${other.id} is out of reach: ${other.why}`
  })
})

const exploredOf = ({ nanos, violations, ...rest }: Checks.Outcome): CheckAnswer.Explored => ({
  ...rest,
  ns: nanos,
  violations: violations.map(({ contexts, problem, replay, rule, steps }) => ({
    invariant: problem,
    rule,
    replay,
    contexts,
    steps
  }))
})

const killOf = (
  { about, id, remedy, scenario }: Mutant,
  { ns, schedules, violations }: CheckAnswer.Explored
): CheckAnswer.Kill => ({
  id,
  about,
  remedy,
  scenario,
  found: violations.length > 0,
  schedules,
  ns,
  rule: violations[0]?.rule ?? null,
  replay: violations[0]?.replay ?? null
})

const clock = () => performance.now() * 1e6

interface Job {
  readonly scenario: Scenario
  readonly mutant: Mutant | null
}

/** What a file says that was not run as it says: no finding, but the file is to be changed. */
const unrun = ({ file }: Kit, { mutant, scenario: { name, source = name } }: Job, { violations }: Checks.Outcome) => {
  for (const { problem, rule } of violations) {
    const text = `${source}: ${Label.clip(Label.sentence(problem), 400)}`
    if (rule === file.notModelled) return text
    // With a mistake in the machine that may be how it shows.
    if (rule === file.failedSetup && mutant === null) return `${text}; what sets a scenario up has to succeed`
  }
  return undefined
}

/** So long nobody else has a turn: a signal is not heard, and how far it is not shown. */
const turnNanos = 50e6

/** Goes through a search in turns, and shows how far it is. */
const inTurns = Effect.fnUntraced(function*(search: Explore.Search<Checks.Outcome>, label: string) {
  const output = yield* Output
  for (;;) {
    const until = clock() + turnNanos
    let next = search.next()
    while (next.done !== true && clock() < until) next = search.next()
    if (next.done === true) return next.value
    yield* output.progress(`${label}, ${Label.plural(next.value, "schedule")}`)
    yield* Effect.yieldNow
  }
})

/** One after the other; `done` has what came of those so far. */
const runAll = Effect.fnUntraced(function*(
  own: Kit,
  jobs: ReadonlyArray<Job>,
  run: (job: Job, label: string) => Effect.Effect<Checks.Outcome, WrongUse, Output>,
  done: Array<CheckAnswer.Explored>
) {
  const output = yield* Output
  for (const [i, job] of jobs.entries()) {
    const label = `${i + 1}/${jobs.length} ${Label.printable(job.scenario.name)}${
      job.mutant === null ? "" : ` with ${job.mutant.id}`
    }`
    yield* output.progress(label)
    const outcome = yield* run(job, label)
    const problem = unrun(own, job, outcome)
    if (problem !== undefined) return yield* new WrongUse({ problem })
    done.push(exploredOf(outcome))
  }
})

const listed = Effect.fnUntraced(function*({ mutants, scenarios }: Kit, isJson: boolean) {
  const output = yield* Output
  if (isJson) {
    const answer: CheckAnswer.ListAnswer = {
      scenarios: scenarios.map(({ about, name, rules }) => ({ name, about, rules })),
      mutants: mutants.all.map(({ about, id, scenario }) => ({ id, about, scenario })),
      outOfReach: mutants.outOfReach
    }
    return yield* json(answer)
  }
  const style = Style.make(output.colour)
  const render = (columns: ReadonlyArray<Table.Column>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
    Table.render(columns, rows, { width: output.width, bold: style.bold })
  yield* output.print(
    render(
      [{ title: "scenario" }, { title: "what happens at the same time", flex: true }, {
        title: "rules",
        optional: true
      }],
      scenarios.map(({ about, name, rules }) => [name, about, rules.join(" ")])
    )
  )
  yield* output.print("\n")
  yield* output.print(
    render(
      [{ title: "mistake" }, { title: "what it is", flex: true }, { title: "exposed by" }],
      [
        ...mutants.all.map(({ about, id, scenario }) => [id, about, scenario]),
        ...mutants.outOfReach.map(({ about, id, why }) => [id, `${about}: ${why}`, "out of reach"])
      ]
    )
  )
})

const show = Effect.fnUntraced(function*({ letter }: Kit, answer: CheckAnswer.CheckAnswer) {
  const output = yield* Output
  const look = { width: output.width, style: Style.make(output.colour), letter }
  if (answer.mutants.length > 1) return yield* output.print(CheckPrinter.kills(answer, look))
  for (const [i, explored] of answer.scenarios.entries()) {
    const [first] = explored.violations
    if (first !== undefined) {
      yield* output.print(`${CheckPrinter.violation(explored, first, answer.mutants[i], look)}\n`)
    }
  }
  yield* output.print(CheckPrinter.scenarios(answer.scenarios, look))
})

/** What cannot be asked for together. */
const conflict = (
  { all, bound, list, mutant, replay, seed, sources }: {
    readonly all: boolean
    readonly bound: Option.Option<number>
    readonly list: boolean
    readonly mutant: Option.Option<string>
    readonly replay: Option.Option<string>
    readonly seed: Option.Option<number>
    readonly sources: ReadonlyArray<string>
  }
): string | undefined => {
  if (all && sources.length > 0) {
    return "--all are the scenarios that come with the command: leave out SCENARIO, or --all"
  }
  if (list && (sources.length > 0 || [bound, mutant, replay, seed].some((one) => Option.isSome<unknown>(one)))) {
    return "--list explores nothing: leave out SCENARIO, --mutant, --bound, --seed and --replay"
  }
  if (Option.isSome(replay) && Option.isSome(seed)) return "--replay is one schedule: leave out --seed"
  if (Option.isSome(replay) && Option.isSome(bound)) return "--replay is one schedule: leave out --bound"
  if (Option.isSome(replay) && sources.length !== 1 && Option.isNone(mutant)) {
    return "--replay is a schedule of one scenario: name it"
  }
  return Option.contains(mutant, "all") && (sources.length > 0 || Option.isSome(replay))
    ? "--mutant all takes the scenarios that expose them: leave out SCENARIO and --replay"
    : undefined
}

const jobsOf = Effect.fnUntraced(function*(kit: Kit, sources: ReadonlyArray<string>, mutant: Option.Option<string>) {
  const named = yield* Effect.forEach(sources, (source) => find(kit, source))
  if (Option.isNone(mutant)) {
    return (named.length === 0 ? kit.scenarios : named).map((scenario): Job => ({ scenario, mutant: null }))
  }
  const mutants = yield* findMutants(kit, mutant.value)
  return mutants.flatMap((mutant) => {
    const own = kit.scenarios.filter(({ name }) => name === mutant.scenario)
    return (named.length === 0 ? own : named).map((scenario): Job => ({ scenario, mutant }))
  })
})

/**
 * `vmemmap check`; status 1 when something was found, and with `--mutant all` when a mistake was not.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "check",
  flags,
  Effect.fnUntraced(function*(args) {
    const problem = conflict(args)
    if (problem !== undefined) return yield* new WrongUse({ problem })
    const own = yield* kit
    if (args.list) return yield* listed(own, args.json)
    const nanos = yield* orWrongUse(Result.mapError(Nanos.parse(args.budget), (message) => ({ message })), "--budget")
    if (nanos <= 0) return yield* new WrongUse({ problem: "--budget: give more than 0, such as 10s" })
    const preemptions = Option.getOrUndefined(args.bound)
    if (preemptions !== undefined && preemptions < 0) return yield* new WrongUse({ problem: "--bound: give 0 or more" })
    const jobs = yield* jobsOf(own, args.sources, args.mutant)
    if (Option.isSome(args.replay) && jobs.length !== 1) {
      const names = jobs.map(({ mutant, scenario }) => `${scenario.name} --mutant '${mutant?.id}'`).join(" or ")
      return yield* new WrongUse({ problem: `--replay is a schedule of one scenario with one mistake: give ${names}` })
    }
    const seed = Option.getOrUndefined(args.seed)
    const isAll = Option.contains(args.mutant, "all")
    const scenarios: Array<CheckAnswer.Explored> = []
    const answered = (): CheckAnswer.CheckAnswer => ({
      scenarios,
      mutants: jobs.flatMap(({ mutant }, i) => {
        const explored = scenarios[i]
        return mutant === null || explored === undefined ? [] : [killOf(mutant, explored)]
      }),
      outOfReach: isAll ? own.mutants.outOfReach : []
    })
    const output = yield* Output
    yield* runAll(own, jobs, ({ mutant, scenario }, label) =>
      Option.isSome(args.replay)
        ? orWrongUse(own.replay(scenario, mutant, args.replay.value, clock), "--replay")
        : inTurns(own.search(scenario, mutant, { preemptions, seed, nanos, clock }), label), scenarios).pipe(
        Effect.ensuring(output.progress("")),
        // What there is so far; half a document is none.
        Effect.onInterrupt(() =>
          args.json || scenarios.length === 0 ? Effect.void : Effect.ignore(show(own, answered()))
        )
      )
    const answer = answered()
    yield* args.json ? json(answer) : show(own, answer)
    const missed = answer.mutants.filter(({ found }) => !found)
    if (isAll) {
      return missed.length === 0
        ? undefined
        : yield* new AnswerIsNo({ why: `not found: ${missed.map(({ id }) => id).join(", ")}` })
    }
    if (scenarios.some(({ violations }) => violations.length > 0)) return yield* new AnswerIsNo({ why: "" })
  })
).pipe(
  Command.withDescription(
    "Boots a machine, lets two to four contexts do something at the same time, and tries every order of their steps: adding memory and " +
      "walking it, unmapping and faulting, going online and offline. Prints who did what where an invariant breaks."
  ),
  Command.withShortDescription("Find races: every order in which things can happen at the same time"),
  Command.withExamples([
    { command: "vmemmap check", description: "All scenarios: the machine as it is" },
    { command: "vmemmap check --list", description: "What they are, and which mistakes are known" },
    {
      command: "vmemmap check --mutant BUG-3",
      description: "A machine that frees usages too early, and how that shows"
    },
    { command: "vmemmap check --mutant all", description: "Every known mistake, and what found it" },
    { command: "vmemmap check remove-pfn-valid --mutant BUG-3 --replay '7A'", description: "One schedule again" },
    { command: "vmemmap check my-race.yaml --bound 3 --budget 60s", description: "A scenario of your own" },
    { command: "vmemmap check two-users --seed 7 --budget 30s", description: "By chance, for half a minute" }
  ])
)
