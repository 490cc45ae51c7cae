/** Everything a row says is read from what happened, and what happens follows from the request alone. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import type * as Disturbance from "../../src/init/Disturbance.ts"
import * as InitStrategies from "../../src/init/InitStrategies.ts"
import * as Figures from "../../src/simulation/Figures.ts"
import * as ChromeTrace from "../../src/time/ChromeTrace.ts"
import type * as Timeline from "../../src/time/Timeline.ts"
import * as Machines from "./Machines.ts"

const presets = InitStrategies.presets.map(({ name }) => name)

const { GiB } = Machines

/** Nothing but processors is scarce, so times are sums. */
const endless = { ...Machines.costs, processors: 64, ramBandwidth: Infinity, deviceBandwidth: Infinity }

const wide = (namespaces: ReadonlyArray<Machines.Namespace> = [{}]) => Machines.machine(namespaces, { cpus: [64] })

/** What befalls one lane of the groups whose name matches. */
const at =
  (group: RegExp, lane: string, befalls: Partial<ReturnType<Disturbance.Disturbance>>): Disturbance.Disturbance =>
  (name, worker) => ({ speed: 1, dies: Effect.never, ...(group.test(name) && worker === lane ? befalls : {}) })

const device = /^(pfn|dax|namespace)/

const initialised = (timeline: Timeline.Timeline, group: string, lane: string) =>
  timeline.entries.filter((entry) => entry.group === group && entry.lane === lane && entry.name === "initialise")

/** What a simulation that cannot end says. */
const deadlock = (asked: Machines.Asked) =>
  Effect.map(Effect.exit(Machines.run(asked)), (exit) =>
    Exit.isSuccess(exit)
      ? assert.fail("it ended")
      : String(exit.cause))

/** How often a figure has what it costs to begin, under each strategy. */
const begun = (strategies: ReadonlyArray<string>, figure: (row: Figures.Row) => number) => {
  const begin = 1_000_000
  const of = (strategy: string, begin: number) =>
    Effect.map(
      Machines.run({ strategy, machine: wide([{ map: "mem" }]), costs: { ...endless, begin } }),
      ({ row }) => figure(row)
    )
  return Effect.forEach(strategies, (strategy) =>
    Effect.all([of(strategy, 0), of(strategy, begin)]).pipe(
      Effect.map(([without, beginning]) => Math.round((beginning - without) / begin))
    ))
}

describe("Simulation", () => {
  it.effect("the same request has the same trace byte for byte under every preset", () =>
    Effect.forEach(presets, (strategy) =>
      Effect.gen(function*() {
        const asked = {
          strategy,
          machine: Machines.machine([{}, { mode: "devdax", map: "mem", node: 1 }], { cpus: [3, 2] }),
          faults: "hot,count=12,every=50us"
        }
        const trace = (seed: number) =>
          Effect.map(Machines.run({ ...asked, seed }), ({ timeline }) =>
            ChromeTrace.text([{ name: strategy, ...timeline }]))
        const text = yield* trace(1)
        assert.isAbove(text.length, 1000)
        assert.strictEqual(yield* trace(1), text)
        assert.notStrictEqual(yield* trace(2), text, strategy)
      }), { discard: true }))

  it.effect("the seed is of no account where nothing is left to chance", () =>
    Effect.forEach(presets, (strategy) =>
      Effect.gen(function*() {
        const asked = { strategy: `${strategy}:probe=own node`, faults: "sequential,count=4" }
        const [a, b] = yield* Effect.forEach([1, 2], (seed) => Machines.run({ ...asked, seed }))
        assert.deepStrictEqual(a?.timeline, b?.timeline)
      }), { discard: true }))

  it.effect("what it costs to begin delays what is behind it, once for each pass of a probe and once for each worker", () =>
    Effect.gen(function*() {
      const later = yield* begun(["linux-6.1", "linux-4.19", "vmemmap"], (row) => row.readyNs - row.bootRamNs)
      // 4.19 writes everything twice.
      assert.deepStrictEqual(later, [1, 2, 1])
    }))

  it.effect("what it costs to begin is time of processors too, whoever begins", () =>
    Effect.gen(function*() {
      const strategies = ["linux-6.1", "linux-4.19", "vmemmap:workers=1", "vmemmap:workers=5", "async-2018-v2"]
      assert.deepStrictEqual(yield* begun(strategies, (row) => row.cpuNs), [1, 2, 1, 5, 8])
    }))

  it.effect("a row is a fold over the timeline and nothing else: what is taken out of it is missing", () =>
    Effect.forEach(presets, (strategy) =>
      Effect.gen(function*() {
        const { row, timeline } = yield* Machines.run({
          strategy,
          machine: Machines.machine([{}, { mode: "devdax" }]),
          faults: "uniform,count=6,every=1ms"
        })
        const of = (entries: ReadonlyArray<Timeline.Entry>) => Figures.row(strategy, { entries: [...entries] })
        const without = (is: (entry: Timeline.Entry) => boolean) => of(timeline.entries.filter((entry) => !is(entry)))
        assert.deepStrictEqual(of(Object.freeze(timeline.entries)), row)

        for (const [i, entry] of timeline.entries.entries()) {
          if (entry.name !== "initialise" && entry.name !== "map") continue
          const less = of(timeline.entries.toSpliced(i, 1))
          const isBoot = entry.group.startsWith("boot")
          const pages = entry.name === "map" ? 0 : Machines.number(entry, "structPages")
          const cpu = Machines.number(entry, "cpuNs")
          assert.strictEqual(less.cpuNs, row.cpuNs - (isBoot ? 0 : cpu))
          assert.strictEqual(less.bootCpuNs, row.bootCpuNs - (isBoot ? cpu : 0))
          assert.strictEqual(less.structPagesWritten, row.structPagesWritten - (isBoot ? 0 : pages))
          assert.strictEqual(less.bytesWritten, row.bytesWritten - (isBoot ? 0 : 64 * pages))
          assert.strictEqual(less.bootStructPages, row.bootStructPages - (isBoot ? pages : 0))
        }
        const locks = without(({ group }) => group === "locks")
        assert.deepStrictEqual([locks.lockHeldNs, locks.lockLongestNs], [0, 0])
        assert.strictEqual(without(({ name }) => name === "fault").firstFault.count, 0)
        assert.deepStrictEqual(without(({ name }) => name === "appears").devices, [])
        assert.strictEqual(without(({ group, name }) => name === "ready" && group === "pmem0").readyNs, Infinity)
        assert.strictEqual(without(({ name }) => name === "RAM is initialised").bootRamNs, 0)
        assert.strictEqual(without(({ name }) => name === "boot goes on").bootProceedsNs, 0)
        const taken = without(({ name }) => name === "memory taken")
        assert.deepStrictEqual([taken.ram, taken.device], [0, 0])

        const slower = of(timeline.entries.map((entry) => ({ ...entry, start: 2 * entry.start, end: 2 * entry.end })))
        for (const figure of ["bootRamNs", "bootProceedsNs", "blockDevicesNs", "readyNs", "lockHeldNs"] as const) {
          assert.strictEqual(slower[figure], 2 * row[figure], figure)
        }
        assert.strictEqual(slower.firstFault.maxNs, 2 * row.firstFault.maxNs)
        assert.deepStrictEqual(
          slower.devices.map(({ readyNs }) => readyNs),
          row.devices.map(({ readyNs }) => 2 * readyNs)
        )
        assert.strictEqual(slower.cpuNs, row.cpuNs)
      }), { discard: true }))

  it.effect("nothing that happens when the machine is taken down is in a row", () =>
    Effect.forEach(presets, (strategy) =>
      Effect.gen(function*() {
        const { row, timeline } = yield* Machines.run({ strategy })
        assert.strictEqual(timeline.entries.at(-1)?.name, "memory taken")
        assert.isAtMost(row.lockHeldNs, row.bootProceedsNs - row.bootRamNs, strategy)
      }), { discard: true }))

  it.effect("LCK-1: with one lock two nodes that write under it take twice as long, outside of it they do not", () =>
    Effect.gen(function*() {
      const two = Machines.machine([{ node: 0 }, { node: 1 }], { cpus: [8, 8] })
      const one = Machines.machine([{ node: 0 }], { cpus: [8, 8] })
      const longest = (strategy: string, machine: typeof one) =>
        Effect.map(
          Machines.rowOf({ strategy: `${strategy}:probe=own node`, machine }),
          ({ bootRamNs, lockHeldNs, readyNs }) => ({ ready: readyNs - bootRamNs, lockHeldNs })
        )
      const before = [yield* longest("linux-4.19", one), yield* longest("linux-4.19", two)] as const
      const after = [yield* longest("linux-4.20", one), yield* longest("linux-4.20", two)] as const
      assert.strictEqual(before[1].lockHeldNs, 2 * before[0].lockHeldNs)
      assert.isAtLeast(before[1].ready, before[0].ready + before[0].lockHeldNs)
      assert.isAtMost(after[1].ready, after[0].ready + after[0].lockHeldNs)
    }))
})

describe("a worker of a simulation", () => {
  it.effect("at once: a probe at half its speed makes its device ready later, one that stands still or dies makes boot wait for ever", () =>
    Effect.forEach(["linux-4.19", "linux-4.20", "linux-6.1", "proposed-2026"], (preset) =>
      Effect.gen(function*() {
        const asked = { strategy: `${preset}:probe=own node`, machine: wide([{}, {}]), costs: endless }
        const usual = yield* Machines.rowOf(asked)
        const slow = yield* Machines.rowOf({ ...asked, disturbance: at(/^pfn0/, "probe", { speed: 0.5 }) })
        const before = usual.devices.map(({ readyNs }) => readyNs - usual.bootRamNs)
        const after = slow.devices.map(({ readyNs }) => readyNs - slow.bootRamNs)
        assert.isAbove(after[0] ?? 0, 1.7 * (before[0] ?? 0))
        // Work under the lock is in the other's way.
        if (preset !== "linux-4.19") assert.isBelow(after[1] ?? 0, 1.1 * (before[1] ?? 0))
        assert.isAbove(slow.cpuNs, usual.cpuNs)
        assert.strictEqual(slow.structPagesWritten, usual.structPagesWritten)
        const still = yield* deadlock({ ...asked, disturbance: at(/^pfn0/, "probe", { speed: 0 }) })
        assert.match(still, /deadlock at [0-9]+ ns: .*namespace0\.0 waits/)
        const gone = yield* deadlock({
          ...asked,
          disturbance: at(/^pfn0/, "probe", { dies: Effect.sleep("1 millis") })
        })
        assert.match(gone, /namespace0\.0 waits for the probe of pfn0\.[0-9], which is gone/)
      }), { discard: true }))

  it.effect("ASY-5: v1: one at half its speed makes its share twice as late, and whoever wants a page of it", () =>
    Effect.gen(function*() {
      const asked = { strategy: "async-2018-v1", machine: wide(), costs: endless }
      const usual = yield* Machines.run(asked)
      const slow = yield* Machines.run({ ...asked, disturbance: at(device, "worker 0", { speed: 0.5 }) })
      const [span] = initialised(usual.timeline, "pmem0", "worker 0")
      const [longer] = initialised(slow.timeline, "pmem0", "worker 0")
      if (span === undefined || longer === undefined) return assert.fail("no worker 0")
      assert.strictEqual(longer.end - longer.start, 2 * (span.end - span.start))
      assert.strictEqual(Machines.number(longer, "cpuNs"), 2 * Machines.number(span, "cpuNs"))
      assert.strictEqual(slow.row.readyNs, longer.end)
      assert.strictEqual(usual.row.firstFault.maxNs + span.end - span.start, slow.row.firstFault.maxNs)
      assert.strictEqual(slow.row.cpuNs, usual.row.cpuNs + Machines.number(span, "cpuNs"))
      const other = yield* Machines.rowOf({ ...asked, disturbance: at(device, "worker 9", { speed: 0.5 }) })
      assert.strictEqual(other.firstFault.maxNs, usual.row.firstFault.maxNs)
      assert.isAbove(other.readyNs, usual.row.readyNs)
    }))

  it.effect("ASY-6: v2: whoever wants a page takes its sub-range from a slow worker; nobody else does its share", () =>
    Effect.gen(function*() {
      const asked = { strategy: "async-2018-v2", machine: wide(), costs: endless, faults: "first,at=200us" }
      const usual = yield* Machines.rowOf(asked)
      const slow = yield* Machines.rowOf({ ...asked, disturbance: at(device, "worker 7", { speed: 0.25 }) })
      assert.strictEqual(slow.firstFault.maxNs, usual.firstFault.maxNs)
      assert.isAbove(slow.readyNs - slow.blockDevicesNs, 3.5 * (usual.readyNs - usual.blockDevicesNs))
      assert.strictEqual(slow.structPagesWritten, usual.structPagesWritten)
    }))

  it.effect("ours: others take over what a slow worker has not begun", () =>
    Effect.gen(function*() {
      const asked = { strategy: "vmemmap", machine: wide([{ size: 16 * GiB }]), costs: endless }
      const usual = yield* Machines.rowOf(asked)
      const slow = yield* Machines.rowOf({ ...asked, disturbance: at(device, "worker 2", { speed: 0.25 }) })
      assert.isBelow(slow.readyNs - slow.blockDevicesNs, 1.5 * (usual.readyNs - usual.blockDevicesNs))
      assert.isAbove(slow.readyNs, usual.readyNs)
      assert.strictEqual(slow.structPagesWritten, usual.structPagesWritten)
    }))

  it.effect("26.2: one that dies takes its share with it in v1 and v2, and its page faults in v1; ours loses nothing", () =>
    Effect.gen(function*() {
      const dies = at(device, "worker 3", { dies: Effect.sleep("300 micros") })
      const asked = { machine: wide(), costs: endless, faults: "uniform,count=64,every=1ms", disturbance: dies }
      const whole = 4 * GiB / 4096 - 2
      for (const [preset, workers] of [["async-2018-v1", 16], ["async-2018-v2", 8]] as const) {
        const { notes, row, timeline } = yield* Machines.run({ ...asked, strategy: preset })
        assert.strictEqual(row.readyNs, Infinity, preset)
        assert.deepStrictEqual(row.devices.map(({ readyNs }) => readyNs), [Infinity])
        assert.match(notes.join(), /^pmem0 never got ready: struct pages of pfns .* of pmem0 will not be initialised/)
        assert.isBelow(row.structPagesWritten, whole)
        assert.isAtLeast(row.structPagesWritten, Math.floor(whole * (workers - 1) / workers))
        const failed = timeline.entries.filter(({ details, name }) => name === "fault" && "failed" in details)
        assert.strictEqual(row.firstFault.count, 64 - failed.length)
        assert.strictEqual(failed.length > 0, preset === "async-2018-v1", `${failed.length} of ${preset}`)
      }
      const { notes, row } = yield* Machines.run({ ...asked, strategy: "vmemmap" })
      assert.deepStrictEqual(notes, [])
      assert.strictEqual(row.structPagesWritten, whole)
      assert.strictEqual(row.firstFault.count, 64)
      assert.isBelow(row.readyNs, Infinity)
    }))

  it.effect("26.2: one that stands still is named with whoever waits for it, at once", () =>
    Effect.gen(function*() {
      const still = at(device, "worker 1", { speed: 0 })
      for (const strategy of ["async-2018-v1", "async-2018-v2", "vmemmap"]) {
        const text = yield* deadlock({ strategy, disturbance: still, faults: "sequential,count=8,size=512M" })
        assert.match(text, /deadlock at [0-9]+ ns: boot waits for devices to be ready/)
        assert.match(text, /pfn0\.[0-9] worker 1 waits/)
        assert.match(text, /pmem0 waits for the workers of pfn0\.[0-9]/)
        assert.match(
          text,
          /cpu [0-9] waits for (worker 1 of|the mutex of|struct pages of|the memmap of) pfn0/,
          strategy
        )
      }
      const map = yield* deadlock({ strategy: "async-2018-v2", disturbance: at(device, "map", { speed: 0 }) })
      assert.match(map, /worker 7 waits for the memmap of pfn0\.[0-9]/)
      const gone = yield* Machines.run({
        strategy: "async-2018-v1",
        disturbance: at(device, "map", { dies: Effect.sleep("1 micros") })
      })
      assert.strictEqual(gone.row.structPagesWritten, 0)
      assert.strictEqual(gone.row.firstFault.count, 0)
      assert.strictEqual(gone.row.readyNs, Infinity)
    }))

  it.effect("DEF-10: a padata thread that dies leaves its chunk to others; a slow one makes boot later; the last one that dies is missed", () =>
    Effect.gen(function*() {
      const machine = Machines.machine([], { cpus: [4], ram: 20 * GiB })
      const asked = { machine, costs: { ...endless, processors: 4 } }
      const usual = yield* Machines.rowOf(asked)
      const boot = /^boot of node 0$/
      const dead = yield* Machines.run({
        ...asked,
        disturbance: at(boot, "worker 2", { dies: Effect.sleep("20 millis") })
      })
      assert.strictEqual(dead.row.bootStructPages, usual.bootStructPages)
      assert.isAbove(dead.row.bootRamNs, usual.bootRamNs)
      const chunks = (lane: string) => initialised(dead.timeline, "boot of node 0", lane)
      assert.isBelow(chunks("worker 2").length, chunks("worker 1").length)
      // Of the chunk it was in nothing is done.
      assert.strictEqual(Machines.number(chunks("worker 2").at(-1) ?? assert.fail("none"), "structPages"), 0)
      const slow = yield* Machines.rowOf({ ...asked, disturbance: at(boot, "worker 2", { speed: 0.5 }) })
      assert.strictEqual(slow.bootStructPages, usual.bootStructPages)
      assert.isAbove(slow.bootRamNs, usual.bootRamNs)
      assert.match(
        yield* deadlock({ ...asked, disturbance: at(boot, "worker 2", { speed: 0 }) }),
        /pgdatinit0 waits for the workers of boot of node 0.*boot of node 0 worker 2 waits/
      )
      assert.match(
        yield* deadlock({
          ...asked,
          strategy: "linux-4.20",
          disturbance: at(boot, "worker 0", { dies: Effect.sleep("20 millis") })
        }),
        /pgdatinit0 waits for the workers of boot of node 0, which are gone/
      )
    }))

  it.effect("DEF-2: the thread that boots: at half its speed what is up front takes twice as long", () =>
    Effect.gen(function*() {
      const asked = { machine: Machines.machine([]), strategy: "linux-6.1:boot=all" }
      const usual = yield* Machines.rowOf(asked)
      const slow = yield* Machines.rowOf({ ...asked, disturbance: at(/^boot$/, "boot thread", { speed: 0.5 }) })
      assert.strictEqual(slow.bootRamNs, 2 * usual.bootRamNs)
      assert.match(
        yield* deadlock({ ...asked, disturbance: at(/^boot$/, "boot thread", { dies: Effect.sleep("1 millis") }) }),
        /boot waits for the boot thread, which is gone/
      )
    }))
})
