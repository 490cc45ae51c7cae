import { assert, describe, it } from "@effect/vitest"
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as MemmapBytes from "@vmemmap/core/bytes/MemmapBytes"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { GiB, KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as InitStrategy from "@vmemmap/core/init/InitStrategy"
import type * as Machine from "@vmemmap/core/machine/Machine"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as Memmap from "@vmemmap/core/memmap/Memmap"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import * as Measurement from "@vmemmap/core/simulation/Measurement"
import * as Simulation from "@vmemmap/core/simulation/Simulation"
import * as CostModel from "@vmemmap/core/time/CostModel"
import { Effect } from "effect"
import * as WriterMemmap from "../../src/workers/WriterMemmap.ts"
import * as Writers from "../../src/workers/Writers.ts"
import { service } from "./machines.ts"

const page = 4 * KiB

/** Seconds of work for one processor, which others may want. */
const slow = { timeout: 120_000 }

/** One of each kind, as small as every release takes it; of RAM enough that some is deferred. */
const geometries = [256 * MiB, 2 * GiB, 5 * GiB].flatMap((size, i) =>
  Geometry.all(size).filter(({ align, kind }) => i === (kind === "ram" ? 2 : align === GiB ? 1 : 0))
)

/** With less RAM beside a device: that is written as well. */
const machineOf = (geometry: Geometry.Geometry): MachineSpec.MachineSpec => {
  const { ranges = [], ...machine } = Geometry.machine(geometry, 2)
  if (geometry.kind === "ram") return { ...machine, ranges }
  const size = 512 * MiB
  return { ...machine, ranges: ranges.map((range) => ({ ...range, size })), nodes: [{ node: 0, total: size, cpus: 2 }] }
}

/** What a machine has struct pages for; pfns. */
const rangesOf = (geometry: Geometry.Geometry): ReadonlyArray<PfnRange.PfnRange> => {
  const { devices = [], ranges = [] } = machineOf(geometry)
  return [...ranges, ...devices].map(({ size, start }) =>
    PfnRange.fromLength(Number(start ?? 0) / page, Number(size) / page)
  )
}

/** Pages at both ends, around compounds of each size, and some of the rest. */
const some = ({ end, start }: PfnRange.PfnRange): ReadonlyArray<number> => {
  const edges = [start, start + 512, start + 1024, start + 32_768, start + 262_144, end]
  const near = edges.flatMap((edge) => Array.from({ length: 12 }, (_, i) => edge - 4 + i))
  const rest = Array.from({ length: 40 }, (_, i) => start + Math.floor((end - start) * i / 40) + 7 * i)
  return [...near, ...rest].filter((pfn) => pfn >= start && pfn < end)
}

const poolOf = (threads: number): BytePool.BytePool =>
  BytePool.make({ bytes: Math.max(...geometries.map((one) => Geometry.memmapBytes(one))), threads: threads + 1 }) ??
    assert.fail("no memory")

/** Boots the machine of a geometry with a memmap, and looks at it when everybody has what they wanted. */
const booted = <A, E>(
  geometry: Geometry.Geometry,
  strategy: InitStrategy.InitStrategy,
  memmap: Machine.Parts["memmap"],
  look: Effect.Effect<A, E>
) =>
  Effect.map(
    Simulation.boot(
      { machine: machineOf(geometry), costs: CostModel.nothing, strategy, faults: null, seed: 0 },
      { memmap, model: CostModel.free, last: look }
    ),
    ({ last }) => last ?? assert.fail("nobody looked")
  )

/** Where device memory begins. */
const device = 2 ** 32

const long = process.env.VMEMMAP_LONG === "1"

const everything = PfnRange.fromLength(0, 2 ** 40)

/** The sum of what is there, that of all there could be, what some pages say, and those whose bytes are there, and could be of the device. */
const looked = (geometry: Geometry.Geometry) =>
  Effect.gen(function*() {
    const bytes = yield* service(MemmapBytes.MemmapBytes)
    const pfns = rangesOf(geometry).flatMap(some)
    const there = () => pfns.filter((pfn) => bytes.locate(pfn) !== null)
    const own = there()
    const before = bytes.sum(everything)
    const pages = pfns.map(bytes.page)
    for (const range of rangesOf(geometry)) yield* bytes.materialise(range)
    const written = there().filter((pfn) => pfn >= device && pages[pfns.indexOf(pfn)]?._tag === "Initialised")
    return { before, after: bytes.sum(everything), pages, own, written }
  })

const described = (geometry: Geometry.Geometry) =>
  Effect.map(service(Memmap.Memmap), ({ read }) => rangesOf(geometry).flatMap(some).map(read))

/** Threads with a pool of their own. */
const threadsOf = Effect.fnUntraced(function*(threads: number) {
  const pool = poolOf(threads)
  return { pool, threads, writers: yield* Writers.make(pool, { threads }) }
})

const cases = geometries.flatMap((geometry) => InitStrategies.presets.map((strategy) => ({ geometry, strategy })))

describe("WriterMemmap", slow, () => {
  it.live(
    "under every strategy threads leave the bytes that are made of the descriptions, and those say the same",
    () =>
      Effect.gen(function*() {
        const alone = poolOf(0)
        const all = [yield* threadsOf(1), yield* threadsOf(2)]
        for (const [i, { geometry, strategy }] of cases.entries()) {
          const what = `${Geometry.name(geometry)}, ${strategy.name}`
          const extents = yield* booted(geometry, strategy, Memmap.layer, described(geometry))
          const wanted = yield* booted(geometry, strategy, MemmapBytes.layer(alone), looked(geometry))
          assert.deepStrictEqual(wanted.pages, extents, what)
          const before = new Set<string>()
          for (const { pool, threads, writers } of long || i % 3 === 0 ? all : all.slice(1)) {
            const found = yield* booted(geometry, strategy, WriterMemmap.layer(pool, writers), looked(geometry))
            assert.deepStrictEqual([found.pages, found.after], [extents, wanted.after], `${what}, ${threads} threads`)
            assert.deepStrictEqual([pool.usage().used, writers.progress()], [0, { done: 0, lines: 0 }])
            // What was written need not be made from a description.
            assert.includeMembers(found.own, found.written, what)
            before.add(`${found.before.bytes} ${found.before.sum}`)
          }
          assert.strictEqual(before.size, 1, what)
        }
      }).pipe(Effect.scoped),
    slow
  )

  it.live("what the pool held before is nothing to the sum", () =>
    Effect.gen(function*() {
      const { pool, writers } = yield* threadsOf(1)
      const [geometry = assert.fail("there is none")] = geometries
      const sums = new Set<bigint | null>()
      for (let round = 0; round < 3; round++) {
        const { size } = pool.usage()
        const at = pool.allocate(size) ?? assert.fail("it is in use")
        if (round > 0) pool.kernelOf(0).flood(at, size)
        pool.release(at, size)
        const memmap = WriterMemmap.layer(pool, writers)
        sums.add((yield* Measurement.run(geometry, InitStrategy.synchronous, { memmap, processors: 1 })).sum)
      }
      assert.deepStrictEqual([sums.size, sums.has(null)], [1, false])
    }).pipe(Effect.scoped))

  it.live("strategies that write struct pages twice do, and what they leave is the same", () =>
    Effect.gen(function*() {
      const { pool, writers } = yield* threadsOf(1)
      const measured = (geometry: Geometry.Geometry, name: string) =>
        Effect.flatMap(Effect.fromResult(InitStrategies.parse(name)), (strategy) =>
          Measurement.run(geometry, strategy, { memmap: WriterMemmap.layer(pool, writers), processors: 2 }))
      for (const geometry of geometries) {
        const [once, twice, rfc] = yield* Effect.forEach(
          ["linux-4.20", "linux-4.19", "rfc-2015"],
          (name) =>
            measured(geometry, name)
        )
        if (once === undefined || twice === undefined || rfc === undefined) return assert.fail()
        // Not what the device has aside for its own memmap: that is initialised once.
        const again = geometry.kind === "ram"
          ? 0
          : geometry.map === "mem"
          ? once.pages
          : geometry.align === GiB
          ? GiB / page
          : 250 * MiB / page
        assert.deepStrictEqual([twice.pages, rfc.pages], [once.pages + again, once.pages + again], once.geometry.map)
        assert.deepStrictEqual([twice.sum, rfc.sum], [once.sum, once.sum])
        assert.deepStrictEqual([once.bytes, twice.bytes], [once.pages * 64, twice.pages * 64])
        for (const { nanos } of [once, twice, rfc]) assert.isAbove(nanos, 0)
      }
    }).pipe(Effect.scoped))
})
