import { assert, describe, it } from "@effect/vitest"
import * as NdctlList from "@vmemmap/core/inputs/NdctlList"
import { expectRefused, ok } from "./expect.ts"

const GiB = 1024 ** 3
const MiB = 1024 ** 2

const namespace0 = {
  dev: "namespace0.0",
  mode: "fsdax",
  map: "dev",
  size: 526385152,
  uuid: "85ea3241-5333-4d76-9f16-d3d3d3baf6b9",
  raw_uuid: "a4eaf8e4-5b78-4ed8-93e8-a99b99d16315",
  sector_size: 512,
  align: 2097152,
  blockdev: "pmem0",
  numa_node: 0,
  target_node: 2
}

const devdax = {
  dev: "namespace0.2",
  mode: "devdax",
  map: "mem",
  size: 1071644672,
  uuid: "afe12214-3e67-4b8e-ba21-395c2c2a5da3",
  daxregion: {
    id: 0,
    size: 1071644672,
    align: 2097152,
    devices: [{
      chardev: "dax0.2",
      size: 1071644672,
      target_node: 0,
      align: 2097152,
      mode: "system-ram",
      online_memblocks: 6,
      total_memblocks: 7,
      movable: true
    }]
  },
  align: 2097152
}

const region0 = {
  dev: "region0",
  size: 4294967296,
  align: 16777216,
  available_size: 1962934272,
  max_available_extent: 1962934272,
  type: "pmem",
  numa_node: 0,
  target_node: 2,
  mappings: [{ dimm: "nmem0", offset: 0, length: 4294967296, position: 0 }],
  persistence_domain: "unknown"
}

const read = (value: unknown) => NdctlList.read("list", typeof value === "string" ? value : JSON.stringify(value))
const devices = (value: unknown) => ok(read(value)).devices ?? []
const only = (value: unknown) => {
  const found = devices(value)
  assert.strictEqual(found.length, 1)
  return found[0] ?? assert.fail()
}

describe("NdctlList", () => {
  it("27.1: a region with its namespaces becomes a device with its configuration", () => {
    const text = JSON.stringify({ ...region0, namespaces: [namespace0, devdax] })
      .replace("\"persistence_domain\"", "\"iset_id\":10248187106440278,\"persistence_domain\"")
    assert.deepStrictEqual(ok(read(text)), {
      devices: [{
        name: "region0",
        kind: "pmem",
        size: 4 * GiB,
        node: 0,
        targetNode: 2,
        align: 16 * MiB,
        ways: 1,
        labels: true,
        available: 1962934272,
        maxExtent: 1962934272,
        isetId: "10248187106440278",
        configured: [
          {
            name: "namespace0.0",
            mode: "fsdax",
            map: "dev",
            align: 2 * MiB,
            sectorSize: 512,
            usable: 526385152,
            uuid: "85ea3241-5333-4d76-9f16-d3d3d3baf6b9",
            blockdev: "pmem0"
          },
          {
            name: "namespace0.2",
            mode: "system-ram",
            map: "mem",
            align: 2 * MiB,
            usable: 1071644672,
            uuid: "afe12214-3e67-4b8e-ba21-395c2c2a5da3",
            chardev: "dax0.2",
            totalBlocks: 7,
            onlineBlocks: 6,
            movable: true
          }
        ]
      }]
    })
  })

  it("27.1, OBS-22: every shape says the same", () => {
    const nested = { ...region0, namespaces: [namespace0] }
    const expected = only(nested)
    for (
      const shape of [
        [nested],
        { regions: [nested] },
        { dimms: [{ dev: "nmem0", id: "8680-56341200" }], regions: [nested] },
        [{ provider: "ACPI.NFIT", dev: "ndbus0", dimms: [{ dev: "nmem0" }], regions: [nested] }],
        { provider: "ACPI.NFIT", dev: "ndbus0", regions: [nested] },
        [region0, namespace0],
        { regions: [region0], namespaces: [namespace0] },
        `${JSON.stringify([region0])}\n${JSON.stringify([namespace0])}`,
        `${JSON.stringify({ regions: [nested] })}${JSON.stringify(namespace0)}`
      ]
    ) assert.deepStrictEqual(only(shape), expected, JSON.stringify(shape))
  })

  it("OBS-13, OBS-22: the bus provider decides the kind", () => {
    const bare = { dev: "region0", size: GiB, type: "pmem" }
    const kind = (provider: string) => only([{ provider, dev: "ndbus0", regions: [bare] }]).kind
    assert.strictEqual(kind("e820"), "legacy")
    assert.strictEqual(kind("virtio-pmem"), "virtio-pmem")
    assert.strictEqual(kind("ACPI.NFIT"), "pmem")
    assert.strictEqual(kind("CXL"), "pmem")
  })

  it("OBS-13: without a provider, mappings, set id, raw mode and the missing node decide", () => {
    const bare = { dev: "region0", size: GiB, type: "pmem" }
    assert.strictEqual(only({ ...bare, mappings: [] }).kind, "pmem")
    assert.strictEqual(only({ ...bare, iset_id: "0x2468ac00123456" }).kind, "pmem")
    assert.strictEqual(only({ ...bare, namespaces: [{ dev: "namespace0.0", mode: "raw", size: GiB }] }).kind, "pmem")
    assert.strictEqual(only({ ...bare, target_node: 0 }).kind, "virtio-pmem")
    assert.strictEqual(only({ ...bare, target_node: 0, numa_node: 0 }).kind, "legacy")
    assert.strictEqual(only(bare).kind, "legacy")
    assert.isFalse(only(bare).labels)
  })

  it("OBS-23: human sizes are exact where the granule leaves one candidate, approximate otherwise", () => {
    const device = only({
      dev: "region0",
      size: "128.00 GiB (137.44 GB)",
      align: "16.00 MiB (16.78 MB)",
      available_size: "1872.00 MiB (1962.93 MB)",
      iset_id: "0x2468ac00123456",
      mappings: [{ dimm: "nmem0", offset: "0", length: "0x2000000000", position: 0 }],
      namespaces: [
        { dev: "namespace0.0", mode: "fsdax", map: "dev", size: "502.00 MiB (526.39 MB)", uuid: "u", align: 2097152 },
        { dev: "namespace0.1", mode: "devdax", map: "mem", size: "126.00 GiB (135.29 GB)", uuid: "v", align: 2097152 }
      ]
    })
    assert.strictEqual(device.size, 128 * GiB)
    assert.strictEqual(device.available, 1872 * MiB)
    assert.strictEqual(device.align, 16 * MiB)
    assert.strictEqual(device.isetId, "0x2468ac00123456")
    assert.isUndefined(device.approximate)
    assert.deepInclude(device.configured?.[0], { usable: 526385152 })
    assert.notProperty(device.configured?.[0], "approximate")
    assert.deepInclude(device.configured?.[1], { usable: 126 * GiB, approximate: true })
    assert.isTrue(only({ dev: "region0", size: "128.00 GiB (137.44 GB)" }).approximate)
  })

  it("OBS-23: reads the sizes at which the unit changes", () => {
    assert.strictEqual(only({ dev: "region0", size: "2.00 GiB (2.15 GB)" }).size, 2 * GiB)
    assert.strictEqual(only({ dev: "region0", size: "2.00 TiB (2.20 TB)" }).size, 2 * 1024 * GiB)
  })

  it("27.1: raw and native fsdax namespaces print their raw size, pfn and dax ones do not", () => {
    const list = only({
      ...region0,
      namespaces: [
        {
          dev: "namespace0.1",
          mode: "raw",
          size: 256 * MiB,
          uuid: "bf9dc377-0eaf-4747-ae6b-5dfbe4fa1f6d",
          blockdev: "pmem0.1"
        },
        namespace0
      ]
    }).configured ?? []
    assert.deepInclude(list[0], { size: 256 * MiB, usable: 256 * MiB })
    assert.notProperty(list[1], "size")
  })

  it("OBS-21: idle namespaces of size 0 are no configuration; disabled ones without size stay", () => {
    const list = only({
      ...region0,
      namespaces: [
        { dev: "namespace0.5", mode: "raw", size: 0, uuid: "00000000-0000-0000-0000-000000000000", state: "disabled" },
        { dev: "namespace0.0", mode: "devdax", map: "mem", uuid: "u", align: 2097152, state: "disabled" }
      ]
    }).configured
    assert.deepStrictEqual(list, [{
      name: "namespace0.0",
      mode: "devdax",
      map: "mem",
      align: 2 * MiB,
      uuid: "u",
      disabled: true
    }])
  })

  it("27.1, 28.6: namespaces alone are devices of their printed raw size, or of the one their usable bytes imply", () => {
    assert.deepInclude(only([{ dev: "namespace1.0", mode: "fsdax", map: "mem", size: GiB, blockdev: "pmem1" }]), {
      name: "namespace1.0",
      kind: "legacy",
      size: GiB
    })
    assert.strictEqual(only({ dev: "namespace1.0", mode: "raw", size: GiB }).kind, "pmem")
    const implied = (size: number, map: string, align: number) => {
      const { approximate, configured, size: raw } = only([{ dev: "namespace0.0", mode: "fsdax", map, size, align }])
      assert.deepStrictEqual([approximate, configured?.[0]?.size, configured?.[0]?.usable], [true, raw, size])
      return raw
    }
    assert.strictEqual(implied(135289372672, "dev", 2 * MiB), 128 * GiB)
    assert.strictEqual(implied(133175443456, "dev", 2 * MiB), 126 * GiB)
    assert.strictEqual(implied(136365211648, "mem", GiB), 128 * GiB)
    expectRefused(read([{ ...namespace0, size: 4095 }]), "list: [0]", "no raw size gives", "ndctl list -RN")
  })

  it("27.1: a region listed twice in one list is refused", () => {
    expectRefused(read([{ ...region0, namespaces: [] }, { ...region0, namespaces: [] }]), "[1]", "listed twice")
  })

  it("reads the mode words of ndctl before 60", () => {
    const list = only({
      ...region0,
      namespaces: [{ ...namespace0, mode: "memory" }, {
        ...devdax,
        daxregion: undefined,
        mode: "dax",
        chardev: "dax0.2"
      }]
    })
    assert.deepStrictEqual(list.configured?.map(({ mode }) => mode), ["fsdax", "devdax"])
    assert.strictEqual(list.configured?.[1]?.chardev, "dax0.2")
  })

  it("errors say the path inside the list", () => {
    expectRefused(
      read([{
        provider: "ACPI.NFIT",
        dev: "ndbus0",
        regions: [{ ...region0, namespaces: [namespace0, { ...devdax, size: "12 GB" }] }]
      }]),
      "list: [0].regions[0].namespaces[1].size",
      "12 GB"
    )
    expectRefused(read([{ dev: "region0" }]), "[0].size", "is missing")
    expectRefused(read([{ ...region0, namespaces: [{ ...namespace0, mode: "hyper" }] }]), "namespaces[0].mode", "hyper")
    expectRefused(read([{ dev: "region0", size: -1 }]), "size")
    expectRefused(read([5]), "expected a region, a namespace or a bus, got a number")
    expectRefused(read([{ foo: 1 }]), "is no region, namespace, DIMM or bus")
    expectRefused(read([region0, { ...region0, size: GiB }]), "listed twice")
  })

  it("sizes above 2^52 are refused, however they are written", () => {
    expectRefused(read([{ ...region0, size: 2 ** 52 }]), "[0].size", "2^52")
    expectRefused(read(`[{"dev":"region0","size":18446744073709551615}]`), "[0].size", "2^52")
    expectRefused(read([{ dev: "region0", size: "0xffffffffffffffff" }]), "2^52")
    expectRefused(read([{ dev: "region0", size: "4096.00 TiB (4503.60 TB)" }]), "2^52")
  })

  it("duplicate namespace names are refused", () => {
    expectRefused(read([{ ...region0, namespaces: [namespace0, namespace0] }]), "namespace0.0", "twice")
  })
})
