/**
 * Sections going online and offline, and the free pages in them (LCK-9, SPW-4).
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import { type Op, write } from "../kernel/Steps.ts"
import * as SectionTable from "../sections/SectionTable.ts"

/**
 * `online_mem_sections()` and `offline_mem_sections()`: every section that a range (pfns) touches; `limit` like ones pass
 * between two steps.
 *
 * @category operations
 * @since 0.1.0
 */
export const mark = function*(
  table: SectionTable.Table,
  { end, start }: PfnRange,
  isOnline: boolean,
  limit: number
): Op<void> {
  const { online } = SectionTable.Flag
  const last = Math.ceil(end / table.pagesPerSection)
  for (let section = SectionTable.sectionOf(table, start); section < last;) {
    yield write(isOnline ? "section.set-online" : "section.clear-online", `section:${section}`)
    const record = SectionTable.record(table, section)
    const next = { ...record, flags: isOnline ? record.flags | online : record.flags & ~online }
    const isFull = SectionTable.bits(table, section, 0, table.subsections) === "all"
    const count = isFull ? SectionTable.alike(table, section, Math.min(limit, last - section)) : 1
    if (count > 1) SectionTable.fill(table, section, count, next, true)
    else SectionTable.set(table, section, next)
    section += count
  }
}

/**
 * Pages of the largest aligned blocks the buddy allocator makes of a range: at most two runs of one order at each end and the
 * bulk in `largestOrder` between them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Free extends PfnRange {
  readonly order: number
}

/**
 * `online_pages_range()`: how a range, pageblock-aligned at its start and section-aligned at its end, falls into free blocks
 * of order `min(largestOrder, ctz(pfn))`.
 *
 * @category queries
 * @since 0.1.0
 */
export const freeBlocks = ({ end, start }: PfnRange, largestOrder: number): ReadonlyArray<Free> => {
  const blocks: Array<Free> = []
  let at = start
  while (at < end) {
    const order = at === 0 ? largestOrder : Math.min(largestOrder, Math.log2(Alignment.largestPowerDividing(at)))
    const next = order === largestOrder ? end : at + 2 ** order
    blocks.push({ start: at, end: next, order })
    at = next
  }
  return blocks
}
