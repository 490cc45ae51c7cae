/** What a row says was written and taken is what the formulas of planning say. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as InitStrategies from "../../src/init/InitStrategies.ts"
import * as InitStrategy from "../../src/init/InitStrategy.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Capacity from "../../src/planning/Capacity.ts"
import type * as PlanOption from "../../src/planning/PlanOption.ts"
import * as Target from "../../src/planning/Target.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Machines from "./Machines.ts"

const { GiB, MiB, TiB } = Machines

const runs = (short: number) => process.env.VMEMMAP_LONG === "1" ? 50 * short : short

const wish = ({ configured: [own] = [] }: MachineSpec.Device) => own ?? assert.fail("nothing is configured")

const releaseOf = (strategy: string) =>
  Result.getOrThrow(KernelRelease.parse(InitStrategy.kernelText(Machines.strategy(strategy))))

/** Every device of the machine as planned for the kernel of a strategy. */
const planned = (spec: MachineSpec.MachineSpec, strategy: string) => {
  const kernel = Target.kernelOf(spec, releaseOf(strategy))
  return (spec.devices ?? []).map((device) => {
    const { align, map = "dev", mode } = wish(device)
    const { target } = Target.fromDevice(device, kernel.arch.pageSize)
    const choice = { mode, map, align: align ?? null, sectorSize: null, native: false, memmapOnMemory: false }
    return Capacity.plan(choice, target, kernel)
  })
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

/** Struct pages written: up to 4.19 what users get is written again (INI-12). */
const stores = (spec: MachineSpec.MachineSpec, strategy: string): number => {
  const isTwice = Machines.strategy(strategy).underLock === "every page"
  const users = ({ map, npfns, structPages }: PlanOption.PlanOption) => map === "dev" ? npfns : structPages.mapped
  return sum(planned(spec, strategy).map((one) => one.structPages.initialised + (isTwice ? users(one) : 0)))
}

const presets = InitStrategies.presets.map(({ name }) => name)

const one = (namespace: Machines.Namespace) => Machines.machine([namespace], { ram: 32 * GiB })

describe("totals", () => {
  it.effect("CMP-7: 1 TiB with a memmap in RAM, PTE and PMD tables included, and struct pages written", () =>
    Effect.gen(function*() {
      const figures = (align: number, mode: "fsdax" | "devdax", strategy: string) =>
        Effect.map(
          Machines.rowOf({ strategy, machine: one({ mode, map: "mem", align, size: TiB }) }),
          ({ bytesWritten, device, ram, structPagesWritten }) => {
            assert.strictEqual(device, 0)
            assert.strictEqual(bytesWritten, 64 * structPagesWritten)
            return [ram, structPagesWritten]
          }
        )
      const base = [17_179_934_720, 268_435_456]
      const twice = [17_179_934_720, 2 * 268_435_456]
      assert.deepStrictEqual(yield* figures(2 * MiB, "fsdax", "linux-4.19"), twice)
      assert.deepStrictEqual(yield* figures(GiB, "devdax", "linux-4.19"), twice)
      assert.deepStrictEqual(yield* figures(GiB, "devdax", "linux-4.20"), base)
      assert.deepStrictEqual(yield* figures(2 * MiB, "fsdax", "linux-6.1"), base)
      assert.deepStrictEqual(yield* figures(2 * MiB, "devdax", "linux-6.1"), [4_328_587_264, 67_108_864])
      assert.deepStrictEqual(yield* figures(GiB, "devdax", "linux-6.1"), [42_008_576, 131_072])
      // CMP-12: one page a compound, and one that all share; 64 struct pages each.
      const tables = (8192 + 16) * 4096
      for (const strategy of ["head-reuse", "proposed-2026", "vmemmap"]) {
        const fine = [(524_288 + 1) * 4096 + tables, 524_288 * 64]
        assert.deepStrictEqual(yield* figures(2 * MiB, "devdax", strategy), fine)
        assert.deepStrictEqual(yield* figures(GiB, "devdax", strategy), [(1024 + 1) * 4096 + tables, 1024 * 64])
        assert.deepStrictEqual(yield* figures(2 * MiB, "fsdax", strategy), base)
      }
    }))

  it.effect("CMP-10, INI-11: with an altmap the device pays, nothing is shared, and the reserve is never written", () =>
    Effect.gen(function*() {
      for (
        const strategy of ["linux-4.20", "linux-6.1", "proposed-2026", "vmemmap", "async-2018-v1", "async-2018-v2"]
      ) {
        for (const mode of ["fsdax", "devdax"] as const) {
          const row = yield* Machines.rowOf({ strategy, machine: one({ mode, map: "dev", size: TiB }) })
          assert.deepStrictEqual(
            { ram: row.ram, device: row.device, written: row.structPagesWritten },
            { ram: 65_536, device: 16 * GiB, written: 268_435_456 - 2 },
            `${strategy} ${mode}`
          )
        }
      }
      const twice = yield* Machines.rowOf({ strategy: "linux-4.19", machine: one({ size: TiB }) })
      const [plan] = planned(one({ size: TiB }), "linux-4.19")
      assert.strictEqual(twice.structPagesWritten, 268_435_456 - 2 + (plan?.npfns ?? 0))
    }))

  it.effect.prop(
    "28.2: struct pages written, RAM and device under every preset are those of the plan",
    {
      drawn: Arbitrary.schema(Schema.Struct({
        ...Machines.Case.fields,
        preset: Schema.Literals(presets)
      }))
    },
    ({ drawn }) =>
      Effect.gen(function*() {
        const { preset, ...rest } = drawn
        const machine = Machines.machineOf(rest)
        const plan = planned(machine, preset)
        const row = yield* Machines.rowOf({ strategy: preset, machine, seed: drawn.seed })
        assert.strictEqual(row.structPagesWritten, stores(machine, preset), preset)
        assert.strictEqual(row.device, sum(plan.map(({ device }) => device)), preset)
        // A tail that all compounds of an order share in a zone is planned for each device (CMP-12).
        const nodes = (machine.devices ?? []).map(({ node }) => node)
        const tails = plan.flatMap(({ align, shared }, i) => shared ? [`${align} of node ${nodes[i]}`] : [])
        const again = KernelRelease.has(releaseOf(preset), "dedup-head-only")
          ? tails.length - new Set(tails).size
          : 0
        assert.strictEqual(row.ram, sum(plan.map(({ pageTables, ram }) => ram + pageTables)) - again * 4096, preset)
        const pages = sum((machine.ranges ?? []).map(({ size }) => size / 4096))
        // The first page and the hole below 1 MiB.
        assert.isAtMost(pages - row.bootStructPages, 256)
        assert.isAtLeast(pages - row.bootStructPages, 0)
      }),
    { arbitrary: { runs: runs(24), seed: "totals" } }
  )

  it.effect("ASY-3: other architectures have no background initialisation as posted, and ours where the memmap is virtual", () =>
    Effect.gen(function*() {
      for (const arch of ["arm64-4k", "ppc64-radix", "riscv64"] satisfies ReadonlyArray<Architecture.Name>) {
        const machine = Machines.machine([{ map: "mem" }, { mode: "devdax", map: "mem" }], { arch })
        if (!Architecture.presets[arch].hotplug) continue
        for (const strategy of ["async-2018-v1", "async-2018-v2"]) {
          const row = yield* Machines.rowOf({ strategy, machine, faults: "uniform" })
          const atOnce = yield* Machines.rowOf({ strategy: `${strategy}:when=synchronous`, machine, faults: "uniform" })
          assert.deepStrictEqual({ ...row, name: "" }, { ...atOnce, name: "" }, arch)
          assert.isTrue(row.devices.every(({ appearsNs, readyNs }) => appearsNs === readyNs), arch)
          assert.strictEqual(row.devices.length, 2)
        }
        const own = yield* Machines.rowOf({ strategy: "vmemmap", machine })
        assert.isTrue(own.devices.every(({ appearsNs, readyNs }) => appearsNs < readyNs), arch)
        assert.strictEqual(own.structPagesWritten, stores(machine, "vmemmap"), arch)
      }
    }))
})
