import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Layer, Schema } from "effect"
import * as Observation from "../../../test-utils/src/Observation.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as DeferredBootInit from "../../src/init/DeferredBootInit.ts"
import type * as InitStrategy from "../../src/init/InitStrategy.ts"
import type { KernelError } from "../../src/kernel/KernelError.ts"
import { Ledger } from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import * as CostModel from "../../src/time/CostModel.ts"
import * as Timeline from "../../src/time/Timeline.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import { random } from "../random.ts"

const GiB = 2 ** 30
const page = 4096
const section = 32_768
const perGiB = GiB / page
/** Of a struct page, in nanoseconds; those of another node take twice as long. */
const bootPage = 10

type Boot = DeferredBootInit.DeferredBootInit["Service"]

interface Asked {
  readonly release?: string
  readonly arch?: Architecture.Name
  /** By node: ranges in pfns. */
  readonly ram: ReadonlyArray<ReadonlyArray<PfnRange.PfnRange>>
  readonly how?: InitStrategy.InitStrategy["boot"]
  readonly cpus?: number
  /** What else goes on: before the threads begin, and from then on. */
  readonly before?: (boot: Boot) => Effect.Effect<void, KernelError>
  readonly meanwhile?: (boot: Boot) => Effect.Effect<void, KernelError>
  readonly costs?: Partial<CostModel.Costs>
}

const specOf = ({ arch = "x86_64", ram, release = "6.1" }: Asked): MachineSpec.MachineSpec => ({
  kernel: release,
  arch,
  ranges: ram.flatMap((ranges, node) =>
    ranges.map(({ end, start }) => ({
      kind: "ram" as const,
      node,
      start: start * Architecture.presets[arch].pageSize,
      size: (end - start) * Architecture.presets[arch].pageSize
    }))
  )
})

/** Boots in virtual time; how it ended, when RAM was there, what happened, and what the machine is then. */
const boot = Effect.fnUntraced(function*(asked: Asked) {
  const {
    before = () => Effect.void,
    costs,
    cpus = 4,
    how = "threads by processors",
    meanwhile = () => Effect.void,
    ram
  } = asked
  const timeline = Timeline.make()
  const deferredBoot = Layer.effect(
    DeferredBootInit.DeferredBootInit,
    Effect.map(DeferredBootInit.make(how, () => cpus, 0), (own) => ({
      ...own,
      late: Effect.andThen(
        before(own),
        Effect.all([own.late, meanwhile(own)], { concurrency: "unbounded", discard: true })
      )
    }))
  )
  const program = Effect.gen(function*() {
    const memmap = yield* Memmap
    yield* (yield* Ledger).balance
    const times = ram.flat().flatMap(({ end, start }) =>
      memmap.contents(start, end).map(({ value, ...range }) => ({ pages: PfnRange.length(range), times: value.times }))
    )
    return { nanos: yield* Timeline.now, times, observation: yield* Observation.take }
  })
  const whole = Effect.scoped(Effect.gen(function*() {
    const model = yield* CostModel.make({ ...CostModel.nothing, processors: cpus, remote: 2, bootPage, ...costs })
    return yield* Effect.flatMap(
      Layer.build(Machine.layer(specOf(asked), { deferredBoot })),
      (machine) => Effect.provide(program, machine)
    ).pipe(Effect.provideService(CostModel.Current, model), Effect.provideService(Timeline.Current, timeline))
  }))
  const { exit, left } = yield* VirtualTime.run(whole)
  assert.deepStrictEqual(left, [])
  if (Exit.isFailure(exit)) return assert.fail(String(exit.cause))
  return { ...exit.value, entries: timeline.entries }
})

type Booted = Effect.Success<ReturnType<typeof boot>>

const pages = (entry: Timeline.Entry): number => Number(entry.details["structPages"])

const byBootThread = ({ entries }: Booted) => entries.filter(({ lane }) => lane === "boot thread")

const byThreads = ({ entries }: Booted, node: number) =>
  entries.filter(({ group, name }) => group === `boot of node ${node}` && name === "initialise")

const span = (entries: ReadonlyArray<Timeline.Entry>) =>
  Math.max(...entries.map(({ end }) => end)) - Math.min(...entries.map(({ start }) => start))

/** Takes all that is free on a node that has `free` pages, and nothing more. */
const exhaust = ({ allocate }: Boot, node: number, free: number) =>
  Effect.gen(function*() {
    let left = free
    for (let order = 20; order >= 0; order--) {
      for (; left >= 2 ** order; left -= 2 ** order) assert.isTrue(yield* allocate(node, order))
    }
  })

/** What an allocation answers, and how long it took. */
const timed = ({ allocate }: Boot, node: number, order: number) =>
  Effect.gen(function*() {
    const start = yield* Timeline.now
    const isThere = yield* allocate(node, order)
    return { isThere, nanos: (yield* Timeline.now) - start }
  })

/** 64 GiB from 4 GiB on: one zone. */
const large = PfnRange.fromLength(4 * perGiB, 64 * perGiB)

describe("DeferredBootInit: what is up front", () => {
  it.effect("DEF-4: two GiB from 4.2 on, one section from 4.17 on, the rest by a thread of the node", () =>
    Effect.gen(function*() {
      for (
        const [release, upFront] of [
          ["4.2", 2 * perGiB],
          ["4.16", 2 * perGiB],
          ["4.17", section],
          ["4.19", section],
          ["5.4", section],
          ["5.8", section],
          ["6.1", section],
          ["6.18", section]
        ] as const
      ) {
        const booted = yield* boot({ release, ram: [[large]], cpus: 1 })
        assert.deepStrictEqual(byBootThread(booted).map(pages), [upFront], release)
        assert.strictEqual(span(byBootThread(booted)), upFront * bootPage)
        assert.strictEqual(byThreads(booted, 0).reduce((sum, entry) => sum + pages(entry), 0), 64 * perGiB - upFront)
        assert.strictEqual(booted.nanos, 64 * perGiB * bootPage, release)
        assert.isEmpty(booted.entries.filter(({ name }) => name === "map"), "the memmap of RAM is there")
      }
    }))

  it.effect("DEF-4: from 4.6 to 4.16 a 256th of a node where that is more", () =>
    Effect.gen(function*() {
      const ram = [[PfnRange.fromLength(4 * perGiB, 1024 * perGiB)]]
      for (const [release, upFront] of [["4.5", 2 * perGiB], ["4.6", 4 * perGiB], ["4.17", section]] as const) {
        assert.deepStrictEqual(byBootThread(yield* boot({ release, ram })).map(pages), [upFront], release)
      }
    }))

  it.effect("DEF-2: lower zones are complete, and so is a node of one section", () =>
    Effect.gen(function*() {
      const low = { start: 256, end: 3 * perGiB }
      const high = PfnRange.fromLength(4 * perGiB, 5 * perGiB)
      const small = PfnRange.fromLength(16 * perGiB, section)
      const booted = yield* boot({ ram: [[low, high], [small]] })
      const counts = byBootThread(booted).map(pages).toSorted((a, b) => a - b)
      assert.strictEqual(counts.reduce((sum, n) => sum + n, 0), 3 * perGiB - 256 + section + section)
      assert.strictEqual(byThreads(booted, 0).reduce((sum, entry) => sum + pages(entry), 0), 5 * perGiB - section)
      assert.isEmpty(byThreads(booted, 1))
    }))

  it.effect("the thread that boots is near one node only; threads of a node are at home", () =>
    Effect.gen(function*() {
      const ram = [0, 1].map((node) => [PfnRange.fromLength((4 + 64 * node) * perGiB, 64 * perGiB)])
      const booted = yield* boot({ ram, how: "one thread per node", cpus: 1 })
      const [near, far] = byBootThread(booted)
      assert.strictEqual((near?.end ?? 0) - (near?.start ?? 0), section * bootPage)
      assert.strictEqual((far?.end ?? 0) - (far?.start ?? 0), 2 * section * bootPage)
      for (const node of [0, 1]) assert.strictEqual(span(byThreads(booted, node)), (64 * perGiB - section) * bootPage)
      assert.strictEqual(booted.nanos, (64 * perGiB + 2 * section) * bootPage)
      const all = yield* boot({ ram, how: "all", cpus: 1 })
      assert.strictEqual(all.nanos, 3 * 64 * perGiB * bootPage)
      assert.isEmpty(all.entries.filter(({ lane }) => lane !== "boot thread"))
    }))
})

describe("DeferredBootInit: threads", () => {
  it.effect("DEF-10: 16 processors share 64 chunks of eight sections, each from where the last one was taken", () =>
    Effect.gen(function*() {
      const booted = yield* boot({ ram: [[large]], cpus: 16 })
      const chunks = byThreads(booted, 0)
      assert.strictEqual(chunks.length, 64)
      assert.strictEqual(new Set(chunks.map(({ lane }) => lane)).size, 16)
      assert.deepStrictEqual(
        chunks.map(pages).toSorted((a, b) => a - b),
        [262_144 - section, ...Array.from({ length: 63 }, () => 262_144)].toSorted((a, b) => a - b)
      )
      assert.strictEqual(span(chunks), 4 * 262_144 * bootPage)
      assert.strictEqual(
        chunks.reduce((sum, { details }) => sum + Number(details["cpuNs"]), 0),
        (64 * perGiB - section) * bootPage
      )
    }))

  it.effect("DEF-10: chunks are whole sections: 66 sections and 16 processors make 33, and the last round is not full", () =>
    Effect.gen(function*() {
      // The first deferred section begins an even number of sections from 0.
      const ram = [[PfnRange.fromLength(4 * perGiB + section, 67 * section)]]
      const chunks = byThreads(yield* boot({ ram, cpus: 16 }), 0)
      assert.deepStrictEqual(chunks.map(pages), Array.from({ length: 33 }, () => 2 * section))
      assert.strictEqual(span(chunks), 3 * 2 * section * bootPage)
    }))

  it.effect("DEF-10: one thread before 5.8, on other architectures before 6.11, and where a node is to have one", () =>
    Effect.gen(function*() {
      const threads = (asked: Partial<Asked>) =>
        Effect.map(
          boot({ ram: [[large]], cpus: 4, ...asked }),
          (booted) => new Set(byThreads(booted, 0).map(({ lane }) => lane)).size
        )
      assert.strictEqual(yield* threads({ release: "5.7" }), 1)
      assert.strictEqual(yield* threads({ release: "5.8" }), 4)
      assert.strictEqual(yield* threads({ release: "5.8", how: "one thread per node" }), 1)
      assert.strictEqual(yield* threads({ release: "6.1", arch: "arm64-4k" }), 1)
      assert.strictEqual(yield* threads({ release: "6.18", arch: "arm64-4k" }), 4)
    }))

  it.effect("DEF-10: from 5.8 on each free range is a job, one after the other; from 6.18 on the zone is one", () =>
    Effect.gen(function*() {
      // Two ranges of four sections, a section of hole between them, and a section up front.
      const at = 4 * perGiB
      const ram = [[PfnRange.fromLength(at, 5 * section), PfnRange.fromLength(at + 6 * section, 4 * section)]]
      const two = yield* boot({ release: "6.1", ram, cpus: 8 })
      const one = yield* boot({ release: "6.18", ram, cpus: 8 })
      assert.strictEqual(span(byThreads(two, 0)), 2 * section * bootPage)
      assert.strictEqual(span(byThreads(one, 0)), section * bootPage)
      assert.deepStrictEqual(
        byThreads(one, 0).map(pages).filter((n) => n > 0),
        Array.from({ length: 8 }, () => section)
      )
    }))

  it.effect("DEF-8: boot waits for the slowest node, nodes are initialised side by side", () =>
    Effect.gen(function*() {
      const ram = [[large], [PfnRange.fromLength(100 * perGiB, 16 * perGiB)]]
      const booted = yield* boot({ ram, how: "one thread per node", cpus: 1 })
      const [long, short] = [span(byThreads(booted, 0)), span(byThreads(booted, 1))]
      assert.strictEqual(long, (64 * perGiB - section) * bootPage)
      assert.strictEqual(short, (16 * perGiB - section) * bootPage)
      assert.strictEqual(booted.nanos, 3 * section * bootPage + long)
    }))
})

describe("DeferredBootInit: allocations", () => {
  it.effect("DEF-6, DEF-7: what is there takes no time; then the zone grows by whole sections, and that takes exactly as long", () =>
    Effect.gen(function*() {
      const found: Array<{ readonly isThere: boolean; readonly nanos: number }> = []
      const booted = yield* boot({
        ram: [[large]],
        before: (own) =>
          Effect.gen(function*() {
            yield* exhaust(own, 0, section)
            for (const order of [0, 3, 10, 15, 16, 17]) found.push(yield* timed(own, 0, order))
          })
      })
      assert.deepStrictEqual(found.map(({ isThere }) => isThere), [true, true, true, true, true, true])
      // 1 + 8 + 1024 pages of the first section; for 32768 another one; 65536 pages want two more, 131072 four.
      assert.deepStrictEqual(
        found.map(({ nanos }) => nanos / section / bootPage),
        [1, 0, 0, 1, 2, 4]
      )
      const grown = booted.entries.filter(({ name }) => name === "grow")
      assert.deepStrictEqual(grown.map(pages), [section, section, 2 * section, 4 * section])
      assert.strictEqual(byThreads(booted, 0).reduce((sum, entry) => sum + pages(entry), 0), 64 * perGiB - 9 * section)
    }))

  it.effect("DEF-6: kernels before 4.17 do not grow; a node that has nothing left has nothing", () =>
    Effect.gen(function*() {
      for (const [release, first] of [["4.16", 2 * perGiB], ["5.4", section]] as const) {
        let after = -1
        yield* boot({
          release,
          ram: [[large]],
          before: (own) =>
            Effect.gen(function*() {
              yield* exhaust(own, 0, first)
              assert.strictEqual(yield* own.allocate(0, 0), release !== "4.16")
              if (release === "4.16") return
              // All of it, a section at a time.
              let grown = 0
              while (yield* own.allocate(0, 15)) grown++
              after = grown
              assert.isFalse(yield* own.allocate(0, 15))
            })
        })
        assert.strictEqual(after, release === "4.16" ? -1 : 64 * 8 - 2)
      }
    }))

  it.effect("DEF-6: two that run short at once wait for one another; the second looks again", () =>
    Effect.gen(function*() {
      const found: Array<{ readonly isThere: boolean; readonly nanos: number }> = []
      const booted = yield* boot({
        ram: [[large]],
        before: (own) =>
          Effect.andThen(
            exhaust(own, 0, section),
            Effect.forEach(
              [3, 3, 15],
              (order) => Effect.map(timed(own, 0, order), (one) => void found.push(one)),
              { concurrency: "unbounded", discard: true }
            )
          )
      })
      assert.isTrue(found.every(({ isThere }) => isThere))
      // One section serves the small ones.
      assert.deepStrictEqual(found.map(({ nanos }) => nanos / section / bootPage), [1, 1, 2])
      assert.strictEqual(booted.entries.filter(({ name }) => name === "grow").length, 2)
    }))

  it.effect("DEF-9: once its thread has begun a zone cannot grow: what is not there fails at once, what is given back is there at the end", () =>
    Effect.gen(function*() {
      for (const release of ["4.2", "5.8", "6.1", "6.18"]) {
        const found: Array<{ readonly isThere: boolean; readonly nanos: number }> = []
        let late = false
        const upFront = release === "4.2" ? 2 * perGiB : section
        yield* boot({
          release,
          ram: [[large]],
          before: (own) => exhaust(own, 0, upFront),
          meanwhile: (own) =>
            Effect.gen(function*() {
              yield* Effect.sleep("1 micros")
              found.push(yield* timed(own, 0, 0))
              yield* Effect.sleep("10 seconds")
              late = yield* own.allocate(0, 10)
              yield* exhaust(own, 0, 64 * perGiB - upFront - 1024)
              assert.isFalse(yield* own.allocate(0, 0))
            })
        })
        assert.deepStrictEqual(found, [{ isThere: false, nanos: 0 }], release)
        assert.isTrue(late, release)
      }
    }))

  it.effect("DEF-11: from 4.17 to 5.7 its thread holds the resize lock: who runs short waits until all is there", () =>
    Effect.gen(function*() {
      for (const release of ["4.17", "4.19", "5.4", "5.7"]) {
        const found: Array<{ readonly isThere: boolean; readonly nanos: number }> = []
        const booted = yield* boot({
          release,
          ram: [[large]],
          before: (own) => exhaust(own, 0, section - 1),
          meanwhile: (own) =>
            Effect.gen(function*() {
              yield* Effect.sleep("1 micros")
              found.push(yield* timed(own, 0, 0), yield* timed(own, 0, 3))
            })
        })
        const all = span(byThreads(booted, 0))
        assert.deepStrictEqual(found, [{ isThere: true, nanos: 0 }, { isThere: true, nanos: all - 1000 }], release)
      }
    }))

  it.effect("a growth that goes on when the threads begin is waited for", () =>
    Effect.gen(function*() {
      for (const release of ["5.4", "6.1"]) {
        const booted = yield* boot({
          release,
          ram: [[large]],
          before: (own) => exhaust(own, 0, section),
          meanwhile: () => Effect.void,
          cpus: 1
        })
        const growing = yield* boot({
          release,
          ram: [[large]],
          cpus: 1,
          before: (own) => Effect.asVoid(Effect.andThen(exhaust(own, 0, section), own.allocate(0, 15)))
        })
        // The same pages, by another.
        assert.strictEqual(growing.nanos, booted.nanos)
      }
    }))
})

const releases = ["4.2", "4.6", "4.16", "4.17", "4.19", "5.4", "5.8", "6.1", "6.18"] as const

const Case = Schema.Struct({
  release: Schema.Literals(releases),
  how: Schema.Literals(["all", "one thread per node", "threads by processors"]),
  cpus: Schema.Literals([1, 2, 5, 16]),
  arch: Schema.Literals(["x86_64", "x86_64", "arm64-4k", "ppc64-radix"]),
  nodes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
  bandwidth: Schema.Literals([1, 20, 1000]),
  seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 }))
})

/** Ranges of pages with holes between them, some inside of sections; above the first MiB, where a PC has other things. */
const ramOf = ({ nodes, seed }: typeof Case.Type) => {
  const next = random(seed)
  let at = 256 + 16 * next(64)
  return Array.from({ length: nodes }, () =>
    Array.from({ length: 1 + next(3) }, (_, i) => {
      at += next(2) === 0 ? 512 * next(40) : section * next(30)
      // A node has to hold its own memmap.
      const length = 512 * ((i === 0 ? 8 : 1) + next(64 * (1 + next(30))))
      const range = PfnRange.fromLength(at, length)
      at += length
      return range
    }))
}

describe("DeferredBootInit: whatever is deferred and allocated meanwhile", () => {
  it.effect.prop(
    "DEF-8, DEF-15: every struct page is initialised once, and the machine is what it is without deferral",
    { drawn: Arbitrary.schema(Case) },
    ({ drawn }) =>
      Effect.gen(function*() {
        const ram = ramOf(drawn)
        const { arch, bandwidth, cpus, how, release, seed } = drawn
        const asked = { arch, release, ram, cpus, costs: { ramBandwidth: bandwidth } }
        const next = random(seed)
        const some = (many: number) => (own: Boot) =>
          Effect.forEach(
            Array.from(
              { length: next(many) },
              () => ({ node: next(ram.length), order: next(18), at: next(20_000_000) })
            ),
            ({ at, node, order }) => Effect.andThen(CostModel.sleep(at), own.allocate(node, order)),
            { concurrency: "unbounded", discard: true }
          )
        const plain = yield* boot({ ...asked, how: "all" })
        const busy = yield* boot({ ...asked, how, before: some(12), meanwhile: some(12) })
        const all = PfnRange.total(ram.flat())
        for (const booted of [plain, busy]) {
          assert.isTrue(booted.times.every(({ times }) => times === 1))
          assert.strictEqual(booted.times.reduce((sum, { pages }) => sum + pages, 0), all)
          const written = booted.entries.filter(({ name }) => name === "initialise" || name === "grow")
          assert.strictEqual(written.reduce((sum, entry) => sum + pages(entry), 0), all)
          assert.strictEqual(
            written.reduce((sum, { details }) => sum + Number(details["bytes"]), 0),
            all * 64
          )
        }
        assert.deepStrictEqual(busy.observation, plain.observation)
      }),
    { arbitrary: { runs: process.env.VMEMMAP_LONG === "1" ? 2000 : 16, seed: "deferred" } }
  )
})
