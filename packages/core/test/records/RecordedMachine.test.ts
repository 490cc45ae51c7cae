import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as FirmwareMap from "../../src/machine/FirmwareMap.ts"
import * as FirmwareTable from "../../src/records/FirmwareTable.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import * as Recordings from "./recordings.ts"

const GiB = 2 ** 30
const hex = (n: number, digits = 16) => `0x${n.toString(16).padStart(digits, "0")}`

const inputOf = (name: string) => Result.getOrThrow(KernelFacts.load(name)).input
const specOf = (name: string) => Result.getOrThrow(RecordedMachine.fromInput(inputOf(name)))

const types: Readonly<Record<number, string>> = { 1: "usable", 2: "reserved" }

/** The parts of `[start, end]` that the first megabyte leaves of a slice. */
const sratParts = (start: number, end: number) =>
  [[start, Math.min(end, 0xa0000)], [Math.max(start, 0x100000), end]].filter(([a = 0, b = 0]) => b > a)

describe("RecordedMachine", () => {
  it("OBS-1: the firmware map of all 184 recordings, line by line", () => {
    for (const { lines, name, spec } of Recordings.all) {
      assert.deepStrictEqual(
        FirmwareMap.table(spec).map(({ end, start, type }) =>
          `BIOS-e820: [mem ${hex(start)}-${hex(end - 1)}] ${types[type]}`
        ),
        lines.filter((line) => line.startsWith("BIOS-e820: ")),
        name
      )
    }
  })

  it("OBS-17, OBS-30: RAM slices by node and NVDIMMs in the order the firmware lists them", () => {
    for (const { input, lines, name, spec } of Recordings.all) {
      const { below4G } = (input as RecordedMachine.Input).ram
      const expected = [
        ...FirmwareMap.nodeBlocks(spec).flatMap(({ end, node, start }) =>
          [[start, Math.min(end, below4G)], [Math.max(start, 4 * GiB), end]]
            .filter(([a = 0, b = 0]) => b > a)
            .flatMap(([a = 0, b = 0]) => sratParts(a, b)).map(([a = 0, b = 0]) => ({
              node,
              start: a,
              end: b,
              what: ""
            }))
        ),
        ...(spec.devices ?? []).filter(({ kind }) => kind === "pmem").map(({ size, start = 0, targetNode = 0 }) => ({
          node: targetNode,
          start,
          end: start + size,
          what: " non-volatile"
        }))
      ]
      assert.deepStrictEqual(
        expected.map(({ end, node, start, what }) => `Node ${node} [mem ${hex(start, 8)}-${hex(end - 1, 8)}]${what}`),
        lines.filter((line) => line.startsWith("ACPI: SRAT: Node") && !line.endsWith("hotplug"))
          .map((line) => line.replace(/^ACPI: SRAT: (Node [0-9]+) PXM [0-9]+/, "$1")),
        name
      )
    }
  })

  it("OBS-17: devices keep node, label area and arming; two NVDIMMs change places, three begin with the second", () => {
    assert.deepStrictEqual(specOf("place-node2-no-ram").devices, [{
      name: "region0",
      kind: "pmem",
      start: 8 * GiB,
      size: GiB,
      node: 0,
      targetNode: 2,
      labels: false,
      labelArea: 131072,
      slot: 0
    }])
    assert.deepStrictEqual(specOf("mode-unarmed-readonly").devices?.map(({ unarmed }) => unarmed), [true])
    assert.deepStrictEqual(specOf("mode-labelless-fsdax").devices?.map(({ labelArea }) => labelArea), [0])
    assert.deepStrictEqual(specOf("multi-two-regions").devices?.map(({ start }) => start), [10 * GiB, 8 * GiB])
    assert.deepStrictEqual(specOf("multi-three-regions-shared-sections").devices?.map(({ start }) => start), [
      8673820672,
      8589934592,
      8841592832
    ])
    assert.deepStrictEqual(specOf("virtio-pmem-raw").devices, [
      { name: "region0", kind: "virtio-pmem", start: 8 * GiB, size: GiB }
    ])
    assert.deepStrictEqual(FirmwareTable.order({ pmem: 4, dimms: 0, virtioPmem: 0 }), [1, 3, 0, 2])
    assert.deepStrictEqual(FirmwareTable.order({ pmem: 1, dimms: 16, virtioPmem: 0 }), [0])
    assert.isNull(FirmwareTable.order({ pmem: 2, dimms: 6, virtioPmem: 0 }))
  })

  it("nodes, DIMMs, kernel and command line", () => {
    const spec = specOf("block-dimm-numa-new-node")
    assert.deepStrictEqual(spec.nodes, [{ node: 0, total: GiB, cpus: 1 }, { node: 1, total: 0, cpus: 0 }])
    assert.deepStrictEqual(spec.dimms, [{ start: 8 * GiB, size: GiB, node: 1, slot: 0 }])
    assert.deepStrictEqual([spec.kernel, spec.arch, spec.hypervisor], ["6.1.176", "x86_64", true])
    assert.include(specOf("boot-kernelcore-pct").cmdline, "kernelcore=40%")
  })

  it("OBS-30: proximity domains that nothing names are squeezed out", () => {
    const input = { ...inputOf("boot-2g"), ram: { below4G: 2 * GiB, above4G: 0, nodes: [GiB, 0, GiB] } }
    const spec = Result.getOrThrow(RecordedMachine.fromInput(input))
    assert.deepStrictEqual(spec.nodes, [{ node: 0, total: GiB, cpus: 1 }, { node: 1, total: GiB, cpus: 0 }])
    const named = { ...input, pmem: [{ addr: 8 * GiB, size: GiB, labelArea: 0, node: 1 }] }
    const more = Result.getOrThrow(RecordedMachine.fromInput(named))
    assert.deepStrictEqual(more.nodes?.map(({ node }) => node), [0, 1, 2])
    // a plugged DIMM names no domain, and a domain without RAM has no CPU
    const plugged = { ...input, smp: 2, dimms: [{ addr: 8 * GiB, size: GiB, node: 1 }] }
    const none = Result.getOrThrow(RecordedMachine.fromInput(plugged))
    assert.deepStrictEqual(none.nodes?.map(({ cpus, node }) => [node, cpus]), [[0, 2], [1, 0]])
    assert.deepStrictEqual(none.dimms?.map(({ node }) => node), [0])
    assert.deepStrictEqual(more.devices?.map(({ node, targetNode }) => [node, targetNode]), [[0, 2]])
  })

  it("refuses what is no input of a kernel recording, and says where", () => {
    const refused = (input: unknown) =>
      Result.match(RecordedMachine.fromInput(input), { onSuccess: () => "", onFailure: (error) => error.message })
    assert.include(refused(null), "OBS-1")
    assert.include(refused(inputOf("tool-uuid-0")), "arch")
    const good = inputOf("boot-2g")
    assert.include(refused({ ...good, kernelPackage: "linux" }), "names no kernel release")
    const nvdimm = { addr: 8 * GiB, size: GiB, labelArea: 0 }
    assert.include(refused({ ...good, pmem: Array.from({ length: 8 }, () => nvdimm) }), "OBS-17")
  })
})
