import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as MemoryNames from "../../src/records/MemoryNames.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"

const GiB = 2 ** 30

const input = (nodes: ReadonlyArray<number>) =>
  Schema.decodeUnknownSync(RecordedMachine.Input)({
    arch: "x86_64",
    machine: "pc",
    kernelPackage: "linux 6.1.176-1",
    ram: { total: 4 * GiB, below4G: 3 * GiB, above4G: GiB, nodes },
    pmem: [{ addr: 16 * GiB, size: GiB, labelArea: 0 }, { addr: 8 * GiB, size: GiB, labelArea: 0 }],
    virtioPmem: [{ addr: 32 * GiB, size: GiB }],
    dimms: [{ addr: 33 * GiB, size: GiB }],
    smp: 1,
    cmdline: ""
  })

const at = (names: MemoryNames.MemoryNames, address: number) => MemoryNames.nameOf(names, address / 4096)

describe("MemoryNames", () => {
  it("SPW-10: devices by their place in the input, RAM by the node that it belongs to", () => {
    const names = MemoryNames.ofRecording(input([2 * GiB, 2 * GiB]), 4096)
    assert.deepStrictEqual(
      [0, 2 * GiB - 4096, 2 * GiB, 3 * GiB, 4 * GiB, 8 * GiB, 16 * GiB, 32 * GiB, 33 * GiB, 34 * GiB]
        .map((address) => at(names, address)),
      ["ram0", "ram0", "ram1", "none", "ram1", "pmem1", "pmem0", "vpmem0", "dimm0", "none"]
    )
  })

  it("SPW-10: the RAM of a machine without nodes has no number", () => {
    const names = MemoryNames.ofRecording(input([4 * GiB]), 4096)
    assert.deepStrictEqual([at(names, 0), at(names, 4 * GiB)], ["ram", "ram"])
    assert.deepStrictEqual(MemoryNames.edges(names).slice(0, 2), [0, 3 * GiB / 4096])
  })

  it("SPW-10: a described machine names devices by kind", () => {
    const names = MemoryNames.ofMachine({
      ranges: [
        { start: 0, size: GiB, kind: "ram", node: 1 },
        { start: GiB, size: GiB, kind: "ram", node: 4 },
        { start: 3 * GiB, size: GiB, kind: "reserved" }
      ],
      devices: [
        { name: "region0", kind: "pmem", start: 8 * GiB, size: GiB },
        { name: "dax0", kind: "dax", start: 9 * GiB, size: GiB },
        { name: "region1", kind: "pmem", size: GiB }
      ]
    }, 4096)
    assert.deepStrictEqual(
      [0, GiB, 3 * GiB, 8 * GiB, 9 * GiB].map((address) => at(names, address)),
      ["ram1", "ram4", "none", "pmem0", "dax0"]
    )
  })
})
