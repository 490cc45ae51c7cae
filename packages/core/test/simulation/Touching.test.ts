/** Who waits where (26.3), as a simulation shows it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as Simulation from "../../src/simulation/Simulation.ts"
import type * as Timeline from "../../src/time/Timeline.ts"
import * as Machines from "./Machines.ts"

const { GiB, MiB } = Machines

const { block, fault } = Machines.costs

type Outcome = Simulation.Outcome

const isAccess = ({ name }: Timeline.Entry) => ["fault", "io", "register"].includes(name)

const accesses = ({ timeline }: Outcome) => timeline.entries.filter(isAccess)

const length = ({ end, start }: Timeline.Entry) => end - start

/** Struct pages that processors of whoever touches the device wrote. */
const helped = ({ timeline }: Outcome) =>
  timeline.entries.filter(({ lane, name }) => lane.startsWith("cpu ") && name === "initialise")

const pages = (entry: Timeline.Entry) => Machines.number(entry, "structPages")

const run = (namespace: Machines.Namespace, asked: Machines.Asked) =>
  Machines.run({ machine: Machines.machine([namespace]), ...asked })

/** Long after everything is ready. */
const later = (faults: string) => `${faults},at=100s`

const background = ["async-2018-v1", "async-2018-v2", "vmemmap"] as const
const presets = ["linux-4.19", "linux-4.20", "linux-6.1", ...background] as const

describe("Touching: what an access costs where nobody waits", () => {
  it.effect("23.5, 24.4: a file maps 2 MiB at a time, a device its own alignment; less is one page table entry", () =>
    Effect.gen(function*() {
      const entries = (namespace: Machines.Namespace, faults: string, strategy = "linux-6.1") =>
        Effect.map(run(namespace, { faults: later(faults), strategy }), (outcome) => {
          const [access] = accesses(outcome)
          return access === undefined ? 0 : length(access) / fault
        })
      for (const strategy of ["linux-6.1", "async-2018-v2"]) {
        assert.strictEqual(yield* entries({}, "first,size=4K", strategy), 1)
        assert.strictEqual(yield* entries({}, "first,size=64K", strategy), 16)
        assert.strictEqual(yield* entries({}, "first", strategy), 1)
        assert.strictEqual(yield* entries({}, "first,size=1G", strategy), 512)
        assert.strictEqual(yield* entries({ mode: "devdax" }, "first", strategy), 1)
        assert.strictEqual(yield* entries({ mode: "devdax" }, "first,size=4K", strategy), 1)
        assert.strictEqual(yield* entries({ mode: "devdax" }, "first,size=1G", strategy), 512)
        assert.strictEqual(yield* entries({ mode: "devdax", align: 4096 }, "first", strategy), 1)
        assert.strictEqual(yield* entries({ mode: "devdax", align: 4096 }, "first,size=2M", strategy), 512)
        assert.strictEqual(yield* entries({ mode: "devdax", align: GiB, map: "mem" }, "first", strategy), 1)
        assert.strictEqual(yield* entries({ mode: "devdax", align: GiB, map: "mem" }, "first,size=2G", strategy), 2)
        assert.strictEqual(yield* entries({ mode: "devdax" }, "first,access=register,size=64M", strategy), 32)
      }
    }))

  it.effect("an access is where the pattern says: its page, its size, inside of the device, on a lane of its processor", () =>
    Effect.gen(function*() {
      for (const namespace of [{ size: GiB }, { size: GiB, mode: "devdax" }] as const) {
        const outcome = yield* run(namespace, { faults: "sequential,count=20,size=64M,every=1ms,at=3ms" })
        const appears = outcome.row.blockDevicesNs
        const all = accesses(outcome).toSorted((a, b) => a.start - b.start)
        // 64 MiB less than a GiB is left behind the memmap.
        assert.deepStrictEqual(
          all.map((one) => Machines.number(one, "page")),
          Array.from({ length: 20 }, (_, i) => i % 15)
        )
        assert.deepStrictEqual(
          all.map(({ start }) => start - appears),
          Array.from({ length: 20 }, (_, i) => (3 + i) * 1e6)
        )
        assert.deepStrictEqual(all.map(({ lane }) => lane), Array.from({ length: 20 }, (_, i) => `cpu ${i % 8}`))
        assert.isTrue(all.every((one) => Machines.number(one, "size") === 64 * MiB))
      }
      const odd = accesses(yield* run({}, { faults: "first,size=5000" }))
      assert.deepStrictEqual(odd.map((one) => Machines.number(one, "size")), [8192])
      const all = accesses(
        yield* Machines.run({ machine: Machines.machine([{}], { cpus: [5] }), faults: "all,at=1ms" })
      )
      assert.strictEqual(new Set(all.map(({ lane }) => lane)).size, 5)
      assert.strictEqual(new Set(all.map(({ start }) => start)).size, 1)
    }))

  it.effect("24.4: the last page of a character device is its last, whatever lies before its data", () =>
    Effect.gen(function*() {
      for (const [map, align] of [["mem", 2 * MiB], ["dev", 2 * MiB], ["mem", GiB]] as const) {
        const outcome = yield* run({ mode: "devdax", map, align, size: 16 * GiB }, {
          faults: `sequential,count=${16 * GiB / align}`
        })
        assert.deepStrictEqual(outcome.notes, [])
        assert.strictEqual(outcome.row.firstFault.count, 16 * GiB / align)
      }
    }))

  it.effect("what is larger than the device is not touched, nor is what no access reaches, which is said; nor is what has no struct pages", () =>
    Effect.gen(function*() {
      for (
        const [namespace, faults, why] of [
          [{ size: GiB }, "first,size=1G", "pmem0 stayed untouched: an access of 1 GiB is more than its 1006 MiB"],
          [
            { mode: "devdax", size: GiB },
            "all,size=2G",
            "dax0.0 stayed untouched: an access of 2 GiB is more than its 1006 MiB"
          ],
          [{ mode: "raw" }, "first", null],
          [{ mode: "sector" }, "first,access=io", null],
          [{ mode: "devdax" }, "first,access=io", "dax0.0 stayed untouched: a character device has no block layer"],
          [
            {},
            "first,access=register",
            "pmem0 stayed untouched: files are not registered for RDMA (24.5: EOPNOTSUPP), character devices are"
          ]
        ] as const
      ) {
        const outcome = yield* run(namespace, { faults })
        assert.deepStrictEqual(accesses(outcome), [])
        assert.strictEqual(outcome.row.firstFault.count, 0)
        assert.deepStrictEqual(outcome.notes.filter((note) => note.includes("untouched")), why === null ? [] : [why])
      }
    }))
})

describe("Touching: what comes too early", () => {
  it.effect("BUG-26: a fault that straddles gets pages that nobody has written, which is said; without the mistake none does", () =>
    Effect.gen(function*() {
      const early = (flaws: string) =>
        Effect.map(
          run({ size: 128 * GiB }, { strategy: `async-2018-v2${flaws}`, faults: "uniform,count=400,every=10us" }),
          (outcome) => [outcome.notes, accesses(outcome).flatMap(({ details }) => details["unwritten"] ?? [])] as const
        )
      assert.deepStrictEqual(yield* early(""), [[], []])
      const [notes, unwritten] = yield* early(":flaws=straddle-miss")
      assert.isNotEmpty(unwritten)
      assert.isTrue(unwritten.every((pages) => Number(pages) < 512))
      const total = unwritten.reduce<number>((sum, pages) => sum + Number(pages), 0)
      assert.deepStrictEqual(notes, [
        `${unwritten.length} of 400 accesses got pages whose struct pages nobody had initialised: ${total} of them`
      ])
    }))

  it.effect("BUG-29: a memmap that does not fit is said where nobody in the kernel reads it", () =>
    Effect.gen(function*() {
      const machine = Machines.machine([{ map: "mem", size: 256 * GiB }], { ram: 2 * GiB })
      const { notes } = yield* Machines.run({
        machine,
        strategy: "async-2018-v2:flaws=lost-populate-error",
        faults: "first"
      })
      assert.isTrue(notes.some((note) => note.includes("nobody reads that") && note.endsWith("(BUG-29)")))
    }))

  it.effect("SEC-10: what does not appear is never there nor ready, and it is said why", () =>
    Effect.gen(function*() {
      const machine = Machines.machine([{ map: "mem", size: 512 * GiB }, { size: 4 * GiB }], { ram: 2 * GiB })
      const { notes, row } = yield* Machines.run({ machine, strategy: "linux-6.1" })
      assert.deepStrictEqual([row.blockDevicesNs, row.readyNs], [Infinity, Infinity])
      assert.deepStrictEqual(row.devices.map(({ name, readyNs }) => [name, readyNs < Infinity]), [
        ["namespace0.0", false],
        ["pmem1", true]
      ])
      assert.isTrue(notes.some((note) => note.startsWith("namespace0.0 never appeared: ENOMEM (SEC-10)")))
    }))
})

describe("Touching: who waits", () => {
  it.effect("26.3: block I/O never waits, whatever is still to be done, and needs no filesystem", () =>
    Effect.forEach(presets, (strategy) =>
      Effect.gen(function*() {
        const costs = { ...Machines.costs, section: 10_000_000, sharedSection: 10_000_000 }
        const outcome = yield* run({}, { strategy, costs, faults: "uniform,count=32,access=io,every=10us" })
        assert.strictEqual(outcome.row.firstFault.count, 32)
        assert.isTrue(accesses(outcome).every((one) => one.name === "io" && length(one) === block), strategy)
        assert.deepStrictEqual(helped(outcome), [])
        assert.isEmpty(outcome.timeline.entries.filter(({ name }) => name === "mount"))
        const large = yield* run({}, { strategy, faults: "uniform,count=3,access=io,size=1M" })
        assert.isTrue(accesses(large).every((one) => length(one) === 256 * block))
      }), { discard: true }))

  it.effect("26.3: at once nobody waits for anything", () =>
    Effect.forEach(
      ["linux-4.19", "linux-4.20", "linux-6.1"],
      (strategy) =>
        Effect.forEach(["fault", "register"], (access) =>
          Effect.map(run({ mode: "devdax" }, { strategy, faults: `uniform,count=8,access=${access}` }), (outcome) => {
            assert.strictEqual(outcome.row.firstFault.count, 8)
            assert.isTrue(
              accesses(outcome).every((one) =>
                one.name === access && length(one) === fault
              )
            )
            assert.deepStrictEqual(helped(outcome), [])
          }), { discard: true }),
      { discard: true }
    ))

  it.effect("26.3: ours writes exactly what is asked for, before a fault ends: 1, 512 and 262144 pages", () =>
    Effect.gen(function*() {
      // Nothing but the page that is wanted: workers are slow.
      const disturbance = (_: string, lane: string) => ({
        speed: lane.startsWith("worker") ? 1e-3 : 1,
        dies: Effect.never
      })
      const wanted = (namespace: Machines.Namespace, faults: string) =>
        Effect.map(run(namespace, { strategy: "vmemmap", faults, disturbance }), (outcome) => {
          const touched = accesses(outcome)
          const own = helped(outcome)
          assert.isAtLeast(touched.length, 1)
          const isMeanwhile = (one: Timeline.Entry) => (access: Timeline.Entry) =>
            one.lane === access.lane && one.start >= access.start && one.end <= access.end
          assert.isTrue(own.every((one) => touched.some(isMeanwhile(one))))
          return own.reduce((sum, one) => sum + pages(one), 0)
        })
      assert.strictEqual(yield* wanted({}, "uniform,count=1,size=4K"), 1)
      assert.strictEqual(yield* wanted({}, "uniform,count=1"), 512)
      // Page after page of a file: what the worker has begun behind the last one is waited for.
      const many = yield* wanted({ size: 8 * GiB }, "uniform,count=1,size=1G")
      assert.isAtMost(many, 262_144)
      assert.isAtLeast(many, 262_144 / 2)
      for (const access of ["fault", "register"]) {
        assert.strictEqual(yield* wanted({ mode: "devdax" }, `uniform,count=1,access=${access}`), 512)
        const small = { mode: "devdax", align: 4096 } as const
        assert.strictEqual(yield* wanted(small, `uniform,count=1,access=${access}`), 1)
        // The first of a worker's compounds may be begun, the second is not.
        const huge = { mode: "devdax", align: GiB, size: 25 * GiB } as const
        assert.include([1, 2], (yield* wanted(huge, `sequential,count=2,access=${access}`)) / 262_144)
        // Of a compound whose tails are shared one page of struct pages is written (CMP-12).
        const shared = yield* wanted({ ...huge, map: "mem" }, `sequential,count=2,access=${access}`)
        assert.include([1, 2], shared / 64)
        assert.strictEqual(yield* wanted({ mode: "devdax", map: "mem" }, `uniform,count=1,access=${access}`), 64)
      }
    }))

  it.effect("ASY-13: v2 writes the sub-ranges the pages lie in, having waited for the memmap; v1 waits for the worker and writes nothing", () =>
    Effect.gen(function*() {
      const namespace = { size: 8 * GiB }
      const unit = 2048
      for (const [size, most] of [["4K", 1], ["2M", 2], ["64M", 9], ["1G", 129]] as const) {
        const stolen = yield* run(namespace, { strategy: "async-2018-v2", faults: `uniform,count=1,size=${size}` })
        const map = Machines.spans(stolen.timeline, "pmem0", "map").find(({ lane }) => lane === "map")
        const own = helped(stolen)
        assert.isTrue(own.every((one) => one.start >= (map?.end ?? Infinity)))
        assert.isTrue(own.every((one) => pages(one) <= unit))
        assert.isAtMost(own.length, most, size)
        assert.isAtLeast(own.length, 1)
        const [access] = accesses(stolen)
        assert.isAtLeast(access?.end ?? 0, (map?.end ?? Infinity) + fault)

        const waited = yield* run(namespace, { strategy: "async-2018-v1", faults: `uniform,count=1,size=${size}` })
        assert.deepStrictEqual(helped(waited), [])
        const [patient] = accesses(waited)
        const ends = Machines.spans(waited.timeline, "pmem0", "initialise").map(({ end }) => end)
        // After the worker, faults of what it has done.
        assert.isTrue(ends.some((end) => end > (patient?.start ?? 0) && end <= (patient?.end ?? 0)), size)
        assert.isAbove(patient === undefined ? 0 : length(patient), length(access ?? assert.fail("none")))
      }
    }))

  it.effect("26.3: pages that are there are not waited for again, by whomever they were written", () =>
    Effect.forEach(background, (strategy) =>
      Effect.gen(function*() {
        const outcome = yield* run({}, { strategy, faults: "first,count=40,every=20us" })
        const all = accesses(outcome).toSorted((a, b) => a.start - b.start)
        const [first] = all
        if (first === undefined) return assert.fail("none")
        // In v2 that is known under the mutex, which a worker holds for one of its sub-ranges (ASY-6).
        const atMost = strategy === "async-2018-v2" ? Math.ceil(4 * GiB / 4096 / 1024) * Machines.costs.store * 8 : 0
        for (const one of all.filter(({ start }) => start >= first.end)) {
          assert.isAtLeast(length(one), fault)
          assert.isAtMost(length(one), fault + atMost, strategy)
        }
        assert.isAbove(length(first), fault)
        // However many want it, a page is written once.
        assert.strictEqual(outcome.row.structPagesWritten, 4 * GiB / 4096 - 2)
      }), { discard: true }))

  it.effect("23.4: mounting waits for the first page, later for the last one too, where a kernel looks at them; not with the postings", () =>
    Effect.gen(function*() {
      const mounted = (strategy: string) =>
        Effect.map(run({}, { strategy, faults: "first,at=1ms" }), (outcome) => {
          const [mount] = Machines.spans(outcome.timeline, "pmem0", "mount")
          const [access] = accesses(outcome)
          if (mount === undefined || access === undefined) return assert.fail("not mounted")
          // An access is counted from when the device appeared, or the filesystem is there.
          assert.strictEqual(access.start, Math.max(mount.end, outcome.row.blockDevicesNs + 1e6))
          const looked = outcome.timeline.entries.filter(({ lane, name }) => lane === "mount" && name === "initialise")
          return { nanos: length(mount), pages: looked.map(pages) }
        })
      for (const strategy of presets) {
        assert.deepStrictEqual(yield* mounted(strategy), { nanos: 0, pages: [] }, strategy)
      }
      const debug = "-dax-mount-probe-debug"
      const exact = "help=steal exactly;populate=section by section;subRanges=none"
      const first = yield* mounted(`async-2018-v2:kernel=4.18${debug}+dax-mount-probe;${exact}`)
      const both = yield* mounted(`async-2018-v2:kernel=4.18${debug}+dax-mount-probe+dax-mount-probe-last;${exact}`)
      assert.deepStrictEqual(first.pages.length, 1)
      assert.deepStrictEqual(both.pages.length, 2)
      assert.isAbove(first.nanos, 0)
      assert.isAbove(both.nanos, first.nanos)
      const atOnce = yield* mounted(`linux-4.19:kernel=4.18${debug}+dax-mount-probe+dax-mount-probe-last`)
      assert.deepStrictEqual(atOnce, { nanos: 0, pages: [] })
    }))
})
