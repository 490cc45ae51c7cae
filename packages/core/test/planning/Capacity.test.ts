import { assert, describe, it } from "@effect/vitest"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as Alternatives from "@vmemmap/core/planning/Alternatives"
import * as Capacity from "@vmemmap/core/planning/Capacity"
import * as PlanOption from "@vmemmap/core/planning/PlanOption"
import * as Target from "@vmemmap/core/planning/Target"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import { Arbitrary, Result, Schema } from "effect"
import vectors from "../../../../docs/spec/28-capacity-vectors.json" with { type: "json" }

const MiB = 2 ** 20
const GiB = 2 ** 30

const kernelOf = (release: string, overrides: Target.Overrides = {}): Target.Kernel =>
  Target.kernelOf({}, Result.getOrThrow(KernelRelease.parse(release)), overrides)

const targetOf = (start: number, size: number, kind: Target.Target["kind"] = "pmem"): Target.Target =>
  Target.fromDevice({ name: "region0", kind, start, size }).target

const choice = (part: Partial<PlanOption.Choice>): PlanOption.Choice => ({
  mode: "fsdax",
  map: "dev",
  align: 2 * MiB,
  sectorSize: null,
  native: false,
  memmapOnMemory: false,
  ...part
})

const plan = (part: Partial<PlanOption.Choice>, start: number, size: number, kernel = kernelOf("6.1")) =>
  Capacity.plan(choice(part), targetOf(start, size), kernel)

describe("Capacity", () => {
  it("28: RAM and device bytes of the memmap of every vector", () => {
    for (const { align, altmap, error, map, memmap_ram_bytes, size, start, usable } of vectors) {
      const option = plan({ map: map as "mem" | "dev", align }, start, size)
      assert.strictEqual(option.error?.errno ?? null, error === undefined ? null : error.split(" ")[0])
      if (error !== undefined) continue
      assert.strictEqual(option.usable, usable)
      assert.strictEqual(option.ram, memmap_ram_bytes)
      assert.strictEqual(option.device, (altmap?.alloc_pages ?? 0) * 4096)
    }
  })

  it("28.3: a 1 GiB alignment on 128 GiB leaves 1071644672 bytes of reserve unused", () => {
    assert.strictEqual(plan({ align: GiB }, 4 * GiB, 128 * GiB).lost.unusedReserve, 1071644672)
  })

  it("28.5: struct pages of 56 and 80 bytes, and 64 KiB pages", () => {
    const mem = (structPage: number) => plan({ map: "mem" }, 4 * GiB, 128 * GiB, kernelOf("6.1", { structPage })).ram
    assert.deepStrictEqual([56, 64, 80].map(mem), [1879048192, 2147483648, 2684354560])
    assert.strictEqual(plan({}, 4 * GiB, 128 * GiB, kernelOf("6.1", { structPage: 80 })).error?.errno, "EINVAL")
    const devdax = plan({ mode: "devdax", map: "mem" }, 4 * GiB, 128 * GiB, kernelOf("6.1", { structPage: 56 }))
    assert.deepStrictEqual([devdax.shared, devdax.ram], [false, 1879048192])
    const arm = kernelOf("6.1", { arch: Architecture.presets["arm64-64k"] })
    assert.strictEqual(plan({ map: "mem", align: 65536 }, 4 * GiB, 128 * GiB, arm).ram, 128 * 2 ** 20)
  })

  it("28.3: raw and native cost no metadata, native a memmap in RAM", () => {
    const target = targetOf(4 * GiB, 128 * GiB, "legacy")
    const native = Capacity.plan(choice({ map: "mem", align: null, native: true }), target, kernelOf("6.1"))
    assert.deepStrictEqual([native.usable, native.ram, native.dataoff], [128 * GiB, 2147483648, 0])
    const raw = Capacity.plan(choice({ mode: "raw", map: "none", align: null }), target, kernelOf("6.1"))
    assert.deepStrictEqual([raw.usable, raw.ram, raw.structPages.mapped], [128 * GiB, 0, 0])
  })

  it("21.4: a native range off 2 MiB cannot be mapped", () => {
    const target = targetOf(4 * GiB + 2 ** 20, 128 * GiB, "legacy")
    const native = Capacity.plan(choice({ map: "mem", align: null, native: true }), target, kernelOf("6.1"))
    assert.strictEqual(native.error?.errno, "EOPNOTSUPP")
  })

  it("21.8: sector mode splits into capacity, structures and an unusable tail", () => {
    const usable = (size: number, sectorSize: number) =>
      plan({ mode: "sector", map: "none", align: null, sectorSize }, 4 * GiB, size)
    assert.strictEqual(usable(GiB, 512).usable, 1065254400)
    assert.strictEqual(usable(128 * GiB, 4096).usable, 137303781376)
    assert.strictEqual(usable(16 * MiB, 512).error?.errno, "ENXIO")
    const tail = usable(512 * GiB + 8 * MiB, 4096)
    assert.isAbove(tail.lost.alignmentTail, 0)
  })

  it("25.3: what trimming leaves, with 128 MiB and 2 GiB blocks", () => {
    const rows = [
      [256 * MiB, "dev", 134217728, null],
      [GiB, "dev", 939524096, null],
      [GiB, "mem", 939524096, null],
      [128 * GiB, "dev", 135157252096, 133143986176],
      [128 * GiB, "mem", 137304735744, 135291469824],
      [1536 * GiB, "dev", 1623363420160, 1621350154240],
      [1536 * GiB, "mem", 1649133223936, 1647119958016]
    ] as const
    for (const [size, map, small, large] of rows) {
      for (const [blockSize, usable] of [[128 * MiB, small], [2 * GiB, large]] as const) {
        const option = plan({ mode: "system-ram", map }, 4 * GiB, size, kernelOf("6.1", { blockSize }))
        assert.strictEqual(usable === null ? option.error?.errno : option.usable, usable ?? "EINVAL", `${size} ${map}`)
      }
    }
  })

  it("25.3: map=dev then system-ram is said to pay twice", () => {
    const option = plan({ mode: "system-ram", map: "dev" }, 4 * GiB, 128 * GiB)
    assert.deepStrictEqual(option.notes.map((n) => n.rule), ["25.3"])
    const mem = plan({ mode: "system-ram", map: "mem" }, 4 * GiB, 128 * GiB)
    assert.strictEqual(mem.usable - option.usable, 2147483648)
  })

  it("25.6: from 6.8 on the blocks can hold their own memmap, 63/64 of each block stay", () => {
    const own = { mode: "system-ram", map: "mem", memmapOnMemory: true } as const
    for (const blockSize of [128 * MiB, 2 * GiB]) {
      const kernel = kernelOf("6.8", { blockSize })
      const { ram, usable } = plan(own, 4 * GiB, 128 * GiB, kernel)
      const without = plan({ ...own, memmapOnMemory: false }, 4 * GiB, 128 * GiB, kernel)
      assert.deepStrictEqual([ram, usable], [0, without.usable / 64 * 63])
    }
    assert.strictEqual(plan(own, 4 * GiB, 128 * GiB).error?.rule, "25.6")
    const large = kernelOf("6.8", { arch: Architecture.presets["arm64-64k"] })
    const { error } = plan({ ...own, align: 65536 }, 4 * GiB, 128 * GiB, large)
    assert.deepStrictEqual([error?.errno, error?.rule], ["EOPNOTSUPP", "HOT-12"])
  })

  it("HOT-11: blocks hold their own memmap only where the kernel was booted with the parameter; where that is not known it is a hazard", () => {
    const of = (memmapOnMemory?: "off" | "on") =>
      plan({ mode: "system-ram", map: "mem", memmapOnMemory: true }, 4 * GiB, 128 * GiB, {
        ...kernelOf("6.8"),
        memmapOnMemory
      })
    assert.deepStrictEqual([of("off").error?.errno, of("off").error?.rule], ["EOPNOTSUPP", "HOT-11"])
    assert.deepStrictEqual([of("on").error, of("on").notes], [null, []])
    assert.deepStrictEqual(of().notes.map(({ kind, rule }) => [kind, rule]), [["hazard", "HOT-11"]])
    assert.strictEqual(of().ram, of("on").ram)
  })

  it("CMP-10: devdax on a device memmap says what deduplication it forgoes", () => {
    const option = plan({ mode: "devdax" }, 4 * GiB, 1024 * GiB)
    assert.strictEqual(option.notes[0]?.rule, "CMP-10")
    assert.include(option.notes[0]?.message, "1.56 %")
    assert.include(option.notes[0]?.message, "0.394 %")
  })

  it("CMP-5: 1 GiB devdax off a 1 GiB boundary is a hazard with map=mem, not with map=dev", () => {
    const hazards = (map: "mem" | "dev", start: number) =>
      plan({ mode: "devdax", map, align: GiB }, start, 3 * GiB).notes.filter((n) => n.kind === "hazard").map((n) =>
        n.rule
      )
    assert.deepStrictEqual(hazards("mem", 8 * GiB + 16 * MiB), ["CMP-5"])
    assert.deepStrictEqual(hazards("mem", 8 * GiB + 960 * MiB), ["CMP-5"])
    assert.deepStrictEqual(hazards("mem", 8 * GiB + 128 * MiB), ["24.2"])
    assert.deepStrictEqual(hazards("mem", 8 * GiB), [])
    assert.deepStrictEqual(hazards("dev", 8 * GiB + 16 * MiB), [])
  })

  it("24.2: heads off the alignment are a hazard also where tails are not shared: the last compound overruns", () => {
    const hazards = (release: string, structPage = 64) =>
      plan(
        { mode: "devdax", map: "mem", align: GiB },
        8 * GiB + 16 * MiB,
        3 * GiB,
        kernelOf(release, { structPage })
      ).notes.flatMap(({ kind, rule }) => kind === "hazard" ? [rule] : [])
    assert.deepStrictEqual(["5.16", "5.17", "5.18", "5.19"].map((r) => hazards(r)), [[], ["24.2"], ["24.2"], ["CMP-5"]])
    assert.deepStrictEqual(hazards("6.1", 80), ["24.2"])
  })

  it("24.3: a dynamic instance whose start is off its alignment is accepted, and a hazard", () => {
    const dynamic = (start: number, align: number | null) =>
      Capacity.plan(choice({ mode: "devdax", map: "mem", align }), targetOf(start, 4 * GiB, "dax"), kernelOf("6.12"))
    assert.deepStrictEqual(dynamic(8 * GiB + 2 * MiB, GiB).notes.map(({ rule }) => rule), ["CMP-5"])
    assert.deepStrictEqual(dynamic(8 * GiB + 128 * MiB, GiB).notes.map(({ rule }) => rule), ["24.3"])
    assert.deepStrictEqual([dynamic(8 * GiB, GiB).notes, dynamic(8 * GiB + 2 * MiB, 2 * MiB).notes], [[], []])
    assert.strictEqual(dynamic(8 * GiB, 65536).error?.rule, "24.3")
  })

  it("24.1: a dax region off 2 MiB does not exist, for devdax and for system-ram", () => {
    for (const mode of ["devdax", "system-ram"] as const) {
      const target = targetOf(8 * GiB + MiB, 4 * GiB, "dax")
      const option = Capacity.plan(choice({ mode, map: "mem", align: null }), target, kernelOf("6.12"))
      assert.deepStrictEqual([option.error?.errno, option.error?.rule], ["ENOMEM", "24.1"])
    }
  })

  it("MRP-15, GEO-10: no struct pages before 4.3, nor on riscv64 before it can hot-add memory", () => {
    const rules = (release: string, arch: Architecture.Architecture) =>
      (["fsdax", "devdax"] as const).map((mode) =>
        plan({ mode, map: "mem" }, 4 * GiB, GiB, kernelOf(release, { arch })).error?.rule
      )
    assert.deepStrictEqual(rules("4.2", Architecture.presets.x86_64), ["MRP-15", "MRP-15"])
    assert.deepStrictEqual(rules("6.1", Architecture.presets.riscv64), ["GEO-10", "GEO-10"])
    assert.deepStrictEqual(rules("6.11", Architecture.presets.riscv64), [undefined, undefined])
  })

  it("GEO-10, SEC-8: loongarch64 maps whole sections before 6.2, and in PMD blocks of sixteen sections since", () => {
    const on = (release: string, start: number, size: number) =>
      plan({ map: "mem", align: 16384 }, start, size, kernelOf(release, { arch: Architecture.presets.loongarch64 }))
    assert.strictEqual(on("6.1", 8 * GiB, 768 * MiB).error?.rule, "SEC-8")
    assert.strictEqual(on("6.1", 8 * GiB, 9 * GiB).ram, 36 * MiB)
    assert.isNull(on("6.2", 8 * GiB, 768 * MiB).error)
    assert.deepStrictEqual([on("6.2", 8 * GiB, 8 * GiB).ram, on("6.2", 8 * GiB, 9 * GiB).ram], [32 * MiB, 64 * MiB])
    assert.strictEqual(on("6.2", 8 * GiB, 8 * GiB).pageTables, 16384)
    const dev = plan(
      { map: "dev", align: 16384 },
      8 * GiB,
      16 * GiB,
      kernelOf("6.2", { arch: Architecture.presets.loongarch64 })
    )
    assert.deepStrictEqual([dev.ram, dev.device], [64 * MiB, 0])
  })

  it("22.3: system-ram is offered with an alignment the architecture has", () => {
    const kernel = kernelOf("6.1", { arch: Architecture.presets.s390x })
    const options = Alternatives.all(targetOf(4 * GiB, 4 * GiB), kernel, { mode: "system-ram", map: "mem" })
    assert.deepStrictEqual(options.map(({ align, error }) => [align, error]), [[MiB, null]])
  })

  it("ALT-11: s390x refuses a device memmap", () => {
    const kernel = kernelOf("6.1", { arch: Architecture.presets.s390x })
    assert.strictEqual(plan({ align: MiB }, 4 * GiB, GiB, kernel).error?.rule, "ALT-11")
  })

  it("SEC-9: a range above the physical address bits is refused", () => {
    assert.strictEqual(plan({}, 2 ** 46 - GiB, 2 * GiB).error?.rule, "SEC-9")
    assert.isNull(plan({}, 2 ** 46 - GiB, GiB).error)
  })

  const natural = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1 << 16 }))
  const arbitrary = Arbitrary.schema(Schema.Tuple([
    Architecture.Name,
    Schema.Literals(["4.19", "5.10", "5.19", "6.1", "6.2", "6.12", "proposed-2026"]),
    Schema.Literals([56, 64, 80]),
    natural,
    natural,
    Schema.Literals([4096, 65536, 2 * MiB, 16 * MiB, 128 * MiB]),
    Schema.Literals(["pmem", "legacy", "virtio-pmem", "dax"]),
    Schema.Literals([128 * MiB, 512 * MiB, 2 * GiB])
  ]))

  it.prop("28.7: usable and the five losses add up to the raw size for every architecture, release, start and size", [
    arbitrary
  ], ([[name, release, structPage, start, size, unit, kind, block]]) => {
    const arch = Architecture.presets[name]
    const kernel = kernelOf(release, { arch, structPage, blockSize: Math.max(block, arch.sectionSize) })
    const target = targetOf(start * unit, size * unit, kind)
    for (const option of Alternatives.all(target, kernel)) {
      if (option.error !== null) assert.strictEqual(option.usable, 0)
      assert.strictEqual(option.usable + PlanOption.totalLost(option), target.size, JSON.stringify(option))
      for (
        const value of [option.usable, option.ram, option.device, option.pageTables, ...Object.values(option.lost)]
      ) {
        assert.isTrue(Number.isSafeInteger(value) && value >= 0, JSON.stringify(option))
      }
      assert.isAtMost(option.structPages.initialised, option.structPages.mapped + 2 ** 18, JSON.stringify(option))
    }
  }, { arbitrary: { runs: 400, seed: "losses" } })
})
