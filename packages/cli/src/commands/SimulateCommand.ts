/**
 * `vmemmap simulate`: when a machine is ready, and what another way to initialise struct pages would give.
 *
 * @since 0.1.0
 */
import * as FaultPattern from "@vmemmap/core/simulation/FaultPattern"
import * as ChromeTrace from "@vmemmap/core/time/ChromeTrace"
import type * as Tracks from "@vmemmap/core/time/Tracks"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as SimulateAnswer from "../answers/SimulateAnswer.ts"
import { AnswerIsNo, orWrongUse, WrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as PublishedPrinter from "../printers/PublishedPrinter.ts"
import * as SimulatePrinter from "../printers/SimulatePrinter.ts"
import * as Style from "../printers/Style.ts"
import * as Table from "../printers/Table.ts"
import * as TimelineSvg from "../printers/TimelineSvg.ts"
import * as TimelineText from "../printers/TimelineText.ts"
import * as Sources from "../sources/Sources.ts"
import * as TestbedSource from "../sources/TestbedSource.ts"
import * as Options from "./Options.ts"
import * as SimulateHelp from "./SimulateHelp.ts"
import * as SimulatePublished from "./SimulatePublished.ts"
import * as SimulateRuns from "./SimulateRuns.ts"
import * as WriteFile from "./WriteFile.ts"

const file = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("FILE"), Flag.withDescription(description), Flag.optional)

const flags = {
  machine: Argument.String("machine").pipe(
    Argument.withDescription(
      "A bundled machine, a testbed file, or any SOURCE of the other commands; none to list the bundled"
    ),
    Argument.optional
  ),
  with: Flag.String("with").pipe(
    Flag.withMetavar("SOURCE"),
    Flag.withDescription("Another source that describes the same machine; may be repeated"),
    Flag.atLeast(0)
  ),
  strategy: Flag.String("strategy").pipe(
    Flag.withMetavar("A,B,…"),
    Flag.withDescription("Strategies to compare, or 'all' (else those of the machine)"),
    Flag.atLeast(0)
  ),
  baseline: Flag.String("baseline").pipe(
    Flag.withMetavar("STRATEGY"),
    Flag.withDescription("What the others are compared with (else the first strategy)"),
    Flag.optional
  ),
  faults: Flag.String("faults").pipe(
    Flag.withMetavar("PATTERN"),
    Flag.withDescription("Who touches the devices once they appear, such as hot,count=1000,every=100us (else uniform)"),
    Flag.optional
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Seed of all that is left to chance (else 0); the same seed gives the same bytes"),
    Flag.optional
  ),
  hardware: Flag.String("hardware").pipe(
    Flag.withMetavar("MACHINE"),
    Flag.withDescription("Let operations cost what they do on this bundled machine or testbed file"),
    Flag.optional
  ),
  published: Flag.Boolean("published").pipe(
    Flag.withDescription(
      "Simulate what is published of the machine, side by side; 1 if a prediction is off and nobody knows why"
    ),
    Flag.withDefault(false)
  ),
  timeline: Flag.Boolean("timeline").pipe(
    Flag.withDescription("Draw what happened when, by node, device and worker"),
    Flag.withDefault(false)
  ),
  svg: file("svg", "Write the timelines as a picture"),
  trace: file("trace", "Write the timelines as a trace that ui.perfetto.dev and speedscope open"),
  json: Options.json
}

const list = Effect.fnUntraced(function*(isJson: boolean, look: SimulatePrinter.Look) {
  const output = yield* Output
  const answer: SimulateAnswer.MachinesAnswer = {
    machines: (yield* TestbedSource.bundled).map(({ about, name, published, strategies = [] }) => ({
      name,
      about,
      strategies,
      publishedPoints: published.length
    }))
  }
  if (isJson) return yield* json(answer)
  yield* output.print(SimulatePrinter.machines(answer, look))
  yield* output.print(
    `\n${
      Table.paragraph(
        "'vmemmap simulate nvdimm-128g' simulates one; MACHINE can also be a file: docs/simulate.md says how to describe your own",
        output.width
      )
    }`
  )
})

/** A terminal without UTF-8 says so. */
const isUnicode = Effect.gen(function*() {
  for (const name of ["LC_ALL", "LC_CTYPE", "LANG"]) {
    const value = yield* Config.option(Config.String(name)).pipe(Effect.orElseSucceed(() => Option.none<string>()))
    if (Option.isSome(value) && value.value !== "") return /utf-?8/i.test(value.value)
  }
  return true
})

const write = Effect.fnUntraced(
  function*(
    { svg, trace }: { readonly svg: Option.Option<string>; readonly trace: Option.Option<string> },
    machine: string,
    timelines: ReadonlyArray<Tracks.Named>
  ) {
    if (Option.isSome(svg)) {
      const picture = TimelineSvg.svg(timelines, { title: machine, axis: "common" })
      yield* WriteFile.write("--svg", svg.value, picture)
    }
    if (Option.isSome(trace)) yield* WriteFile.writeParts("--trace", trace.value, ChromeTrace.lines(timelines))
  }
)

const hint = "--timeline draws what happened when; --svg FILE and --trace FILE keep it"

/** Why the answer is no; empty: it is not. */
const reasons = (answer: SimulateAnswer.SimulateAnswer, failure: string): ReadonlyArray<string> => {
  const failed = answer.strategies.filter(({ error }) => error !== null)
  return [
    ...(failed.length === 0 ? [] : [`${failed.length} of ${answer.strategies.length} strategies failed`]),
    ...(failure === "" ? [] : [`what is published cannot be simulated: ${failure}`]),
    ...SimulatePublished.unexplained(answer.published ?? [])
  ]
}

/** What cannot be asked for together. */
const conflict = Effect.fnUntraced(function*(
  { json, svg, timeline, trace }: {
    readonly json: boolean
    readonly svg: Option.Option<string>
    readonly timeline: boolean
    readonly trace: Option.Option<string>
  }
) {
  if (timeline && json) {
    return yield* new WrongUse({ problem: "--timeline draws text: with --json give --svg FILE or --trace FILE" })
  }
  if (Option.isNone(svg) || Option.isNone(trace)) return
  if ((yield* Sources.resolve(svg.value)) === (yield* Sources.resolve(trace.value))) {
    return yield* new WrongUse({ problem: `--svg and --trace both name ${svg.value}: give two files` })
  }
})

/** The answer as text; timelines where they are wanted, else how to get them. */
const show = Effect.fnUntraced(
  function*(
    answer: SimulateAnswer.SimulateAnswer,
    pattern: string,
    timelines: ReadonlyArray<Tracks.Named> | null,
    look: SimulatePrinter.Look
  ) {
    const output = yield* Output
    yield* output.print(SimulatePrinter.text(answer, pattern, look))
    if (answer.published !== undefined) {
      yield* output.print(`\n${PublishedPrinter.text(answer.published, SimulatePublished.tolerance, look)}`)
    }
    if (timelines !== null) {
      const { colour, width } = output
      yield* output.print(`\n${TimelineText.text(timelines, { width, colour, unicode: yield* isUnicode })}`)
    } else if (look.width > 0) {
      yield* output.print(`${look.style.dim(Table.paragraph(hint, look.width).trimEnd())}\n`)
    }
  }
)

/**
 * `vmemmap simulate`; status 1 when a strategy fails, or with `--published` when a prediction is off and nothing says why.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "simulate",
  flags,
  Effect.fnUntraced(function*(args) {
    const output = yield* Output
    const look = { width: output.width, style: Style.make(output.colour) }
    yield* conflict(args)
    if (Option.isNone(args.machine)) {
      const asksMore = [args.svg, args.trace, args.hardware, args.faults, args.baseline].some(Option.isSome) ||
        Option.isSome(args.seed) ||
        args.timeline || args.strategy.length + args.with.length > 0
      if (asksMore) return yield* TestbedSource.noMachine
      return yield* args.published ? SimulatePublished.all(args.json, look) : list(args.json, look)
    }
    const faults = Option.isNone(args.faults)
      ? FaultPattern.usual
      : yield* orWrongUse(FaultPattern.parse(args.faults.value), "--faults")
    const bench = yield* TestbedSource.read(args.machine.value, args.with, Option.getOrUndefined(args.hardware))
    const { testbed } = bench
    yield* SimulateRuns.bearable(faults, testbed)
    const strategies = yield* SimulateRuns.strategies(args.strategy, Option.getOrUndefined(args.baseline), testbed)
    const { failure, points } = args.published ? yield* SimulatePublished.compare(bench) : { points: null, failure: "" }
    const isWritten = Option.isSome(args.svg) || Option.isSome(args.trace)
    const question: SimulateRuns.Question = {
      bench,
      ...strategies,
      faults,
      seed: Option.getOrElse(args.seed, () => 0),
      keep: args.timeline || isWritten
    }
    const runs = yield* SimulateRuns.run(question)
    const answer = SimulateRuns.answer(question, runs, points)
    const timelines = runs.flatMap(({ entries, row, strategy: { name } }) => row === null ? [] : [{ name, entries }])
    if (timelines.length > 0) yield* write(args, testbed.name, timelines)
    yield* args.json
      ? json(answer)
      : show(answer, SimulateHelp.patternInWords(faults), args.timeline ? timelines : null, look)
    const why = [
      ...reasons(answer, failure),
      ...(timelines.length === 0 && isWritten ? ["there is nothing to draw: no file is written"] : [])
    ]
    if (why.length > 0) return yield* new AnswerIsNo({ why: why.join("; ") })
  })
).pipe(
  Command.withDescription(SimulateHelp.description),
  Command.withShortDescription(
    "When a machine is ready under several ways to initialise struct pages, in virtual time"
  ),
  Command.withExamples([
    { command: "vmemmap simulate", description: "The machines that come with the command" },
    { command: "vmemmap simulate pmem-8-sockets", description: "The strategies worth comparing on one of them" },
    {
      command: "vmemmap simulate nvdimm-128g --strategy linux-4.20,vmemmap --faults first --timeline",
      description: "Two of them, one fault on the first page, and what happened when"
    },
    {
      command: "vmemmap simulate nvdimm-128g --strategy 'async-2018-v2,async-2018-v2:workers=16;help=none'",
      description: "A preset, and the same with other dimensions"
    },
    { command: "vmemmap simulate pmem-12tb --published", description: "What was measured beside what is simulated" },
    { command: "vmemmap simulate --published", description: "The same of all bundled machines" },
    {
      command: "ndctl list -RN | vmemmap simulate - --with /proc/iomem --hardware pmem-12tb",
      description: "This machine's namespaces, at the speed of another machine"
    },
    {
      command: "vmemmap simulate mine.yaml --svg mine.svg --trace mine.json",
      description: "A machine of your own, with a picture and a trace"
    }
  ])
)
