/**
 * What other ways of shrinking the memmap give for the same amount of memory: HugeTLB's vmemmap optimisation, and an
 * 8-byte memory descriptor as a what-if.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"

/**
 * `memmap`: bytes of struct pages as booted; `kept`: what stays after the optimisation. `supported` is false when the
 * kernel cannot do it (then `kept` equals `memmap`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Saving {
  readonly pageSize: number
  readonly memmap: number
  readonly kept: number
  readonly supported: boolean
}

/** Vmemmap pages HugeTLB keeps per huge page: 2 at first, 1 since 5.18 (CMP-11). */
const kept = (release: KernelRelease): number => has(release, "hugetlb-vmemmap-head-only") ? 1 : 2

/**
 * `bytes` of boot RAM handed out as huge pages of `hugePage` bytes with the optimisation on (CMP-11). Only whole huge pages
 * count; needs a power-of-two struct page (GEO-6).
 *
 * @category constructors
 * @since 0.1.0
 */
export const hugetlb = (
  bytes: number,
  hugePage: number,
  arch: Architecture,
  release: KernelRelease,
  structPage: number
): Saving => {
  const memmap = Math.floor(bytes / hugePage) * (hugePage / arch.pageSize) * structPage
  const perHugePage = hugePage / arch.pageSize * structPage / arch.pageSize
  const supported = has(release, "hugetlb-vmemmap") && Alignment.isPowerOfTwo(structPage) && perHugePage > kept(release)
  return {
    pageSize: hugePage,
    memmap,
    supported,
    kept: supported ? Math.floor(bytes / hugePage) * kept(release) * arch.pageSize : memmap
  }
}

/**
 * The memmap of `bytes` if a page were described by 8 bytes (27.4): nobody ships it, the row shows what remains to gain.
 *
 * @category constructors
 * @since 0.1.0
 */
export const memdesc = (bytes: number, arch: Architecture): number => Math.floor(bytes / arch.pageSize) * 8
