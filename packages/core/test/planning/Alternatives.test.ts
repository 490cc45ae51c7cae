import { assert, describe, it } from "@effect/vitest"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as Alternatives from "@vmemmap/core/planning/Alternatives"
import * as PlanOption from "@vmemmap/core/planning/PlanOption"
import * as Target from "@vmemmap/core/planning/Target"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import { Arbitrary, Result, Schema } from "effect"

const MiB = 2 ** 20
const GiB = 2 ** 30

const kernelOf = (release: string, overrides: Target.Overrides = {}): Target.Kernel =>
  Target.kernelOf({}, Result.getOrThrow(KernelRelease.parse(release)), overrides)
const kernel = kernelOf("6.1")

const targetOf = (part: Partial<Target.Target>): Target.Target => ({
  ...Target.fromDevice({ name: "region0", kind: "pmem", start: 4 * GiB, size: 128 * GiB }).target,
  ...part
})

describe("Alternatives", () => {
  it("lists every mode, map and alignment once", () => {
    const all = Alternatives.all(targetOf({}), kernel)
    const keys = all.map((o) => [o.mode, o.map, o.align, o.sectorSize].join(" "))
    assert.strictEqual(new Set(keys).size, keys.length)
    assert.strictEqual(keys.length, 1 + 2 + 6 + 6 + 2)
  })

  it("27.2: native regions offer fsdax/mem only natively, without an info block", () => {
    const fsdax = Alternatives.all(targetOf({ kind: "legacy" }), kernel, { mode: "fsdax" })
    assert.deepStrictEqual(
      fsdax.map((o) => [o.map, o.native, o.dataoff > 0]),
      [["mem", true, false], ["dev", false, true], ["dev", false, true], ["dev", false, true]]
    )
  })

  it("24.1: volatile memory offers device-dax and system-ram without metadata", () => {
    const all = Alternatives.all(targetOf({ kind: "dax" }), kernel)
    assert.deepStrictEqual([...new Set(all.map((o) => o.mode))], ["devdax", "system-ram"])
    assert.isTrue(all.every((o) => o.lost.metadata === 0))
  })

  it("22.3: an alignment the architecture lacks is listed with EINVAL and the supported ones", () => {
    const [option] = Alternatives.all(targetOf({}), kernel, { mode: "fsdax", map: "dev", align: 16 * MiB })
    assert.strictEqual(option?.error?.errno, "EINVAL")
    assert.include(option?.error?.remedy, "2 MiB")
  })

  it("OBS-25 row 7: what ndctl refuses stays legal for the kernel and says what would be right", () => {
    const all = Alternatives.all(targetOf({ size: 1025 * MiB }), kernel)
    const fsdax = all.find((o) => o.mode === "fsdax" && o.map === "dev" && o.align === 2 * MiB)
    assert.isNull(fsdax?.error)
    assert.strictEqual(fsdax?.tool?.rule, "OBS-25 row 7")
    assert.isNull(all.find((o) => o.mode === "raw")?.tool)
  })

  it("OBS-25 row 12: a labelled namespace off 16 MiB needs --force", () => {
    const all = Alternatives.all(targetOf({ start: 4 * GiB + 2 * MiB, labels: true }), kernel, { mode: "fsdax" })
    assert.isTrue(all.some((o) => o.tool?.rule === "OBS-25 row 12" && o.tool.remedy.includes("-f")))
  })

  it("recommends within the mode in use and the RAM budget", () => {
    const options = Alternatives.all(targetOf({}), kernel)
    const recommended = (circumstances: Alternatives.Circumstances) =>
      Alternatives.recommend(options, targetOf({}), circumstances)
    assert.deepInclude(recommended({}), { mode: "fsdax", map: "dev", align: 2 * MiB })
    assert.deepInclude(recommended({ available: 1024 * GiB }), { mode: "fsdax", map: "mem", align: 2 * MiB })
    assert.deepInclude(recommended({ mode: "devdax" }), { mode: "devdax", map: "mem", align: 2 * MiB })
    assert.deepInclude(recommended({ mode: "devdax", available: GiB }), { mode: "devdax", map: "mem", align: GiB })
    assert.deepInclude(recommended({ mode: "system-ram", available: 2 ** 20 }), { mode: "system-ram", map: "mem" })
  })

  it("25.3: never recommends map=dev for system-ram, which pays twice", () => {
    for (const available of [undefined, MiB, GiB, 1024 * GiB]) {
      const option = Alternatives.best(targetOf({}), kernel, { mode: "system-ram" }, { available })
      assert.strictEqual(option?.map, "mem")
    }
  })

  it("CMP-5: never recommends a hazard", () => {
    const target = targetOf({ start: 4 * GiB + 16 * MiB, size: 128 * GiB - 16 * MiB })
    const option = Alternatives.recommend(Alternatives.all(target, kernel), target, { mode: "devdax", available: GiB })
    assert.notStrictEqual(option?.align, GiB)
  })

  const whole = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1 << 14 }))
  const question = Arbitrary.schema(Schema.Tuple([
    Schema.Literals(["x86_64", "arm64-64k", "ppc64-radix"]),
    Schema.Literals(["pmem", "legacy", "dax"]),
    whole,
    whole,
    Schema.Literals([2 * MiB, 16 * MiB, 128 * MiB]),
    Schema.Boolean,
    Schema.NullOr(Schema.Literals(["raw", "fsdax", "devdax", "system-ram"])),
    Schema.NullOr(Schema.Literals([16 * MiB, GiB, 256 * GiB]))
  ]))

  it.prop("the fleet's shortcut recommends what the whole list does", [question], (
    [[name, kind, start, size, unit, labels, mode, available]]
  ) => {
    const target = targetOf({ kind, start: start * unit, size: size * unit, labels })
    const kernel = kernelOf("6.12", { arch: Architecture.presets[name] })
    const circumstances = { mode: mode ?? undefined, available: available ?? undefined }
    const full = Alternatives.recommend(Alternatives.all(target, kernel), target, circumstances)
    assert.deepStrictEqual(Alternatives.best(target, kernel, {}, circumstances), full)
    if (full !== null) assert.isTrue(PlanOption.isReachable(full))
  }, { arbitrary: { runs: 200, seed: "best" } })
})
