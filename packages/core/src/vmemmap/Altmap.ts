/**
 * `struct vmem_altmap` in closed form: what a device-provided memmap consumes, loses and leaves over, without walking
 * sections. ALT-1 … ALT-13, 22.5, 22.6.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import { fromAddress } from "../geometry/Pfn.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"

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
 * How an altmap is taken from: as merged, or as first posted, where the reserve was not added, padding counted as consumed
 * and sizes had to be powers of two (ALT-15).
 *
 * @category models
 * @since 0.1.0
 */
export type Version = "merged" | "rfc-2015"

/**
 * The version a kernel has.
 *
 * @category queries
 * @since 0.1.0
 */
export const versionOf = (release: KernelRelease): Version => has(release, "altmap-rfc-2015") ? "rfc-2015" : "merged"

/** `vmem_altmap_next_pfn()`. */
const nextPfn = ({ align, alloc, basePfn, reserve }: Altmap, version: Version): number =>
  version === "merged" ? basePfn + reserve + alloc + align : basePfn + alloc

/**
 * The pfn at which the next naturally aligned block of `pages` begins.
 *
 * @category queries
 * @since 0.1.0
 */
export const blockPfn = (altmap: Altmap, pages: number, version: Version = "merged"): number =>
  Alignment.up(nextPfn(altmap, version), Alignment.largestPowerDividing(pages))

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
  count: number,
  version: Version = "merged"
): { readonly altmap: Altmap; readonly failedAt: number | null } => {
  const padding = blockPfn(altmap, pages, version) - nextPfn(altmap, version)
  const isLegal = version === "merged" || Alignment.isPowerOfTwo(pages)
  const fitting = isLegal ? Math.max(0, Math.min(count, Math.floor((left(altmap) - padding) / pages))) : 0
  const alloc = altmap.alloc + fitting * pages
  return {
    altmap: fitting === 0
      ? altmap
      : version === "merged"
      ? { ...altmap, alloc, align: altmap.align + padding }
      : { ...altmap, alloc: alloc + padding },
    failedAt: fitting < count ? fitting : null
  }
}
