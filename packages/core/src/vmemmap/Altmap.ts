/**
 * `struct vmem_altmap` in closed form: what a device-provided memmap consumes, loses and leaves over, without walking
 * sections. ALT-1 … ALT-13, 22.5, 22.6.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import { fromAddress } from "../geometry/Pfn.ts"

/**
 * Bytes a namespace with an info block keeps at its start: 4 KiB unused, 4 KiB for the block (22.1, ALT-12).
 *
 * @category constants
 * @since 0.1.0
 */
export const reserveBytes = 8192

/**
 * All in pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Altmap {
  readonly basePfn: number
  /** Mapped but private to the driver, at the base. */
  readonly reserve: number
  /** Set aside for the memmap right after the reserve. */
  readonly free: number
  /** Consumed by vmemmap blocks and pages. */
  readonly alloc: number
  /** Lost to block alignment. */
  readonly align: number
}

/**
 * Pages set aside and not consumed: `alloc + align` never exceeds `free` (ALT-2).
 *
 * @category queries
 * @since 0.1.0
 */
export const left = (altmap: Altmap): number => altmap.free - altmap.alloc - altmap.align

/**
 * The altmap of a namespace before anything is taken from it (22.5): the reserve is 8 KiB in pages, plus the distance to a
 * lower subsection boundary.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (start: number, dataoff: number, arch: Architecture.Architecture): Altmap => {
  const base = Alignment.down(start, Architecture.subsectionSize)
  const reserved = Math.max(1, reserveBytes / arch.pageSize)
  return {
    basePfn: fromAddress(base, arch.pageSize),
    reserve: reserved + (start - base) / arch.pageSize,
    free: Math.max(0, Math.floor((dataoff - reserveBytes) / arch.pageSize)),
    alloc: 0,
    align: 0
  }
}

/**
 * Takes `count` naturally aligned blocks of `pages` pages each: `altmap_alloc_block_buf()` called `count` times (ALT-3).
 *
 * Only the first block can be misaligned, so only it costs padding. `failedAt` is the index of the first block that no
 * longer fits; blocks before it stay taken.
 *
 * @category combinators
 * @since 0.1.0
 */
export const take = (
  altmap: Altmap,
  pages: number,
  count: number
): { readonly altmap: Altmap; readonly failedAt: number | null } => {
  const next = altmap.basePfn + altmap.reserve + altmap.alloc + altmap.align
  const padding = Alignment.up(next, Alignment.largestPowerDividing(pages)) - next
  const fitting = Math.max(0, Math.min(count, Math.floor((left(altmap) - padding) / pages)))
  return {
    altmap: fitting === 0
      ? altmap
      : { ...altmap, alloc: altmap.alloc + fitting * pages, align: altmap.align + padding },
    failedAt: fitting < count ? fitting : null
  }
}
