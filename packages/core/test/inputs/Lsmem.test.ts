import { assert, describe, it } from "@effect/vitest"
import * as Lsmem from "@vmemmap/core/inputs/Lsmem"
import { expectRefused, ok } from "./expect.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const read = (memory: ReadonlyArray<unknown>) => Lsmem.read("lsmem", JSON.stringify({ memory }))

describe("Lsmem", () => {
  it("ranges are exact where sizes are rounded; neighbours that agree are joined; blocks tell the block size", () => {
    assert.deepStrictEqual(
      ok(read([
        {
          range: "0x0000000000000000-0x0000000007ffffff",
          size: "128M",
          state: "online",
          removable: false,
          block: "0",
          node: 0,
          zones: "None"
        },
        {
          range: "0x0000000008000000-0x0000000037ffffff",
          size: "768M",
          state: "online",
          removable: true,
          block: "1-6",
          node: 0,
          zones: "DMA32"
        },
        { range: "0x0000000100000000-0x00000001a7ffffff", size: "2.6G", state: "online", block: "32-52", node: 1 },
        { range: "0x00000001a8000000-0x00000001afffffff", size: "128M", state: "offline", block: "53", node: 1 }
      ])),
      {
        blockSize: 128 * MiB,
        ranges: [
          { start: 0, size: 896 * MiB, kind: "ram", node: 0 },
          { start: 4 * GiB, size: 21 * 128 * MiB, kind: "ram", node: 1 },
          { start: 0x1a8000000, size: 128 * MiB, kind: "ram", node: 1, offline: true }
        ],
        nodes: [{ node: 0 }, { node: 1 }]
      }
    )
  })

  it("any subset of columns will do that says where memory is", () => {
    assert.deepStrictEqual(ok(read([{ range: "0x0000000100000000-0x00000001ffffffff" }])), {
      ranges: [{ start: 4 * GiB, size: 4 * GiB, kind: "ram" }]
    })
    assert.deepStrictEqual(ok(read([{ size: 4294967296, block: "2-3", node: "0" }])), {
      blockSize: 2 * GiB,
      ranges: [{ start: 4 * GiB, size: 4 * GiB, kind: "ram", node: 0 }],
      nodes: [{ node: 0 }]
    })
    expectRefused(read([{ size: "4G", block: "2-3" }]), "memory[0]", "has no range", "RANGE")
    expectRefused(read([{ state: "online" }]), "has no range")
  })

  it("blocks that do not fit their range are refused", () => {
    expectRefused(read([{ range: "0x0-0x7ffffff", block: "1" }]), "memory[0]", "blocks 1 do not fit")
    expectRefused(
      read([{ range: "0x0-0x7ffffff", block: "0" }, { range: "0x10000000-0x1fffffff", block: "1" }]),
      "memory[1]",
      "do not fit"
    )
    expectRefused(read([{ range: "0x0-0x7ffffff" }, { range: "0x4000000-0xfffffff" }]), "overlaps")
    expectRefused(read([{ range: "0x8000000-0x0" }]), "memory[0].range", "is empty")
    expectRefused(Lsmem.read("lsmem", "{}"), "has no array 'memory'")
  })

  it("the table lsmem prints by default is read as well", () => {
    const table = `RANGE                                  SIZE   STATE REMOVABLE  BLOCK
0x0000000000000000-0x00000000bfffffff    3G  online       yes   0-23
0x0000000100000000-0x000000043fffffff   13G offline       yes 32-135

Memory block size:                128M
Total online memory:                3G
Total offline memory:              13G
`
    assert.deepStrictEqual(ok(Lsmem.read("lsmem", table)), {
      blockSize: 128 * MiB,
      ranges: [
        { start: 0, size: 3 * GiB, kind: "ram" },
        { start: 4 * GiB, size: 13 * GiB, kind: "ram", offline: true }
      ]
    })
    expectRefused(Lsmem.read("lsmem", "SIZE STATE\n3G online\n"), "has no column RANGE")
  })
})
