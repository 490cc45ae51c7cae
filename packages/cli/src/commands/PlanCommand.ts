/**
 * `vmemmap plan`: what struct pages will cost, where, and what capacity stays, for every legal choice.
 *
 * @since 0.1.0
 */
import * as MemParse from "@vmemmap/core/geometry/MemParse"
import * as Check from "@vmemmap/core/inputs/Check"
import type { Device, MachineSpec, Node } from "@vmemmap/core/machine/MachineSpec"
import * as Alike from "@vmemmap/core/planning/Alike"
import type * as Alternatives from "@vmemmap/core/planning/Alternatives"
import * as Comparison from "@vmemmap/core/planning/Comparison"
import * as Gate from "@vmemmap/core/planning/Gate"
import * as Plan from "@vmemmap/core/planning/Plan"
import * as PlanOption from "@vmemmap/core/planning/PlanOption"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as PlanAnswer from "../answers/PlanAnswer.ts"
import { AnswerIsNo, orWrongUse, WrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as PlanPrinter from "../printers/PlanPrinter.ts"
import * as Style from "../printers/Style.ts"
import * as FleetSource from "../sources/FleetSource.ts"
import * as Sources from "../sources/Sources.ts"
import * as Options from "./Options.ts"

const flags = {
  sources: Argument.String("source").pipe(
    Argument.withDescription(
      "ndctl/daxctl/cxl list JSON, lsmem -J, /proc/iomem, a boot log, a machine description, a fleet file; - for standard input; none for this machine"
    ),
    Argument.variadic()
  ),
  range: Flag.String("range").pipe(
    Flag.withMetavar("START+SIZE"),
    Flag.withDescription("Plan for a physical range (repeatable), such as 0x100000000+128G"),
    Flag.atLeast(0)
  ),
  mode: Flag.Literals("mode", PlanOption.Mode.literals).pipe(
    Flag.withDescription("Only this mode"),
    Flag.optional
  ),
  map: Flag.Literals("map", ["mem", "dev"]).pipe(Flag.withDescription("Only this memmap location"), Flag.optional),
  align: Options.size("align", "Only this alignment: 4K, 2M, 1G"),
  ...Options.kernel,
  nodeMemory: Flag.String("node-memory").pipe(
    Flag.withMetavar("[NODE=]SIZE"),
    Flag.withDescription("Available memory of a node (repeatable), overriding the sources"),
    Flag.atLeast(0)
  ),
  compareKernels: Flag.String("compare-kernels").pipe(
    Flag.withMetavar("A,B,…"),
    Flag.withDescription("Print the struct-page tax under several kernels side by side"),
    Flag.optional
  ),
  failIf: Flag.String("fail-if").pipe(
    Flag.withMetavar("COND"),
    Flag.withDescription("Exit 1 when the totals meet the condition (repeatable), such as 'ram>16GiB'"),
    Flag.atLeast(0)
  ),
  sysroot: Options.sysroot,
  json: Options.json
}

const rangeDevice = Effect.fnUntraced(function*(text: string) {
  const { size, start } = yield* orWrongUse(MemParse.parseRange(text), "--range")
  const device: Device = { name: text, kind: "pmem", start, size, node: 0 }
  return device
})

const nodeMemory = Effect.fnUntraced(function*(text: string) {
  const match = /^(?:([0-9]{1,4})=)?(.+)$/.exec(text)
  const available = yield* orWrongUse(MemParse.parse(match?.[2] ?? text), "--node-memory")
  const node: Node = { node: Number(match?.[1] ?? 0), available }
  return node
})

const withNodes = (spec: MachineSpec, nodes: ReadonlyArray<Node>): MachineSpec => ({
  ...spec,
  nodes: [
    ...(spec.nodes ?? []).filter((old) => !nodes.some((n) => n.node === old.node)),
    ...nodes
  ]
})

const conditions = (texts: ReadonlyArray<string>) =>
  Effect.forEach(texts, (text) => orWrongUse(Gate.parse(text), "--fail-if"))

const gate = (totals: Plan.Totals, gates: ReadonlyArray<Gate.Gate>): Effect.Effect<void, AnswerIsNo> => {
  const failed = gates.filter((g) => Gate.holds(g, totals))
  return failed.length === 0
    ? Effect.void
    : Effect.fail(
      new AnswerIsNo({
        why: failed.map((g) => `${g.text}: ${g.field} is ${Gate.valueOf(g.field, totals)} bytes`).join("; ")
      })
    )
}

/**
 * `vmemmap plan`; status 1 when a condition is met, nothing is possible, or a node cannot pay.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "plan",
  flags,
  Effect.fnUntraced(function*(args) {
    const gates = yield* conditions(args.failIf)
    const ranges = yield* Effect.forEach(args.range, rangeDevice)
    const nodes = yield* Effect.forEach(args.nodeMemory, nodeMemory)
    const filter: Alternatives.Filter = {
      mode: Option.getOrUndefined(args.mode),
      map: Option.getOrUndefined(args.map),
      align: yield* Options.bytesOf("align", args.align)
    }
    if (
      (filter.mode === "raw" || filter.mode === "sector") && (filter.map !== undefined || filter.align !== undefined)
    ) {
      return yield* new WrongUse({
        problem: `--mode ${filter.mode} has neither a memmap nor an alignment: leave out --map and --align`
      })
    }
    yield* Options.oneMachine(args)
    const settings = { kernelOf: yield* Options.kernels(args), filter, nodes, gates, json: args.json }
    const [only, ...others] = args.sources
    if (only !== undefined && others.length === 0 && ranges.length === 0) {
      const fleet = yield* FleetSource.open(only)
      if (fleet._tag === "Fleet" && Option.isSome(args.compareKernels)) {
        return yield* new WrongUse({ problem: "--compare-kernels works on one machine, not on a fleet file" })
      }
      if (fleet._tag === "Fleet") return yield* planFleet(fleet, settings)
      return yield* planMachine(fleet.spec, settings, args.compareKernels)
    }
    const base = args.sources.length === 0 && ranges.length > 0 && Option.isNone(args.sysroot)
      ? {}
      : yield* Sources.machine(args.sources, Option.getOrUndefined(args.sysroot))
    const spec: MachineSpec = { ...base, devices: [...(base.devices ?? []), ...ranges] }
    return yield* planMachine(yield* orWrongUse(Check.machine("--range", spec)), settings, args.compareKernels)
  }, Effect.scoped)
).pipe(
  Command.withDescription("What struct pages will cost, where, and what capacity stays, for every choice"),
  Command.withExamples([
    { command: "vmemmap plan", description: "Plan for this machine (as root)" },
    { command: "ndctl list -RN | vmemmap plan -", description: "Plan from what ndctl says" },
    { command: "vmemmap plan ndctl.json iomem.txt", description: "Join several sources of one machine" },
    { command: "vmemmap plan --range 0x100000000+128G --mode fsdax --map dev", description: "A range by hand" },
    {
      command: "vmemmap plan machine.yaml --compare-kernels 5.10,6.1,6.12,proposed-2026",
      description: "Kernels side by side"
    },
    { command: "vmemmap plan machine.yaml --fail-if 'ram>16GiB'", description: "A gate for scripts" }
  ])
)

interface Settings {
  readonly kernelOf: Effect.Success<ReturnType<typeof Options.kernels>>
  readonly filter: Alternatives.Filter
  readonly nodes: ReadonlyArray<Node>
  readonly gates: ReadonlyArray<Gate.Gate>
  readonly json: boolean
}

/**
 * What makes the answer a no: a device the kernel makes nothing of, a node that cannot pay. A device of a kind that was not
 * asked about counts only where there is no other.
 */
const impossible = ({ devices, totals }: Plan.Plan): string =>
  [
    ...(devices.some((d) => d.options.length > 0) ? devices.filter((d) => d.options.length > 0) : devices)
      .filter((d) => !d.options.some((o) => o.error === null && o.usable > 0))
      .map((d) => `nothing that was asked for is possible on ${d.name}`),
    ...totals.nodes.filter((n) => n.fits === false).map((n) => `node ${n.node} cannot pay for its struct pages`)
  ].join("; ")

const planMachine = Effect.fnUntraced(
  function*(machine: MachineSpec, settings: Settings, compareKernels: Option.Option<string>) {
    const output = yield* Output
    const look = { width: output.width, style: Style.make(output.colour) }
    const spec = withNodes(machine, settings.nodes)
    const kernel = yield* orWrongUse(settings.kernelOf(spec))
    const plan = Plan.make(spec, kernel, settings.filter)
    const names = Option.match(compareKernels, { onNone: () => [], onSome: (text) => text.split(",") })
    const kernels = yield* Effect.forEach(
      names,
      (name) =>
        orWrongUse(KernelRelease.parse(name), "--compare-kernels").pipe(
          Effect.flatMap((release) => orWrongUse(settings.kernelOf(spec, release)))
        )
    )
    const comparison = Comparison.make(spec, kernels, settings.filter)
    if (settings.json) {
      const answer: PlanAnswer.PlanAnswer = kernels.length > 0 ? { ...plan, comparison } : plan
      yield* json(answer)
    } else {
      yield* output.print(
        kernels.length > 0 ? PlanPrinter.printComparison(comparison, look) : PlanPrinter.print(plan, look)
      )
    }
    yield* gate(plan.totals, settings.gates)
    const why = impossible(plan)
    if (why !== "") return yield* new AnswerIsNo({ why })
  }
)

const planFleet = Effect.fnUntraced(function*(fleet: FleetSource.Fleet, settings: Settings) {
  const output = yield* Output
  let failed = 0
  const best = Alike.make()
  const total = yield* FleetSource.run(
    fleet,
    (spec) =>
      Result.map(settings.kernelOf(spec), (kernel) => {
        const totals = Plan.totals(withNodes(spec, settings.nodes), kernel, settings.filter, best(spec))
        if (settings.gates.some((g) => Gate.holds(g, totals))) failed++
        const name = spec.name ?? null
        const answer: PlanAnswer.FleetLine = { name, kernel: kernel.release.name, totals }
        return settings.json ? `${JSON.stringify(answer)}\n` : PlanPrinter.printFleetLine(name, totals)
      })
  )
  yield* output.progress("")
  if (total === 0) return yield* new WrongUse({ problem: "the fleet file has no machine" })
  if (failed > 0) {
    return yield* new AnswerIsNo({
      why: `${failed} of ${total} machines meet ${settings.gates.map((g) => g.text).join(" or ")}`
    })
  }
})
