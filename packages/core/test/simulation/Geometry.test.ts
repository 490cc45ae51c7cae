import { assert, describe, it } from "@effect/vitest"
import { GiB, KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import { Result } from "effect"

const device = { kind: "device", align: 4 * KiB, map: "mem" } as const

const problem = (geometry: Geometry.Geometry): string | null => {
  const checked = Geometry.check(geometry)
  return Result.isFailure(checked) ? checked.failure.problem : null
}

describe("Geometry.check", () => {
  it("21.2: a device is a multiple of 16 MiB, RAM of 2 MiB", () => {
    const ram = { ...device, kind: "ram" } as const
    for (const size of [64 * MiB, 80 * MiB, GiB]) {
      for (const one of [device, ram]) assert.isNull(problem({ ...one, size }))
    }
    const unit = (one: typeof device | typeof ram, size: number) =>
      /multiple of ([0-9]+) MiB/.exec(problem({ ...one, size }) ?? "")?.[1]
    assert.strictEqual(unit(device, 72 * MiB), "16")
    assert.strictEqual(unit(device, 100 * MiB), "16")
    assert.isNull(problem({ ...ram, size: 100 * MiB }))
    assert.strictEqual(unit(ram, 101 * MiB), "2")
  })
})
