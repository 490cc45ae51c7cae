/** Growing a machine device by device: the steps of a growth plan held against memory hotplug on the engine. */
import { assert } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import * as FrameAllocator from "../../src/frames/FrameAllocator.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import { AcpiMemory } from "../../src/hotplug/AcpiMemory.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import * as BootMemory from "../../src/machine/BootMemory.ts"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Footprint from "../../src/planning/Footprint.ts"
import * as GrowthRequest from "../../src/planning/GrowthRequest.ts"
import * as GrowthSteps from "../../src/planning/GrowthSteps.ts"
import * as MemmapCost from "../../src/planning/MemmapCost.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Port from "../../src/release/Port.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30

export const Case = Schema.Struct({
  arch: Schema.Literals(["x86_64", "x86_64", "x86_64-5level", "arm64-4k", "riscv64"]),
  release: Schema.Literals(["6.1", "6.8", "6.18"]),
  structPage: Schema.Literals([56, 64, 64, 80]),
  /** RAM at boot, in MiB, and how much of it is free once the guest is up, above what watermarks keep. */
  base: Schema.Literals([512, 1024, 2048, 4096, 6144]),
  free: Schema.Literals([3, 17, 18, 34, 40, 100, 200, 334, 400]),
  pages: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 511 })),
  /** Pageblocks that watermarks keep per zone. */
  keep: Schema.Literals([0, 1, 11]),
  devices: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })),
  step: Schema.Literals([128, 1024, 1024, 1024, 2048]),
  online: Schema.Literals(["auto", "kernel", "movable", "auto-movable"]),
  memmapOnMemory: Schema.Boolean
})
export type Case = typeof Case.Type

const layout = (base: number) =>
  base <= 3 * GiB ? [{ start: 0, size: base }] : [{ start: 0, size: 3 * GiB }, { start: 4 * GiB, size: base - 3 * GiB }]

/**
 * Watermarks that do not move while the machine grows, as the engine's do not: a zone that comes, or Movable memory, makes the
 * plan's move (HOT-24).
 */
const keepsStill = ({ base, online }: Case): boolean =>
  online === "auto" || (online === "kernel" && base * MiB > 3 * GiB)

const requestOf = (spec: Case): GrowthRequest.Request => {
  const release = Result.getOrThrow(KernelRelease.parse(spec.release))
  const arch = Port.make(Architecture.presets[spec.arch], release)
  const base = spec.base * MiB
  return {
    base,
    to: base + spec.devices * spec.step * MiB,
    step: spec.step * MiB,
    how: "dimm",
    online: spec.online,
    memmapOnMemory: spec.memmapOnMemory,
    arch,
    release,
    structPage: spec.structPage,
    blockSize: arch.sectionSize,
    footprint: {
      kernel: { fixed: 0, perGiB: 0 },
      booted: { fixed: 0, perGiB: 0 },
      reservedPageblocks: keepsStill(spec) ? spec.keep : 0,
      reservedShare: 1,
      perBlock: 0,
      sectionUsage: 0,
      sectionEntry: 32
    }
  }
}

/** The same guest with `free` bytes left. */
const withFree = (request: GrowthRequest.Request, free: number): GrowthRequest.Request => {
  const { arch, base, footprint = Footprint.recorded, structPage } = request
  const fixed = Footprint.free(footprint, arch, structPage, base) - free
  return { ...request, footprint: { ...footprint, booted: { fixed, perGiB: 0 } } }
}

/** Bytes by which plan and engine may differ: the plan lays the memmap's tables on their own (CMP-7). */
const tolerance = ({ arch }: GrowthRequest.Request): number => 2 * (arch.pmdTable.bytes + arch.pteTable.bytes)

/** Page tables of the memmap, without those of the linear map, which the engine does not have. */
const memmapTables = (s: GrowthRequest.Setup, before: number, after: number): number => {
  const of = (bytes: number) =>
    bytes === 0 ? 0 : MemmapCost.make({
      ...s,
      range: { start: s.start, end: s.start + bytes },
      altmap: null,
      order: 0,
      ram: []
    }).pageTables
  return of(after) - of(before)
}

const grow = Effect.fnUntraced(function*(spec: Case, request: GrowthRequest.Request, kept: number) {
  const frames = yield* FrameAllocator.FrameAllocator
  const ledger = yield* Ledger.Ledger
  const acpi = yield* AcpiMemory
  const hotplug = yield* MemoryHotplug
  const blocks = yield* MemoryBlocks
  const page = request.arch.pageSize
  const wanted = kept / page + spec.free * MiB / page + spec.pages
  const surplus = frames.free(0) - wanted
  if (surplus < 0) return
  frames.take({ node: 0, order: 0, count: surplus, purpose: "userland" })
  assert.strictEqual(frames.free(0), wanted)
  const s = GrowthRequest.setup(withFree(request, wanted * page))
  const { steps } = GrowthSteps.run(s)
  const most = tolerance(request)
  /** What the linear map took according to the plan. */
  let linear = 0
  for (const [i, step] of steps.entries()) {
    const from = i * s.step
    const where = `device ${i + 1} of ${spec.devices}`
    const before = frames.free(0) * page
    const root = ledger.total({ book: "ram", purpose: "section-root" })
    const memmap = ledger.total({ book: "ram", purpose: "memmap" })
    assert.isAtMost(Math.abs(step.freeBefore + linear - before), most, `${where}: free before`)
    const tables = memmapTables(s, from, from + s.step)
    const added = yield* Effect.result(acpi.plug({ start: s.start + from, size: s.step, node: 0 }))
    const margin = step.freeBefore + linear - step.reserved - (step.needed - step.pageTables + tables)
    // Where no block is left base pages do: each needs a table, and they are only as many as are the device's (VMM-3).
    const block = Architecture.memmapPerSection(s.arch, s.structPage) % s.arch.pmdSize === 0 ? 0 : s.arch.pmdSize
    const fallback = s.step / s.arch.sectionSize * s.arch.pteTable.bytes * 2 + block
    if (Result.isSuccess(added) !== step.ok) {
      assert.isAtMost(Math.abs(margin), most + fallback, `${where}: the engine says ${added._tag}`)
      return
    }
    if (Result.isFailure(added)) {
      assert.strictEqual(added.failure.errno, "ENOMEM", where)
      return
    }
    const taken = (ledger.total({ book: "ram", purpose: "memmap" }) - memmap) * page
    if (margin < most + fallback) {
      assert.closeTo(taken, step.memmap, block, `${where}: memmap of the last that fits`)
      return
    }
    assert.strictEqual(taken, step.memmap, `${where}: memmap`)
    assert.strictEqual(
      (ledger.total({ book: "ram", purpose: "section-root" }) - root) * page,
      step.bookkeeping,
      `${where}: section roots`
    )
    const used = before - frames.free(0) * page - taken - step.bookkeeping
    assert.isAtMost(Math.abs(used - tables), most, `${where}: page tables`)
    linear += step.pageTables - tables
    if (spec.online !== "auto") {
      const type = spec.online === "auto-movable" ? "online" : `online_${spec.online}` as const
      const range = { start: (s.start + from) / blocks.size, end: (s.start + from + s.step) / blocks.size }
      yield* hotplug.online(range, type)
    }
  }
  if (spec.online === "auto") return
  const last = steps.at(-1)
  const runs = blocks.runs().filter(({ value }) => !value.isBoot)
  const count = (movable: boolean) =>
    runs.reduce((n, { end, start, value }) => (value.zone === "Movable") === movable ? n + end - start : n, 0)
  assert.closeTo(
    last?.movableToKernel ?? 0,
    count(true) * blocks.size / (s.base + count(false) * blocks.size),
    1e-9,
    "Movable to kernel memory"
  )
})

/** Grows the machine of a case on the engine, and holds every step against the plan's. */
export const compare = Effect.fnUntraced(function*(spec: Case) {
  const request = requestOf(spec)
  if (!request.arch.hotplug) return
  const s = GrowthRequest.setup(request)
  const machine: MachineSpec.MachineSpec = {
    kernel: spec.release,
    arch: spec.arch,
    structPage: spec.structPage,
    blockSize: s.blockSize,
    cmdline: `memory_hotplug.memmap_on_memory=${spec.memmapOnMemory ? 1 : 0} memory_hotplug.online_policy=${
      spec.online === "auto-movable" ? "auto-movable" : "contig-zones"
    }`,
    ranges: layout(s.base).map((range) => ({ ...range, kind: "ram", node: 0 }))
  }
  const memory = Result.getOrThrow(BootMemory.make(machine))
  const kept = Footprint.reserved(s.footprint, s.arch, GrowthSteps.initial(s).zones)
  const areas = memory.nodes.flatMap(({ node, ram }) => ram.map((range) => ({ ...range, node })))
  yield* grow(spec, request, kept).pipe(
    Effect.scoped,
    Effect.provide(Machine.boot(memory, machine, { frames: FrameAllocator.layer(areas, kept / s.arch.pageSize) }))
  )
})
