import { assert, describe, it } from "@effect/vitest"
import * as PfnLayout from "@vmemmap/core/devices/PfnLayout"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import { Arbitrary, Result, Schema } from "effect"
import vectors from "../../../../docs/spec/28-capacity-vectors.json" with { type: "json" }

const MiB = 2 ** 20
const GiB = 2 ** 30
const arch = Architecture.presets.x86_64
const release = Result.getOrThrow(KernelRelease.parse("6.1"))
const create = (part: Partial<PfnLayout.Request>) =>
  PfnLayout.create({ start: 4 * GiB, size: GiB, map: "dev", align: 2 * MiB, arch, release, structPage: 64, ...part })
const errno = (part: Partial<PfnLayout.Request>): string | undefined => {
  const result = create(part)
  return Result.isFailure(result) ? result.failure.errno : undefined
}

describe("PfnLayout", () => {
  it("28: dataoff, npfns, end_trunc and usable of all 86 vectors", () => {
    assert.strictEqual(vectors.length, 86)
    for (const vector of vectors) {
      const part = { start: vector.start, size: vector.size, align: vector.align, map: vector.map as PfnLayout.Map }
      if (vector.error !== undefined) {
        assert.strictEqual(errno(part), vector.error.split(" ")[0], JSON.stringify(vector))
        continue
      }
      const layout = Result.getOrThrow(create(part))
      assert.deepStrictEqual(
        [layout.dataoff, layout.npfns, layout.endTrunc, layout.usable],
        [vector.dataoff, vector.npfns, vector.end_trunc, vector.usable]
      )
    }
  })

  it("27.4: field data of real users", () => {
    const usable = (size: number, map: PfnLayout.Map) => Result.getOrThrow(create({ size, map })).usable
    assert.strictEqual(usable(256 * MiB, "dev"), 262144000)
    assert.strictEqual(usable(126 * GiB, "dev"), 133175443456)
    assert.strictEqual(usable(128 * GiB, "dev"), 135289372672)
    assert.strictEqual(usable(4 * GiB, "dev"), 4225761280)
    assert.strictEqual(usable(1512 * GiB, "dev") / 4096, 390168064)
    assert.strictEqual(usable(4 * GiB, "mem"), 4292870144)
    assert.strictEqual(usable(16 * GiB, "mem"), 17177772032)
  })

  it("22.3 step 2: a start off the compat alignment is refused with EINVAL", () => {
    assert.strictEqual(errno({ start: 4 * GiB + 4096 }), "EINVAL")
    assert.strictEqual(errno({ start: 4 * GiB + 2 * MiB }), undefined)
    assert.strictEqual(
      errno({ start: 4 * GiB + 2 * MiB, arch: Architecture.presets["ppc64-hash"], align: 16 * MiB }),
      "EINVAL"
    )
  })

  it("22.3 step 6: legal and yet without a usable byte", () => {
    const layout = Result.getOrThrow(create({ start: GiB + 2 * MiB, size: GiB, align: GiB, map: "mem" }))
    assert.strictEqual(layout.usable, 0)
  })

  it("ALT-14: a struct page above 64 bytes refuses map=dev, not map=mem", () => {
    assert.strictEqual(errno({ structPage: 80 }), "EINVAL")
    assert.strictEqual(errno({ structPage: 80, map: "mem" }), undefined)
    assert.strictEqual(errno({ structPage: 56 }), undefined)
  })

  it("22.3: kernels that reserve 128 bytes a page give a sixty-fourth less", () => {
    const doubled = Result.getOrThrow(
      create({ size: 128 * GiB, release: Result.getOrThrow(KernelRelease.parse("6.2")) })
    )
    assert.strictEqual(doubled.dataoff, 2 * 2 * GiB + 2 * MiB)
  })

  it("28.5: 64 KiB pages divide the reserve by 16", () => {
    const layout = Result.getOrThrow(
      create({ size: 128 * GiB, arch: Architecture.presets["arm64-64k"], align: 64 * 1024 })
    )
    assert.strictEqual(layout.dataoff, 128 * MiB + 2 * MiB)
  })

  it("22.1: before 5.3 unaligned ends are cut to whole sections", () => {
    const old = Result.getOrThrow(KernelRelease.parse("4.19"))
    const layout = Result.getOrThrow(create({ start: 4 * GiB + 64 * MiB, size: 2 * GiB, release: old }))
    assert.strictEqual(layout.startPad, 64 * MiB)
    assert.strictEqual(layout.endTrunc, 64 * MiB)
    assert.strictEqual(errno({ size: 64 * MiB, release: old }), "ENXIO")
  })

  const whole = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1 << 20 }))
  const request = Arbitrary.map(
    Arbitrary.schema(Schema.Tuple([
      Schema.Literals(["x86_64", "arm64-16k", "arm64-64k", "ppc64-hash", "ppc64-radix", "riscv64"]),
      whole,
      whole,
      whole,
      Schema.Literals(["mem", "dev"]),
      Schema.Literals(["4.19", "5.10", "6.1", "6.2", "6.12", "proposed-2026"])
    ])),
    ([name, start, size, align, map, kernel]): PfnLayout.Request => {
      const preset = Architecture.presets[name]
      return {
        arch: preset,
        start: start * 16 * MiB,
        size: (size + 1) * preset.pageSize * 17,
        align: preset.daxAligns[align % preset.daxAligns.length] ?? preset.pageSize,
        map,
        release: Result.getOrThrow(KernelRelease.parse(kernel)),
        structPage: 64
      }
    }
  )

  it.prop("22.3: pads, data offset, data and truncation add up to the size on every architecture and release", [
    request
  ], ([r]) => {
    const result = PfnLayout.create(r)
    if (Result.isFailure(result)) return
    const { dataoff, endTrunc, npfns, startPad, usable } = result.success
    assert.strictEqual(usable, npfns * r.arch.pageSize)
    const rest = r.size - startPad - dataoff - usable - endTrunc
    assert.isTrue(rest >= 0 && rest < r.arch.pageSize)
    if (KernelRelease.has(r.release, "sub-sections")) assert.strictEqual((r.start + dataoff) % r.align, 0)
  }, { arbitrary: { runs: 500, seed: "layout" } })
})
