/**
 * Memory initialised for real, geometry after geometry: the rounds, and what comes of them.
 *
 * @since 0.1.0
 */
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import { MiB } from "@vmemmap/core/geometry/Units"
import type * as InitStrategy from "@vmemmap/core/init/InitStrategy"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import * as Measurement from "@vmemmap/core/simulation/Measurement"
import type * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { performance } from "node:perf_hooks"
import type * as BenchAnswer from "../answers/BenchAnswer.ts"
import { AnswerIsNo, WrongUse } from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Label from "../printers/Label.ts"
import * as Past from "../workers/Past.ts"
import * as WriterMemmap from "../workers/WriterMemmap.ts"
import * as Writers from "../workers/Writers.ts"
import * as BenchPublished from "./BenchPublished.ts"
import * as Rounds from "./Rounds.ts"

/**
 * What is asked: each geometry under each strategy, `rounds` times after once to warm up, as often as it needs where nobody says;
 * `fresh`: each time on memory that was never touched.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  readonly geometries: ReadonlyArray<Geometry.Geometry>
  readonly strategies: ReadonlyArray<InitStrategy.InitStrategy>
  readonly threads: number
  readonly rounds: number | undefined
  readonly fresh: boolean
  readonly wasm: boolean
}

/** Memory for the struct pages of a geometry, and the threads that write them. */
interface Place {
  readonly pool: BytePool.BytePool
  readonly writers: Writers.Writers
}

/** Of what is free something is left to others. */
const mostOfFree = 0.9

const bytesOf = (
  geometries: ReadonlyArray<Geometry.Geometry>,
  strategies: ReadonlyArray<InitStrategy.InitStrategy> = []
): number => geometries.reduce((most, geometry) => Math.max(most, Geometry.memmapBytes(geometry, strategies)), 0)

/**
 * Refuses what this machine has no memory for.
 *
 * @category operations
 * @since 0.1.0
 */
export const fits = (
  { geometries, strategies, threads }: Pick<Question, "geometries" | "threads"> & Partial<Pick<Question, "strategies">>
): Effect.Effect<void, WrongUse> =>
  Effect.suspend(() => {
    const bytes = bytesOf(geometries, strategies) + BytePool.ownBytes(threads + 1)
    const free = process.availableMemory()
    const most = Math.min(free * mostOfFree, BytePool.largest)
    return bytes <= most ? Effect.void : Effect.fail(
      new WrongUse({
        problem: `the struct pages can take ${HumanSize.formatBinary(bytes)}, of which this machine can spare ${
          HumanSize.formatBinary(Math.floor(most / MiB) * MiB)
        }: give a smaller --size`
      })
    )
  })

const placeOf = Effect.fnUntraced(function*(
  bytes: number,
  { threads, wasm }: Question
): Effect.fn.Return<Place, WrongUse | Writers.NoThreads, Scope.Scope> {
  const pool = BytePool.make({ bytes, threads: threads + 1, wasm })
  if (pool === null) {
    return yield* new WrongUse({
      problem: `${HumanSize.formatBinary(bytes)} of shared memory cannot be had here: give a smaller --size`
    })
  }
  return { pool, writers: yield* Writers.make(pool, { threads, past: Past.isFast }) }
})

/** Once, with how far it is where that takes more than a moment. */
const once = Effect.fnUntraced(function*(
  { pool, writers }: Place,
  geometry: Geometry.Geometry,
  strategy: InitStrategy.InitStrategy,
  label: string
) {
  const output = yield* Output
  const show = Effect.suspend(() => {
    const { done, lines } = writers.progress()
    return output.progress(lines === 0 ? label : `${label}, ${Math.floor(100 * done / lines)} %`)
  })
  yield* show
  const shown = yield* Effect.forkChild(Effect.repeat(Effect.delay(show, "500 millis"), Schedule.forever))
  const measuring = yield* Effect.forkChild(
    Measurement.run(geometry, strategy, { memmap: WriterMemmap.layer(pool, writers), processors: writers.threads })
  )
  // Who interrupts this does not want to wait until what a strategy does in one piece is done.
  const measured = yield* Fiber.join(measuring).pipe(Effect.onInterrupt(() => Effect.sync(writers.abandon)))
  yield* Fiber.interrupt(shown)
  return measured
})

type Measured = Pick<Measurement.Measurement, "bytes" | "nanos" | "pages" | "sum">

const rowOf = (
  { fresh, threads }: Question,
  geometry: Geometry.Geometry,
  strategy: InitStrategy.InitStrategy,
  rounds: ReadonlyArray<Measured>,
  published: ReadonlyArray<BenchAnswer.Published>
): BenchAnswer.BenchRun => {
  const [first = { bytes: 0, pages: 0, sum: 0n }] = rounds
  const { bytes, pages, sum } = first
  const times = rounds.map(({ nanos }) => nanos)
  const nanos = Rounds.median(times)
  return {
    geometry: Geometry.name(geometry),
    kind: geometry.kind,
    size: geometry.size,
    align: geometry.align,
    map: geometry.map,
    strategy: strategy.name,
    threads,
    fresh,
    rounds: rounds.length,
    pages,
    bytes,
    ns: Math.round(nanos),
    fastestNs: Math.round(Math.min(...times)),
    slowestNs: Math.round(Math.max(...times)),
    nsPerPage: pages === 0 ? 0 : nanos / pages,
    bytesPerSecond: nanos === 0 ? 0 : bytes / nanos * 1e9,
    checksum: (sum ?? 0n).toString(16).padStart(16, "0"),
    published
  }
}

/** How fast one thread fills memory with a byte that is not zero, the median of a few rounds. */
const fill = ({ pool }: Place): number => {
  const kernel = pool.kernelOf(0)
  const { size } = pool.usage()
  const bytes = Math.min(size, 1024 * MiB)
  const at = pool.allocate(bytes)
  if (at === null) return 0
  const rates = Array.from({ length: 4 }, () => {
    const began = performance.now()
    kernel.flood(at, bytes)
    return bytes / (performance.now() - began) * 1e3
  })
  pool.release(at, bytes)
  // The first round may be that of memory nobody had touched.
  return rates.slice(1).toSorted((a, b) => a - b)[1] ?? 0
}

/** Every geometry under every strategy. */
const pairs = ({ geometries, strategies }: Question) =>
  geometries.flatMap((geometry) => strategies.map((strategy) => ({ geometry, strategy })))

const touched = Effect.fnUntraced(function*(question: Question, testbeds: ReadonlyArray<Testbed.Testbed>) {
  const { fresh, threads } = question
  const place = yield* placeOf(bytesOf(question.geometries, question.strategies), question)
  const all = pairs(question)
  const runs: Array<BenchAnswer.BenchRun> = []
  for (const [i, { geometry, strategy }] of all.entries()) {
    const label = `${i + 1}/${all.length} ${Geometry.name(geometry)}, ${Label.printable(strategy.name)}, ${
      Label.plural(threads, "thread")
    }`
    const round = fresh
      ? Effect.scoped(
        Effect.flatMap(
          placeOf(Geometry.memmapBytes(geometry, question.strategies), question),
          (own) => once(own, geometry, strategy, label)
        )
      )
      : once(place, geometry, strategy, label)
    const measured = yield* Rounds.measure(round, question.rounds)
    runs.push(rowOf(question, geometry, strategy, measured, BenchPublished.find(testbeds, geometry)))
  }
  const answer: BenchAnswer.BenchAnswer = {
    runs,
    fillBytesPerSecond: fill(place),
    kernel: place.pool.kernelOf(0).name,
    pastCache: Past.isFast,
    notes: []
  }
  return answer
}, Effect.scoped)

/**
 * Measures all that is asked for. The memory of one run is used again by the next, so that only a `fresh` one pays for touching it.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(question: Question, testbeds: ReadonlyArray<Testbed.Testbed>) {
  yield* fits(question)
  const output = yield* Output
  const answer = yield* Effect.ensuring(touched(question, testbeds), output.progress("")).pipe(
    Effect.mapError((error) => error._tag === "WrongUse" ? error : new AnswerIsNo({ why: error.message }))
  )
  return { ...answer, notes: notesOf(question, answer) }
})

const notesOf = ({ fresh, strategies, threads }: Question, { kernel, pastCache, runs }: BenchAnswer.BenchAnswer) => {
  const isAlone = threads > 1 && runs.some(({ strategy }) => !/^(vmemmap|async-|deferred-boot)/.test(strategy))
  const hasPublished = runs.some(({ published }) => published.length > 0)
  const sums = new Set(runs.map(({ checksum, geometry }) => `${geometry} ${checksum}`))
  const isApart = sums.size > new Set(runs.map(({ geometry }) => geometry)).size
  return [
    ...(fresh ? ["memory that nobody has touched: the machine gives each page when it is first written to"] : []),
    ...(kernel === "wasm" ? [] : ["without WebAssembly: written by loops over typed arrays"]),
    ...(strategies.some(({ writing }) => writing === "template")
      ? ["store or template: lines are made in registers here, however a strategy writes them"]
      : []),
    ...(isApart
      ? ["checksums of the same memory differ where a strategy's kernel writes other struct pages, or fewer"]
      : []),
    ...(isAlone ? ["a synchronous strategy has one thread write each device, however many there are"] : []),
    ...(pastCache || kernel !== "wasm" || process.platform !== "linux" || process.arch !== "x64"
      ? []
      : [`${Past.variable}=${Past.setting} before the command lets lines of struct pages go past the cache`]),
    ...(hasPublished ? ["published figures are other machines'; --calibrate makes this one a machine of simulate"] : [])
  ]
}
