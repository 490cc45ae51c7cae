/**
 * The machine of a simulation and what operations cost on it: a bundled testbed, a testbed file, or any SOURCE with the costs of
 * another machine.
 *
 * @since 0.1.0
 */
import * as Source from "@vmemmap/core/inputs/Source"
import * as Completion from "@vmemmap/core/machine/Completion"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as RawSizes from "@vmemmap/core/planning/RawSizes"
import type * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as TestbedText from "@vmemmap/core/simulation/TestbedText"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { orWrongUse, WrongUse } from "../Failure.ts"
import * as MachineSource from "./MachineSource.ts"
import * as Nearest from "./Nearest.ts"
import * as Sources from "./Sources.ts"

/**
 * A testbed whose machine can boot. `hardware` is the machine whose costs are used; `isMeasured`: its own, which is what published
 * points are about. `assumptions`: what no source said; `notes`: what is described and plays no part.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bench {
  readonly testbed: Testbed.Testbed
  readonly hardware: string
  readonly isMeasured: boolean
  readonly assumptions: ReadonlyArray<string>
  readonly notes: ReadonlyArray<string>
}

/** The bundled ones are read from where they are, and only when they are asked for. */
const files = Effect.promise(async () => await import("@vmemmap/test-utils/TestbedFiles"))

const load = Effect.fnUntraced(function*(name: string) {
  const text = (yield* files).text(name)
  return text === undefined ? undefined : yield* orWrongUse(TestbedText.read(name, text))
})

/**
 * All bundled machines, by name.
 *
 * @category queries
 * @since 0.1.0
 */
export const bundled: Effect.Effect<ReadonlyArray<Testbed.Testbed>, WrongUse> = Effect.gen(function*() {
  const names = (yield* files).names()
  const found: Array<Testbed.Testbed> = []
  for (const name of names) {
    const testbed = yield* load(name)
    if (testbed !== undefined) found.push(testbed)
  }
  return found
})

/** A sentence that ends with their names. */
const bundledAre = Effect.map(files, ({ names }) => `bundled machines are ${names().join(", ")}`)

/**
 * Refuses to go on without a machine.
 *
 * @category errors
 * @since 0.1.0
 */
export const noMachine: Effect.Effect<never, WrongUse> = Effect.flatMap(
  bundledAre,
  (known) => Effect.fail(new WrongUse({ problem: `name the MACHINE to simulate: ${known}, or give a file` }))
)

/** A file before a bundled machine of that name, as everywhere. */
const find = Effect.fnUntraced(function*(source: string) {
  if (source === "-") return { text: yield* Sources.text(source) }
  const fs = yield* FileSystem.FileSystem
  const found = yield* Effect.option(fs.stat(yield* Sources.resolve(source)))
  const isFile = Option.isSome(found) && found.value.type !== "Directory"
  const known = Sources.isName(source) && !isFile ? yield* load(source) : undefined
  if (known !== undefined) return { testbed: known }
  if (Option.isNone(found) && Sources.isName(source)) {
    return yield* new WrongUse({
      problem: `there is no machine '${source.slice(0, 80)}' and no such file${
        Nearest.question(source, (yield* files).names())
      }; ${yield* bundledAre}`
    })
  }
  return { text: yield* Sources.text(source) }
})

const hardwareOf = Effect.fnUntraced(function*(source: string) {
  const { testbed, text = "" } = yield* find(source)
  if (testbed !== undefined) return testbed
  if (!TestbedText.isTestbed(text)) {
    return yield* new WrongUse({
      problem: `--hardware: ${source} is no testbed: it needs 'machine' and 'costs'; ${yield* bundledAre}`
    })
  }
  return yield* orWrongUse(TestbedText.read(source, text), "--hardware")
})

/** The bundled machine that is most like it: by where the struct pages of its devices are. */
const likest = ({ devices = [] }: MachineSpec.MachineSpec): string => {
  const maps = new Set(devices.flatMap(({ configured = [] }) => configured.map(({ map }) => map)))
  return devices.length > 0 && devices.every(({ kind }) => kind === "dax")
    ? "cxl-expander"
    : maps.has("mem") && !maps.has("dev")
    ? "nvdimm-128g"
    : "pmem-12tb"
}

const named = (names: ReadonlyArray<string>): string =>
  names.length <= 8 ? names.join(", ") : `${names.slice(0, 7).join(", ")} and ${names.length - 7} more`

/** What is described and yet plays no part, besides what the engine itself says. */
const silent = (
  { debugPoison, devices = [], dimms = [], kernel }: MachineSpec.MachineSpec
): ReadonlyArray<string> => {
  const empty = devices.filter(({ configured = [], kind }) => kind !== "dax" && configured.length === 0)
  const raw = devices.flatMap(({ configured = [] }) => configured).filter(({ mode }) => mode === "raw")
  const off = devices.flatMap(({ configured = [] }) => configured).filter(({ disabled = false }) => disabled)
  const names = (all: ReadonlyArray<{ readonly name: string }>) => named(all.map(({ name }) => name))
  return [
    ...(kernel === undefined ? [] : [`kernel ${kernel} of the machine is not used: each strategy names its own`]),
    ...(empty.length === 0 ? [] : [
      `${
        names(empty)
      }: no namespace, so nothing is initialised; describe some under 'configured', or add 'ndctl list -RN'`
    ]),
    ...(raw.length === 0 ? [] : [`${names(raw)}: raw mode has no struct pages, nothing is initialised for it`]),
    ...(off.length === 0 ? [] : [`${names(off)}: disabled, so nothing is initialised for it`]),
    ...(dimms.length === 0 ? [] : ["RAM that is plugged (dimms) is hot-added, which takes no time here"]),
    ...(debugPoison === true ? ["debugPoison: the pass that poisons struct pages takes no time here"] : [])
  ]
}

/** Linux is built for no more. */
const mostProcessors = 8192

/** A megabyte a second. */
const leastBandwidth = 0.001

/** Numbers with which nothing would ever end, or no machine could be. */
const implausible = ({ costs, machine }: Pick<Testbed.Testbed, "costs" | "machine">): string | undefined => {
  const { deviceBandwidth, processors, ramBandwidth } = costs
  const count = processors?.value ?? 1
  if (!(Number.isInteger(count) && count >= 1 && count <= mostProcessors)) {
    return `costs.processors: a node has 1 to ${mostProcessors}, not ${count}`
  }
  const bandwidth = Math.min(ramBandwidth?.value ?? Infinity, deviceBandwidth?.value ?? Infinity)
  if (bandwidth < leastBandwidth) {
    return `costs: with a bandwidth of ${bandwidth} GB/s nothing ends: leave it out where it is no limit`
  }
  const endless = Object.entries(costs).find(([, cost]) => (cost?.value ?? 0) > Number.MAX_SAFE_INTEGER)
  if (endless !== undefined) return `costs.${endless[0]}: more than the 104 days that are counted`
  const crowded = (machine.nodes ?? []).find(({ cpus = 0 }) => cpus > mostProcessors)
  return crowded === undefined
    ? undefined
    : `node ${crowded.node}: ${crowded.cpus} processors are more than the ${mostProcessors} that Linux can have`
}

const bootable = Effect.fnUntraced(function*(source: string, testbed: Pick<Testbed.Testbed, "costs" | "machine">) {
  const { machine } = testbed
  const hasRam = (machine.ranges ?? []).some(({ kind }) => kind === "ram")
  if (!hasRam && (machine.devices ?? []).length === 0) {
    return yield* new WrongUse({
      problem: `${source}: there is nothing to simulate: it has neither RAM (ranges of kind ram) nor devices`
    })
  }
  const problem = implausible(testbed)
  if (problem !== undefined) return yield* new WrongUse({ problem: `${source}: ${problem}` })
  const complete = Completion.make(machine)
  const { assumptions, spec } = RawSizes.complete(complete.spec)
  return { spec, assumptions: [...complete.assumptions, ...assumptions], notes: silent(machine) }
})

const nameOf = Effect.fnUntraced(function*(source: string, { name }: MachineSpec.MachineSpec) {
  const path = yield* Path.Path
  return name ?? (source === "-" ? "standard input" : path.basename(source))
})

const costsAreThoseOf = ({ about, name }: Testbed.Testbed): string =>
  `operations cost what they do on ${name} (${about})`

const described = Effect.fnUntraced(
  function*(source: string, machine: MachineSpec.MachineSpec, hardware: string | undefined) {
    const other = yield* hardwareOf(hardware ?? likest(machine))
    const { assumptions, notes, spec } = yield* bootable(source, { machine, costs: other.costs })
    const bench: Bench = {
      testbed: {
        name: yield* nameOf(source, spec),
        about: `the machine that ${source === "-" ? "standard input" : source} describes`,
        machine: spec,
        costs: other.costs,
        published: []
      },
      hardware: other.name,
      isMeasured: false,
      assumptions: [
        `${costsAreThoseOf(other)}${hardware === undefined ? "; --hardware names another machine" : ""}`,
        ...assumptions
      ],
      notes
    }
    return bench
  }
)

const measured = Effect.fnUntraced(
  function*(source: string, testbed: Testbed.Testbed, hardware: string | undefined) {
    const other = hardware === undefined ? undefined : yield* hardwareOf(hardware)
    const { costs } = other ?? testbed
    const { assumptions, notes, spec } = yield* bootable(source, { machine: testbed.machine, costs })
    const bench: Bench = {
      testbed: { ...testbed, machine: spec, costs },
      hardware: (other ?? testbed).name,
      isMeasured: other === undefined,
      assumptions: other === undefined ? assumptions : [costsAreThoseOf(other), ...assumptions],
      notes
    }
    return bench
  }
)

/**
 * The machine of `source`, joined with `others` that describe the same one, with the costs of `hardware` where that is named.
 *
 * Fails with `WrongUse` where there is no such machine, one cannot be read, or nothing of it can be simulated.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(
  function*(source: string, others: ReadonlyArray<string>, hardware: string | undefined) {
    yield* Sources.stdinOnce([source, ...others, ...(hardware === undefined ? [] : [hardware])])
    const { testbed, text = "" } = yield* find(source)
    const own = testbed ?? (TestbedText.isTestbed(text) ? yield* orWrongUse(TestbedText.read(source, text)) : undefined)
    if (own !== undefined) {
      return others.length === 0 ? yield* measured(source, own, hardware) : yield* new WrongUse({
        problem: `--with: ${source} is a testbed, which describes all of its machine: leave out --with`
      })
    }
    const specs = [yield* orWrongUse(MachineSource.parse(source, text))]
    for (const other of others) specs.push(yield* orWrongUse(MachineSource.parse(other, yield* Sources.text(other))))
    return yield* described(source, yield* orWrongUse(Source.merge(specs, [source, ...others])), hardware)
  }
)
