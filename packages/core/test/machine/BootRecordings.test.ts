/**
 * Boot memory against what 6.1 said before the first driver was loaded: `docs/kernel-facts.md`.
 *
 * DIMMs plugged at boot are no boot RAM: their resources, memory blocks and pages are left out.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as BootMemory from "../../src/machine/BootMemory.ts"
import * as Recordings from "../records/recordings.ts"

const page = 4096
const mapLines = new Set(["System RAM", "Reserved", "Persistent Memory (legacy)", "RAM buffer"])
const hex = (n: number, digits: number) => `0x${n.toString(16).padStart(digits, "0")}`
const memRange = (start: number, end: number) => `[mem ${hex(start * page, 16)}-${hex(end * page - 1, 16)}]`

const holds = (rule: string, check: (recorded: Recordings.Recorded) => void) =>
  it(`${rule} (184 recordings)`, () => {
    assert.strictEqual(Recordings.all.length, 184)
    for (const recorded of Recordings.all) check(recorded)
  })

const linesOf = (recorded: Recordings.Recorded, pattern: RegExp) => recorded.lines.filter((line) => pattern.test(line))

/** The first pfn of a plugged DIMM; above all of the boot RAM in every recording. */
const plugged = ({ spec }: Recordings.Recorded) =>
  Math.min(...(spec.dimms ?? []).map(({ start }) => start / page), Infinity)

const dimmPages = ({ spec }: Recordings.Recorded) => (spec.dimms ?? []).reduce((sum, { size }) => sum + size / page, 0)

/** Runs of blocks with a boot section, cut where the nodes change. */
const blockRuns = ({ blockSize, nodes }: BootMemory.BootMemory) => {
  const pages = blockSize / page
  const section = 32768
  const blocks = new Map<number, Set<string>>()
  for (const { node, ram } of nodes) {
    for (const range of ram) {
      for (let s = Math.floor(range.start / section); s * section < range.end; s++) {
        const block = Math.floor(s * section / pages)
        blocks.set(block, (blocks.get(block) ?? new Set()).add(`node${node}`))
      }
    }
  }
  return [...blocks].toSorted(([a], [b]) => a - b).map(([block, on]) => ({ block, nodes: [...on] }))
}

describe("Boot memory against recordings", () => {
  holds("ZON-11, ZON-12, ZON-13: spanned, present and start_pfn of every zone", (recorded) => {
    const first = plugged(recorded)
    const zones = recorded.memory.nodes.flatMap(({ node, zones }) =>
      zones.map(({ name, present, spanned, start }) => ({
        node,
        zone: name as string,
        spanned,
        present,
        ...(present > 0 ? { start_pfn: start } : {})
      }))
    )
    const withRam = new Set(recorded.memory.nodes.map(({ node }) => node))
    const seen = recorded.before.zoneinfo.map(({ node, present, spanned, start_pfn, zone }) => {
      if (start_pfn === undefined) return { node, zone, spanned, present }
      if (start_pfn >= first) return { node, zone, spanned: 0, present: 0 }
      // A DIMM onlined above the RAM extends the zone: `block-dimm-big-block`.
      return start_pfn + spanned > first
        ? { node, zone, spanned: recorded.memory.maxPfn - start_pfn, present: present - dimmPages(recorded), start_pfn }
        : { node, zone, spanned, present, start_pfn }
    })
    assert.deepStrictEqual(zones, seen.filter(({ node }) => withRam.has(node)), recorded.name)
    const others = seen.filter(({ node }) => !withRam.has(node))
    assert.isTrue(others.every(({ spanned }) => spanned === 0), recorded.name)
    assert.isTrue(others.every(({ node }) => (recorded.spec.dimms ?? []).some((dimm) => dimm.node === node)))
  })

  holds("GEO-15, GEO-17: memory block size, blocks and their nodes", (recorded) => {
    const { memory_blocks } = recorded.before
    assert.strictEqual(recorded.memory.blockSize, memory_blocks.blockSizeBytes, recorded.name)
    const limit = plugged(recorded) * page / memory_blocks.blockSizeBytes
    const seen = memory_blocks.runs.filter(({ first }) => first < limit).flatMap(({ first, last, nodes }) =>
      Array.from({ length: last - first + 1 }, (_, i) => ({ block: first + i, nodes: [...nodes] }))
    )
    assert.deepStrictEqual(blockRuns(recorded.memory), seen, recorded.name)
  })

  holds(
    "OBS-2, OBS-3, OBS-4, 20.7: System RAM, Reserved, legacy persistent memory, PCI window and RAM buffer lines",
    (recorded) => {
      const isWindow = (line: { name: string; start: number }) =>
        line.name === "PCI Bus 0000:00" && line.start >= 2 ** 20 && line.start < 2 ** 32
      const dimms = new Set((recorded.spec.dimms ?? []).map(({ start }) => start))
      const seen = recorded.before.iomem.filter((line) =>
        line.depth === 0 && (mapLines.has(line.name) || isWindow(line))
      )
        .filter(({ start }) => !dimms.has(start)).map(({ end, name, start }) => ({ start, end, name }))
      const made = recorded.memory.resources.children.map(({ end, name, start }) => ({ start, end, name }))
      assert.deepStrictEqual(made, seen, recorded.name)
    }
  )

  holds("OBS-8: pages in unavailable ranges, line by line", (recorded) => {
    assert.deepStrictEqual(
      recorded.memory.holes.map(({ node, pages, zone }) =>
        `On node ${node}, zone ${zone}: ${pages} pages in unavailable ranges`
      ),
      linesOf(recorded, /unavailable ranges/),
      recorded.name
    )
  })

  holds("OBS-7: the last pfn, RAM ranges by node, node spans and memoryless nodes", (recorded) => {
    const { maxPfn, nodes, possibleNodes } = recorded.memory
    assert.include(recorded.lines, `last_pfn = ${hex(maxPfn, 0)} max_arch_pfn = 0x400000000`, recorded.name)
    const ranges = nodes.flatMap(({ node, ram }) => ram.map((range) => ({ ...range, node })))
      .toSorted((a, b) => a.start - b.start)
    assert.deepStrictEqual(
      ranges.map(({ end, node, start }) => `  node ${String(node).padStart(3)}: ${memRange(start, end)}`),
      linesOf(recorded, /^ {2}node +[0-9]+: \[mem/),
      recorded.name
    )
    const byNode = new Map(nodes.map((node) => [node.node, node.ram] as const))
    assert.deepStrictEqual(
      possibleNodes.map((node) => {
        const ram = byNode.get(node)
        return ram === undefined
          ? `Initmem setup node ${node} as memoryless`
          : `Initmem setup node ${node} ${memRange(ram[0]?.start ?? 0, ram.at(-1)?.end ?? 0)}`
      }),
      linesOf(recorded, /^Initmem setup/),
      recorded.name
    )
  })

  holds("OBS-9: Memory: is what all RAM ranges amount to", (recorded) => {
    const pages = recorded.memory.nodes.flatMap(({ ram }) => ram).reduce((sum, { end, start }) => sum + end - start, 0)
    const shown = /^Memory: [0-9]+K\/([0-9]+)K/.exec(linesOf(recorded, /^Memory: /)[0] ?? "")?.[1]
    assert.strictEqual(String(pages * 4), shown, recorded.name)
  })

  holds("OBS-12: the possible nodes", (recorded) => {
    const nodes = recorded.memory.possibleNodes
    const seen = /possible=(\S+)/.exec(recorded.before.nodes)?.[1]
    assert.strictEqual(nodes.length === 1 ? "0" : `0-${nodes.length - 1}`, seen, recorded.name)
    assert.deepStrictEqual(nodes, nodes.map((_, i) => i))
  })

  it("OBS-4: 'reserve RAM buffer' is said once per RAM entry that ends inside its granule", () => {
    for (const { lines, memory, name } of Recordings.all) {
      const said = lines.filter((line) => line.includes("reserve RAM buffer")).length
      const ends = memory.map.filter(({ end, type }) =>
        type === 1 && end % (end < 2 ** 20 ? 65536 : end < 2 ** 24 ? 2 ** 20 : 2 ** 26) !== 0
      ).length
      assert.strictEqual(ends, said, name)
    }
  })
})
