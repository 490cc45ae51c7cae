/**
 * Sharing of tail vmemmap pages in compound device memory: when it applies, and what is kept. Spec 04 (CMP-1 … CMP-12).
 *
 * `order` is `vmemmap_shift` throughout: compounds of `2^order` base pages.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"

/**
 * The kernel that maps the range; `structPage` is its `sizeof(struct page)` in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Kernel {
  readonly arch: Architecture.Architecture
  readonly release: KernelRelease
  readonly structPage: number
}

/**
 * VMEMMAP_RESERVE_NR: vmemmap pages kept per compound, 2, or 1 where tails are shared by order and zone (CMP-12).
 *
 * @category queries
 * @since 0.1.0
 */
export const pagesKept = (release: KernelRelease): number => has(release, "dedup-head-only") ? 1 : 2

/** Whether the architecture opted in (CMP-1, CMP-9, BUG-13). */
const optedIn = ({ arch, release }: Kernel): boolean =>
  arch.vmemmap !== "none" &&
  (arch.name.startsWith("x86_64") || has(release, "dedup-any-arch") ||
    (arch.name === "ppc64-radix" && has(release, "dedup-ppc64-radix")))

/**
 * Whether tail vmemmap pages are shared: CMP-1's predicate (`vmemmap_can_optimize`). `altmap`: the memmap is on the device.
 *
 * @category queries
 * @since 0.1.0
 */
export const isShared = (kernel: Kernel, order: number, altmap: boolean): boolean => {
  const { arch, release, structPage } = kernel
  if (!has(release, "vmemmap-dedup") || altmap || order === 0 || !Alignment.isPowerOfTwo(structPage)) return false
  if (!optedIn(kernel)) return false
  const vmemmapPages = 2 ** order * structPage / arch.pageSize
  return has(release, "dedup-above-reserve") ? vmemmapPages > pagesKept(release) : true
}

/**
 * Struct pages written per compound: C of INI-9. `shared` is the answer of {@link isShared}.
 *
 * @category queries
 * @since 0.1.0
 */
export const initialisedPerCompound = (kernel: Kernel, order: number, shared: boolean): number =>
  shared
    ? Math.min(2 ** order, pagesKept(kernel.release) * kernel.arch.pageSize / kernel.structPage)
    : 2 ** order

/**
 * Whether compound boundaries and section boundaries disagree, so that later heads land on the first compound's tail page
 * (CMP-5, SPW-6). Harmless for compounds of a subsection or less.
 *
 * @category queries
 * @since 0.1.0
 */
export const isMisplaced = ({ arch }: Kernel, range: PfnRange, order: number): boolean =>
  2 ** order * arch.pageSize > Architecture.subsectionSize &&
  Alignment.slotsTouched(range.start, range.end, arch.sectionSize) > 1 &&
  range.start % Math.min(2 ** order * arch.pageSize, arch.sectionSize) !== 0
