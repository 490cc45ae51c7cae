/** Everything a machine shows of its memory, and what must hold of it at any time. */
import { assert } from "@effect/vitest"
import { Effect, Option } from "effect"
import { FrameAllocator } from "../../src/frames/FrameAllocator.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import { DirectMap } from "../../src/hotplug/DirectMap.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryGroups } from "../../src/hotplug/MemoryGroups.ts"
import { Locks } from "../../src/kernel/Locks.ts"
import { Ledger } from "../../src/machine/Ledger.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import { Pageblocks } from "../../src/memmap/Pageblocks.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as PageTables from "../../src/vmemmap/PageTables.ts"
import { Vmemmap } from "../../src/vmemmap/Vmemmap.ts"
import { Zones } from "../../src/zones/Zones.ts"
import * as Replay from "./Replay.ts"

/** Neighbours with equal values as one, however the extents came about. */
const joined = <A>(extents: ReadonlyArray<ExtentMap.Extent<A>>) => {
  const runs: Array<{ start: number; end: number; value: string }> = []
  for (const { end, start, value } of extents) {
    const text = JSON.stringify(value)
    const last = runs.at(-1)
    if (last !== undefined && last.end === start && last.value === text) last.end = end
    else runs.push({ start, end, value: text })
  }
  return runs
}

/** What can be observed of the pfns from `first` to `last`, and of the machine as a whole. */
export const observe = (first: number, last: number) =>
  Effect.gen(function*() {
    const { tables } = yield* Vmemmap
    const pageblocks = yield* Pageblocks
    const frames = yield* FrameAllocator
    const leaves = ExtentMap.slice(tables.leaves, first * 64, last * 64).flatMap(({ end, start, value }) =>
      Array.from({ length: (end - start) / value.leaf }, (_, i) => {
        const at = start + i * value.leaf
        return [at, value.leaf, PageTables.frameOf(value, at, tables.pageSize), value.device]
      })
    )
    return {
      shown: yield* Replay.phase,
      sections: yield* Replay.sections,
      leaves,
      contents: joined((yield* Memmap).contents(first, last)),
      pageblocks: Array.from({ length: (last - first) / 32768 }, (_, i) => pageblocks.get(first + i * 32768)),
      free: [frames.free(0), frames.free(1), frames.room(0), frames.room(9), frames.room(10)],
      directMap: (yield* DirectMap).pieces(),
      groups: (yield* MemoryGroups).all()
    }
  })

/** Invariants of LCK-11 that concern RAM, the books, and that nobody holds a lock. */
export const check = Effect.gen(function*() {
  const table = yield* SectionTable.SectionTable
  const zones = yield* Zones
  const blocks = yield* MemoryBlocks
  const locks = yield* Locks
  const ledger = yield* Ledger
  const pages = new Map<string, number>()
  const { hasMemMap, online } = SectionTable.Flag
  for (const { end, start, value } of blocks.runs()) {
    assert.notStrictEqual(value.state, "going-offline")
    const from = start * blocks.pages
    const to = end * blocks.pages
    for (let pfn = from; pfn < to; pfn += table.pagesPerSection) {
      const flags = SectionTable.flags(table, SectionTable.sectionOf(table, pfn))
      if (flags === 0 && value.hasHoles) continue
      assert.strictEqual((flags & online) !== 0, value.state === "online", `section of pfn ${pfn}`)
      assert.strictEqual(flags & hasMemMap, hasMemMap)
    }
    if (value.state === "offline" || value.hasHoles || value.zone === null) continue
    const key = `${value.nodes.at(-1)}/${value.zone}`
    pages.set(key, (pages.get(key) ?? 0) + to - from)
    const zone = zones.of({ node: value.nodes.at(-1) ?? 0, name: value.zone })
    assert.isTrue(zone.start <= from && zone.end >= to, `span of ${key}`)
  }
  for (const { end, managed, name, node, present, start } of zones.all()) {
    assert.strictEqual(end > start, present > 0, `${node}/${name}`)
    assert.isTrue(managed <= present && managed >= 0)
    // Boot zones also have the pages of blocks with holes.
    if (name === "Normal" || name === "Movable") assert.strictEqual(present, pages.get(`${node}/${name}`) ?? 0)
  }
  assert.isTrue(Option.isNone(ledger.firstImbalance()), JSON.stringify(ledger.firstImbalance()))
  yield* ledger.balance
  yield* locks.deviceHotplug(locks.memoryBlock(locks.memHotplug(Effect.void)))
})
