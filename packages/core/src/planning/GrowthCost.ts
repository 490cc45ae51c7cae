/**
 * What adding memory blocks costs in RAM: struct pages, page tables, sections and block devices. Spec 01, HOT-12.
 *
 * Costs are differences of closed formulas over everything added so far, so tables shared by neighbours are counted once.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import type * as Architecture from "../geometry/Architecture.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import type { Footprint } from "./Footprint.ts"
import * as MemmapCost from "./MemmapCost.ts"

/**
 * How memory is added. `start` is the address of the first block, `step` the bytes of one device.
 *
 * @category models
 * @since 0.1.0
 */
export interface Kind {
  readonly how: "dimm" | "virtio-mem" | "kmem"
  readonly step: number
  readonly arch: Architecture.Architecture
  readonly release: KernelRelease
  readonly structPage: number
  readonly blockSize: number
}

/**
 * Bytes. `memmap` is what the struct pages take, wherever they lie.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cost {
  readonly memmap: number
  readonly pageTables: number
  readonly bookkeeping: number
}

/**
 * Why memory added this way keeps its memmap in RAM although memmap_on_memory was asked for; null when it does not (HOT-12,
 * 25.6).
 *
 * @category queries
 * @since 0.1.0
 */
export const whyNotSelfHosted = (kind: Kind): string | null => {
  if (kind.how === "virtio-mem") return "the virtio-mem driver does not ask for it"
  if (kind.how === "kmem" && !has(kind.release, "kmem-memmap-on-memory")) {
    return "kmem asks for it from 6.8 on only (25.6)"
  }
  return MemmapOnMemory.refuses(kind, kind.step)
}

/**
 * Whether the added memory holds its own memmap (HOT-12).
 *
 * @category queries
 * @since 0.1.0
 */
export const isSelfHosted = (kind: Kind): boolean => whyNotSelfHosted(kind) === null

/**
 * Bytes of memory blocks that exist after a device of `bytes` joined `blocks` bytes of them; `plugged` is what was added in
 * all, which is what virtio-mem covers with whole blocks. kmem trims to whole blocks (25.1).
 *
 * @category queries
 * @since 0.1.0
 */
export const blocksAfter = (kind: Kind, blocks: number, plugged: number, bytes: number): number =>
  kind.how === "virtio-mem"
    ? Alignment.up(plugged, kind.blockSize)
    : blocks + (kind.how === "kmem" ? Alignment.down(bytes, kind.blockSize) : Alignment.up(bytes, kind.blockSize))

/**
 * Table pages of the linear map (GEO-13). Large entries are used where one add covers one; neighbours share the table of a
 * slot that none covers alone. Memory that comes block by block never covers a slot.
 */
const linearTables = (
  kind: Kind & { readonly start: number; readonly selfHosted: boolean },
  from: number,
  to: number
) => {
  const { pmdSize, pmdTable } = kind.arch
  const slot = pmdTable.entries * pmdSize
  const blockwise = kind.blockSize < slot && (kind.how === "virtio-mem" || kind.selfHosted)
  const tail = to % slot !== 0 && Alignment.down(to, slot) >= from ? 1 : 0
  const tables = blockwise ? Math.ceil(to / slot) - Math.ceil(from / slot) : tail
  return tables * pmdTable.bytes
}

/**
 * The cost of going from `before` to `after` bytes of memory blocks, both multiples of the block, in one add.
 *
 * @category constructors
 * @since 0.1.0
 */
export const between = (
  kind: Kind & { readonly start: number; readonly selfHosted: boolean; readonly footprint: Footprint },
  before: number,
  after: number
): Cost => {
  if (after <= before) return { memmap: 0, pageTables: 0, bookkeeping: 0 }
  const { arch, blockSize, footprint, start } = kind
  const map = (bytes: number) =>
    bytes === 0
      ? { ram: 0, pageTables: 0 }
      : MemmapCost.make({ ...kind, range: { start, end: start + bytes }, altmap: null, order: 0, ram: [] })
  const [old, now] = [map(before), map(after)]
  const sections = (after - before) / arch.sectionSize
  const rooted = arch.sectionSize * Math.floor(arch.pageSize / footprint.sectionEntry)
  const roots = Math.ceil((start + after) / rooted) - Math.ceil((start + before) / rooted)
  return {
    memmap: now.ram - old.ram,
    pageTables: now.pageTables - old.pageTables + linearTables(kind, start + before, start + after),
    bookkeeping: roots * arch.pageSize + sections * footprint.sectionUsage +
      (after - before) / blockSize * footprint.perBlock
  }
}
