/**
 * A block device over persistent memory, and `direct_access` on it (23.1, 23.3).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { fromAddress } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import * as KernelError from "../kernel/KernelError.ts"
import type * as AwaitPages from "./AwaitPages.ts"
import type { Media } from "./Media.ts"

/**
 * An arena of a disk in sector mode: `blocks` blocks, `stride` bytes apart from `start` on, physical.
 *
 * @category models
 * @since 0.1.0
 */
export interface Arena {
  readonly start: number
  readonly stride: number
  readonly blocks: number
}

/**
 * An attached disk. `start` is where the namespace begins and `mapped` what the linear address of the disk stands for, both
 * physical: they differ by the start_pad of old info blocks, and then pfns are wrong while addresses are right (22.1). The data
 * begin `dataOffset` bytes later and are `capacity` bytes. `pagemap` is `null` where the namespace is mapped without struct
 * pages; only then `queue/dax` is 0. `isBtt`: sectors go through the translation tables of `arenas`, so there is no
 * `direct_access` (OBS-16, OBS-19).
 *
 * @category models
 * @since 0.1.0
 */
export interface PmemDisk {
  readonly name: string
  readonly start: number
  readonly mapped: number
  readonly dataOffset: number
  readonly capacity: number
  readonly logicalBlock: number
  readonly physicalBlock: number
  readOnly: boolean
  readonly node: number
  readonly pageSize: number
  readonly pagemap: Pagemap.Pagemap | null
  readonly isBtt: boolean
  readonly arenas: ReadonlyArray<Arena>
  /** `dax_alive()`: `false` from the moment the device is unbound. */
  isAlive: boolean
  /** Knows the bad blocks. */
  readonly media: Media["Service"]
  readonly awaitPages: AwaitPages.Wait
}

/**
 * Pages `[pgoff, pgoff + nrPages)` of the data are wanted. `kaddr` and `pfn`: which outputs the caller passed pointers for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly pgoff: number
  readonly nrPages: number
  readonly mode: "access" | "recovery-write"
  readonly wants: { readonly kaddr?: boolean | undefined; readonly pfn?: boolean | undefined }
}

/**
 * `pages` can be used from there on. `kaddr` is the physical address behind the linear one; `pfn` has a struct page if `map`
 * (PFN_MAP). Outputs not asked for are absent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Access {
  readonly pages: number
  readonly kaddr?: number
  readonly pfn?: { readonly pfn: number; readonly map: boolean }
}

/**
 * `pmemR` for namespace R.0, else `pmemR.N`; sector mode adds `s` (OBS-16).
 *
 * @category queries
 * @since 0.1.0
 */
export const nameOf = (region: number, id: number, isBtt: boolean): string =>
  `pmem${region}${id === 0 ? "" : `.${id}`}${isBtt ? "s" : ""}`

/**
 * The attributes of a block device: `size` in units of 512 bytes (OBS-19).
 *
 * @category queries
 * @since 0.1.0
 */
export const attributes = (disk: PmemDisk) => ({
  size: Math.floor(disk.capacity / 512),
  "queue/dax": disk.pagemap === null ? 0 : 1,
  "queue/logical_block_size": disk.logicalBlock,
  "queue/physical_block_size": disk.physicalBlock
})

/**
 * Where a byte of the disk lies on the media: block I/O goes there, but in sector mode.
 *
 * @category queries
 * @since 0.1.0
 */
export const address = (disk: PmemDisk, offset: number): number => disk.mapped + disk.dataOffset + offset

/** The data of the disk, in physical bytes: what its badblocks list covers (23.1 step 11). */
const data = (disk: PmemDisk): PfnRange.PfnRange => PfnRange.fromLength(address(disk, 0), disk.capacity)

const fail = (errno: "EOPNOTSUPP" | "ENXIO" | "EINVAL" | "EIO" | "ERANGE", problem: string, remedy: string) =>
  KernelError.fail({ errno, rule: "23.3", step: "dax_direct_access", problem, remedy })

/** What the driver itself answers: pages from there to the end, or less around bad blocks; 0 past the end. */
const available = (
  disk: PmemDisk,
  { mode, nrPages, pgoff }: Request
): Result.Result<number, KernelError.KernelError> => {
  const page = disk.pageSize
  const from = address(disk, pgoff * page)
  const [first] = disk.media.bad(PfnRange.intersection(data(disk), PfnRange.fromLength(from, nrPages * page)))
  if (first !== undefined) {
    return mode === "recovery-write"
      ? Result.succeed(Math.max(1, Math.floor((first.start - from) / page)))
      : fail("EIO", `the sector at ${first.start} is bad`, "write over it, or ask in recovery mode")
  }
  if (disk.media.bad(data(disk)).length > 0) return Result.succeed(nrPages)
  return Result.succeed(Math.max(0, Math.floor((disk.capacity - pgoff * page) / page)))
}

/**
 * `dax_direct_access()`: where pages of the data are, and how many of the wanted ones follow one another there. Nothing is
 * waited for: see {@link access}.
 *
 * EOPNOTSUPP without a dax device, ENXIO once it is dead, EINVAL for fewer than 0 pages, EIO for a bad block in the range, ERANGE
 * past the end. The outputs are optional, and what is not asked for is not looked at.
 *
 * @category operations
 * @since 0.1.0
 */
export const directAccess = (disk: PmemDisk, request: Request): Result.Result<Access, KernelError.KernelError> => {
  const { nrPages, pgoff, wants } = request
  if (disk.isBtt) return fail("EOPNOTSUPP", `${disk.name} has no dax device`, "use read and write")
  if (!disk.isAlive) return fail("ENXIO", `${disk.name} is gone`, "enable its namespace")
  if (nrPages < 0) return fail("EINVAL", `${nrPages} pages`, "ask for 0 pages or more")
  return Result.flatMap(available(disk, request), (avail) => {
    if (avail === 0) return fail("ERANGE", `page ${pgoff} is past the end of ${disk.name}`, "stay inside the disk")
    const offset = pgoff * disk.pageSize
    const pfn = fromAddress(disk.start + disk.dataOffset + offset, disk.pageSize)
    return Result.succeed({
      pages: Math.min(avail, nrPages),
      ...(wants.kaddr === true ? { kaddr: address(disk, offset) } : {}),
      ...(wants.pfn === true ? { pfn: { pfn, map: disk.pagemap !== null } } : {})
    })
  })
}

/**
 * {@link directAccess}, waiting for the struct pages of the answer when a pfn was asked for: without one nobody looks at them
 * (26.3).
 *
 * @category operations
 * @since 0.1.0
 */
export const access = Effect.fnUntraced(function*(disk: PmemDisk, request: Request) {
  const answer = yield* Effect.fromResult(directAccess(disk, request))
  if (answer.pfn !== undefined && disk.pagemap !== null) {
    yield* disk.awaitPages(disk.pagemap, PfnRange.fromLength(answer.pfn.pfn, answer.pages))
  }
  return answer
})
