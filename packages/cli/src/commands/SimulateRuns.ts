/**
 * A machine simulated under one strategy after the other, and what comes of it as an answer.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import { KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as InitStrategy from "@vmemmap/core/init/InitStrategy"
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
import * as Strategies from "./Strategies.ts"

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
    const own = testbed.strategies ?? []
    const parsed = asked.length > 0
      ? yield* Strategies.parse(asked)
      : yield* Strategies.parse(own.length > 0 ? own : ["all"], `${testbed.name}: strategies`)
    const first = baseline === undefined ? undefined : yield* orWrongUse(InitStrategies.parse(baseline), "--baseline")
    const all = first === undefined || parsed.some(({ name }) => name === first.name) ? parsed : [first, ...parsed]
    return { strategies: all, baseline: first?.name ?? all[0]?.name ?? "" }
  }
)

/** As many faults take minutes and gigabytes. */
const mostFaults = 1_000_000

/** Faults of one access: a file is mapped by 2 MiB and what is left by pages, a character device by its alignment. */
const faultsOf = (
  { access, size }: FaultPattern.FaultPattern,
  { devices = [] }: MachineSpec.MachineSpec
): number => {
  if (size === null || access === "io") return 1
  const huge = 2 * MiB
  const ofFile = Math.floor(size / huge) + Math.ceil(size % huge / (4 * KiB))
  const all = devices.flatMap(({ configured = [] }) =>
    configured.map(({ align = huge, mode }) => mode === "devdax" ? Math.ceil(size / align) : ofFile)
  )
  return Math.max(all.length === 0 ? Math.ceil(size / huge) : 1, ...all)
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
    : [`${each === 1 ? "access" : "accesses"} with ${faults} faults`, "ask for fewer or smaller ones"]
  return Effect.fail(
    new WrongUse({
      problem: `--faults: ${each} ${what} to each of ${
        Label.plural(devices, "device")
      } are more than ${mostFaults}: ${remedy}`
    })
  )
}

/** What is wrong with figures although the simulation ended; empty: nothing. */
const complaint = ({ row, timeline }: Simulation.Outcome): string => {
  const unready = Remarks.unready(timeline)
  if (unready.length > 0) return unready.join("; ")
  const times = [row.bootProceedsNs, row.readyNs, row.cpuNs, row.bootCpuNs, row.lockHeldNs, row.firstFault.maxNs]
  return times.every((time) => time <= Number.MAX_SAFE_INTEGER)
    ? ""
    : "it takes more than the 104 days that are counted"
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
  const costs = Testbed.costs(bench.testbed)
  const done = yield* Effect.result(Simulation.run({ machine, costs, strategy, faults, seed }))
  if (Result.isFailure(done)) return failed(strategy, done.failure.message)
  const { notes, row, timeline } = done.success
  const error = complaint(done.success)
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
  bootCpu: ratio(row.bootCpuNs, base.bootCpuNs),
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

/** Of whom it is said, where it is not said of all. */
const attributed = (runs: ReadonlyArray<Run>): ReadonlyArray<string> => {
  const done = runs.filter(({ row }) => row !== null)
  return unique(done.flatMap(({ notes }) => notes)).map((note) => {
    const own = done.filter(({ notes }) => notes.includes(note))
    return own.length === done.length ? note : `${own.map(({ strategy }) => strategy.name).join(", ")}: ${note}`
  })
}

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
      ...attributed(runs),
      ...unsupported(question),
      ...unpaid(question)
    ]),
    publishedPoints: testbed.published.length,
    ...(published === null ? {} : { published })
  }
}
