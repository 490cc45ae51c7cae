import { assert, describe, it } from "@effect/vitest"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as Capacity from "@vmemmap/core/planning/Capacity"
import type * as PlanOption from "@vmemmap/core/planning/PlanOption"
import * as Sizing from "@vmemmap/core/planning/Sizing"
import * as Target from "@vmemmap/core/planning/Target"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import { Arbitrary, Result, Schema } from "effect"

const MiB = 2 ** 20
const GiB = 2 ** 30
const kernel = Target.kernelOf({}, Result.getOrThrow(KernelRelease.parse("6.1")))

const targetOf = (start: number, ways = 1): Target.Target =>
  Target.fromDevice({ name: "region0", kind: "pmem", start, size: GiB, ways }).target

const fsdax = (map: "mem" | "dev", align = 2 * MiB): PlanOption.Choice => ({
  mode: "fsdax",
  map,
  align,
  sectorSize: null,
  native: false,
  memmapOnMemory: false
})

describe("Sizing", () => {
  it("28.6: the inverse table", () => {
    const rows = [
      [GiB, "dev", 1107296256],
      [GiB, "mem", 1090519040],
      [100 * GiB, "dev", 109085458432],
      [100 * GiB, "mem", 107390959616],
      [1500 * GiB, "dev", 1636181213184],
      [1500 * GiB, "mem", 1610629513216],
      [110 * MiB, "dev", 117440512]
    ] as const
    for (const [want, map, request] of rows) {
      const sizing = Result.getOrThrow(Sizing.find(want, fsdax(map), targetOf(4 * GiB), kernel))
      assert.strictEqual(sizing.request, request)
    }
  })

  it("27.2: six ways of 16 MiB make the granule 96 MiB, with 1 GiB alignment 6 GiB", () => {
    assert.strictEqual(Sizing.granule(fsdax("dev"), targetOf(4 * GiB, 6), kernel), 96 * MiB)
    assert.strictEqual(Sizing.granule(fsdax("dev", GiB), targetOf(4 * GiB, 6), kernel), 6 * GiB)
  })

  it("asks for less when the address space ends first", () => {
    const result = Sizing.find(2 ** 46, fsdax("dev"), targetOf(4 * GiB), kernel)
    assert.isTrue(Result.isFailure(result) && result.failure.message.includes("address space"))
  })

  it("28.7: 4 GiB minus 2 MiB serves as well as 4 GiB, seen in region granules of 2 MiB", () => {
    const target = { ...targetOf(4 * GiB), size: 4 * GiB, regionAlign: 2 * MiB }
    assert.strictEqual(Sizing.smallerEqual(fsdax("dev"), target, kernel), 4 * GiB - 2 * MiB)
    assert.isNull(Sizing.smallerEqual(fsdax("mem"), target, kernel))
  })

  it("ALT-3, ALT-10: requests whose altmap is too small for their partial sections are stepped over", () => {
    const arm64 = { ...kernel, arch: Architecture.presets["arm64-4k"] }
    const target = targetOf(4 * GiB + 112 * MiB)
    const refused = Capacity.plan(fsdax("dev"), { ...target, size: 1056 * MiB }, arm64)
    assert.deepStrictEqual([refused.error?.rule, refused.error?.remedy.includes("128 MiB")], ["ALT-3", true])
    const usableAt = (size: number) => {
      const option = Capacity.plan(fsdax("dev"), { ...target, size }, arm64)
      return option.error === null ? option.usable : -1
    }
    for (const want of [GiB, 1038 * MiB, 100 * GiB]) {
      const { request, usable } = Result.getOrThrow(Sizing.find(want, fsdax("dev"), target, arm64))
      assert.isTrue(usable === usableAt(request) && usable >= want)
      for (let less = 16 * MiB; less <= 256 * MiB; less += 16 * MiB) assert.isBelow(usableAt(request - less), want)
    }
  })

  const whole = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))
  const question = Arbitrary.schema(Schema.Tuple([
    whole(2 ** 43),
    whole(4096),
    Schema.Literals(["raw", "sector", "fsdax", "devdax", "system-ram"]),
    Schema.Literals(["mem", "dev"]),
    Schema.Literals([4096, 2 * MiB, GiB]),
    Schema.Literals([1, 2, 4, 6])
  ]))

  it.prop(
    "28.6: the request suffices and no smaller legal one does",
    [question],
    ([[want, start, mode, map, align, ways]]) => {
      const choice: PlanOption.Choice = {
        ...fsdax(map, align),
        mode,
        ...(mode === "sector" ? { map: "none", align: null, sectorSize: 512 } : {})
      }
      const target = targetOf(4 * GiB + start * 16 * MiB, ways)
      const found = Sizing.find(want, choice, target, kernel)
      if (Result.isFailure(found)) return assert.fail(found.failure.message)
      const { granule, request, usable } = found.success
      const usableAt = (size: number) => {
        const option = Capacity.plan(choice, { ...target, size }, kernel)
        return option.error === null ? option.usable : 0
      }
      assert.strictEqual(request % granule, 0)
      assert.strictEqual(usableAt(request), usable)
      assert.isAtLeast(usable, want)
      for (const less of [1, 2, 3, 7, 64, 1000]) {
        if (request > less * granule) assert.isBelow(usableAt(request - less * granule), want)
      }
    },
    { arbitrary: { runs: 400, seed: "sizing" } }
  )
})
