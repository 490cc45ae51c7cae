import { assert, describe, it } from "@effect/vitest"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as RawSizes from "@vmemmap/core/planning/RawSizes"

const MiB = 2 ** 20
const GiB = 2 ** 30

const region = (fields: Partial<MachineSpec.Device>): MachineSpec.MachineSpec => ({
  devices: [{ name: "region0", kind: "pmem", start: 16 * GiB, size: 64 * GiB, labels: true, ...fields }]
})

const sizes = (spec: MachineSpec.MachineSpec) => {
  const { assumptions, spec: { devices } } = RawSizes.complete(spec)
  return {
    sizes: (devices ?? []).flatMap(({ configured = [] }) => configured.map(({ name, size }) => [name, size])),
    assumed: assumptions.length
  }
}

describe("RawSizes", () => {
  it("27.1: the only namespace has what is not free, to the byte and for certain", () => {
    const configured = [{
      name: "namespace0.0",
      mode: "fsdax",
      map: "dev",
      align: 2 * MiB,
      usable: 8455716864
    }] as const
    assert.deepStrictEqual(sizes(region({ configured, available: 56 * GiB })), {
      sizes: [["namespace0.0", 8 * GiB]],
      assumed: 0
    })
  })

  it("28.6: of several each has the least that gives its usable bytes, which is said", () => {
    const configured = [
      { name: "namespace0.10", mode: "devdax", map: "mem", align: GiB, usable: 3 * GiB },
      { name: "namespace0.2", mode: "fsdax", map: "dev", align: 2 * MiB, usable: 4225761280 },
      { name: "namespace0.0", mode: "system-ram", map: "mem", align: 2 * MiB, usable: 8 * GiB - 2 * MiB },
      { name: "namespace0.1", mode: "raw", size: 4 * GiB, usable: 4 * GiB }
    ] as const
    assert.deepStrictEqual(sizes(region({ configured, available: 40 * GiB })), {
      sizes: [
        ["namespace0.0", 8 * GiB],
        ["namespace0.1", 4 * GiB],
        ["namespace0.2", 4 * GiB],
        ["namespace0.10", 4 * GiB]
      ],
      assumed: 3
    })
  })

  it("27.1: what was rounded for people stays unknown, and so does what no size gives", () => {
    const two = (one: Partial<MachineSpec.Configured>) =>
      region({
        configured: [
          { name: "namespace0.0", mode: "fsdax", map: "dev", align: 2 * MiB, ...one },
          { name: "namespace0.1", mode: "fsdax", map: "dev", align: 2 * MiB }
        ]
      })
    for (const one of [{ usable: 8 * GiB, approximate: true }, { usable: 4097 }, {}]) {
      assert.deepStrictEqual(sizes(two(one)).sizes, [["namespace0.0", undefined], ["namespace0.1", undefined]])
    }
  })

  it("regions without labels, and sizes that are known, are left alone", () => {
    const known = region({ configured: [{ name: "namespace0.0", mode: "raw", size: GiB }] })
    const native = region({ kind: "legacy", labels: false, configured: [{ name: "namespace0.0", mode: "fsdax" }] })
    for (const spec of [known, native, {}]) {
      assert.deepStrictEqual(RawSizes.complete(spec), { spec, assumptions: [] })
    }
  })
})
