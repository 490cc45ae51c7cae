import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as BootMemory from "../../src/machine/BootMemory.ts"
import * as Firmware from "../../src/machine/Firmware.ts"
import type { MachineSpec, Range } from "../../src/machine/MachineSpec.ts"
import * as ZoneChoice from "../../src/zones/ZoneChoice.ts"
import { cpuTime } from "../cpuTime.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30
const TiB = 2 ** 40

const ram = (start: number, size: number, node?: number): Range => ({
  start,
  size,
  kind: "ram",
  ...(node === undefined ? {} : { node })
})

const boot = (spec: MachineSpec) => Result.getOrThrow(BootMemory.make(spec))

const refused = (spec: MachineSpec) =>
  Result.match(BootMemory.make(spec), {
    onSuccess: () => "",
    onFailure: (error) => `${error._tag} ${"at" in error ? error.at : ""} ${error.message}`
  })

const pc = [ram(0, 640 * 1024), ram(MiB, 3 * GiB - MiB), ram(4 * GiB, 4 * GiB)]

const nodeRam = ({ nodes }: BootMemory.BootMemory) =>
  nodes.map(({ node, ram }) => [node, ram.reduce((sum, { end, start }) => sum + end - start, 0)])

describe("BootMemory", () => {
  it("takes the baseline kernel on bare x86_64 for what is left open", () => {
    const { blockSize, commandLine, kernel, maxPfn, poison, possibleNodes } = boot({ ranges: pc })
    assert.deepStrictEqual([kernel.release.name, kernel.arch.name, kernel.structPage], ["6.1", "x86_64", 64])
    assert.deepStrictEqual([blockSize, maxPfn, poison, possibleNodes], [128 * MiB, 2097152, false, [0]])
    assert.strictEqual(commandLine.text, "")
  })

  it("GEO-14, GEO-15: the block comes from the end of RAM, the hypervisor, CXL windows, or the description", () => {
    const large = [...pc, ram(8 * GiB, 60 * GiB + 256 * MiB)]
    assert.strictEqual(boot({ ranges: large }).blockSize, 2 * GiB)
    assert.strictEqual(boot({ ranges: large, hypervisor: true }).blockSize, 256 * MiB)
    assert.strictEqual(boot({ ranges: large, blockSize: GiB }).blockSize, GiB)
    const window: Range = { start: 512 * GiB, size: 64 * GiB + 512 * MiB, kind: "cxl-window" }
    const advised = (kernel: string) => boot({ kernel, ranges: [...pc, ram(8 * GiB, 63 * GiB), window] }).blockSize
    assert.deepStrictEqual(["6.12", "6.14"].map(advised), [2 * GiB, 512 * MiB])
    assert.include(refused({ ranges: pc, blockSize: 96 * MiB }), "GEO-14")
    assert.include(refused({ ranges: pc, arch: "s390x", blockSize: 128 * MiB }), "GEO-14")
  })

  it("OBS-1: only a PC sets page 0 and the BIOS area apart, and has RAM buffers", () => {
    const whole = [ram(0, GiB - 4096)]
    const names = (arch: string) => boot({ arch, ranges: whole }).resources.children.map(({ name }) => name)
    assert.deepStrictEqual(names("x86_64"), ["Reserved", "System RAM", "System RAM", "RAM buffer"])
    assert.deepStrictEqual(names("riscv64"), ["System RAM"])
    assert.deepStrictEqual(boot({ arch: "ppc64le", ranges: [ram(0, GiB)] }).nodes[0]?.ram, [{ start: 0, end: 16384 }])
  })

  it("20.3: elsewhere memmap= does not exist and mem= counts RAM; s390x cuts at the address", () => {
    const spec = (arch: string): MachineSpec => ({
      arch,
      ranges: [ram(GiB, GiB), ram(4 * GiB, 4 * GiB)],
      cmdline: "memmap=512M!1G mem=2G"
    })
    const ends = (arch: string) => boot(spec(arch)).maxPfn * boot(spec(arch)).kernel.arch.pageSize / GiB
    assert.deepStrictEqual(["x86_64", "arm64-4k", "arm64-64k", "s390x"].map(ends), [2, 5, 5, 2])
    assert.strictEqual(boot({ ...spec("aarch64"), cmdline: "mem=64G" }).maxPfn, 2 * GiB / 1024)
    assert.strictEqual(nodeRam(boot(spec("x86_64")))[0]?.[1], GiB / 2 / 4096)
  })

  it("OBS-12: possible are the nodes something names, as long as firmware's description is used", () => {
    const spec: MachineSpec = {
      ranges: [ram(MiB, GiB, 0), ram(4 * GiB, GiB, 1)],
      nodes: [{ node: 5, total: 0 }],
      devices: [{ name: "region0", kind: "pmem", start: 16 * GiB, size: GiB, node: 0, targetNode: 3 }],
      dimms: [{ start: 32 * GiB, size: GiB, node: 4 }]
    }
    assert.deepStrictEqual(boot(spec).possibleNodes, [0, 1, 3, 4, 5])
    const off = boot({ ...spec, cmdline: "numa=off" })
    assert.deepStrictEqual([off.possibleNodes, nodeRam(off)], [[0], [[0, 524288]]])
    const fake = boot({ ...spec, cmdline: "numa=fake=4" })
    assert.deepStrictEqual([fake.possibleNodes, nodeRam(fake).length], [[0, 1, 2, 3], 4])
    assert.deepStrictEqual(boot({ ...spec, arch: "aarch64", cmdline: "numa=fake=4" }).possibleNodes, [0, 1, 3, 4, 5])
  })

  it("OBS-12: only the boot processor is in every fake node of its real node", () => {
    const spec: MachineSpec = {
      ranges: [ram(0, 2 * GiB, 0), ram(4 * GiB, 2 * GiB, 1)],
      nodes: [{ node: 0, cpus: 1 }, { node: 1, cpus: 1 }]
    }
    assert.deepStrictEqual(boot({ ...spec, cmdline: "numa=fake=2U" }).cpuNodes, [0, 1, 2])
    assert.deepStrictEqual(boot(spec).cpuNodes, [0, 1])
  })

  it("ZON-11: RAM between two ranges of a node is that node's; a description that misses 1 MiB of RAM is not used", () => {
    const spec: MachineSpec = { ranges: [ram(MiB, GiB, 0), ram(3 * GiB, GiB, 0), ram(4 * GiB, GiB, 1)] }
    const between = boot({ ...spec, cmdline: "memmap=64M@2G" })
    assert.deepStrictEqual(nodeRam(between), [[0, 540672], [1, 262144]])
    const beyond = boot({ ...spec, cmdline: "memmap=64M@8G" })
    assert.deepStrictEqual([nodeRam(beyond), beyond.possibleNodes], [[[0, 802816]], [0]])
    const little = boot({ ...spec, cmdline: "memmap=512K@8G" })
    assert.deepStrictEqual(nodeRam(little), [[0, 524288], [1, 262144]])
  })

  it("SEC-10: struct pages are poisoned when the kernel was built so and vm_debug does not forbid it", () => {
    const poison = (debugPoison: boolean, cmdline: string) => boot({ ranges: pc, debugPoison, cmdline }).poison
    assert.deepStrictEqual(
      [poison(true, ""), poison(true, "vm_debug=-"), poison(false, "vm_debug"), poison(true, "vm_debug=P")],
      [true, false, false, true]
    )
  })

  it("refuses what cannot boot, and says where and what would be right", () => {
    assert.include(refused({ ranges: [] }), "ranges")
    assert.include(refused({ ranges: pc, cmdline: "memmap=exactmap" }), "cmdline")
    assert.include(refused({ ranges: pc, cmdline: "mem=512" }), "leave RAM out of")
    assert.include(refused({ ranges: pc, kernel: "2.6.32" }), "MachineError kernel")
    assert.include(refused({ ranges: pc, arch: "vax" }), "unknown architecture")
    assert.include(refused({ ranges: pc, structPage: 60 }), "GEO-5")
    assert.include(refused({ ranges: [ram(0, GiB, 0), ram(GiB / 2, GiB, 1)] }), "overlap")
    assert.include(refused({ ranges: [ram(0, 4 * GiB, 0), ram(GiB, 4096, 0), ram(2 * GiB, GiB, 1)] }), "overlap")
    assert.strictEqual(refused({ ranges: [ram(0, GiB, 0), ram(GiB / 2, GiB, 0)] }), "")
    assert.include(refused({ ranges: [ram(0, 65 * TiB)] }), "5level")
    assert.strictEqual(refused({ ranges: [ram(0, 64 * TiB)] }), "")
  })

  it("boots every architecture, with the zones onlining starts from", () => {
    for (const name of Object.values(Architecture.presets).map((arch) => arch.name)) {
      const memory = boot({ arch: name, ranges: [ram(0, 2 * GiB), ram(4 * GiB, 12 * GiB)] })
      const { arch } = memory.kernel
      assert.strictEqual(memory.maxPfn, 16 * GiB / arch.pageSize, name)
      assert.isTrue(memory.blockSize >= arch.sectionSize, name)
      assert.deepStrictEqual(
        memory.nodes[0]?.zones.filter(({ spanned }) => spanned > 0).map((
          { spanned, start }
        ) => [start, start + spanned]),
        ZoneChoice.bootSpans(arch, memory.map.filter(({ type }) => type === 1)).map(({ end, start }) => [start, end]),
        name
      )
    }
  })

  it("a machine of 1 PiB and 8 nodes costs no more than a small one", () => {
    const nodes = Array.from({ length: 8 }, (_, node) => ram(node * 128 * TiB + 4 * GiB, 128 * TiB - 4 * GiB, node))
    const spec: MachineSpec = { arch: "x86_64-5level", ranges: [ram(0, 640 * 1024, 0), ram(MiB, GiB, 0), ...nodes] }
    const before = cpuTime()
    for (let i = 0; i < 200; i++) boot(spec)
    assert.isBelow((cpuTime() - before) / 200, 5)
    const memory = boot(spec)
    assert.strictEqual(memory.maxPfn, 2 ** 38)
    assert.strictEqual(memory.nodes.length, 8)
    // Fake nodes are at least a 1024th of the RAM, 1 TiB: 127 in each real node, the last one taking the rest.
    assert.strictEqual(boot({ ...spec, cmdline: "numa=fake=32M" }).nodes.length, 8 * 127)
  })

  it("20.7: an address has the node of firmware's block around it, and none outside of all of them", () => {
    const { node } = Firmware.providers({}, boot({ ranges: [ram(MiB, 2 * GiB - MiB, 1), ram(4 * GiB, 4 * GiB, 0)] }))
    assert.deepStrictEqual([1, 2, 3, 4, 7, 8].map((at) => node(at * GiB)), [1, -1, -1, 0, 0, -1])
    const cut = boot({ cmdline: "mem=6G", ranges: [ram(MiB, 2 * GiB - MiB, 1), ram(4 * GiB, 4 * GiB, 0)] })
    assert.strictEqual(Firmware.providers({}, cut).node(7 * GiB), 0)
    assert.strictEqual(Firmware.providers({}, boot({ ranges: [ram(MiB, 2 * GiB - MiB)] })).node(8 * GiB), 0)
  })

  it("20.7: a range named PCI Bus is a window of /proc/iomem, which late entries grow around", () => {
    const { resources } = boot({
      cmdline: "memmap=1G!3584M",
      ranges: [...pc, { start: 3 * GiB, size: 0xfec00000 - 3 * GiB, kind: "other", name: "PCI Bus 0000:00" }]
    })
    const legacy = resources.children.find(({ start }) => start === 3 * GiB)
    assert.strictEqual(legacy?.name, "Persistent Memory (legacy)")
    assert.deepStrictEqual(legacy?.children.map(({ name }) => name), ["PCI Bus 0000:00"])
  })
})
