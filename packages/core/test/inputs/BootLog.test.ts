import { assert, describe, it } from "@effect/vitest"
import * as BootLog from "@vmemmap/core/inputs/BootLog"
import * as KernelBanner from "@vmemmap/core/inputs/KernelBanner"
import { expectRefused, ok } from "./expect.ts"

const GiB = 1024 ** 3
const read = (text: string) => BootLog.read("log", text)

const lines = [
  "Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP Debian 6.1.176-1 (2026-06-01)",
  "Command line: BOOT_IMAGE=/vmlinuz root=/dev/sda memmap=4G!12G",
  "BIOS-provided physical RAM map:",
  "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
  "BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved",
  "BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable",
  "BIOS-e820: [mem 0x0000000100000000-0x00000004ffffffff] usable",
  "Hypervisor detected: KVM",
  "e820: update [mem 0x00000000-0x00000fff] usable ==> reserved",
  "e820: remove [mem 0x000a0000-0x000fffff] usable",
  "last_pfn = 0x500000 max_arch_pfn = 0x400000000"
]
const user = [
  "e820: user-defined physical RAM map:",
  "user: [mem 0x0000000000000000-0x000000000009fbff] usable",
  "user: [mem 0x0000000000100000-0x00000000bfffffff] usable",
  "user: [mem 0x0000000100000000-0x00000002ffffffff] usable",
  "user: [mem 0x0000000300000000-0x00000003ffffffff] persistent (type 12)",
  "user: [mem 0x0000000400000000-0x00000004ffffffff] usable"
]
const nodes = [
  "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x1ffffffff]",
  "ACPI: SRAT: Node 1 PXM 1 [mem 0x200000000-0x4ffffffff] non-volatile",
  "Early memory node ranges",
  "  node   0: [mem 0x0000000000001000-0x000000000009efff]",
  "  node   0: [mem 0x0000000000100000-0x00000000bfffffff]",
  "  node   0: [mem 0x0000000100000000-0x00000001ffffffff]",
  "  node   1: [mem 0x0000000200000000-0x00000002ffffffff]",
  "Initmem setup node 2 as memoryless",
  "Memory: 338620K/6290932K available (14343K kernel code, 243700K reserved, 0K cma-reserved)",
  "x86/mm: Memory block size: 128MB"
]

describe("BootLog", () => {
  it("OBS-7: firmware map, kernel, command line, hypervisor, block size and memory of a one-node machine", () => {
    const spec = ok(
      read([...lines, "  node   0: [mem 0x0000000000001000-0x000000000009efff]", ...nodes.slice(-2)].join("\n"))
    )
    assert.deepInclude(spec, {
      kernel: "6.1.176",
      arch: "x86_64",
      hypervisor: true,
      blockSize: 128 * 1024 ** 2,
      cmdline: "BOOT_IMAGE=/vmlinuz root=/dev/sda memmap=4G!12G"
    })
    assert.deepStrictEqual(spec.nodes, [{ node: 0, available: 338620 * 1024, total: 6290932 * 1024 }])
    assert.deepStrictEqual(spec.ranges?.map(({ kind, size, start }) => [start, size, kind]), [
      [0, 0x1000, "reserved"],
      [0x1000, 0x9ec00, "ram"],
      [0x9fc00, 0x400, "reserved"],
      [0x100000, 0xbff00000, "ram"],
      [4 * GiB, 16 * GiB, "ram"]
    ])
  })

  it("20.3: a user-defined map replaces the firmware's, and type 12 becomes a device", () => {
    const spec = ok(read([...lines, ...user].join("\n")))
    assert.deepStrictEqual(spec.devices, [{
      name: "legacy@0x300000000",
      kind: "legacy",
      start: 12 * GiB,
      size: 4 * GiB
    }])
    assert.deepStrictEqual(spec.ranges?.filter(({ kind }) => kind === "ram").map(({ start }) => start), [
      0,
      0x100000,
      4 * GiB,
      16 * GiB
    ])
  })

  it("OBS-7, OBS-30: RAM is cut at node borders, device memory takes its node from the SRAT", () => {
    const spec = ok(read([...lines, ...user, ...nodes].join("\n")))
    assert.deepStrictEqual(
      spec.ranges?.filter(({ start }) => start >= 4 * GiB).map(({ node, size, start }) => [start, size, node]),
      [[4 * GiB, 4 * GiB, 0], [8 * GiB, 4 * GiB, 1], [12 * GiB, 4 * GiB, 1], [16 * GiB, 4 * GiB, undefined]]
    )
    assert.strictEqual(spec.devices?.[0]?.node, 1)
    assert.deepStrictEqual(spec.nodes?.map(({ node }) => node), [0, 1, 2])
    assert.strictEqual(spec.nodes?.[1]?.total, 4 * GiB)
  })

  it("reads every prefix: none, dmesg times, journal, console level", () => {
    const expected = ok(read(lines.join("\n")))
    for (
      const prefix of [
        "[    0.000000] ",
        "Jan 01 02:48:04 host kernel: ",
        "[    0.000000] host.domain kernel: ",
        "<6>[    0.000000] ",
        "2026-01-01T00:00:00+0000 host kernel: "
      ]
    ) assert.deepStrictEqual(ok(read(lines.map((line) => `${prefix}${line}\r`).join("\n"))), expected, prefix)
  })

  it("e820: mem= removes RAM up to the end of the address space", () => {
    const spec = ok(read([...lines, "e820: remove [mem 0x80000000-0xfffffffffffffffe] usable"].join("\n")))
    assert.deepStrictEqual(spec.ranges?.at(-1), { start: 0x100000, size: 0x7ff00000, kind: "ram", name: "usable" })
  })

  it("soft reserved and NFIT ranges become devices", () => {
    const spec = ok(read([
      ...lines,
      "BIOS-e820: [mem 0x0000000500000000-0x00000005ffffffff] soft reserved",
      "BIOS-e820: [mem 0x0000000600000000-0x00000006ffffffff] persistent (type 7)"
    ].join("\n")))
    assert.deepStrictEqual(spec.devices?.map(({ kind, name }) => [name, kind]), [
      ["soft-reserved@0x500000000", "dax"],
      ["pmem@0x600000000", "pmem"]
    ])
  })

  it("of two boots in one log the last counts", () => {
    const second = ["Linux version 6.12.8 (x)", "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable"]
    const spec = ok(read([...lines, ...second].join("\n")))
    assert.strictEqual(spec.kernel, "6.12.8")
    assert.strictEqual(spec.ranges?.length, 1)
  })

  it("without e820 the node ranges are the RAM", () => {
    const spec = ok(
      read("Linux version 5.14.0-427.el9.aarch64 (x)\n  node   0: [mem 0x0000000080000000-0x00000000ffffffff]")
    )
    assert.strictEqual(spec.kernel, "rhel-9")
    assert.isUndefined(spec.arch)
    assert.deepStrictEqual(spec.ranges, [{ start: 2 * GiB, size: 2 * GiB, kind: "ram", node: 0 }])
  })

  it("overlapping ranges, impossible ranges and logs without a map are refused", () => {
    expectRefused(
      read([...lines, "BIOS-e820: [mem 0x0000000400000000-0x00000005ffffffff] usable"].join("\n")),
      "overlaps"
    )
    expectRefused(read("BIOS-e820: [mem 0x2000-0x1fff] usable"), "line 1", "ends before it starts")
    expectRefused(read("BIOS-e820: [mem 0x0-0xfffffffffffff000] usable"), "line 1", "2^52")
    expectRefused(read("Linux version 6.1.1\nhello"), "has no memory map", "journalctl -k -b")
    const many = Array.from(
      { length: 5000 },
      (_, i) => `BIOS-e820: [mem 0x${(i * 4096).toString(16)}-0x${(i * 4096 + 1).toString(16)}] usable`
    )
    expectRefused(read(many.join("\n")), "line 4097", "more than 4096")
  })

  it("names the kernel a distribution's banner stands for", () => {
    assert.strictEqual(KernelBanner.kernel("4.18.0-80.11.2.el8_0.x86_64 (mockbuild@x)"), "rhel-8.0")
    assert.strictEqual(KernelBanner.kernel("5.14.0-570.12.1.el9_6.x86_64"), "rhel-9.6")
    assert.strictEqual(KernelBanner.kernel("3.10.0-693.el7.x86_64 (x)"), "rhel-7")
    assert.strictEqual(
      KernelBanner.kernel("4.4.0-121-generic (buildd@x) #145-Ubuntu SMP (Ubuntu 4.4.0-121.145-generic 4.4.117)"),
      "4.4.117"
    )
    assert.strictEqual(KernelBanner.kernel("6.18.44-fc-v657 x86_64"), "6.18.44")
    assert.isUndefined(KernelBanner.kernel("3.13.0-57-generic (x)"))
    assert.isUndefined(KernelBanner.kernel(""))
  })
})
