import { assert, describe, it } from "@effect/vitest"
import * as Merge from "@vmemmap/core/inputs/Merge"
import * as Source from "@vmemmap/core/inputs/Source"
import type { Device, MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { expectRefused, ok } from "./expect.ts"

const GiB = 1024 ** 3
const read = (value: string | object) => ok(Source.read("f", typeof value === "string" ? value : JSON.stringify(value)))

const iomem = (...lines: ReadonlyArray<string>) =>
  read(
    ["00001000-0009fbff : System RAM", "00100000-bfffffff : System RAM", "100000000-1ffffffff : System RAM", ...lines]
      .join("\n")
  )
const region = (name: string, size: number, more: object = {}) => ({ dev: name, size, type: "pmem", ...more })
const starts = (spec: MachineSpec) => (spec.devices ?? []).map(({ name, start }) => [name, start])

describe("Merge", () => {
  it("a single source stays as it is", () => {
    const spec = iomem()
    assert.strictEqual(ok(Merge.merge([spec])), spec)
    assert.deepStrictEqual(ok(Merge.merge([])), {})
  })

  it("a region learns its start from the range that names it", () => {
    const spec = ok(Merge.merge([
      read([region("region0", 4 * GiB, { mappings: [] })]),
      iomem("200000000-2ffffffff : Persistent Memory", "  200000000-2ffffffff : namespace0.0")
    ]))
    assert.deepStrictEqual(starts(spec), [["region0", 8 * GiB]])
    assert.strictEqual(spec.devices?.[0]?.kind, "pmem")
  })

  it("a region learns its start from the only range of its size", () => {
    const spec = ok(Merge.merge([
      read([region("region1", 2 * GiB, { iset_id: 5 }), region("region0", 4 * GiB, { iset_id: 6 })]),
      iomem("200000000-2ffffffff : Persistent Memory", "300000000-37fffffff : Persistent Memory")
    ]))
    assert.sameDeepMembers(starts(spec), [["region1", 12 * GiB], ["region0", 8 * GiB]])
  })

  it("OBS-17: e820 regions of one size ascend by address", () => {
    const spec = ok(Merge.merge([
      read([region("region1", 2 * GiB), region("region0", 2 * GiB)]),
      iomem("200000000-27fffffff : Persistent Memory (legacy)", "280000000-2ffffffff : Persistent Memory (legacy)")
    ]))
    assert.sameDeepMembers(starts(spec), [["region1", 10 * GiB], ["region0", 8 * GiB]])
  })

  it("OBS-17: NFIT regions of one size keep no start, for their order is the firmware's", () => {
    const spec = ok(Merge.merge([
      read([region("region1", 2 * GiB, { mappings: [] }), region("region0", 2 * GiB, { mappings: [] })]),
      iomem("200000000-27fffffff : Persistent Memory", "280000000-2ffffffff : Persistent Memory")
    ]))
    assert.sameDeepMembers(starts(spec), [["region1", undefined], ["region0", undefined]])
  })

  it("more ranges than regions of one size are a conflict", () => {
    expectRefused(
      Merge.merge([
        read([region("region0", 2 * GiB, { mappings: [] })]),
        iomem("200000000-27fffffff : Persistent Memory", "280000000-2ffffffff : Persistent Memory")
      ], ["list.json", "iomem"]),
      "list.json",
      "iomem",
      "1 by name and 2 by address"
    )
  })

  it("a rounded size becomes exact, and virtio-pmem is recognised where the list could not", () => {
    const spec = ok(Merge.merge([
      read({ dev: "region0", size: "128.00 GiB (137.44 GB)", type: "pmem" }),
      iomem("1000000000-2fffffffff : namespace0.0")
    ]))
    assert.deepInclude(spec.devices?.[0], { name: "region0", kind: "virtio-pmem", size: 128 * GiB, start: 64 * GiB })
    assert.notProperty(spec.devices?.[0], "approximate")
    const paired = ok(Merge.merge([
      read({ dev: "region0", size: "128.00 GiB (137.44 GB)", type: "pmem" }),
      iomem("1000000000-2fffdfffff : Persistent Memory (legacy)")
    ]))
    assert.deepInclude(paired.devices?.[0], { name: "region0", size: 128 * GiB - 2 * 1024 ** 2, start: 64 * GiB })
  })

  it("plugged DIMMs and what else a description says are kept", () => {
    const spec = ok(Merge.merge([
      { dimms: [{ start: 16 * GiB, size: GiB }, { start: 12 * GiB, size: GiB }], debugPoison: true },
      { dimms: [{ start: 16 * GiB, size: GiB, node: 1 }] }
    ]))
    assert.deepStrictEqual(spec, {
      dimms: [{ start: 12 * GiB, size: GiB }, { start: 16 * GiB, size: GiB, node: 1 }],
      debugPoison: true
    })
  })

  it("conflicting facts name both sources", () => {
    const a = read([region("region0", 4 * GiB, { mappings: [] })])
    const b = iomem("200000000-2fffff000 : Persistent Memory", "  200000000-2ffffefff : namespace0.0")
    expectRefused(
      Merge.merge([a, b], ["list.json", "iomem.txt"]),
      "iomem.txt and list.json",
      "device region0",
      "size is"
    )
    expectRefused(Merge.merge([{ kernel: "6.1" }, { kernel: "6.12" }], ["a", "b"]), "a and b: kernel", "6.1", "6.12")
    expectRefused(Merge.merge([{ blockSize: 1 }, { blockSize: 2 }]), "source 1 and source 2: blockSize")
    assert.deepStrictEqual(ok(Merge.merge([{ kernel: "rhel-8.4" }, { kernel: "4.18.0-305.el8_4.x86_64" }])), {
      kernel: "rhel-8.4"
    })
    const dax: Device = { name: "region0", kind: "dax", size: 4 * GiB }
    expectRefused(Merge.merge([a, { devices: [dax] }]), "kind is pmem in one and dax in the other")
  })

  it("RAM that another view lacks is a conflict; slivers are not", () => {
    const log = (last: string) =>
      read(
        `BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\nBIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable\nBIOS-e820: [mem ${last}] usable`
      )
    ok(Merge.merge([log("0x0000000100000000-0x00000001ffffffff"), iomem()]))
    expectRefused(
      Merge.merge([log("0x0000000800000000-0x00000008ffffffff"), iomem()]),
      "source 2 and source 1",
      "[0x800000000-0x8ffffffff]",
      "RAM in one"
    )
    expectRefused(Merge.merge([read({ memory: [{ range: "0x0-0xbfffffff" }] }), iomem()]), "[0x100000000-0x1ffffffff]")
  })

  it("ranges come from the resource tree, nodes and block size from others", () => {
    const spec = ok(Merge.merge([
      read({
        memory: [
          { range: "0x0-0xbfffffff", block: "0-23", node: 0 },
          { range: "0x100000000-0x17fffffff", block: "32-47", node: 0 },
          { range: "0x180000000-0x1ffffffff", block: "48-63", node: 1 }
        ]
      }),
      iomem()
    ]))
    assert.deepStrictEqual(spec.ranges?.map(({ node, size, start }) => [start, size, node]), [
      [0x1000, 0x9ec00, 0],
      [0x100000, 0xbff00000, 0],
      [4 * GiB, 2 * GiB, 0],
      [6 * GiB, 2 * GiB, 1]
    ])
    assert.strictEqual(spec.blockSize, 128 * 1024 ** 2)
  })

  it("memory blocks of plugged device memory are no boot RAM", () => {
    const spec = ok(Merge.merge([
      read({ memory: [{ range: "0x100000000-0x2ffffffff" }] }),
      read([{ region: "region0", resource: 0x200000000, size: 2 * GiB, type: "ram" }])
    ]))
    assert.deepStrictEqual(spec.ranges?.map(({ size, start }) => [start, size]), [[4 * GiB, 4 * GiB], [
      10 * GiB,
      2 * GiB
    ]])
  })

  it("of two totals of a node the lower is the later one; /proc/meminfo gives way to real nodes", () => {
    const meminfo = read("MemTotal: 1000 kB\nMemAvailable: 500 kB\n")
    assert.deepStrictEqual(
      ok(Merge.merge([{ nodes: [{ node: 0, total: 2048000, available: 2000000 }] }, meminfo])).nodes,
      [
        { node: 0, total: 1024000, available: 512000 }
      ]
    )
    assert.deepStrictEqual(ok(Merge.merge([{ nodes: [{ node: 0 }, { node: 1 }] }, meminfo])).nodes, [{ node: 0 }, {
      node: 1
    }])
  })

  it("OBS-16: instances of daxctl list join the namespace they are the char device of", () => {
    const list = read([region("region0", 4 * GiB, {
      mappings: [],
      namespaces: [{
        dev: "namespace0.0",
        mode: "devdax",
        map: "dev",
        size: 2111832064,
        uuid: "u",
        align: 2097152,
        chardev: "dax0.0"
      }]
    })])
    const instance = (size: number) =>
      read([{ chardev: "dax0.0", size, target_node: 0, align: 2097152, mode: "system-ram", total_memblocks: 15 }])
    const spec = ok(Merge.merge([instance(2111832064), list]))
    assert.strictEqual(spec.devices?.length, 1)
    assert.deepInclude(spec.devices?.[0]?.configured?.[0], {
      name: "namespace0.0",
      mode: "system-ram",
      totalBlocks: 15,
      map: "dev"
    })
    expectRefused(Merge.merge([list, instance(GiB)], ["a", "b"]), "a and b", "usable size")
  })

  it("CXL regions join their dax regions and stand in for the soft reserved range around them", () => {
    const cxl = read([{ region: "region0", resource: 0x400000000, size: 4 * GiB, type: "ram", interleave_ways: 2 }])
    const dax = read([{
      path: "/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0",
      id: 0,
      size: 4 * GiB,
      devices: []
    }])
    const spec = ok(Merge.merge([cxl, dax, iomem("400000000-5ffffffff : Soft Reserved")]))
    assert.deepStrictEqual(spec.devices, [
      { name: "region0", kind: "dax", start: 16 * GiB, size: 4 * GiB, ways: 2, configured: [] }
    ])
  })

  it("10,000 devices of several sources are joined, none twice", () => {
    const named = Array.from({ length: 10_000 }, (_, i): Device => ({ name: `region${i}`, kind: "legacy", size: GiB }))
    const addressed = named.map((device, i): Device => ({
      ...device,
      name: `legacy@0x${(i * GiB).toString(16)}`,
      start: i * 2 * GiB % 2 ** 51
    }))
    assert.lengthOf(ok(Merge.merge([{ devices: named }, { devices: addressed }])).devices ?? [], 10_000)
  })
})
