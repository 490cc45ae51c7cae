/** The closed formulas of planning against what the engine does when it is run. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import * as Alignment from "../../src/geometry/Alignment.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as MemmapCost from "../../src/planning/MemmapCost.ts"
import { has } from "../../src/release/KernelRelease.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Port from "../../src/release/Port.ts"
import * as Altmap from "../../src/vmemmap/Altmap.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30

const Case = Schema.Struct({
  arch: Architecture.Name,
  release: Schema.Literals(["4.18", "5.10", "5.19", "6.1.0", "6.1.176", "6.3", "6.8", "6.18", "proposed-2026"]),
  structPage: Schema.Literals([56, 64, 64, 64, 80]),
  /** Where RAM ends, in MiB above 4 GiB. */
  ramEnd: Schema.Literals([0, 2, 66, 128, 1024 + 16]),
  /** Where the device begins above RAM, and how long it is, in units of what can be added. */
  gap: Schema.Literals([0, 1, 5, 64, 1000]),
  length: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 700 })),
  scale: Schema.Literals([1, 1, 8, 4096]),
  map: Schema.Literals(["mem", "dev"]),
  align: Schema.Literals([0, 1, 2]),
  whole: Schema.Boolean
})

const ways = (spec: typeof Case.Type) => {
  const release = Result.getOrThrow(KernelRelease.parse(spec.release))
  const arch = Port.make(Architecture.presets[spec.arch], release)
  const unit = Architecture.addGranule(arch)
  const align = arch.daxAligns[spec.align] ?? arch.pageSize
  const order = has(release, "compound-devmaps") ? Math.log2(align / arch.pageSize) : 0
  const ramEnd = Alignment.up(4 * GiB + spec.ramEnd * MiB, arch.pageSize)
  const grain = spec.whole ? Math.max(align, unit) : unit
  const start = Alignment.up(ramEnd, grain) + spec.gap * grain
  const size = Alignment.up(Math.min(spec.length * spec.scale * unit, 2 ** 42), grain)
  const metadata = Alignment.up(8192 + size / arch.pageSize * Math.max(64, spec.structPage) + 2 * arch.pmdSize, grain)
  const altmap = spec.map === "dev" && metadata < size ? Altmap.make(start, metadata, arch) : null
  return { release, arch, align, order, ramEnd, start, size, altmap }
}

const run = (spec: typeof Case.Type) => {
  const { altmap, arch, order, ramEnd, release, size, start } = ways(spec)
  const ram = [{ start: arch.pageSize, end: 2 * GiB }, { start: 4 * GiB - 512 * MiB, end: ramEnd }]
  const formula = MemmapCost.make({
    arch,
    release,
    structPage: spec.structPage,
    range: { start, end: start + size },
    altmap,
    order,
    ram
  })
  const machine = Machine.layer({
    kernel: spec.release,
    arch: spec.arch,
    structPage: spec.structPage,
    ranges: [
      ...ram.map(({ end, start }) => ({ kind: "ram" as const, start, size: end - start })),
      // RAM to pay with, far from the device
      { kind: "ram", node: 0, start: Alignment.up(start + size, 2 ** 42), size: 2 ** 38 }
    ]
  })
  const program = Effect.scoped(Effect.gen(function*() {
    const pagemaps = yield* Pagemaps.Pagemaps
    const ledger = yield* Ledger.Ledger
    const log = yield* KernelLog.KernelLog
    const read = () => ({
      ram: (ledger.total({ book: "ram", purpose: "memmap" }) + ledger.total({ book: "ram", purpose: "shared-tail" })) *
        arch.pageSize,
      device: ledger.total({ book: "device" }) * arch.pageSize,
      pte: ledger.total({ book: "tables", purpose: "pte" }),
      pmd: ledger.total({ book: "tables", purpose: "pmd" }),
      mapped: ledger.total({ book: "mapped" }),
      locked: ledger.total({ book: "written", where: "mem_hotplug_lock" }),
      outside: ledger.total({ book: "written", where: "no lock" })
    })
    const before = read()
    const mapped = yield* Effect.result(pagemaps.memremap({
      name: "dax0.0",
      type: "generic",
      node: 0,
      order,
      ranges: [{ start, end: start + size }],
      ...(altmap === null ? {} : { altmap })
    }))
    const after = read()
    yield* ledger.balance
    const warns = (yield* log.recent).filter((event) => event._tag === "Warn")
    const altmapNow = Result.isSuccess(mapped) ? mapped.success.altmap?.current : undefined
    return { before, after, mapped, warns, altmapNow }
  }))
  return Effect.map(Effect.provide(program, machine), (outcome) => ({ ...outcome, formula, arch, order }))
}

describe("planning = engine", () => {
  it.effect.prop(
    "MemmapCost: RAM, device, PTE tables, struct pages mapped and written are what memremap_pages() does",
    { spec: Arbitrary.schema(Case) },
    ({ spec }) =>
      Effect.gen(function*() {
        const { altmap, arch, release, size } = ways(spec)
        if (!arch.hotplug) return
        if (altmap !== null && arch.altmap === "refused") return
        // BUG-13: sharing on an architecture that never agreed to it.
        if (has(release, "dedup-any-arch") && !arch.name.startsWith("x86_64")) return
        const { after, altmapNow, before, formula, mapped, warns } = yield* run(spec)
        if (Result.isFailure(mapped)) {
          assert.strictEqual(mapped.failure.errno, formula.exhausted ? "ENOMEM" : "", mapped.failure.message)
          return
        }
        assert.isFalse(formula.exhausted)
        assert.deepStrictEqual(warns, [])
        const locked = after.locked - before.locked
        const outside = after.outside - before.outside
        // Up to 4.19 the second pass writes again what the first one wrote (INI-12).
        const initialised = spec.release === "4.18" ? Math.max(locked, outside) : locked + outside
        assert.deepStrictEqual(
          {
            ram: after.ram - before.ram,
            device: after.device - before.device,
            initialised
          },
          { ram: formula.ram, device: formula.device, initialised: formula.structPages.initialised }
        )
        assert.strictEqual(formula.structPages.mapped, size / arch.pageSize)
        if (altmapNow !== undefined && formula.altmap !== null) {
          assert.deepStrictEqual([altmapNow.alloc, altmapNow.align], [formula.altmap.alloc, formula.altmap.align])
        }
        // The formula lays the tables of the range on their own; the engine finds some in place already.
        const tables = after.pte + after.pmd - before.pte - before.pmd
        const shared = 2 * arch.pteTable.bytes + 2 * arch.pmdTable.bytes
        assert.isAtMost(Math.abs(formula.pageTables - tables), shared)
      }),
    { arbitrary: { runs: process.env.VMEMMAP_LONG === "1" ? 20_000 : 500, seed: "formulas" } }
  )
})
