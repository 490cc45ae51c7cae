/**
 * What a fault on a file of a DAX filesystem wants: which level may serve it, and which pages of the disk it needs (23.3,
 * 23.5).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import type * as PfnRange from "../geometry/PfnRange.ts"
import * as KernelError from "../kernel/KernelError.ts"
import type { Access } from "./PmemDisk.ts"

/**
 * A mapping of a file, in virtual bytes; `offset` are the bytes of the file at its start.
 *
 * @category models
 * @since 0.1.0
 */
export interface Area extends PfnRange.PfnRange {
  readonly offset: number
  readonly isShared: boolean
}

/**
 * Bytes of a file that follow one another on the partition: `[offset, offset + length)` of the file begin at byte `disk` of it,
 * or are a hole.
 *
 * @category models
 * @since 0.1.0
 */
export interface Extent {
  readonly offset: number
  readonly length: number
  readonly disk: number | null
}

/**
 * A file as the filesystem knows it. `extents` are ascending and disjoint; what they leave out is a hole, in which nothing is
 * allocated for a write (ENOSPC).
 *
 * @category models
 * @since 0.1.0
 */
export interface File {
  readonly size: number
  readonly extents: ReadonlyArray<Extent>
}

/**
 * @category models
 * @since 0.1.0
 */
export type Level = "pte" | "pmd"

/**
 * What is wanted: `pages` pages of the disk from `pgoff` on, at the virtual address `address`. `Hole`: a page of zeros does.
 * `Beyond`: past the end of the file. `Fallback`: try the next lower level.
 *
 * @category models
 * @since 0.1.0
 */
export type Wanted =
  | { readonly _tag: "Fallback" }
  | { readonly _tag: "Beyond" }
  | { readonly _tag: "Hole"; readonly address: number }
  | { readonly _tag: "Pages"; readonly address: number; readonly pgoff: number; readonly pages: number }

const fallback: Wanted = { _tag: "Fallback" }

/** The extent with a byte of the file: its own, or a hole up to the next one. */
const extentAt = ({ extents }: File, offset: number): Extent => {
  const found = extents.find((extent) => offset >= extent.offset && offset < extent.offset + extent.length)
  if (found !== undefined) return found
  const next = extents.find((extent) => extent.offset > offset)
  return { offset, length: (next?.offset ?? Infinity) - offset, disk: null }
}

/**
 * `dax_fault_check_fallback()` and the rest of a PMD or PTE fault up to `direct_access`: a PMD needs file offset and address of
 * one colour, no private write, to lie inside mapping and file, and one extent over all of it (23.5). `partition` is where the
 * filesystem begins on the disk, in bytes.
 *
 * @category queries
 * @since 0.1.0
 */
export const wanted = (
  arch: Pick<Architecture, "pageSize" | "pmdSize">,
  level: Level,
  fault: {
    readonly file: File
    readonly area: Area
    readonly address: number
    readonly isWrite: boolean
    readonly partition: number
  }
): Wanted => {
  const { area, file, isWrite, partition } = fault
  const size = level === "pmd" ? arch.pmdSize : arch.pageSize
  const address = Alignment.down(fault.address, size)
  const offset = area.offset + address - area.start
  if (area.offset + Alignment.down(fault.address, arch.pageSize) - area.start >= file.size) return { _tag: "Beyond" }
  if (level === "pmd") {
    if (!Alignment.isAligned(offset, size) || (isWrite && !area.isShared)) return fallback
    if (address < area.start || address + size > area.end || offset + size > file.size) return fallback
  }
  const extent = extentAt(file, offset)
  if (level === "pmd" && offset + size > extent.offset + extent.length) return fallback
  if (extent.disk === null) return { _tag: "Hole", address }
  const at = partition + extent.disk + offset - extent.offset
  return { _tag: "Pages", address, pgoff: Math.floor(at / arch.pageSize), pages: size / arch.pageSize }
}

const invalid = (problem: string, remedy: string) =>
  KernelError.fail({ errno: "EINVAL", rule: "23.3", step: "dax_iomap_direct_access", problem, remedy })

/**
 * The checks of a fault after `direct_access`: fewer bytes than wanted, a pfn not aligned to them, more than one page without a
 * struct page: EINVAL; no address: EFAULT (23.3).
 *
 * @category checks
 * @since 0.1.0
 */
export const check = (
  { kaddr, pages: found, pfn }: Access,
  pages: number
): Result.Result<number, KernelError.KernelError> => {
  if (found < pages) return invalid(`${found} pages follow one another, ${pages} are wanted`, "map with smaller pages")
  if (pfn === undefined || pfn.pfn % pages !== 0) {
    return invalid(`pfn ${pfn?.pfn} is no multiple of ${pages}`, "place the file's extents on huge page boundaries")
  }
  if (found > 1 && !pfn.map) return invalid("the pages have no struct page", "give the namespace a memmap")
  return kaddr === undefined
    ? KernelError.fail({
      errno: "EFAULT",
      rule: "23.3",
      step: "dax_iomap_direct_access",
      problem: "no linear address",
      remedy: "ask for one"
    })
    : Result.succeed(pfn.pfn)
}
