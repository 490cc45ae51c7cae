/**
 * What this machine's struct pages cost, as a machine of `simulate`: some measurements give the numbers, the others are there to be
 * predicted.
 *
 * @since 0.1.0
 */
import { KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import type * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as Effect from "effect/Effect"
import { availableParallelism } from "node:os"
import type * as BenchAnswer from "../answers/BenchAnswer.ts"
import { orWrongUse, WrongUse } from "../Failure.ts"
import * as BenchRuns from "./BenchRuns.ts"

/** What is measured to make a profile. */
const strategy = "linux-6.1"

const source = "vmemmap bench on this machine"

const isFitted = ({ align, kind, map }: BenchAnswer.BenchRun): boolean =>
  kind === "device" && align === 4 * KiB && map === "mem"

const variantOf = ({ align, map }: BenchAnswer.BenchRun): string =>
  `${align === 4 * KiB ? "4K" : align / KiB / KiB >= 1024 ? "1G" : "2M"}-${map}`

/** Base pages so few that what it costs to begin is a good part of it all. */
const few: Geometry.Geometry = { kind: "device", size: 16 * MiB, align: 4 * KiB, map: "mem" }

/** 512 KiB of them, which stay in a processor's cache. */
const fewPages = 2 ** 13

const pointOf = (run: BenchAnswer.BenchRun): Testbed.Point => {
  const { fresh, geometry, ns, pages } = run
  return {
    what: `${geometry}${fresh ? ", memory never touched" : ""}`,
    source,
    strategy,
    variant: variantOf(run),
    figure: fresh ? "initialise" : "rebind",
    low: ns,
    high: ns,
    ...(isFitted(run)
      ? { use: "fit", parameter: fresh ? "firstTouch" : "store" }
      : {
        use: "predict",
        ...(fresh
          ? { why: "the first touch of memory costs less where the machine, or its host, had it at hand" }
          : pages < fewPages
          ? { why: "so few struct pages take hardly longer than to begin with them, which varies" }
          : {})
      })
  }
}

const rounded = (value: number): number => Number(value.toPrecision(4))

/** The numbers, and what each was read from. */
const costsOf = (
  warm: ReadonlyArray<BenchAnswer.BenchRun>,
  fresh: ReadonlyArray<BenchAnswer.BenchRun>,
  small: BenchAnswer.BenchRun | undefined,
  all: BenchAnswer.BenchRun | undefined
): Testbed.Testbed["costs"] => {
  const store = warm.find(isFitted)?.nsPerPage ?? 0
  const begin = small === undefined ? 0 : Math.max(0, small.ns - small.pages * store)
  const first = fresh.find(isFitted)?.nsPerPage ?? store
  const ram = warm.find(({ kind }) => kind === "ram")?.nsPerPage ?? store
  const value = (value: number, from: string) => ({ value: rounded(value), from })
  const bandwidth = all === undefined ? undefined : all.bytesPerSecond / 1e9
  return {
    processors: value(availableParallelism(), "processors of this machine"),
    begin: value(begin, "fit: 4K, map=mem, of 16 MiB, beyond store"),
    store: value(store, "fit: 4K, map=mem"),
    template: value(store, "the same as store: lines are made in registers either way"),
    firstTouch: value(Math.max(0, first - store), "fit: 4K, map=mem, memory never touched, beyond store"),
    second: value(store, "the same as store"),
    bootPage: value(ram, "measured: RAM"),
    ...(bandwidth === undefined ? {} : {
      ramBandwidth: value(bandwidth, `measured: ${all?.threads ?? 0} threads at once`),
      deviceBandwidth: value(bandwidth, "the same memory plays the device")
    })
  }
}

/**
 * Measures all geometries of a size, again and on memory never touched, and with all threads at once, and makes a machine of that.
 *
 * @category running
 * @since 0.1.0
 */
export const measure = Effect.fnUntraced(function*(
  size: number,
  { rounds, testbeds, threads, wasm }: {
    readonly rounds: number | undefined
    readonly threads: number
    readonly wasm: boolean
    readonly testbeds: ReadonlyArray<Testbed.Testbed>
  }
) {
  const strategies = [yield* orWrongUse(InitStrategies.parse(strategy))]
  const geometries = Geometry.all(size)
  const alone = { strategies, threads: 1, rounds, wasm }
  const warm = yield* BenchRuns.run({ ...alone, geometries, fresh: false }, testbeds)
  const touching = geometries.filter(({ align, kind, map }) => kind === "device" && map === "mem" && align <= 2 ** 21)
  const fresh = yield* BenchRuns.run(
    { ...alone, geometries: touching, rounds: Math.min(3, rounds ?? 3), fresh: true },
    testbeds
  )
  const small = yield* BenchRuns.run({ ...alone, geometries: [few], fresh: false }, testbeds)
  const together = threads < 2 ? undefined : yield* BenchRuns.run({
    geometries: geometries.slice(0, 1),
    strategies: [yield* orWrongUse(InitStrategies.parse(parallel(threads)))],
    threads,
    rounds,
    fresh: false,
    wasm
  }, testbeds)
  const devices = [...warm.runs, ...fresh.runs].filter(({ kind }) => kind === "device")
  const [plain] = geometries
  if (plain === undefined) return yield* new WrongUse({ problem: "there is nothing to measure" })
  const testbed: Testbed.Testbed = {
    name: "this-machine",
    about: "struct pages written by vmemmap bench on this machine",
    machine: Geometry.machine(plain, availableParallelism()),
    costs: costsOf(warm.runs, fresh.runs, small.runs[0], together?.runs[0]),
    strategies: [strategy, "linux-4.19", "async-2018-v2", "vmemmap"],
    variants: Object.fromEntries(
      warm.runs.filter(({ kind }) => kind === "device").map((run) => [variantOf(run), {
        mode: run.align === 4 * KiB ? "fsdax" : "devdax",
        map: run.map,
        align: run.align
      }])
    ),
    published: devices.map(pointOf)
  }
  const runs = [...warm.runs, ...fresh.runs, ...(together?.runs ?? [])]
  const answer: BenchAnswer.BenchAnswer = { ...warm, runs }
  return { testbed, answer }
})

/**
 * The strategy of 6.1's struct pages that several threads can share in.
 *
 * @category queries
 * @since 0.1.0
 */
export const parallel = (threads: number): string =>
  threads === 1 ? strategy : `vmemmap:kernel=6.1;vmemmap=compound;workers=${threads}`
