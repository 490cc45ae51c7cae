import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as Footprint from "../../src/planning/Footprint.ts"
import * as Growth from "../../src/planning/Growth.ts"
import * as GrowthCost from "../../src/planning/GrowthCost.ts"
import type * as GrowthRequest from "../../src/planning/GrowthRequest.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Port from "../../src/release/Port.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const TiB = 1024 ** 4

const release = (text: string) => Result.getOrThrow(KernelRelease.parse(text))

const defaults: GrowthRequest.Request = {
  base: GiB,
  to: 61 * GiB,
  step: GiB,
  how: "dimm",
  online: "auto",
  memmapOnMemory: false,
  arch: Architecture.presets.x86_64,
  release: release("6.1"),
  structPage: 64
}

const plan = (request: Partial<GrowthRequest.Request> = {}) =>
  Result.getOrThrow(Growth.plan({ ...defaults, ...request }))

const refused = (request: Partial<GrowthRequest.Request>) =>
  Result.match(Growth.plan({ ...defaults, ...request }), {
    onSuccess: () => "accepted",
    onFailure: (error) => error.message
  })

/** Devices of 1 GiB that a 1 GiB guest took. */
const taken = (growth: Growth.Growth) => growth.maximum / GiB - 1

describe("Growth", () => {
  it("a public report: 40 DIMMs of 1 GiB are fine, 60 kill a 1 GiB guest", () => {
    const forty = plan({ to: 41 * GiB })
    assert.isNull(forty.firstFailure)
    assert.strictEqual(forty.maximum, 41 * GiB)
    const sixty = plan()
    assert.isNotNull(sixty.firstFailure)
    assert.match(sixty.firstFailure?.reason ?? "", /16 MiB of struct pages.*ENOMEM.*panics/)
    assert.isAbove(taken(sixty), 40)
    // 960 MiB of struct pages are more than the guest ever had.
    assert.isAbove(60 * GiB / 64, forty.steps[0]?.freeBefore ?? Infinity)
  })

  it("where a recorded guest of 1 GiB failed: never online after 48 or 50 DIMMs, Movable after 51 or 53", () => {
    assert.include([48, 49, 50], taken(plan()))
    assert.include([51, 52, 53], taken(plan({ online: "movable" })))
  })

  it("memory in a kernel zone pays for later steps: the recorded guest took all 60", () => {
    const growth = plan({ online: "kernel" })
    assert.isNull(growth.firstFailure)
    assert.strictEqual(growth.maximum, 61 * GiB)
    assert.strictEqual(growth.steps[0]?.paidBy, "node 0")
    assert.strictEqual(growth.steps[1]?.paidBy, "memory added before")
    assert.isAbove(growth.steps[59]?.freeBefore ?? 0, 57 * GiB)
  })

  it("HOT-16: auto-movable gives Movable three DIMMs of a 1 GiB guest, as recorded, the rest a kernel zone", () => {
    const growth = plan({ online: "auto-movable" })
    assert.isNull(growth.firstFailure)
    assert.deepStrictEqual(growth.steps.slice(0, 5).map((s) => s.movableToKernel), [1, 2, 3, 1.5, 1])
    assert.strictEqual(taken(growth), 60)
    assert.match(growth.assumptions[0] ?? "", /301 %/)
  })

  it("HOT-16: a kernel without the policy onlines to a kernel zone", () => {
    const growth = plan({ online: "auto-movable", release: release("5.10") })
    assert.isTrue(growth.steps.every((s) => s.movableToKernel === 0))
  })

  it("what would help is computed: each suggestion really gets further", () => {
    const { firstFailure, maximum } = plan()
    const help = firstFailure?.whatWouldHelp ?? []
    assert.strictEqual(help.length, 4)
    assert.match(help.join("\n"), /online_kernel.*reaches 61 GiB/)
    assert.match(help.join("\n"), /first 1 GiB of it to a kernel zone/)
    assert.match(help.join("\n"), /memmap_on_memory with a kernel from 6.8 on: reaches 61 GiB/)
    assert.match(help.join("\n"), /boot with 1.25 GiB of RAM or more/)
    assert.isNull(plan({ base: 1.25 * GiB }).firstFailure)
    assert.isAbove(plan({ memmapOnMemory: true, release: release("6.8") }).maximum, maximum)
  })

  it("HOT-12: in 6.1 a DIMM larger than a block keeps its memmap in RAM, one of exactly a block does not", () => {
    const large = plan({ memmapOnMemory: true })
    assert.strictEqual(taken(large), taken(plan()))
    assert.match(large.assumptions.join("\n"), /exactly one memory block of 128 MiB \(HOT-12\)/)
    const block = plan({ memmapOnMemory: true, step: 128 * MiB, to: 8 * GiB })
    assert.isTrue(block.steps.every((s) => s.memmap === 0 && s.paidBy === "the added memory"))
    assert.isAbove(block.steps[0]?.needed ?? 0, 0)
  })

  it("HOT-12: from 6.8 on every device can hold its memmap; kmem needs its own feature (25.6)", () => {
    const on = (how: GrowthRequest.How, kernel: string) =>
      plan({ how, memmapOnMemory: true, release: release(kernel), to: 4 * GiB }).steps[0]?.paidBy
    assert.strictEqual(on("dimm", "6.8"), "the added memory")
    assert.strictEqual(on("dimm", "6.7"), "node 0")
    assert.strictEqual(on("kmem", "6.1+memmap-on-memory-split"), "node 0")
    assert.strictEqual(on("kmem", "6.8"), "the added memory")
    assert.strictEqual(on("virtio-mem", "6.8"), "node 0")
  })

  it("HOT-12: the table of eligible blocks", () => {
    const kind = (arch: Architecture.Name, blockSize: number, kernel = "6.1") =>
      GrowthCost.isSelfHosted({
        how: "dimm",
        step: blockSize,
        blockSize,
        arch: Architecture.presets[arch],
        release: release(kernel),
        structPage: 64
      })
    assert.isTrue(kind("x86_64", 128 * MiB))
    assert.isTrue(kind("x86_64", 2 * GiB))
    assert.isTrue(kind("arm64-4k", 128 * MiB))
    assert.isFalse(kind("arm64-16k", 128 * MiB))
    assert.isFalse(kind("arm64-64k", 512 * MiB))
    assert.isFalse(kind("arm64-64k", 512 * MiB, "6.8"))
  })

  it("HOT-22: a DIMM that is no multiple of the block is refused as a whole", () => {
    const growth = plan({ step: 192 * MiB })
    assert.strictEqual(growth.maximum, GiB)
    assert.match(growth.firstFailure?.reason ?? "", /192 MiB is not a multiple of the memory block of 128 MiB.*HOT-22/)
    assert.match(growth.firstFailure?.whatWouldHelp.join() ?? "", /steps of 256 MiB/)
    const { added, memmap, needed, total } = growth.steps.at(-1) ?? assert.fail("no step")
    assert.deepStrictEqual({ added, memmap, needed, total }, {
      added: 192 * MiB,
      memmap: 0,
      needed: 0,
      total: GiB + 192 * MiB
    })
  })

  it("HOT-22: also when only the last one is", () => {
    const growth = plan({ to: 3 * GiB + 64 * MiB })
    assert.strictEqual(growth.maximum, 3 * GiB)
    assert.strictEqual(growth.firstFailure?.step, 3)
  })

  it("25.1 steps 2 and 3: kmem trims to whole blocks and refuses what holds none", () => {
    const trimmed = plan({ how: "kmem", step: 200 * MiB, to: GiB + 400 * MiB })
    assert.deepStrictEqual(trimmed.steps.map((s) => s.added), [128 * MiB, 128 * MiB])
    assert.match(plan({ how: "kmem", step: 64 * MiB }).firstFailure?.reason ?? "", /EINVAL/)
  })

  it("virtio-mem pays for whole blocks as it reaches into them", () => {
    const growth = plan({ how: "virtio-mem", step: 64 * MiB, to: GiB + 256 * MiB })
    assert.deepStrictEqual(growth.steps.map((s) => s.memmap), [2 * MiB, 0, 2 * MiB, 0])
    assert.strictEqual(growth.maximum, GiB + 256 * MiB)
    assert.match(plan({ how: "virtio-mem", step: 3 * MiB }).firstFailure?.reason ?? "", /multiple of 4 MiB/)
  })

  it("GEO-12 and GEO-13: one PMD table per 64 GiB, linear-map tables only for partly covered gigabytes", () => {
    const tables = (request: Partial<GrowthRequest.Request>) =>
      plan({ base: 64 * GiB, blockSize: 128 * MiB, online: "kernel", ...request }).steps.map((s) => s.pageTables)
    assert.deepStrictEqual(tables({ to: 320 * GiB, step: 64 * GiB }), [4096, 4096, 4096, 4096])
    assert.deepStrictEqual(tables({ to: 66 * GiB, step: GiB / 2 }), [8192, 0, 4096, 0])
    const block = { to: 66 * GiB, step: GiB, memmapOnMemory: true, release: release("6.8") }
    assert.deepStrictEqual(tables(block), [8192, 4096])
  })

  it("GEO-7 and GEO-8: section roots, usages and block devices", () => {
    const { steps } = plan({ to: 37 * GiB, online: "kernel" })
    const each = 8 * (Footprint.recorded.sectionUsage + Footprint.recorded.perBlock)
    const roots = steps.map((s) => (s.bookkeeping - each) / 4096)
    // 128 entries of 32 bytes: a root page per 16 GiB, new memory begins at 4 GiB.
    assert.deepStrictEqual(roots.flatMap((r, i) => r === 0 ? [] : [i]), [12, 28])
    assert.isTrue(roots.every((r) => r === 0 || r === 1))
  })

  it("a recorded DIMM of 1 GiB took 16 MiB of memmap and 40 to 51 KiB besides", () => {
    const [first] = plan().steps
    assert.strictEqual(first?.memmap, 16 * MiB)
    assert.isAtLeast(first?.bookkeeping ?? 0, 40 * 1024)
    assert.isAtMost(first?.bookkeeping ?? 0, 51 * 1024)
  })

  it("GEO-15: without a block size that of a virtual machine is taken", () => {
    assert.match(
      plan({ base: 64 * GiB, to: 128 * GiB }).assumptions[1] ?? "",
      /blocks of 1024\.00 MiB|blocks of 1(\.00)? GiB/
    )
    assert.match(plan().assumptions[1] ?? "", /blocks of 128 MiB/)
  })

  it("GEO-10: memory that a kernel cannot add is refused", () => {
    const riscv = Architecture.presets["riscv64"]
    assert.match(refused({ arch: riscv }), /riscv64 cannot add memory/)
    const later = release("6.11")
    assert.strictEqual(refused({ arch: Port.make(riscv, later), release: later }), "accepted")
  })

  it("absurd requests are refused with what would be right", () => {
    assert.match(refused({ step: 4096 }), /15728640 steps.*at least/)
    assert.match(refused({ to: 60 * 1024 * GiB, step: 128 * MiB }), /steps.*use steps of at least 640M/)
    assert.match(refused({ to: GiB - 1 }), /not more than the 1 GiB/)
    assert.match(refused({ base: Number.NaN }), /base: NaN is not a size/)
    assert.match(refused({ step: 0 }), /step/)
    assert.match(refused({ to: 2 ** 52 }), /below 2\^52/)
    assert.match(refused({ blockSize: 100 * MiB }), /power of two/)
    assert.match(refused({ structPage: -1 }), /struct page/)
    assert.match(refused({ to: GiB }), /not more than/)
  })

  it("an overridden footprint is used, and no longer called recorded", () => {
    const booted = { ...Footprint.recorded.booted, fixed: 500 * MiB }
    const growth = plan({ footprint: { ...Footprint.recorded, booted } })
    assert.isBelow(taken(growth), 40)
    assert.notMatch(growth.assumptions.join("\n"), /recorded/)
  })

  const Sizes = {
    base: Schema.Natural.check(Schema.isBetween({ minimum: 2, maximum: 256 })),
    step: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 64 })),
    count: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 200 })),
    online: Schema.Literals(["auto", "kernel", "movable", "auto-movable"]),
    how: Schema.Literals(["dimm", "kmem", "virtio-mem"])
  }

  it.prop(
    "GEO-9: totals rise step by step, struct pages are a 64th of what is added, and the maximum is the last good step",
    Sizes,
    ({ base, count, how, online, step }) => {
      const request = { base: base * GiB, step: step * 2 * GiB, how, online, to: base * GiB + count * step * 2 * GiB }
      const growth = plan(request)
      let total = request.base
      for (const [i, one] of growth.steps.entries()) {
        assert.strictEqual(one.total, total + one.added)
        assert.strictEqual(one.memmap, one.added / 64)
        assert.strictEqual(one.needed, one.memmap + one.pageTables + one.bookkeeping)
        assert.strictEqual(one.ok, i < growth.steps.length - 1 || growth.firstFailure === null)
        assert.strictEqual(one.ok, one.needed <= one.freeBefore - one.reserved)
        if (one.ok) total = one.total
      }
      assert.strictEqual(growth.maximum, total)
      assert.strictEqual(growth.maximum === request.to, growth.firstFailure === null)
    },
    { arbitrary: { runs: 150, seed: "growth" } }
  )

  it.prop(
    "kernel zones never get less far than ZONE_MOVABLE, nor that than memory that stays offline",
    Sizes,
    ({ base, count, step }) => {
      const request = { base: base * GiB, step: step * 2 * GiB, to: base * GiB + count * step * 2 * GiB }
      const far = (online: GrowthRequest.Online) => plan({ ...request, online }).maximum
      assert.isAtLeast(far("kernel"), far("movable"))
      assert.isAtLeast(far("movable"), far("auto"))
    },
    { arbitrary: { runs: 60, seed: "zones" } }
  )

  it("cost does not grow with the size of a step: petabytes are ordinary", () => {
    const growth = plan({ base: 64 * TiB, to: 2048 * TiB, step: 64 * TiB })
    assert.isAbove(growth.steps.length, 10)
    assert.isAbove(growth.maximum, 1024 * TiB)
  })
})
