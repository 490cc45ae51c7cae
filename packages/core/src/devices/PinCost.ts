/**
 * What long-term pinning of device memory costs, in atomic operations and in entries of a scatter list (24.5).
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"

/**
 * Pages of one `pin_user_pages()` call of an RDMA registration: one page of pointers.
 *
 * @category queries
 * @since 0.1.0
 */
export const batch = (pageSize: number): number => pageSize / 8

/**
 * Atomic operations, and the struct pages they hit: each its own cache line, all operations of a compound hit its head.
 *
 * @category models
 * @since 0.1.0
 */
export interface Atomics {
  readonly refcount: number
  readonly pincount: number
  readonly heads: number
}

/**
 * A run of pinned pfns. `base` is the pfn of a head: compounds follow one another from there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run extends PfnRange {
  readonly base: number
}

const pages = ({ end, start }: PfnRange): number => end - start

const allPages = (runs: ReadonlyArray<PfnRange>): number => runs.reduce((sum, run) => sum + pages(run), 0)

/** Folios of `2^order` pages touched. */
const folios = (runs: ReadonlyArray<Run>, order: number): number =>
  runs.reduce((sum, { base, end, start }) => sum + Alignment.slotsTouched(start - base, end - base, 2 ** order), 0)

/**
 * Pinning pages one at a time, as 6.1 does: a base page is marked by adding 1024 to its refcount; a page of a compound by
 * adding 1 to the refcount and 1 to the pincount of its head.
 *
 * @category queries
 * @since 0.1.0
 */
export const pin = (runs: ReadonlyArray<Run>, order: number): Atomics => ({
  refcount: allPages(runs),
  pincount: order === 0 ? 0 : allPages(runs),
  heads: folios(runs, order)
})

/**
 * Unpinning by range goes folio by folio.
 *
 * @category queries
 * @since 0.1.0
 */
export const unpin = (runs: ReadonlyArray<Run>, order: number): Atomics => {
  const heads = folios(runs, order)
  return { refcount: heads, pincount: order === 0 ? 0 : heads, heads }
}

/**
 * Neighbouring runs merged into one entry each, in the order of the pinned buffer: the scatter list.
 *
 * @category queries
 * @since 0.1.0
 */
export const scatter = (runs: ReadonlyArray<PfnRange>): ReadonlyArray<PfnRange> => {
  const out: Array<PfnRange> = []
  for (const { end, start } of runs) {
    const last = out.at(-1)
    if (last !== undefined && last.end === start) out[out.length - 1] = { start: last.start, end }
    else out.push({ start, end })
  }
  return out
}

/** The smallest power of two whose aligned blocks hold all of `[start, start + length)` in one. */
const span = (start: number, length: number): number => {
  let size = 1
  while (Math.floor(start / size) !== Math.floor((start + length - 1) / size)) size *= 2
  return size
}

/**
 * `ib_umem_find_best_pgsz()`: the largest page size of `supported` (powers of two) with which the device can map the buffer,
 * so that every entry's physical and virtual address agree below it; 0 when there is none. `buffer` is the virtual byte
 * range, `entries` its scatter list in pfns.
 *
 * @category queries
 * @since 0.1.0
 */
export const bestPageSize = (
  supported: ReadonlyArray<number>,
  buffer: PfnRange,
  entries: ReadonlyArray<PfnRange>,
  pageSize: number
): number => {
  const inOne = span(buffer.start, buffer.end - buffer.start)
  const sufficient = supported.filter((size) => size >= inOne)
  let limit = sufficient.length === 0 ? Infinity : Math.min(...sufficient)
  const cut = (distance: number): void => {
    if (distance !== 0) limit = Math.min(limit, Alignment.largestPowerDividing(Math.abs(distance)))
  }
  let virtual = buffer.start
  let offset = buffer.start % pageSize
  for (const [i, entry] of entries.entries()) {
    cut(entry.start * pageSize + offset - virtual)
    virtual += pages(entry) * pageSize - offset
    offset = 0
    if (i < entries.length - 1) cut(virtual)
  }
  return Math.max(0, ...supported.filter((size) => size <= limit))
}
