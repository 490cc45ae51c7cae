import { assert, describe, it } from "@effect/vitest"
import * as CxlList from "@vmemmap/core/inputs/CxlList"
import { expectRefused, ok } from "./expect.ts"

const GiB = 1024 ** 3
const read = (value: unknown) => CxlList.read("cxl", JSON.stringify(value))

const region = {
  region: "region0",
  resource: 0x1050000000,
  size: 2 * GiB,
  type: "ram",
  interleave_ways: 2,
  interleave_granularity: 256,
  decode_state: "commit",
  mappings: [{ position: 1, memdev: "mem1", decoder: "decoder3.0" }, {
    position: 0,
    memdev: "mem0",
    decoder: "decoder2.0"
  }]
}
const root = {
  decoder: "decoder0.0",
  resource: 0x1050000000,
  size: 16 * GiB,
  interleave_ways: 1,
  max_available_extent: 14 * GiB,
  volatile_capable: true,
  nr_targets: 1
}

describe("CxlList", () => {
  it("27.1: volatile regions are dax devices, persistent ones pmem with their ways", () => {
    assert.deepStrictEqual(
      ok(read([region, { ...region, region: "region1", resource: 0x10d0000000, type: "pmem", interleave_ways: 4 }]))
        .devices,
      [
        { name: "region0", kind: "dax", start: 0x1050000000, size: 2 * GiB, ways: 2 },
        { name: "region1", kind: "pmem", start: 0x10d0000000, size: 2 * GiB, ways: 4 }
      ]
    )
  })

  it("27.1: regions and windows are found under every key they are nested in", () => {
    const expected = ok(read([{ bus: "root0", "decoders:root0": [{ ...root, "regions:decoder0.0": [region] }] }]))
    assert.deepStrictEqual(expected.ranges, [
      { start: 0x1050000000, size: 16 * GiB, kind: "cxl-window", name: "decoder0.0" }
    ])
    assert.strictEqual(expected.devices?.length, 1)
    for (
      const shape of [
        { buses: [{ bus: "root0", decoders: [root], regions: [region] }] },
        [{ decoders: [root] }, { regions: [region] }],
        { "root decoders": [{ ...root, regions: [region] }], regions: [region] },
        {
          ports: [{
            port: "root0",
            "decoders:root0": [root],
            "ports:root0": [{ port: "port1", "regions:port1": [region] }]
          }]
        }
      ]
    ) assert.deepStrictEqual(ok(read(shape)), expected, JSON.stringify(shape))
  })

  it("27.1: with -u, addresses are hexadecimal text and sizes human", () => {
    assert.deepStrictEqual(
      ok(read({ ...region, resource: "0x1050000000", size: "512.00 MiB (536.87 MB)" })).devices,
      [{ name: "region0", kind: "dax", start: 0x1050000000, size: 512 * 1024 ** 2, ways: 2 }]
    )
  })

  it("decoders below the root are no windows, and empty regions no devices", () => {
    const spec = ok(
      read([{ decoder: "decoder2.0", resource: 0x1050000000, size: 2 * GiB, interleave_ways: 1 }, {
        ...region,
        size: 0
      }])
    )
    assert.deepStrictEqual(spec, { devices: [] })
  })

  it("24.1: the dax region of a volatile region is its configuration", () => {
    const [device] = ok(read({
      ...region,
      daxregion: {
        id: 0,
        size: 2 * GiB,
        align: 2097152,
        devices: [{ chardev: "dax0.0", size: 2 * GiB, target_node: 3, align: 2097152, mode: "system-ram" }]
      }
    })).devices ?? []
    assert.strictEqual(device?.targetNode, 3)
    assert.deepInclude(device?.configured?.[0], { name: "dax0.0", mode: "system-ram" })
  })

  it("errors say the path", () => {
    expectRefused(
      read([{ "regions:decoder0.0": [{ ...region, type: "dc" }] }]),
      "[0][\"regions:decoder0.0\"][0].type",
      "dc"
    )
    expectRefused(read([{ ...region, resource: "0xfffffffffffff000" }]), "[0].resource", "2^52")
    expectRefused(read("text"), "expected objects or arrays")
  })
})
