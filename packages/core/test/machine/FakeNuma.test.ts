import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import type * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as FakeNuma from "../../src/machine/FakeNuma.ts"
import * as FirmwareMap from "../../src/machine/FirmwareMap.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30

type Block = FirmwareMap.NodeRange

const shown = (blocks: ReadonlyArray<Block> | null) =>
  blocks?.map(({ end, node, start }) => `${node}: ${start / MiB}-${end / MiB}`)

const ram = [{ start: 4096, end: 0x9f000 }, { start: MiB, end: 3 * GiB }, { start: 4 * GiB, end: 6 * GiB }]

/** The kernel's loop as it is: 32 MiB at a time, counting the holes again at every step. */
const stepwise = (
  kind: "nodes" | "size",
  size: number,
  larger: number,
  count: number,
  blocks: ReadonlyArray<Block>,
  usable: ReadonlyArray<PfnRange.PfnRange>
): ReadonlyArray<Block> => {
  const step = 32 * MiB
  const hole = (start: number, end: number) =>
    start >= end ? 0 : end - start - usable.reduce(
      (sum, range) => sum + Math.max(0, Math.min(range.end, end) - Math.max(range.start, start)),
      0
    )
  const left = blocks.map((block) => ({ ...block }))
  const out: Array<Block> = []
  const nodes = new Set(blocks.map(({ node }) => node))
  while (nodes.size > 0) {
    for (const node of [...nodes].toSorted((a, b) => a - b)) {
      const at = left.findIndex((block) => block.node === node)
      const block = left[at]
      if (block === undefined) {
        nodes.delete(node)
        continue
      }
      let end = block.start + size + (kind === "nodes" && out.length < larger ? step : 0)
      while (end - block.start - hole(block.start, end) < size) {
        end += step
        if (end > block.end) {
          end = block.end
          break
        }
      }
      if (end < 4 * GiB && 4 * GiB - end - hole(end, 4 * GiB) < step) end = 4 * GiB
      if (end <= block.end && block.end - end - hole(end, block.end) < size) end = block.end
      const cut = Math.min(end, block.end)
      out.push({ node: out.length % count, start: block.start, end: cut })
      block.start = cut
      if (block.start >= block.end) left.splice(at, 1)
    }
  }
  return FirmwareMap.joinBlocks(out)
}

describe("FakeNuma", () => {
  it("ZON-13: only a capital U, M or G decides the kind", () => {
    assert.deepStrictEqual(["4", "0x4", "512M", "2G:10", "512m", "1T", "2U", "x", ""].map(FakeNuma.parse), [
      { kind: "nodes", count: 4 },
      { kind: "nodes", count: 4 },
      { kind: "size", size: 512 * MiB },
      { kind: "size", size: 2 * GiB },
      { kind: "nodes", count: 512 },
      { kind: "nodes", count: 1 },
      { kind: "per-node", count: 2 },
      null,
      null
    ])
  })

  it("ZON-13: N nodes of a machine with holes; a rest too small for a node joins the last one", () => {
    const block = [{ node: 0, start: 0, end: 6 * GiB }]
    // For the holes below 1 MiB a node is 1248 MiB instead of 1280, and three of them begin 32 MiB larger.
    assert.deepStrictEqual(shown(FakeNuma.make({ kind: "nodes", count: 4 }, block, ram)), [
      "0: 0-1280",
      "1: 1280-2560",
      "2: 2560-4832",
      "3: 4832-6144"
    ])
  })

  it("ZON-13: fewer than 32 MiB left below 4 GiB are no node", () => {
    const usable = [{ start: 0, end: GiB + 16 * MiB }, { start: 4 * GiB, end: 5 * GiB }]
    assert.deepStrictEqual(
      shown(FakeNuma.make({ kind: "size", size: GiB }, [{ node: 0, start: 0, end: 5 * GiB }], usable)),
      ["0: 0-4096", "1: 4096-5120"]
    )
  })

  it("ZON-13: N counts nodes of the whole machine, each real node giving one in turn", () => {
    const blocks = [{ node: 0, start: 0, end: 2 * GiB }, { node: 1, start: 4 * GiB, end: 6 * GiB }]
    const usable = [{ start: 0, end: 2 * GiB }, { start: 4 * GiB, end: 6 * GiB }]
    assert.deepStrictEqual(shown(FakeNuma.make({ kind: "nodes", count: 4 }, blocks, usable)), [
      "0: 0-1024",
      "2: 1024-2048",
      "1: 4096-5120",
      "3: 5120-6144"
    ])
  })

  it("ZON-13: NU cuts each real node into N of equal extent", () => {
    const blocks = [{ node: 0, start: 0, end: 2 * GiB }, { node: 1, start: 4 * GiB, end: 6 * GiB }]
    const usable = [{ start: 0, end: 2 * GiB }, { start: 4 * GiB, end: 6 * GiB }]
    assert.deepStrictEqual(shown(FakeNuma.make({ kind: "per-node", count: 2 }, blocks, usable)), [
      "0: 0-1024",
      "1: 1024-2048",
      "2: 4096-5120",
      "3: 5120-6144"
    ])
  })

  it("ZON-13: sizes below 32 MiB and more than 1024 nodes are corrected; the impossible is left alone", () => {
    const block = [{ node: 0, start: 0, end: 6 * GiB }]
    assert.strictEqual(FakeNuma.make({ kind: "size", size: MiB }, block, ram)?.length, 159)
    assert.isNull(FakeNuma.make({ kind: "nodes", count: 0 }, block, ram))
    assert.isNull(FakeNuma.make({ kind: "nodes", count: 200 }, block, ram))
    assert.isNull(FakeNuma.make({ kind: "size", size: 0 }, block, ram))
    assert.isNull(FakeNuma.make({ kind: "per-node", count: 200 }, block, ram))
  })

  const Part = Schema.Struct({
    gap: Schema.Natural.check(Schema.isBetween({ minimum: 0, maximum: 600 })),
    length: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 1500 })),
    node: Schema.Natural.check(Schema.isBetween({ minimum: 0, maximum: 2 }))
  })
  const Count = Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 9 }))

  it.prop(
    "ZON-13: the closed form ends every node where the kernel's steps do",
    { parts: Arbitrary.array(Arbitrary.schema(Part), { minLength: 1, maxLength: 8 }), count: Count },
    ({ count, parts }) => {
      let at = 0
      const ranges = parts.map(({ gap, length, node }) => {
        const start = at + gap * MiB
        at = start + length * MiB
        return { node, start, end: at }
      })
      const blocks = FirmwareMap.joinBlocks(ranges)
      const usable = ranges.map(({ end, start }) => ({ start, end }))
      const total = usable.reduce((sum, range) => sum + range.end - range.start, 0)
      const equal = Math.floor(total / 4096 / count) * 4096
      const size = equal - equal % (32 * MiB)
      const made = FakeNuma.make({ kind: "nodes", count }, blocks, usable)
      if (size === 0) assert.isNull(made)
      else {
        const larger = Math.floor((equal - size) * count / (32 * MiB))
        assert.deepStrictEqual(made, stepwise("nodes", size, larger, count, blocks, usable))
        const bySize = FakeNuma.make({ kind: "size", size }, blocks, usable)
        assert.deepStrictEqual(bySize, stepwise("size", size, 0, 1024, blocks, usable))
      }
    },
    { arbitrary: { runs: 300, seed: "fake numa" } }
  )
})
