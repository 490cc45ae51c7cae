/**
 * Backing the memmap with memory: which pages of RAM or of the device hold the struct pages of a range (spec 03, 04).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { type Op, write } from "../kernel/Steps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import * as Blocks from "./Blocks.ts"
import * as Compounds from "./Compounds.ts"
import * as CompoundVmemmap from "./CompoundVmemmap.ts"
import * as Offnode from "./Offnode.ts"
import * as PageTables from "./PageTables.ts"
import type { Piece } from "./Piece.ts"
import * as TableFrames from "./TableFrames.ts"

/**
 * - `populate`: `__populate_section_memmap()` for one part of a section, or for a run no longer than `room` allows; `false`
 *   when memory ran out (the caller depopulates), or for what is no whole number of subsections
 * - `depopulate`: unmaps and frees exactly the memmap of a piece
 * - `room`: how many whole sections from the beginning of a run can be populated at once, 0 when only one by one
 * - `tables`: the page tables, for readers
 *
 * @category services
 * @since 0.1.0
 */
export class Vmemmap extends Context.Service<Vmemmap, {
  readonly populate: (piece: Piece) => Op<boolean>
  readonly depopulate: (piece: Piece) => Op<void>
  readonly room: (piece: Piece) => number
  readonly tables: PageTables.PageTables
  /** Struct pages of present subsections. */
  readonly populated: () => number
}>()("@vmemmap/core/vmemmap/Vmemmap") {}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const kernel = yield* Kernel
  const frames = yield* FrameAllocator
  const memmap = yield* Memmap
  const log = yield* KernelLog
  const { arch, structPage } = kernel
  const tables = PageTables.make(arch)
  const pte = TableFrames.make(frames, log, arch.pteTable, arch.pageSize, "pte")
  const pmd = TableFrames.make(frames, log, arch.pmdTable, arch.pageSize, "pmd")
  /** Bytes of the vmemmap that hold the struct pages of present subsections. */
  const used = ExtentMap.empty<true>()
  const state: Blocks.State = { kernel, frames, log, memmap, tables, pte, pmd, verify: Offnode.make(kernel, log) }
  const tails = new Map<string, number>()
  const pagesPerSection = Architecture.pagesPerSection(arch)
  const pagesPerSubsection = Architecture.pagesPerSubsection(arch)

  const isShared = ({ altmap, compound }: Piece): boolean =>
    compound !== null && CompoundVmemmap.isShared(kernel, compound.order, altmap !== null)

  const mapped = (owner: number, amount: number) =>
    log.emit({
      _tag: "Account",
      book: "mapped",
      where: owner < 0 ? "ram" : String(owner),
      purpose: "struct-pages",
      amount
    })

  /** `__populate_section_memmap()` takes whole subsections (VMM-1). */
  const isWhole = ({ end, start }: Piece): boolean =>
    arch.vmemmap === "none" || (start % pagesPerSubsection === 0 && end % pagesPerSubsection === 0)

  /** Whoever reads struct pages of a section minds who maps, unmaps and writes them. */
  const objectOf = ({ start }: Piece): string => `memmap:${Math.floor(start / pagesPerSection)}`

  const populate = function*(piece: Piece): Op<boolean> {
    if (!isWhole(piece)) {
      const text = `pfns ${hex(piece.start)} to ${hex(piece.end - 1)} are no whole subsections`
      log.once({ where: "__populate_section_memmap", rule: "VMM-1", text })
      return false
    }
    const virtual = { start: piece.start * structPage, end: piece.end * structPage }
    yield write("vmemmap.populate", objectOf(piece))
    ExtentMap.set(used, virtual.start, virtual.end, true)
    mapped(piece.owner, piece.end - piece.start)
    return isShared(piece) ? Compounds.populate(state, memmap, tails, piece) : Blocks.populate(state, piece)
  }

  /** Where the leaf at an edge begins (or ends), unless others still live in it. */
  const edge = (virtual: number, side: "start" | "end"): number => {
    const extent = ExtentMap.find(tables.leaves, side === "start" ? virtual : virtual - 1)
    if (extent === undefined) return virtual
    const { anchor, leaf } = extent.value
    const start = anchor + Math.floor(((side === "start" ? virtual : virtual - 1) - anchor) / leaf) * leaf
    const isInUse = ExtentMap.overlaps(used, start, start + leaf)
    return (side === "start") === isInUse ? start + leaf : start
  }

  const depopulate = function*(piece: Piece): Op<void> {
    const virtual = { start: piece.start * structPage, end: piece.end * structPage }
    yield write("vmemmap.unmap", objectOf(piece))
    const present = ExtentMap.slice(used, virtual.start, virtual.end)
    ExtentMap.remove(used, virtual.start, virtual.end)
    mapped(piece.owner, -PfnRange.total(present) / structPage)
    const start = edge(virtual.start, "start")
    const end = Math.max(start, edge(virtual.end, "end"))
    for (const leaves of ExtentMap.slice(tables.leaves, start, end)) {
      if (leaves.value.device === null) continue
      const frame = PageTables.frameOf(leaves.value, leaves.start, tables.pageSize)
      Blocks.keep(state, leaves.start, leaves.end, frame, memmap.save)
    }
    const gone = PageTables.unmap(tables, start, end)
    memmap.unmap(piece.start, piece.end)
    for (const { device, pages, start } of gone.freed) {
      if (device === null) frames.give(start, pages, "memmap")
      else Blocks.credit(state, piece, device, pages)
    }
    if (piece.altmap !== null && Blocks.isFirstVersion(state)) return
    pte.give(piece.node, gone.pte)
    pmd.give(piece.node, gone.pmd)
  }

  return Vmemmap.of({
    populate,
    depopulate,
    room: (piece) => {
      const sections = Math.floor((piece.end - piece.start) / pagesPerSection)
      if (sections < 2) return 0
      return isShared(piece) ? Compounds.room(state, piece) : Blocks.room(state, piece)
    },
    tables,
    populated: () => PfnRange.total(used.extents) / structPage
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Vmemmap, never, Kernel | FrameAllocator | Memmap | KernelLog> = Layer.effect(
  Vmemmap,
  make
)
