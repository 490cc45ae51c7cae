/**
 * The memory of page tables: always RAM, in pages where a table is at least one, else from the slab allocator (VMM-2,
 * GEO-12).
 *
 * @since 0.1.0
 */
import { type FrameAllocator, takeAll, type Taken } from "../frames/FrameAllocator.ts"
import type { KernelLog } from "../kernel/KernelLog.ts"

/**
 * Tables of one size. Which of them holds which entries does not matter, so they are kept by the node they were wanted on;
 * neighbours on several nodes share some, and then `give` takes what its node does not have from the others.
 *
 * @category models
 * @since 0.1.0
 */
export interface TableFrames {
  /** All of `count` tables, or none: `false`. */
  readonly take: (node: number, count: number) => boolean
  readonly give: (node: number, count: number) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  frames: FrameAllocator["Service"],
  log: KernelLog["Service"],
  table: { readonly bytes: number },
  pageSize: number,
  level: "pte" | "pmd"
): TableFrames => {
  const held = new Map<number, Array<Taken>>()
  const counts = new Map<number, number>()
  const pages = table.bytes / pageSize
  const account = (node: number, count: number) => {
    counts.set(node, (counts.get(node) ?? 0) + count)
    log.emit({
      _tag: "Account",
      book: "tables",
      where: String(node),
      purpose: level,
      amount: count * table.bytes
    })
  }

  const giveBack = (list: Array<Taken>, count: number): void => {
    let left = count
    while (left > 0) {
      const last = list.pop()
      if (last === undefined) return
      const n = Math.min(left, last.count)
      if (n < last.count) list.push({ ...last, count: last.count - n })
      frames.give(last.start + (last.count - n) * pages, n * pages, "page-table")
      left -= n
    }
  }

  const takePages = (node: number, count: number): boolean => {
    const taken = takeAll(frames, { node, order: Math.log2(pages), count, purpose: "page-table" })
    if (taken === null) return false
    held.set(node, [...(held.get(node) ?? []), ...taken])
    return true
  }

  const takeSmall = (count: number): boolean => {
    for (let i = 0; i < count; i++) if (!frames.small("page-table")) return false
    return true
  }

  return {
    take: (node, count) => {
      if (count === 0 || table.bytes === 0) return true
      const taken = pages >= 1 ? takePages(node, count) : takeSmall(count)
      if (taken) account(node, count)
      return taken
    },
    give: (node, count) => {
      if (table.bytes === 0) return
      let left = count
      for (const owner of [node, ...counts.keys()]) {
        const own = Math.min(left, counts.get(owner) ?? 0)
        if (own === 0) continue
        account(owner, -own)
        if (pages >= 1) giveBack(held.get(owner) ?? [], own)
        left -= own
      }
    }
  }
}
