import { assert, describe, it } from "@effect/vitest"
import * as DaxctlList from "@vmemmap/core/inputs/DaxctlList"
import { expectRefused, ok } from "./expect.ts"

const GiB = 1024 ** 3
const MiB = 1024 ** 2
const read = (value: unknown) => DaxctlList.read("dax", JSON.stringify(value))
const devices = (value: unknown) => ok(read(value)).devices

const instance = { chardev: "dax0.0", size: 4 * GiB, target_node: 1, align: 2 * MiB, mode: "devdax" }

describe("DaxctlList", () => {
  it("27.1: a dynamic region is one device, named after its path, with its instances", () => {
    assert.deepStrictEqual(
      devices([{
        path: "/platform/hmem.0",
        id: 0,
        size: 8 * GiB,
        available_size: 2 * GiB,
        align: 2 * MiB,
        devices: [instance, {
          ...instance,
          chardev: "dax0.1",
          size: 2 * GiB,
          mode: "system-ram",
          online_memblocks: 3,
          total_memblocks: 16,
          state: "disabled"
        }]
      }]),
      [{
        name: "hmem.0",
        kind: "dax",
        size: 8 * GiB,
        targetNode: 1,
        align: 2 * MiB,
        available: 2 * GiB,
        configured: [
          { name: "dax0.0", mode: "devdax", align: 2 * MiB, size: 4 * GiB, usable: 4 * GiB, chardev: "dax0.0" },
          {
            name: "dax0.1",
            mode: "system-ram",
            align: 2 * MiB,
            size: 2 * GiB,
            usable: 2 * GiB,
            chardev: "dax0.1",
            disabled: true,
            totalBlocks: 16,
            onlineBlocks: 3
          }
        ]
      }]
    )
  })

  it("27.1: instances alone, bare or in an array, are devices of their own", () => {
    for (const shape of [instance, [instance]]) {
      assert.deepStrictEqual(devices(shape)?.map(({ kind, name, size }) => ({ kind, name, size })), [
        { kind: "dax", name: "dax0.0", size: 4 * GiB }
      ])
    }
  })

  it("24.3: mappings give the start where there is one, the pieces where there are several", () => {
    const mapping = (start: number, size: number) => ({ page_offset: 0, start, end: start + size - 1, size })
    assert.strictEqual(devices([{ ...instance, mappings: [mapping(16 * GiB, 4 * GiB)] }])?.[0]?.start, 16 * GiB)
    const [region] = devices([{
      id: 0,
      size: 4 * GiB,
      devices: [{ ...instance, mappings: [mapping(18 * GiB, 2 * GiB), mapping(16 * GiB, 2 * GiB)] }]
    }]) ?? []
    assert.strictEqual(region?.start, 16 * GiB)
    assert.deepStrictEqual(region?.configured?.[0]?.pieces, [
      { start: 18 * GiB, size: 2 * GiB },
      { start: 16 * GiB, size: 2 * GiB }
    ])
  })

  it("OBS-23: human sizes of 2 MiB granules are exact as far as two decimals tell them apart", () => {
    const [device] = devices({
      chardev: "dax0.0",
      size: "1022.00 MiB (1071.64 MB)",
      align: "1024.00 MiB (1073.74 MB)",
      mode: "devdax"
    }) ?? []
    assert.strictEqual(device?.configured?.[0]?.align, GiB)
    const [small] = devices({ chardev: "dax0.0", size: "1022.00 MiB (1071.64 MB)", align: 2 * MiB }) ?? []
    assert.deepInclude(small, { size: 1071644672 })
    assert.notProperty(small, "approximate")
  })

  it("24.1: fresh instances of size 0 are left out", () => {
    assert.deepStrictEqual(devices([{ chardev: "dax0.1", size: 0 }]), [])
  })

  it("24.1: an instance of a libnvdimm namespace reads as the instance alone, with or without -R", () => {
    const path = "/LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00/ndbus0/region0/dax0.0"
    assert.deepStrictEqual(devices([{ path, id: 0, size: GiB, devices: [instance] }]), devices([instance]))
  })

  it("errors say the path", () => {
    expectRefused(
      read([{ id: 0, size: GiB, devices: [{ ...instance, size: true }] }]),
      "[0].devices[0].size",
      "got true"
    )
    expectRefused(read([{ ...instance, mode: "turbo" }]), "[0].mode", "turbo")
    expectRefused(read([{ ...instance }, { ...instance }]), "dax0.0", "twice")
  })
})
