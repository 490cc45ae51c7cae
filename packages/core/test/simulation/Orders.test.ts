/** Relations between figures that hold on every machine, whatever its operations cost. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Figures from "../../src/simulation/Figures.ts"
import * as Machines from "./Machines.ts"

const runs = (short: number) => process.env.VMEMMAP_LONG === "1" ? 50 * short : short

/** Jobs end on whole nanoseconds. */
const rounding = 50

const noMore = (one: number, other: number, what: string) => assert.isAtMost(one, other * (1 + 1e-6) + rounding, what)

const asked = (drawn: Machines.Case) => ({
  machine: Machines.machineOf(drawn),
  costs: Machines.costsOf(drawn.costs),
  seed: drawn.seed
})

/** Ours, but for what tells the postings apart: so the same kernel, the same writing, the same places. */
const ours = "vmemmap"
const barrier = "vmemmap:populate=one barrier;priority=equal;unload=wait"
const v2 = `${barrier};subRanges=128;help=steal sub-ranges`
const v1 = `${barrier};subRanges=1;help=wait for the worker`

const Faults = Schema.Literals([
  "first",
  "uniform,count=1",
  "uniform,count=1,size=4K",
  "uniform,count=1,size=64M",
  "uniform,count=16,every=100us",
  "hot,count=30,every=10us",
  "sequential,count=20,every=50us",
  "all"
])

const withOneMore = (machine: MachineSpec.MachineSpec): MachineSpec.MachineSpec => ({
  ...machine,
  nodes: (machine.nodes ?? []).map((node) => ({ ...node, cpus: (node.cpus ?? 0) + 1 }))
})

describe("orders of figures", () => {
  it.effect.prop(
    "ASY-13: who waits for a worker waits no shorter than who helps with sub-ranges, and that no shorter than who helps exactly",
    {
      drawn: Arbitrary.schema(Schema.Struct({ ...Machines.Case.fields, namespace: Machines.Wish })),
      faults: Arbitrary.schema(Faults)
    },
    ({ drawn, faults }) =>
      Effect.gen(function*() {
        // A compound of a GiB on the device may be a whole share, which more than one worker begins unless somebody helps exactly.
        const isWholeShare = drawn.namespace.mode === "devdax" && drawn.namespace.map === "dev"
        const namespace = isWholeShare ? { ...drawn.namespace, align: 2 * Machines.MiB } : drawn.namespace
        const question = { ...asked({ ...drawn, namespaces: [namespace] }), faults }
        const [exact, stolen, waited] = yield* Effect.forEach(
          [ours, v2, v1],
          (strategy) => Machines.rowOf({ ...question, strategy })
        )
        if (exact === undefined || stolen === undefined || waited === undefined) return assert.fail("three of them")
        noMore(exact.firstFault.maxNs, stolen.firstFault.maxNs, "exactly")
        noMore(stolen.firstFault.maxNs, waited.firstFault.maxNs, "sub-ranges")
        noMore(stolen.firstFault.p50Ns, waited.firstFault.p50Ns, "sub-ranges, half of them")
        assert.strictEqual(exact.structPagesWritten, stolen.structPagesWritten)
        assert.strictEqual(waited.structPagesWritten, stolen.structPagesWritten)
      }),
    { arbitrary: { runs: runs(8), seed: "faults" } }
  )

  it.effect.prop(
    "26.2: in the background every device appears no later than when it is initialised at once",
    { drawn: Arbitrary.schema(Machines.Case), faults: Arbitrary.schema(Faults) },
    ({ drawn, faults }) =>
      Effect.gen(function*() {
        const question = { ...asked(drawn), faults }
        const [atOnce, ...later] = yield* Effect.forEach(
          ["vmemmap:when=synchronous;populate=under the lock", ours, v2, v1],
          (strategy) => Machines.rowOf({ ...question, strategy })
        )
        for (const row of later) {
          assert.deepStrictEqual(row.devices.map(({ name }) => name), atOnce?.devices.map(({ name }) => name))
          row.devices.forEach(({ appearsNs, name, readyNs }, i) => {
            noMore(appearsNs, atOnce?.devices[i]?.appearsNs ?? 0, name)
            assert.isAtMost(appearsNs, readyNs)
          })
          noMore(row.bootProceedsNs, atOnce?.bootProceedsNs ?? 0, "boot goes on")
        }
      }),
    { arbitrary: { runs: runs(5), seed: "appears" } }
  )

  it.effect.prop(
    "INI-13: no device is ready before its bytes fit through its memory, nor before processors can have written them; " +
      "the hotplug lock is held no longer than drivers take",
    { drawn: Arbitrary.schema(Machines.Case), faults: Arbitrary.schema(Faults) },
    ({ drawn, faults }) =>
      Effect.gen(function*() {
        const { costs, machine, seed } = asked(drawn)
        for (const strategy of ["linux-4.19", "async-2018-v1", "async-2018-v2", "linux-4.20", "linux-6.1", ours]) {
          const { row, timeline } = yield* Machines.run({ machine, costs, seed, faults, strategy })
          const cheapest = strategy === ours
            ? costs.template
            : Math.min(costs.store, strategy === "linux-4.19" ? costs.second : Infinity)
          const since = row.readyNs - row.bootRamNs + rounding
          assert.isAtLeast(row.bootCpuNs + timeline.entries.length, row.bootStructPages * costs.bootPage)
          assert.isAtLeast(row.cpuNs + timeline.entries.length, row.structPagesWritten * cheapest)
          const processors = (machine.nodes ?? []).reduce((sum, { cpus = 0 }) => sum + cpus, 0)
          assert.isAtLeast(since, row.structPagesWritten * cheapest / processors)
          for (const { configured: [own] = [], name, node } of machine.devices ?? []) {
            const bandwidth = own?.map === "dev" ? costs.deviceBandwidth : costs.ramBandwidth
            const bytes = (machine.devices ?? []).filter((one) =>
              one.node === node && one.configured?.[0]?.map === own?.map
            ).reduce((sum, one) => {
              const number = one.name.slice("region".length)
              const found = row.devices.find((row) => row.name === `pmem${number}` || row.name === `dax${number}.0`)
              return sum + (found?.structPages ?? assert.fail(`no ${one.name}`)) * 64
            }, 0)
            assert.isAtLeast(since, bytes / bandwidth, `${strategy} ${name}`)
          }
          assert.isAtMost(row.lockHeldNs, row.blockDevicesNs - row.bootRamNs)
          assert.isAtMost(row.lockLongestNs, row.lockHeldNs)
          assert.isAtMost(row.bootRamNs, row.bootProceedsNs)
          assert.isAtMost(row.bootProceedsNs, Math.max(row.readyNs, row.bootProceedsNs))
        }
      }),
    { arbitrary: { runs: runs(4), seed: "bounds" } }
  )

  it.effect.prop(
    "a processor more on each node makes nothing later: RAM, boot, devices. By threads of each node that is so where memory is no limit",
    { drawn: Arbitrary.schema(Machines.Case), faults: Arbitrary.schema(Faults) },
    ({ drawn, faults }) =>
      Effect.gen(function*() {
        const { costs, machine, seed } = asked(drawn)
        const endless = { ...costs, ramBandwidth: Infinity }
        const questions = [
          ...["linux-4.19", "async-2018-v1", "linux-4.20"].map((strategy) => ({ strategy, costs })),
          ...["linux-6.1", ours].map((strategy) => ({ strategy, costs: endless }))
        ]
        for (const question of questions) {
          const few = yield* Machines.rowOf({ ...question, faults, seed, machine })
          const more = yield* Machines.rowOf({ ...question, faults, seed, machine: withOneMore(machine) })
          noMore(more.bootRamNs, few.bootRamNs, `${question.strategy}: RAM`)
          noMore(more.bootProceedsNs, few.bootProceedsNs, `${question.strategy}: boot`)
          noMore(more.blockDevicesNs, few.blockDevicesNs, `${question.strategy}: devices`)
          // What a fault takes from workers depends on where they are by then.
          assert.isAtMost(more.readyNs, few.readyNs * 1.01 + rounding, `${question.strategy}: ready`)
        }
      }),
    { arbitrary: { runs: runs(4), seed: "processors" } }
  )

  it.effect.prop(
    "23.7: where every device has a processor of its node, and memory is no limit, probes on the own node are no later than anywhere",
    { drawn: Arbitrary.schema(Machines.Case) },
    ({ drawn }) =>
      Effect.gen(function*() {
        const cpus = drawn.cpus.map((cpus) => cpus < 3 ? 3 : cpus)
        const { costs, ...question } = asked({ ...drawn, cpus })
        // Who is slow leaves bandwidth to others.
        const endless = { ...costs, ramBandwidth: Infinity, deviceBandwidth: Infinity }
        for (const strategy of ["linux-4.19", "linux-4.20"]) {
          const own = yield* Machines.rowOf({ ...question, costs: endless, strategy: `${strategy}:probe=own node` })
          const any = yield* Machines.rowOf({ ...question, costs: endless, strategy: `${strategy}:probe=any node` })
          noMore(own.readyNs, any.readyNs, strategy)
          noMore(own.cpuNs, any.cpuNs, strategy)
        }
      }),
    { arbitrary: { runs: runs(6), seed: "nodes" } }
  )

  it.effect.prop(
    "26.8: memory that was touched before is initialised no slower than for the first time, and again in full",
    { drawn: Arbitrary.schema(Machines.Case) },
    ({ drawn }) =>
      Effect.gen(function*() {
        const question = { ...asked(drawn), rebind: true }
        for (const strategy of ["linux-6.1", "linux-5.1", `${v2};probe=own node`, ours]) {
          const { row, timeline } = yield* Machines.run({ ...question, strategy })
          const cold = Figures.figure("initialise", timeline)
          const warm = Figures.figure("rebind", timeline)
          assert.isAbove(warm, 0)
          // Nobody helps the second time.
          assert.isAtMost(warm, cold * (strategy.startsWith("linux") ? 1 : 1.05) + rounding, strategy)
          const at = timeline.entries.findIndex(({ name }) => name === "drivers are unbound")
          const again = Figures.row("", { entries: timeline.entries.slice(at + 1) })
          assert.strictEqual(again.structPagesWritten, row.structPagesWritten, strategy)
        }
      }),
    { arbitrary: { runs: runs(4), seed: "warm" } }
  )
})
