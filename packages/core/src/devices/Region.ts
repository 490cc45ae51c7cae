/**
 * libnvdimm regions: alignment, free space, and where a labelled namespace lands (21.1, 21.2, OBS-13).
 *
 * Space is handed out in DIMM offsets, the same on every DIMM of an interleave set; physical addresses follow from them. So
 * a region that begins at an odd address hands out equally odd namespaces.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { MiB } from "../geometry/Units.ts"
import { KernelError } from "../kernel/KernelError.ts"

const alignMax = 16 * MiB

/**
 * `none`: no label area, or no DIMMs at all. `empty`: a label area that was not initialised. `initialised`: namespaces are
 * label-backed.
 *
 * @category models
 * @since 0.1.0
 */
export type Labels = "none" | "empty" | "initialised"

/**
 * Bytes throughout. `allocations` are half-open ranges of DIMM offsets, whatever namespace they belong to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Region {
  readonly name: string
  readonly start: number
  readonly size: number
  readonly align: number
  /** DIMMs of the interleave set; 0 for e820 and virtio regions. */
  readonly mappings: number
  /** DIMM offset at which the region's mapping begins. */
  readonly mappingStart?: number | undefined
  readonly labels: Labels
  /** ND_REGION_PAGEMAP: unclaimed namespaces are mapped with struct pages (e820, virtio). */
  readonly pagemap: boolean
  readonly readOnly?: boolean | undefined
  readonly allocations: ReadonlyArray<PfnRange.PfnRange>
}

/**
 * Interleave ways: the mappings, at least 1.
 *
 * @category queries
 * @since 0.1.0
 */
export const ways = (region: Pick<Region, "mappings">): number => Math.max(1, region.mappings)

/**
 * The `align` a region starts with: 16 MiB, or a page for a region smaller than that, times the mappings that do not divide
 * it (21.1).
 *
 * @category alignment
 * @since 0.1.0
 */
export const defaultAlign = (size: number, mappings: number, pageSize: number): number => {
  const align = size < alignMax ? pageSize : alignMax
  const each = Math.max(1, mappings)
  return align % each === 0 ? align : align * each
}

/**
 * What writing `value` to a region's `align` answers: EINVAL unless each DIMM gets a power of two of at least a page, and
 * no more than the region (21.1).
 *
 * @category alignment
 * @since 0.1.0
 */
export const writeAlign = (
  region: Region,
  value: number,
  pageSize: number
): Result.Result<Region, KernelError> => {
  const each = value / ways(region)
  return Alignment.isPowerOfTwo(each) && each >= pageSize && value <= region.size
    ? Result.succeed({ ...region, align: value })
    : Result.fail(
      new KernelError({
        errno: "EINVAL",
        rule: "21.1",
        problem: `a region of ${HumanSize.formatBinary(region.size)} and ${
          ways(region)
        } mappings cannot have align ${value}`,
        remedy: `use a power of two of at least ${pageSize} bytes times ${ways(region)}, at most the region's size`
      })
    )
}

/**
 * The unit in which namespaces can be sized: a multiple of the region's align and of the namespace's align on every DIMM
 * (28.6, OBS-25 rows 7 and 8).
 *
 * @category alignment
 * @since 0.1.0
 */
export const granule = (region: Pick<Region, "align" | "mappings">, align: number): number =>
  Alignment.leastCommonMultiple(region.align, align * ways(region))

/** The DIMM offsets of the region. */
const whole = (region: Region): PfnRange.PfnRange =>
  PfnRange.fromLength(region.mappingStart ?? 0, region.size / ways(region))

const freeGaps = (region: Region): ReadonlyArray<PfnRange.PfnRange> =>
  PfnRange.subtract(whole(region), region.allocations)

/**
 * Free ranges of DIMM offsets, ascending, each trimmed inward to the region's align on one DIMM; empty ones left out.
 *
 * @category space
 * @since 0.1.0
 */
export const gaps = (region: Region): ReadonlyArray<PfnRange.PfnRange> =>
  freeGaps(region).map((gap) => PfnRange.shrinkTo(gap, region.align / ways(region)))
    .filter((gap) => PfnRange.length(gap) > 0)

/**
 * `available_size` as sysfs shows it, in bytes: the sum of the gaps. `undefined`: the attribute does not exist (no
 * mappings). Tools print 0 for a region without initialised labels (OBS-13, OBS-21).
 *
 * @category space
 * @since 0.1.0
 */
export const availableSize = (region: Region): number | undefined => {
  if (region.mappings === 0) return undefined
  if (region.labels === "none") return 0
  if (region.labels === "empty") return Alignment.down(region.size, region.align)
  return gaps(region).reduce((sum, gap) => sum + PfnRange.length(gap), 0) * ways(region)
}

/**
 * `max_available_extent` as sysfs shows it, in bytes: the largest gap, which is all one namespace can have (21.2, OBS-13).
 *
 * @category space
 * @since 0.1.0
 */
export const maxExtent = (region: Region): number => {
  if (region.mappings === 0 || region.labels === "none") return 0
  if (region.labels === "empty") return Alignment.down(region.size, region.align)
  return Math.max(0, ...gaps(region).map(PfnRange.length)) * ways(region)
}

/**
 * The physical address of a DIMM offset: region start + (offset − mapping start) · mappings.
 *
 * @category space
 * @since 0.1.0
 */
export const physical = (region: Region, dimmOffset: number): number =>
  region.start + (dimmOffset - (region.mappingStart ?? 0)) * ways(region)

/**
 * The range of DIMM offsets a new namespace of `size` bytes gets: the beginning of the lowest gap that holds it, contiguous
 * on each DIMM. `undefined` when none does.
 *
 * @category space
 * @since 0.1.0
 */
export const firstFit = (region: Region, size: number): PfnRange.PfnRange | undefined => {
  const each = size / ways(region)
  const gap = gaps(region).find((range) => PfnRange.length(range) >= each)
  return gap === undefined ? undefined : PfnRange.fromLength(gap.start, each)
}

/**
 * The region with one more allocation.
 *
 * @category space
 * @since 0.1.0
 */
export const allocate = (region: Region, range: PfnRange.PfnRange): Region => ({
  ...region,
  allocations: PfnRange.normalise([...region.allocations, range])
})

/**
 * The region without the allocations in `range`.
 *
 * @category space
 * @since 0.1.0
 */
export const release = (region: Region, range: PfnRange.PfnRange): Region => ({
  ...region,
  allocations: region.allocations.flatMap((held) => PfnRange.subtract(held, [range]))
})
