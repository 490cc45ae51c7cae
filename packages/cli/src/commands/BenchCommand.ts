/**
 * `vmemmap bench`: how long struct pages take on this machine, for real.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import { GiB, KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { orWrongUse, WrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as BenchPrinter from "../printers/BenchPrinter.ts"
import * as Style from "../printers/Style.ts"
import * as TestbedSource from "../sources/TestbedSource.ts"
import * as BenchProfile from "./BenchProfile.ts"
import * as BenchRuns from "./BenchRuns.ts"
import * as Options from "./Options.ts"
import * as Strategies from "./Strategies.ts"
import * as WriteFile from "./WriteFile.ts"

const aligns = { "4K": 4 * KiB, "2M": 2 * MiB, "1G": GiB } as const satisfies Record<string, Geometry.Geometry["align"]>

const flags = {
  size: Options.size("size", "Memory whose struct pages are initialised (else 128GiB: 2 GiB of struct pages)"),
  align: Flag.Literals("align", ["4K", "2M", "1G"]).pipe(
    Flag.withDescription("Pages of the device: base pages or compounds (else 4K)"),
    Flag.optional
  ),
  map: Flag.Literals("map", ["mem", "dev"]).pipe(
    Flag.withDescription("Where the memmap of the device is (else mem)"),
    Flag.optional
  ),
  kind: Flag.Literals("kind", ["device", "ram"]).pipe(
    Flag.withDescription("Device memory, or RAM at boot (else device)"),
    Flag.optional
  ),
  compare: Flag.Boolean("compare").pipe(
    Flag.withDescription("All pages and places of the memmap, and RAM, as a table"),
    Flag.withDefault(false)
  ),
  threads: Flag.Int("threads").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Threads that write (else 1)"),
    Flag.withDefault(1)
  ),
  strategy: Flag.String("strategy").pipe(
    Flag.withMetavar("A,B,…"),
    Flag.withDescription(
      "How it is initialised, as simulate names it, or 'all' (else as linux-6.1, by as many workers as threads)"
    ),
    Flag.atLeast(0)
  ),
  rounds: Flag.Int("rounds").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(
      "How often each is measured, after once to warm up (else 5 times, or 41 where that takes less than 5 ms)"
    ),
    Flag.optional
  ),
  fresh: Flag.Boolean("fresh").pipe(
    Flag.withDescription("Each time on memory that nobody has touched"),
    Flag.withDefault(false)
  ),
  wasm: Flag.Boolean("wasm").pipe(
    Flag.withDescription("Write by WebAssembly where the runtime has it; --no-wasm writes by typed arrays"),
    Flag.withDefault(true)
  ),
  calibrate: Flag.String("calibrate").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Measure everything, and write what it costs here as a machine for simulate"),
    Flag.optional
  ),
  json: Options.json
}

/** The kernel of a node has no more threads for it, and nobody measures for a day. */
const most = { threads: 64, rounds: 1000 } as const

const between = (flag: keyof typeof most, value: number): Effect.Effect<void, WrongUse> =>
  value >= 1 && value <= most[flag]
    ? Effect.void
    : Effect.fail(new WrongUse({ problem: `--${flag}: ${value} is not from 1 to ${most[flag]}` }))

type Chosen = {
  readonly [K in "align" | "map" | "kind"]: Option.Option<string>
}

/** What cannot be asked for together. */
const conflict = (
  { calibrate, chosen, compare, fresh, strategy }: {
    readonly chosen: Chosen
    readonly compare: boolean
    readonly fresh: boolean
    readonly strategy: ReadonlyArray<string>
    readonly calibrate: Option.Option<string>
  }
): string | undefined => {
  const names = Object.entries(chosen).flatMap(([name, value]) => Option.isSome(value) ? [`--${name}`] : [])
  if (Option.isSome(calibrate)) {
    const others = [...names, ...(compare ? ["--compare"] : []), ...(fresh ? ["--fresh"] : [])]
    if (strategy.length > 0) others.push("--strategy")
    return others.length === 0 ? undefined : `--calibrate measures all that it needs: leave out ${others.join(", ")}`
  }
  if (compare && names.length > 0) return `--compare measures all of them: leave out ${names.join(", ")}`
  return Option.getOrUndefined(chosen.kind) === "ram" && (Option.isSome(chosen.align) || Option.isSome(chosen.map))
    ? "--kind ram: RAM has pages of 4K and its memmap in RAM: leave out --align and --map"
    : undefined
}

/** Two compounds. */
const leastOf = (align: number): number => 2 * align

/** What `--compare` is asked for and the size is not enough for. */
const leftOut = (size: number): ReadonlyArray<string> => {
  const missing = Geometry.all(size).filter(({ align, kind }) => kind === "device" && size < leastOf(align))
  const least = Math.max(...missing.map(({ align }) => leastOf(align)))
  return missing.length === 0
    ? []
    : [`left out: ${missing.map(Geometry.name).join("; ")}: give a --size of ${HumanSize.formatBinary(least)} or more`]
}

const geometriesOf = (size: number, compare: boolean, { align, kind, map }: {
  readonly align: Option.Option<keyof typeof aligns>
  readonly map: Option.Option<"mem" | "dev">
  readonly kind: Option.Option<"device" | "ram">
}): ReadonlyArray<Geometry.Geometry> =>
  compare ? Geometry.all(size).filter(({ align, kind }) => kind === "ram" || size >= leastOf(align)) : [{
    kind: Option.getOrElse(kind, () => "device" as const),
    size,
    align: aligns[Option.getOrElse(align, () => "4K" as const)],
    map: Option.getOrElse(map, () => "mem" as const)
  }]

const strategiesOf = (texts: ReadonlyArray<string>, threads: number) =>
  Strategies.parse(texts.length === 0 ? [BenchProfile.parallel(threads)] : texts)

const hint = (file: string): string =>
  `'vmemmap simulate ${file} --published' shows what that predicts beside what was measured here\n`

/**
 * `vmemmap bench`; status 2 where this machine has no memory for it.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "bench",
  flags,
  Effect.fnUntraced(function*({ align, calibrate, compare, fresh, json: isJson, kind, map, wasm, ...args }) {
    const output = yield* Output
    const look = { width: output.width, style: Style.make(output.colour) }
    const problem = conflict({ ...args, chosen: { align, map, kind }, compare, fresh, calibrate })
    if (problem !== undefined) return yield* new WrongUse({ problem })
    const rounds = Option.getOrUndefined(args.rounds)
    yield* between("threads", args.threads)
    if (rounds !== undefined) yield* between("rounds", rounds)
    const size = (yield* Options.bytesOf("size", args.size)) ?? 128 * GiB
    const geometries = Option.isSome(calibrate)
      ? Geometry.all(size)
      : geometriesOf(size, compare, { align, map, kind })
    for (const geometry of geometries) yield* orWrongUse(Geometry.check(geometry), "--size")
    const testbeds = yield* TestbedSource.bundled
    const { threads } = args
    if (Option.isSome(calibrate)) {
      yield* BenchRuns.fits({ geometries, threads })
      yield* WriteFile.check("--calibrate", calibrate.value)
      const { answer, testbed } = yield* BenchProfile.measure(size, { rounds, threads, wasm, testbeds })
      yield* WriteFile.write("--calibrate", calibrate.value, `${JSON.stringify(testbed, null, 2)}\n`)
      if (isJson) return yield* json(answer)
      yield* output.print(BenchPrinter.text(answer, look))
      return yield* output.print(hint(calibrate.value))
    }
    const strategies = yield* strategiesOf(args.strategy, threads)
    const measured = yield* BenchRuns.run({ geometries, strategies, threads, rounds, fresh, wasm }, testbeds)
    const answer = { ...measured, notes: [...(compare ? leftOut(size) : []), ...measured.notes] }
    yield* isJson ? json(answer) : output.print(BenchPrinter.text(answer, look))
  })
).pipe(
  Command.withDescription(
    "Initialises struct pages for real: a machine boots as in simulate, but its memmap is bytes in this machine's memory, and the " +
      "time is what it takes. Prints struct pages, bytes, time, a checksum, how fast this machine fills memory, and what is published."
  ),
  Command.withShortDescription("How long struct pages take on this machine, written for real"),
  Command.withExamples([
    { command: "vmemmap bench", description: "128 GiB of device memory in base pages: 2 GiB of struct pages" },
    {
      command: "vmemmap bench --compare --size 32GiB",
      description: "Base pages, compounds, altmap and RAM side by side"
    },
    { command: "vmemmap bench --align 2M --threads 2", description: "Compounds of 2 MiB, written by two threads" },
    {
      command: "vmemmap bench --strategy linux-4.19,linux-6.1",
      description: "Written twice, as up to 4.19, and once"
    },
    {
      command: "vmemmap bench --calibrate here.json && vmemmap simulate here.json --published",
      description: "This machine as a machine of simulate, and how well that predicts it"
    }
  ])
)
