import { assert, describe, it } from "@effect/vitest"
import * as Check from "@vmemmap/core/inputs/Check"
import type { Device, MachineSpec, Range } from "@vmemmap/core/machine/MachineSpec"
import { expectRefused, ok } from "./expect.ts"

const GiB = 1024 ** 3
const check = (spec: MachineSpec) => Check.machine("m", spec)
const ram = (start: number, size: number): Range => ({ start, size, kind: "ram" })
const device = (name: string, start: number | undefined, size: number, more: Partial<Device> = {}): Device => ({
  name,
  kind: "pmem",
  ...(start === undefined ? {} : { start }),
  size,
  ...more
})

describe("Check", () => {
  it("a consistent machine passes unchanged", () => {
    const spec: MachineSpec = {
      kernel: "rhel-9.4",
      arch: "aarch64",
      structPage: 64,
      ranges: [ram(0, GiB), { start: 4 * GiB, size: GiB, kind: "pmem" }, ram(GiB, GiB)],
      nodes: [{ node: 0 }, { node: 1 }],
      devices: [
        device("a", 4 * GiB, GiB, { configured: [{ name: "namespace0.0", mode: "raw", start: 4 * GiB, size: GiB }] }),
        device("b", undefined, GiB)
      ]
    }
    assert.strictEqual(ok(check(spec)), spec)
  })

  it("plugged DIMMs have a size, are no boot RAM and share no memory with devices", () => {
    const spec: MachineSpec = { ranges: [ram(0, GiB)], dimms: [{ start: 8 * GiB, size: GiB, node: 1 }] }
    assert.strictEqual(ok(check(spec)), spec)
    expectRefused(check({ dimms: [{ start: 8 * GiB, size: 0 }] }), "dimm at 0x200000000", "size 0")
    expectRefused(check({ ...spec, dimms: [{ start: GiB / 2, size: GiB }] }), "dimm", "boot RAM")
    expectRefused(check({ ...spec, devices: [device("a", 8 * GiB, GiB)] }), "overlaps")
  })

  it("duplicate names of devices, nodes and namespaces are refused", () => {
    expectRefused(check({ devices: [device("a", undefined, 1), device("a", undefined, 2)] }), "device a", "twice")
    expectRefused(check({ nodes: [{ node: 1 }, { node: 1 }] }), "node 1", "twice")
    const configured = [{ name: "namespace0.0", mode: "raw" as const }]
    expectRefused(
      check({ devices: [device("a", undefined, 1, { configured }), device("b", undefined, 2, { configured })] }),
      "namespace0.0",
      "twice"
    )
  })

  it("overlapping ranges are refused, nested ones only where the kind allows it", () => {
    expectRefused(check({ ranges: [ram(0, GiB), ram(GiB - 1, GiB)] }), "overlaps", "[0x0-0x3fffffff]")
    expectRefused(check({ ranges: [ram(0, GiB), { start: 0, size: 4096, kind: "reserved" }] }), "overlaps")
    expectRefused(check({ ranges: [{ start: 0, size: GiB, kind: "reserved" }, ram(4096, 4096)] }), "overlaps")
    expectRefused(check({ ranges: [{ start: 0, size: GiB, kind: "cxl-window" }, ram(4096, GiB)] }), "overlaps")
    ok(check({ ranges: [{ start: 0, size: GiB, kind: "cxl-window" }, ram(0, 4096), ram(4096, 4096), ram(GiB, 4096)] }))
    ok(check({ ranges: [{ start: 0, size: GiB, kind: "reserved" }, { start: 4096, size: 4096, kind: "pmem" }] }))
  })

  it("overlapping devices and devices in RAM are refused", () => {
    expectRefused(
      check({ devices: [device("a", 0, GiB), device("b", GiB - 4096, GiB)] }),
      "device b",
      "overlaps device a"
    )
    expectRefused(check({ devices: [device("a", 0, GiB), device("b", 4096, 4096)] }), "overlaps")
    expectRefused(
      check({ ranges: [ram(0, GiB), ram(2 * GiB, GiB)], devices: [device("a", GiB, GiB), device("b", 2 * GiB, 4096)] }),
      "device b",
      "lies in boot RAM"
    )
    expectRefused(check({ ranges: [ram(GiB, 4096)], devices: [device("a", 0, 2 * GiB)] }), "lies in boot RAM")
  })

  it("size 0 and sizes above 2^52 are refused", () => {
    expectRefused(check({ devices: [device("a", undefined, 0)] }), "device a", "size 0")
    expectRefused(check({ ranges: [ram(0, 0)] }), "size 0")
    expectRefused(check({ ranges: [ram(2 ** 52 - 4096, 8192)] }), "ends above 2^52")
    expectRefused(check({ devices: [device("a", 2 ** 52 - 4096, 8192)] }), "ends above 2^52")
    ok(check({ ranges: [ram(2 ** 52 - 4096, 4096)] }))
    expectRefused(
      check({ devices: [device("a", undefined, GiB, { configured: [{ name: "n", mode: "raw", size: 0 }] })] }),
      "a: n",
      "size 0"
    )
  })

  it("what is configured fits its device, unless one of the two is approximate", () => {
    const configured = [{ name: "n", mode: "fsdax" as const, usable: 2 * GiB }]
    expectRefused(check({ devices: [device("a", undefined, GiB, { configured })] }), "a: n", "larger")
    ok(check({ devices: [device("a", undefined, GiB, { configured, approximate: true })] }))
    expectRefused(
      check({
        devices: [device("a", 4 * GiB, GiB, { configured: [{ name: "n", mode: "raw", start: 0, size: 4096 }] })]
      }),
      "begins outside"
    )
    expectRefused(check({ devices: [device("a", undefined, GiB, { available: 2 * GiB })] }), "more available")
  })

  it("unknown kernels, architectures and struct page sizes are refused", () => {
    expectRefused(check({ kernel: "beos" }), "m: kernel", "beos", "--kernel")
    expectRefused(check({ arch: "vax" }), "m: arch", "vax", "known are x86_64")
    expectRefused(check({ structPage: 60 }), "structPage", "multiple of 8")
    expectRefused(check({ blockSize: 0 }), "blockSize")
  })

  it("cost is that of sorting: 200,000 ranges and devices are no obstacle, and a fault among them is found", () => {
    const ranges = Array.from({ length: 100_000 }, (_, i) => ram(i * 8192, 4096))
    const devices = Array.from({ length: 100_000 }, (_, i) => device(`d${i}`, i * 8192 + 4096, 4096))
    ok(check({ ranges, devices }))
    expectRefused(check({ ranges, devices: [...devices, device("last", 99_999 * 8192, 4096)] }), "device last")
  })
})
