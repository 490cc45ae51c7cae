/** `__populate_section_memmap()` called as the kernel would not, on nodes without memory, and when blocks cannot be had. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Faults from "../../src/frames/Faults.ts"
import * as FrameAllocator from "../../src/frames/FrameAllocator.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import type { Piece } from "../../src/vmemmap/Piece.ts"
import * as Survey from "../../src/vmemmap/Survey.ts"
import * as Vmemmap from "../../src/vmemmap/Vmemmap.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30

const on = (spec: Partial<MachineSpec.MachineSpec> = {}) =>
  Effect.provide(Machine.layer({
    kernel: "6.1.176",
    nodes: [{ node: 0 }, { node: 1 }, { node: 2 }],
    ranges: [{ kind: "ram", start: MiB, size: 2 * GiB, node: 0 }, { kind: "ram", start: 4 * GiB, size: GiB, node: 1 }],
    ...spec
  }))

const piece = (start: number, pages: number, rest: Partial<Piece> = {}): Piece => ({
  start,
  end: start + pages,
  node: 0,
  altmap: null,
  compound: null,
  owner: 0,
  device: null,
  ...rest
})

const run = Effect.gen(function*() {
  const vmemmap = yield* Vmemmap.Vmemmap
  const log = yield* KernelLog.KernelLog
  return {
    vmemmap,
    populate: (wanted: Piece) => Steps.drain(vmemmap.populate(wanted)),
    depopulate: (wanted: Piece) => Steps.drain(vmemmap.depopulate(wanted)),
    leaves: (start: number, pages: number, structPage = 64) => [
      ...Survey.take(vmemmap.tables, { start: start * structPage, end: (start + pages) * structPage }).leaves
    ],
    said: Effect.map(
      log.recent,
      (events) =>
        events.flatMap((event) =>
          event._tag === "Warn" ? [`${event.where} ${event.rule}`] : event._tag === "Line" ? [event.text] : []
        )
    )
  }
})

const first = 16 * GiB / 4096

describe("Vmemmap", () => {
  it.effect("VMM-1: what is no whole number of subsections is refused with one WARN", () =>
    Effect.gen(function*() {
      const { leaves, populate, said } = yield* run
      assert.isFalse(populate(piece(first + 1, 512)))
      assert.isFalse(populate(piece(first, 511)))
      assert.isTrue(populate(piece(first, 512)))
      assert.deepStrictEqual(leaves(first, 32768), [[4096, 8]])
      assert.deepStrictEqual(yield* said, ["__populate_section_memmap VMM-1"])
    }).pipe(on()))

  it.effect("VMM-6: base pages from another node are told of once, blocks are not looked at", () =>
    Effect.gen(function*() {
      const { populate, said } = yield* run
      assert.isTrue(populate(piece(first, 32768, { node: 2 })))
      assert.deepStrictEqual(yield* said, [])
      assert.isTrue(populate(piece(first + 32768, 512, { node: 1 })))
      assert.deepStrictEqual(yield* said, [])
      assert.isTrue(populate(piece(first + 65536, 512, { node: 2 })))
      assert.isTrue(populate(piece(first + 98304, 512, { node: 2, compound: { order: 9, base: first + 98304 } })))
      assert.deepStrictEqual(yield* said, ["[ffffea0010400000-ffffea0010400fff] potential offnode page_structs"])
    }).pipe(on()))

  it.effect("VMM-3: base pages replace the one block that cannot be had, not the ones after it", () =>
    Effect.gen(function*() {
      const faults = yield* Faults.Faults
      const ledger = yield* Ledger.Ledger
      // A section has 1.75 MiB of 56-byte struct pages and lies in two blocks.
      const { depopulate, leaves, populate } = yield* run
      const section = piece(first + 32768, 32768)
      faults.arm(0)
      assert.isTrue(populate(section))
      assert.isNull(faults.disarm())
      // 256 KiB of the section are in the first block, 1.5 MiB in the second.
      assert.deepStrictEqual(leaves(section.start, 32768, 56), [[4096, 64], [2 * MiB, 1]])
      yield* ledger.balance
      depopulate(section)
      assert.deepStrictEqual(leaves(section.start, 32768, 56), [])
      yield* ledger.balance
    }).pipe(on({ structPage: 56 })))

  for (const [arch, kernel, leaf] of [["s390x", "6.1.176", MiB], ["loongarch64", "6.2", 32 * MiB]] as const) {
    it.effect(`VMM-3, GEO-10: ${arch} takes base pages for the part of a block it needs, its neighbours then too`, () =>
      Effect.gen(function*() {
        const faults = yield* Faults.Faults
        const ledger = yield* Ledger.Ledger
        const { depopulate, leaves, populate } = yield* run
        const pages = arch === "s390x" ? 65536 : 32768
        const page = arch === "s390x" ? 4096 : 16384
        const section = piece(64 * pages, pages)
        const next = piece(65 * pages, pages)
        faults.arm(arch === "s390x" ? 2 : 0)
        assert.isTrue(populate(section))
        assert.isNull(faults.disarm())
        const expected = arch === "s390x" ? [[leaf, 3], [page, 256]] : [[page, 128]]
        assert.deepStrictEqual(leaves(section.start, pages).toSorted(([a], [b]) => b - a), expected)
        assert.isTrue(populate(next))
        assert.deepStrictEqual(leaves(next.start, pages), arch === "s390x" ? [[leaf, 4]] : [[page, 128]])
        yield* ledger.balance
        for (const one of [section, next]) depopulate(one)
        assert.deepStrictEqual(leaves(section.start, 2 * pages), [])
        yield* ledger.balance
      }).pipe(on({ arch, kernel })))
  }

  it.effect("CMP-12: one page of tails for each order and zone, on the node of the zone", () =>
    Effect.gen(function*() {
      const ledger = yield* Ledger.Ledger
      const frames = yield* FrameAllocator.FrameAllocator
      const { populate } = yield* run
      const tails = () =>
        [0, 1].map((node) => ledger.total({ book: "ram", purpose: "shared-tail", where: String(node) }))
      const compound = (at: number, node: number, order: number) =>
        piece(first + at, 32768, { node, compound: { order, base: first + at } })
      const free = frames.free(1)
      assert.isTrue(populate(compound(0, 0, 9)))
      assert.isTrue(populate(compound(32768, 0, 9)))
      assert.deepStrictEqual(tails(), [1, 0])
      assert.isTrue(populate(compound(65536, 1, 9)))
      assert.deepStrictEqual(tails(), [1, 1])
      assert.strictEqual(free - frames.free(1), 64 + 1 + 1)
      assert.isTrue(populate(compound(98304, 1, 10)))
      assert.deepStrictEqual(tails(), [1, 2])
      yield* ledger.balance
    }).pipe(on({ kernel: "proposed-2026" })))
})
