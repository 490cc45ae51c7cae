/**
 * libnvdimm namespaces: what an unclaimed one is, and what writing its `size` answers (21.2, 21.4).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { MiB } from "../geometry/Units.ts"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import * as Region from "./Region.ts"

/**
 * As ndctl calls the modes. sysfs has `raw`, `safe`, `memory`, `dax`.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "raw" | "sector" | "fsdax" | "devdax"

/**
 * What the `mode` attribute of a namespace reads for each of ndctl's names (21.2).
 *
 * @category constants
 * @since 0.1.0
 */
export const sysfsMode: Readonly<Record<Mode, "raw" | "safe" | "memory" | "dax">> = {
  raw: "raw",
  sector: "safe",
  fsdax: "memory",
  devdax: "dax"
}

/**
 * No claim is made below this size: btt, pfn and dax refuse with ENXIO (21.4).
 *
 * @category constants
 * @since 0.1.0
 */
export const claimMin = 16 * MiB

/**
 * What a namespace is while nothing claims it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unclaimed {
  readonly start: number
  readonly size: number
  /** The region maps namespaces with pages (ND_REGION_PAGEMAP). */
  readonly pagemap: boolean
  readonly forceRaw?: boolean | undefined
  /** The range is partly System RAM. */
  readonly mixed?: boolean | undefined
}

/**
 * Whether an unclaimed namespace is mapped with struct pages: ndctl then lists it as native fsdax, map=mem (21.2).
 *
 * @category queries
 * @since 0.1.0
 */
export const isNative = (namespace: Pick<Unclaimed, "pagemap" | "forceRaw" | "mixed">): boolean =>
  namespace.pagemap && namespace.forceRaw !== true && namespace.mixed !== true

/**
 * The mode an unclaimed namespace comes up in when it is bound, or why it does not: native ones must begin and end on
 * subsections, else EOPNOTSUPP and the range vanishes (21.4).
 *
 * @category queries
 * @since 0.1.0
 */
export const nativeMode = (namespace: Unclaimed, arch: Architecture): Result.Result<Mode, KernelError> => {
  if (namespace.size < arch.pageSize) {
    return Result.fail(
      new KernelError({
        errno: "ENODEV",
        rule: "21.4",
        problem: `a namespace of ${namespace.size} bytes is smaller than a page`,
        remedy: `use at least ${arch.pageSize} bytes`
      })
    )
  }
  if (!isNative(namespace)) return Result.succeed("raw")
  const unit = arch.compatAlign
  return Alignment.isAligned(namespace.start, unit) && Alignment.isAligned(namespace.start + namespace.size, unit)
    ? Result.succeed("fsdax")
    : Result.fail(
      new KernelError({
        errno: "EOPNOTSUPP",
        rule: "21.4",
        problem: "misaligned, unable to map",
        remedy: `start and end must be multiples of ${HumanSize.formatBinary(unit)}`
      })
    )
}

/**
 * What a write of `size` depends on. `range` is what the namespace holds, in DIMM offsets; `null` while its size is 0.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sizing {
  readonly range: PfnRange.PfnRange | null
  readonly uuid?: string | undefined
  /** A driver is bound to it. */
  readonly bound?: boolean | undefined
  /** A btt, pfn or dax device holds it. */
  readonly claimed?: boolean | undefined
  /** A DIMM of the set is disabled. */
  readonly dimmDisabled?: boolean | undefined
}

/**
 * What writing `size` to a labelled namespace answers, in the kernel's order (21.2): the range it then holds and the region
 * with it, `range` `null` when 0 was written.
 *
 * EBUSY bound or claimed, ENXIO no uuid, no mappings or a disabled DIMM, EINVAL not a multiple of the region's align, ENOSPC
 * larger than what is free in one piece, ENXIO growth without room next to it. Shrinking gives up the end.
 *
 * @category sizing
 * @since 0.1.0
 */
export const writeSize = (
  region: Region.Region,
  namespace: Sizing,
  size: number
): Result.Result<{ readonly range: PfnRange.PfnRange | null; readonly region: Region.Region }, KernelError> => {
  const refuse = (errno: Errno, problem: string, remedy: string) =>
    Result.fail(new KernelError({ errno, rule: "21.2", problem, remedy }))
  if (namespace.bound === true || namespace.claimed === true) {
    return refuse("EBUSY", "the namespace is in use", "disable it first")
  }
  if (namespace.uuid === undefined) return refuse("ENXIO", "the namespace has no uuid", "write its uuid first")
  if (region.mappings === 0) {
    return refuse("ENXIO", "the region has no DIMMs with labels", "its only namespace has the size of the region")
  }
  if (size % region.align !== 0 || size < 0) {
    const below = Alignment.down(Math.max(0, size), region.align)
    return refuse(
      "EINVAL",
      `${size} is no multiple of the region's align of ${HumanSize.formatBinary(region.align)}`,
      `write ${below} or ${below + region.align}`
    )
  }
  if (namespace.dimmDisabled === true) return refuse("ENXIO", "a DIMM is disabled", "enable all DIMMs of the region")
  const held = namespace.range
  const holds = held === null ? 0 : PfnRange.length(held) * Region.ways(region)
  const free = Region.maxExtent(region)
  if (size > free + holds) {
    return refuse(
      "ENOSPC",
      `${size} bytes are more than can be had`,
      `at most ${free + holds} bytes are free in one piece`
    )
  }
  const range = size === 0 ? null : resized(region, held, size / Region.ways(region))
  if (range === undefined) {
    return refuse(
      "ENXIO",
      "the namespace can only grow into free space next to it",
      "create a second namespace, or re-create this one where there is room"
    )
  }
  const without = held === null ? region : Region.release(region, held)
  return Result.succeed({ range, region: range === null ? without : Region.allocate(without, range) })
}

/** The range of `each` bytes on a DIMM: new, cut at its end, or grown into the gap below or above. */
const resized = (
  region: Region.Region,
  held: PfnRange.PfnRange | null,
  each: number
): PfnRange.PfnRange | undefined => {
  if (held === null) return Region.firstFit(region, each * Region.ways(region))
  const more = each - PfnRange.length(held)
  if (more <= 0) return PfnRange.fromLength(held.start, each)
  const gap = Region.gaps(region).find((range) =>
    (range.end === held.start || range.start === held.end) && PfnRange.length(range) >= more
  )
  if (gap === undefined) return undefined
  return PfnRange.fromLength(gap.end === held.start ? held.start - more : held.start, each)
}
