/**
 * A machine simulated under one strategy after the other, and what comes of it as an answer.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import { KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as InitStrategy from "@vmemmap/core/init/InitStrategy"
import { type Reason, Reasons } from "@vmemmap/core/kernel/Reasons"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import type * as FaultPattern from "@vmemmap/core/simulation/FaultPattern"
import type * as Figures from "@vmemmap/core/simulation/Figures"
import * as Remarks from "@vmemmap/core/simulation/Remarks"
import * as Simulation from "@vmemmap/core/simulation/Simulation"
import * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as CostModel from "@vmemmap/core/time/CostModel"
import type * as Timeline from "@vmemmap/core/time/Timeline"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as SimulateAnswer from "../answers/SimulateAnswer.ts"
import { orWrongUse, WrongUse } from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Label from "../printers/Label.ts"
import * as Signals from "../Signals.ts"
import type * as TestbedSource from "../sources/TestbedSource.ts"

/**
 * What is asked: `baseline` is the name of one of the strategies, `keep`: timelines are wanted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  readonly bench: TestbedSource.Bench
  readonly strategies: ReadonlyArray<InitStrategy.InitStrategy>
  readonly baseline: string
  readonly faults: FaultPattern.FaultPattern
  readonly seed: number
  readonly keep: boolean
}

/**
 * One strategy: its figures, or why there are none; `entries` are empty unless they were wanted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly strategy: InitStrategy.InitStrategy
  readonly row: Figures.Row | null
  readonly error: string
  readonly entries: ReadonlyArray<Timeline.Entry>
  readonly notes: ReadonlyArray<string>
}

const unique = <A>(items: Iterable<A>): ReadonlyArray<A> => [...new Set(items)]

/**
 * The strategies that are asked for, each once, in their order; `all` stands for every preset. Without any: those of the testbed,
 * else all. The baseline is the first of them, or the one named, which is simulated as well.
 *
 * Fails with `WrongUse` where a text is no strategy.
 *
 * @category constructors
 * @since 0.1.0
 */
export const strategies = Effect.fnUntraced(
  function*(asked: ReadonlyArray<string>, baseline: string | undefined, testbed: Testbed.Testbed) {
    const presets = InitStrategies.presets.map(({ name }) => name)
    const own = testbed.strategies ?? []
    const [texts, flag] = asked.length > 0
      ? [asked.flatMap((text) => text.split(",")).map((text) => text.trim()), "--strategy"] as const
      : [own.length > 0 ? own : presets, `${testbed.name}: strategies`] as const
    const parsed = yield* Effect.forEach(
      unique(texts.flatMap((text) => text === "all" ? presets : [text])),
      (text) => orWrongUse(InitStrategies.parse(text), flag)
    )
    const first = baseline === undefined ? undefined : yield* orWrongUse(InitStrategies.parse(baseline), "--baseline")
    const all = first === undefined || parsed.some(({ name }) => name === first.name) ? parsed : [first, ...parsed]
    return { strategies: all, baseline: first?.name ?? all[0]?.name ?? "" }
  }
)

/** As many faults take minutes and gigabytes. */
const mostFaults = 1_000_000

/** Faults of one access: those of a file or device that maps the least at a time. */
const faultsOf = (
  { access, size }: FaultPattern.FaultPattern,
  { devices = [] }: MachineSpec.MachineSpec
): number => {
  if (size === null || access === "io") return 1
  const largest = Math.min(
    2 * MiB,
    ...devices.flatMap(({ configured = [] }) => configured.flatMap(({ align }) => align ?? []))
  )
  return Math.floor(size / largest) + Math.ceil(size % largest / (4 * KiB))
}

/**
 * Refuses patterns that are more than anybody will wait for.
 *
 * @category validation
 * @since 0.1.0
 */
export const bearable = (
  pattern: FaultPattern.FaultPattern,
  { costs, machine }: Testbed.Testbed
): Effect.Effect<void, WrongUse> => {
  const processors = Math.max(costs.processors?.value ?? 1, ...(machine.nodes ?? []).map(({ cpus = 1 }) => cpus))
  const each = pattern.kind === "all" ? processors : pattern.count
  const devices = (machine.devices ?? []).reduce((sum, { configured = [] }) => sum + Math.max(1, configured.length), 0)
  const faults = faultsOf(pattern, machine)
  if (each * devices * faults <= mostFaults) return Effect.void
  const [what, remedy] = faults === 1
    ? ["accesses", "ask for fewer"]
    : [`accesses with ${faults} faults`, "ask for fewer or smaller ones"]
  return Effect.fail(
    new WrongUse({
      problem: `--faults: ${each} ${what} to each of ${
        Label.plural(devices, "device")
      } are more than ${mostFaults}: ${remedy}`
    })
  )
}

/** Namespaces that are described with struct pages. */
const wanted = ({ devices = [] }: MachineSpec.MachineSpec): number =>
  devices.flatMap(({ configured = [], kind }) => kind === "dax" ? [] : configured).filter(({ mode }) =>
    mode === "fsdax" || mode === "devdax"
  ).length

const inWords = ({ errno, problem, remedy, rule }: Reason): string => `${errno} (${rule}): ${problem}; ${remedy}`

/** What is wrong with figures although the simulation ended; empty: nothing. */
const complaint = (
  { row, timeline }: Simulation.Outcome,
  machine: MachineSpec.MachineSpec,
  reasons: ReadonlyArray<Reason>
): string => {
  const unready = Remarks.unready(timeline)
  if (unready.length > 0) return unready.join("; ")
  const times = [row.bootProceedsNs, row.readyNs, row.cpuNs, row.bootCpuNs, row.lockHeldNs, row.firstFault.maxNs]
  if (times.some((time) => !(time <= Number.MAX_SAFE_INTEGER))) {
    return "it takes more than the 104 days that are counted"
  }
  const there = row.devices.filter(({ structPages }) => structPages > 0).length
  const missing = wanted(machine) - there
  return missing <= 0
    ? ""
    : [
      `${missing} of ${Label.plural(wanted(machine), "namespace")} with struct pages did not appear`,
      ...unique(reasons.map(inWords))
    ].join(": ")
}

const failed = (strategy: InitStrategy.InitStrategy, error: string): Run => ({
  strategy,
  row: null,
  error,
  entries: [],
  notes: []
})

const one = Effect.fnUntraced(function*(strategy: InitStrategy.InitStrategy, { bench, faults, keep, seed }: Question) {
  const { machine } = bench.testbed
  const reasons: Array<Reason> = []
  const done = yield* Effect.result(
    Simulation.run({ machine, costs: Testbed.costs(bench.testbed), strategy, faults, seed }).pipe(
      Effect.provideService(Reasons, (reason) => reasons.push(reason))
    )
  )
  if (Result.isFailure(done)) return failed(strategy, done.failure.message)
  const { notes, row, timeline } = done.success
  const error = complaint(done.success, machine, reasons)
  const run: Run = { strategy, row, error, entries: keep ? timeline.entries : [], notes }
  return error === "" ? run : failed(strategy, error)
})

/**
 * Simulates every strategy; one that fails does not keep the others from being simulated. A namespace that does not appear is a
 * failure as well.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(question: Question) {
  const output = yield* Output
  const { strategies } = question
  const runs: Array<Run> = []
  for (const [i, strategy] of strategies.entries()) {
    yield* output.progress(`${i + 1}/${strategies.length} ${Label.printable(strategy.name)}`)
    runs.push(yield* Signals.unheard(one(strategy, question)))
  }
  yield* output.progress("")
  return runs
})

const ratio = (value: number, base: number): number | null => base === 0 ? value === 0 ? 1 : null : value / base

/** Of no access there is no latency to compare. */
const latencyRatio = (
  { firstFault: own }: Figures.Row,
  { firstFault: base }: Figures.Row,
  percentile: "p50Ns" | "p99Ns"
): number | null => own.count === 0 || base.count === 0 ? null : ratio(own[percentile], base[percentile])

const ratios = (row: Figures.Row, base: Figures.Row): SimulateAnswer.Ratios => ({
  bootProceeds: ratio(row.bootProceedsNs, base.bootProceedsNs),
  blockDevices: ratio(row.blockDevicesNs, base.blockDevicesNs),
  ready: ratio(row.readyNs, base.readyNs),
  firstFaultP50: latencyRatio(row, base, "p50Ns"),
  firstFaultP99: latencyRatio(row, base, "p99Ns"),
  cpu: ratio(row.cpuNs, base.cpuNs),
  lockHeld: ratio(row.lockHeldNs, base.lockHeldNs),
  lockLongest: ratio(row.lockLongestNs, base.lockLongestNs),
  structPagesWritten: ratio(row.structPagesWritten, base.structPagesWritten),
  ram: ratio(row.ram, base.ram),
  device: ratio(row.device, base.device)
})

const strategyOf = ({ error, row, strategy }: Run, base: Figures.Row | null): SimulateAnswer.Strategy => {
  const { about, name } = strategy
  return row === null
    ? { name, about, error }
    : { ...row, name, about, error: null, ratios: base === null ? null : ratios(row, base) }
}

const parameters = Object.entries(CostModel.parameters) as ReadonlyArray<readonly [CostModel.Parameter, string]>

const costsOf = ({ costs }: Testbed.Testbed): ReadonlyArray<SimulateAnswer.Cost> =>
  parameters.map(([name, what]) => {
    const { from = "not given, so it costs nothing", value = null } = costs[name] ?? {}
    return { name, what, value, from }
  })

/** Numbers without which the figures of some strategies mean little. */
const needs: ReadonlyArray<readonly [CostModel.Parameter, (strategy: InitStrategy.InitStrategy) => boolean]> = [
  ["store", ({ writing }) => writing === "store"],
  ["template", ({ writing }) => writing === "template"],
  ["second", ({ underLock }) => underLock === "every page"]
]

const unpaid = ({ bench, strategies }: Question): ReadonlyArray<string> =>
  (bench.testbed.machine.devices ?? []).length === 0 ? [] : needs.flatMap(([name, isNeeded]) => {
    const own = strategies.filter(isNeeded).map(({ name }) => name)
    return bench.testbed.costs[name] !== undefined || own.length === 0
      ? []
      : [
        `no cost is given ${CostModel.parameters[name]}: being free it makes ${own.join(", ")} look better than is so`
      ]
  })

/** Elsewhere what was posted for one architecture does everything at once (ASY-3). */
const unsupported = ({ bench, strategies }: Question): ReadonlyArray<string> => {
  const arch = Architecture.fromName(bench.testbed.machine.arch ?? "x86_64")
  return arch === undefined ?
    [] :
    strategies.filter((one) => !InitStrategy.isSupported(one, arch)).map(({ name }) =>
      `${name}: has no background initialisation on ${arch.name}, all is done at once`
    )
}

/**
 * The answer to a question.
 *
 * @category conversions
 * @since 0.1.0
 */
export const answer = (
  question: Question,
  runs: ReadonlyArray<Run>,
  published: ReadonlyArray<SimulateAnswer.PublishedPoint> | null
): SimulateAnswer.SimulateAnswer => {
  const { bench, baseline, faults, seed } = question
  const { testbed } = bench
  const base = runs.find(({ strategy }) => strategy.name === baseline)?.row ?? null
  return {
    machine: testbed.name,
    about: testbed.about,
    hardware: bench.hardware,
    baseline,
    seed,
    faults,
    strategies: runs.map((one) => strategyOf(one, base)),
    costs: costsOf(testbed),
    assumptions: bench.assumptions,
    notes: unique([
      ...bench.notes,
      ...runs.flatMap(({ notes }) => notes),
      ...unsupported(question),
      ...unpaid(question)
    ]),
    publishedPoints: testbed.published.length,
    ...(published === null ? {} : { published })
  }
}
