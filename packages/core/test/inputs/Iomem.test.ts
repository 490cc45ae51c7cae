import { assert, describe, it } from "@effect/vitest"
import * as Iomem from "@vmemmap/core/inputs/Iomem"
import { expectRefused, ok } from "./expect.ts"

const GiB = 1024 ** 3
const read = (text: string) => Iomem.read("iomem", text)
const devices = (text: string) => ok(read(text)).devices

const base = `00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-0009ffff : Reserved
000a0000-000bffff : PCI Bus 0000:00
000f0000-000fffff : Reserved
  000f0000-000fffff : System ROM
00100000-7ffdefff : System RAM
  01000000-01e01d31 : Kernel code
  02000000-028e6fff : Kernel rodata
7ffdf000-7fffffff : Reserved
fee00000-fee00fff : Local APIC
`

describe("Iomem", () => {
  it("OBS-3: the top level becomes ranges by kind, ends inclusive; children of RAM do not", () => {
    assert.deepStrictEqual(ok(read(base)).ranges?.map(({ kind, name, size, start }) => [start, size, kind, name]), [
      [0, 0x1000, "reserved", "Reserved"],
      [0x1000, 0x9ec00, "ram", "System RAM"],
      [0x9fc00, 0x400, "reserved", "Reserved"],
      [0xa0000, 0x20000, "other", "PCI Bus 0000:00"],
      [0xf0000, 0x10000, "reserved", "Reserved"],
      [0x100000, 0x7fedf000, "ram", "System RAM"],
      [0x7ffdf000, 0x21000, "reserved", "Reserved"],
      [0xfee00000, 0x1000, "other", "Local APIC"]
    ])
    assert.isUndefined(devices(base))
  })

  it("OBS-6: devdax shows its namespace, start and data; a namespace line alone says no mode", () => {
    const text = `${base}200000000-2ffffffff : Persistent Memory
  200000000-21fffffff : namespace0.0
  230000000-2301fffff : namespace0.2
  230200000-26fffffff : dax0.2
`
    assert.deepStrictEqual(devices(text), [{
      name: "region0",
      kind: "pmem",
      start: 0x200000000,
      size: 4 * GiB,
      configured: [{ name: "namespace0.2", mode: "devdax", start: 0x230000000, usable: 0x3fe00000, chardev: "dax0.2" }]
    }])
  })

  it("OBS-6: under kmem the instance is block-trimmed, so no usable size is taken from it", () => {
    const text = `${base}200000000-27fffffff : Persistent Memory
  200000000-2021fffff : namespace0.0
  208000000-27fffffff : dax0.0
    208000000-27fffffff : System RAM (kmem)
`
    const spec = ok(read(text))
    assert.deepStrictEqual(spec.devices?.[0]?.configured, [
      { name: "namespace0.0", mode: "system-ram", start: 0x200000000, chardev: "dax0.0" }
    ])
    assert.strictEqual(spec.ranges?.filter(({ kind }) => kind === "ram").length, 2)
  })

  it("20.2: legacy ranges without namespace are named by address", () => {
    const [device] = devices(`${base}100000000-13fffffff : Persistent Memory (legacy)\n`) ?? []
    assert.deepStrictEqual(device, { name: "legacy@0x100000000", kind: "legacy", start: 4 * GiB, size: GiB })
  })

  it("OBS-5: namespaces and instances at top level are virtio-pmem", () => {
    assert.deepStrictEqual(devices(`${base}200000000-23fffffff : namespace1.0\n`), [
      { name: "region1", kind: "virtio-pmem", start: 8 * GiB, size: GiB }
    ])
    assert.deepStrictEqual(devices(`${base}200000000-2001fffff : namespace0.0\n200200000-23fffffff : dax0.0\n`), [{
      name: "region0",
      kind: "virtio-pmem",
      start: 8 * GiB,
      size: GiB,
      approximate: true,
      configured: [{
        name: "namespace0.0",
        mode: "devdax",
        start: 8 * GiB,
        usable: GiB - 2 * 1024 ** 2,
        chardev: "dax0.0"
      }]
    }])
  })

  it("20.2: soft reserved memory is a dax device, alone, with instances, or split by hmem devices", () => {
    assert.deepStrictEqual(devices(`${base}100000000-1ffffffff : Soft Reserved\n`), [
      { name: "soft-reserved@0x100000000", kind: "dax", start: 4 * GiB, size: 4 * GiB }
    ])
    assert.deepStrictEqual(
      devices(
        `${base}100000000-1ffffffff : Soft Reserved\n  100000000-13fffffff : dax0.0\n  180000000-1bfffffff : dax0.0\n`
      ),
      [{
        name: "hmem.0",
        kind: "dax",
        start: 4 * GiB,
        size: 4 * GiB,
        configured: [{
          name: "dax0.0",
          mode: "devdax",
          pieces: [{ start: 4 * GiB, size: GiB }, { start: 6 * GiB, size: GiB }],
          size: 2 * GiB,
          usable: 2 * GiB,
          chardev: "dax0.0"
        }]
      }]
    )
    assert.deepStrictEqual(
      devices(
        `${base}100000000-1ffffffff : Soft Reserved\n  100000000-17fffffff : hmem.0\n    100000000-17fffffff : dax0.0\n  180000000-1ffffffff : hmem.1\n`
      )
        ?.map(({ name, size }) => [name, size]),
      [["hmem.0", 2 * GiB], ["hmem.1", 2 * GiB]]
    )
  })

  it("CXL windows are ranges, and their regions devices once their use is visible", () => {
    const spec = ok(read(`${base}1050000000-144fffffff : CXL Window 0
  1050000000-10cfffffff : region0
    1050000000-10cfffffff : dax0.0
      1050000000-10cfffffff : System RAM (kmem)
  10d0000000-114fffffff : region1
  1150000000-11cfffffff : region2
    1150000000-11cfffffff : namespace2.0
`))
    assert.deepStrictEqual(spec.ranges?.at(-1), {
      start: 0x1050000000,
      size: 16 * GiB,
      kind: "cxl-window",
      name: "CXL Window 0"
    })
    assert.deepStrictEqual(spec.devices?.map(({ kind, name, start }) => [name, kind, start]), [
      ["region0", "dax", 0x1050000000],
      ["region2", "pmem", 0x1150000000]
    ])
  })

  it("zero iomem: addresses hidden from unprivileged readers are refused with the remedy", () => {
    expectRefused(
      read("00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n"),
      "all addresses are zero",
      "sudo cat /proc/iomem"
    )
    expectRefused(
      read("00000000-00000000 : Reserved\n00001000-0009fbff : System RAM\n"),
      "line 1",
      "zero among real ones"
    )
  })

  it("20.1: overlapping ranges, children outside their parent and reversed ranges are refused with their line", () => {
    expectRefused(read(`${base}fee00800-fee01fff : PCI\n`), "line 12", "overlaps or precedes line 11")
    expectRefused(read(`${base}  fee00000-fee01fff : PCI\n`), "line 12", "outside its parent of line 11")
    expectRefused(read(`${base}200000000-1ffffffff : PCI\n`), "line 12", "ends before it starts")
    expectRefused(read(`${base}whatever\n`), "line 12", "'whatever' is no resource")
    expectRefused(read("\n\n"), "is empty")
  })

  it("addresses above 2^52 are refused", () => {
    expectRefused(read(`${base}10000000000000-1000000000ffff : PCI\n`), "line 12", "2^52")
    expectRefused(read(`${base}0-ffffffffffffffff : PCI\n`), "line 12", "2^52")
  })

  it("a tree deeper than any kernel's is refused", () => {
    const deep = Array.from({ length: 70 }, (_, depth) => `${" ".repeat(2 * depth)}1000-1fff : x`).join("\n")
    expectRefused(read(deep), "line 65", "nests deeper")
  })
})
