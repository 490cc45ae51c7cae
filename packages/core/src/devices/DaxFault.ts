/**
 * What a fault on a device-dax mapping does: which level serves it, which page it finds (24.4).
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { Mapping } from "./DaxRegion.ts"

/**
 * The page table level that gets the entry.
 *
 * @category models
 * @since 0.1.0
 */
export type Level = "pte" | "pmd" | "pud"

const levels = ["pte", "pmd", "pud"] as const

/**
 * A mapping in an address space, in virtual bytes; `pageOffset` is the offset into the device in pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Area extends PfnRange.PfnRange {
  readonly pageOffset: number
  readonly isShared: boolean
}

/**
 * Why a fault ends in SIGBUS.
 *
 * - `dead`: no driver has the device any more
 * - `not shared`: the mapping is private
 * - `misaligned`: the mapping's ends are no multiples of the device's alignment
 * - `align`: the device's alignment is larger than what this level maps
 * - `outside the mapping`: a huge page would reach over the mapping's ends
 * - `outside the device`: the bytes do not lie in one range of the device
 * - `not initialised`: the struct pages will never be
 *
 * @category models
 * @since 0.1.0
 */
export type Reason =
  | "dead"
  | "not shared"
  | "misaligned"
  | "align"
  | "outside the mapping"
  | "outside the device"
  | "not initialised"

/**
 * What one fault handler answers. `Map`: `pages` pages from `pfn` on belong at the virtual address `address`.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer =
  | { readonly _tag: "Fallback" }
  | { readonly _tag: "Sigbus"; readonly level: Level; readonly reason: Reason }
  | {
    readonly _tag: "Map"
    readonly level: Level
    readonly address: number
    readonly pfn: number
    readonly pages: number
  }

/**
 * Which levels an architecture has for device memory, smallest first: bytes of one entry.
 *
 * @category queries
 * @since 0.1.0
 */
export const sizes = (
  arch: Pick<Architecture, "daxAligns">
): ReadonlyArray<{ readonly level: Level; readonly size: number }> =>
  arch.daxAligns.flatMap((size, i) => {
    const level = levels[i]
    return level === undefined ? [] : [{ level, size }]
  })

/**
 * Why `mmap()` of a device that is alive is refused; `null` when it is not (`check_vma()`, 24.4).
 *
 * @category checks
 * @since 0.1.0
 */
export const checkArea = (area: Area, align: number): "not shared" | "misaligned" | null =>
  !area.isShared
    ? "not shared"
    : Alignment.isAligned(area.start, align) && Alignment.isAligned(area.end, align)
    ? null
    : "misaligned"

/**
 * Where `mmap()` puts a mapping without a hint: not below `from`, at an address that is as far from a multiple of `align`
 * as the file offset is.
 *
 * @category queries
 * @since 0.1.0
 */
export const place = (from: number, offset: number, align: number): number => Alignment.up(from, align) + offset % align

/**
 * `dax_pgoff_to_phys()`: the physical address of `size` bytes at page `offset` of the device; `undefined` unless they lie in
 * one of its ranges.
 *
 * @category queries
 * @since 0.1.0
 */
export const translate = (
  ranges: ReadonlyArray<Mapping>,
  offset: number,
  size: number,
  pageSize: number
): number | undefined => {
  const range = ranges.find(({ pageOffset, ...bytes }) =>
    offset >= pageOffset && offset < pageOffset + PfnRange.length(bytes) / pageSize
  )
  if (range === undefined) return undefined
  const address = range.start + (offset - range.pageOffset) * pageSize
  return address + size <= range.end ? address : undefined
}

/** One handler: `__dev_dax_pte_fault()`, `__dev_dax_pmd_fault()`, `__dev_dax_pud_fault()`. */
const handle = (
  { level, size }: { readonly level: Level; readonly size: number },
  { align, area, pageSize, ranges }: {
    readonly area: Area
    readonly align: number
    readonly ranges: ReadonlyArray<Mapping>
    readonly pageSize: number
  },
  virtual: number
): Answer => {
  const sigbus = (reason: Reason): Answer => ({ _tag: "Sigbus", level, reason })
  const wrong = checkArea(area, align)
  if (wrong !== null) return sigbus(wrong)
  if (align > size) return sigbus("align")
  if (align < size) return { _tag: "Fallback" }
  const address = Alignment.down(virtual, size)
  if (address < area.start || address + size > area.end) return sigbus("outside the mapping")
  const physical = translate(ranges, area.pageOffset + (address - area.start) / pageSize, size, pageSize)
  return physical === undefined
    ? sigbus("outside the device")
    : { _tag: "Map", level, address, pfn: physical / pageSize, pages: size / pageSize }
}

/**
 * What the mm core gets for a fault at a virtual address of the area: it asks for a PUD, then for a PMD, then for a page.
 * A fallback goes one level down, SIGBUS is final.
 *
 * @category queries
 * @since 0.1.0
 */
export const fault = (
  arch: Pick<Architecture, "daxAligns" | "pageSize">,
  device: { readonly align: number; readonly ranges: ReadonlyArray<Mapping> },
  area: Area,
  virtual: number
): Exclude<Answer, { readonly _tag: "Fallback" }> => {
  for (const level of sizes(arch).toReversed()) {
    const answer = handle(level, { ...device, area, pageSize: arch.pageSize }, virtual)
    if (answer._tag !== "Fallback") return answer
  }
  return { _tag: "Sigbus", level: "pte", reason: "align" }
}

/**
 * Struct pages that get the file's mapping and index when an entry is inserted: the head's alone where pages are compound,
 * else every page's (24.4).
 *
 * @category queries
 * @since 0.1.0
 */
export const marked = (pages: number, isCompound: boolean): number => isCompound ? 1 : pages
