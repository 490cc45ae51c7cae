/**
 * memmap_on_memory: whether added memory can hold its own memmap, and how much of each block that takes (HOT-11 … HOT-13).
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import type * as Altmap from "./Altmap.ts"

/**
 * The module parameter `memory_hotplug.memmap_on_memory`; kernels from 6.6 on know `force`, which pads the memmap of a block
 * to whole pageblocks.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "off" | "on" | "force"

/**
 * The kernel and its memory block, in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Kernel {
  readonly arch: Architecture.Architecture
  readonly release: KernelRelease
  readonly structPage: number
  readonly blockSize: number
}

/** Bytes of the struct pages of one block. */
const bytes = ({ arch, blockSize, structPage }: Kernel): number => blockSize / arch.pageSize * structPage

/**
 * Pages at the start of a block that hold its memmap: `memory_block_memmap_on_memory_pages()`.
 *
 * @category queries
 * @since 0.1.0
 */
export const pages = (kernel: Kernel, mode: Mode = "on"): number => {
  const needed = Math.ceil(bytes(kernel) / kernel.arch.pageSize)
  const padded = mode === "force" && has(kernel.release, "memmap-on-memory-relaxed")
  return padded ? Alignment.up(needed, 2 ** kernel.arch.pageblockOrder) : needed
}

/**
 * What switches the parameter on.
 *
 * @category constants
 * @since 0.1.0
 */
export const bootOption = "memory_hotplug.memmap_on_memory=1"

const isOff = "memory_hotplug.memmap_on_memory is off"

/**
 * Why a block of this kernel cannot hold its own memmap, whatever is added; `null` when it can (HOT-11, HOT-12).
 *
 * @category queries
 * @since 0.1.0
 */
export const blockRefuses = (kernel: Kernel, mode: Mode = "on"): string | null => {
  if (mode === "off") return isOff
  const { arch, blockSize, release } = kernel
  const show = HumanSize.formatBinary
  const memmap = bytes(kernel)
  const kept = pages(kernel, mode) * arch.pageSize
  const pageblock = Architecture.pageblockSize(arch)
  if (arch.vmemmap === "none" || arch.altmap === "refused" || arch.altmap === "ignored") {
    return `${arch.name} keeps every memmap in RAM`
  }
  if (memmap % arch.pageSize !== 0) return `${show(memmap)} of struct pages are no whole number of pages`
  if (kept % pageblock !== 0) {
    return `${show(memmap)} of struct pages is no multiple of the pageblock of ${show(pageblock)}`
  }
  if (kept >= blockSize) return `the struct pages would take all ${show(blockSize)} of the block`
  return memmap % arch.pmdSize === 0 || has(release, "memmap-on-memory-relaxed")
    ? null
    : `${show(memmap)} of struct pages is no multiple of the PMD size of ${show(arch.pmdSize)}`
}

/**
 * `mhp_supports_memmap_on_memory()`: why `size` bytes added at once cannot hold their memmap; `null` when they can. The
 * parameter is taken to be on where nothing else is said (HOT-11, HOT-12).
 *
 * @category queries
 * @since 0.1.0
 */
export const refuses = (kernel: Kernel, size: number, mode: Mode = "on"): string | null => {
  const { blockSize, release } = kernel
  if (mode === "off") return isOff
  if (!has(release, "memmap-on-memory")) return "the kernel has it from 5.13 on (HOT-11)"
  if (size !== blockSize && !has(release, "memmap-on-memory-split")) {
    return `before 6.8 a device must be exactly one memory block of ${HumanSize.formatBinary(blockSize)} (HOT-12)`
  }
  const refused = blockRefuses(kernel, mode)
  return refused === null ? null : `${refused} (HOT-12)`
}

/**
 * The altmap of a block that begins at pfn `start`: in 6.1 free to the end of the block, later exactly what is kept
 * (HOT-13).
 *
 * @category constructors
 * @since 0.1.0
 */
export const altmap = (kernel: Kernel, start: number, mode: Mode = "on"): Altmap.Altmap => ({
  basePfn: start,
  reserve: 0,
  free: has(kernel.release, "memmap-on-memory-relaxed")
    ? pages(kernel, mode)
    : kernel.blockSize / kernel.arch.pageSize,
  alloc: 0,
  align: 0
})
