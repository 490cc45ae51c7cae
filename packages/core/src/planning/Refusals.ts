/**
 * What the kernel refuses of a range of device memory, one check each; `null`: no objection. `Capacity` asks them in the
 * kernel's order.
 *
 * @since 0.1.0
 */
import * as Namespace from "../devices/Namespace.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import type * as PfnRange from "../geometry/PfnRange.ts"
import { has } from "../release/KernelRelease.ts"
import * as Port from "../release/Port.ts"
import type { Choice, Refusal } from "./PlanOption.ts"
import type { Kernel, Target } from "./Target.ts"

const size = HumanSize.formatBinary

/**
 * A refusal.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (errno: string, rule: string, message: string, remedy: string): Refusal => ({
  errno,
  rule,
  message,
  remedy
})

/**
 * Kernels that give device memory no struct pages at all: ENXIO (MRP-15, GEO-10).
 *
 * @category checks
 * @since 0.1.0
 */
export const zoneDevice = ({ arch, release }: Kernel): Refusal | null =>
  Port.hasZoneDevice(arch, release)
    ? null
    : has(release, "zone-device")
    ? make(
      "ENXIO",
      "GEO-10",
      `${arch.name} cannot hot-add memory in this kernel, so device memory gets no struct pages`,
      "use raw or sector mode, or a kernel from 6.11 on"
    )
    : make(
      "ENXIO",
      "MRP-15",
      "this kernel has no struct pages for device memory",
      "use raw or sector mode, or a kernel from 4.3 on"
    )

/**
 * What writing `pmem` to `mode` answers on kernels that have no device memmap yet: ENOTTY (ALT-15).
 *
 * @category checks
 * @since 0.1.0
 */
export const deviceMemmap = ({ map }: Choice, { arch, release }: Kernel): Refusal | null =>
  map !== "dev" || has(release, "altmap") || !Port.hasZoneDevice(arch, release)
    ? null
    : make("ENOTTY", "ALT-15", "this kernel has no device memmap", "use map=mem, or a kernel from 4.5 on")

/**
 * btt, pfn and dax devices claim nothing smaller than 16 MiB: ENXIO (21.4).
 *
 * @category checks
 * @since 0.1.0
 */
export const claim = ({ size: bytes }: Target): Refusal | null =>
  bytes >= Namespace.claimMin
    ? null
    : make("ENXIO", "21.4", `a namespace of ${size(bytes)} can only be raw`, `use at least ${size(Namespace.claimMin)}`)

/**
 * Where namespaces are mapped as they are (e820, virtio) both ends are looked at, unless a pfn or btt device has them:
 * EOPNOTSUPP (21.4).
 *
 * @category checks
 * @since 0.1.0
 */
export const mappable = ({ kind, size: bytes, start }: Target, { arch }: Kernel): Refusal | null =>
  kind === "pmem" || (start % arch.compatAlign === 0 && bytes % arch.compatAlign === 0)
    ? null
    : make(
      "EOPNOTSUPP",
      "21.4",
      `misaligned, unable to map: start and end must be multiples of ${size(arch.compatAlign)}`,
      `choose a start and size that are multiples of ${size(arch.compatAlign)} (better: 16 MiB)`
    )

/**
 * Addresses that do not exist: EINVAL (SEC-9).
 *
 * @category checks
 * @since 0.1.0
 */
export const addresses = ({ end }: PfnRange.PfnRange, { arch }: Kernel): Refusal | null =>
  end <= 2 ** arch.physicalBits
    ? null
    : make(
      "EINVAL",
      "SEC-9",
      `ends above the ${arch.physicalBits} physical address bits of ${arch.name}`,
      "use a lower range, or an architecture with more address bits"
    )

/** `check_pfn_span()`: subsections, or whole sections without a virtual memmap. */
const span = ({ end, start }: PfnRange.PfnRange, { arch }: Kernel): Refusal | null => {
  const granule = Architecture.addGranule(arch)
  return start % granule === 0 && end % granule === 0
    ? null
    : make(
      "EINVAL",
      "SEC-8",
      `misaligned for this kernel: start and end of the mapping must be multiples of ${size(granule)}`,
      `use a range whose start and size are multiples of ${size(granule)}`
    )
}

/**
 * What `memremap_pages()` says to a range: EINVAL for addresses that do not exist (SEC-9), then for ends that are no
 * subsections (SEC-8).
 *
 * @category checks
 * @since 0.1.0
 */
export const mapping = (range: PfnRange.PfnRange, kernel: Kernel): Refusal | null =>
  addresses(range, kernel) ?? span(range, kernel)

/**
 * The static dax region over `data`: ENXIO for no byte at all (24.2), ENOMEM for no whole number of alignments, which layouts
 * before 5.3 do not look after (24.1).
 *
 * @category checks
 * @since 0.1.0
 */
export const staticRegion = ({ end, start }: PfnRange.PfnRange, align: number): Refusal | null =>
  end <= start
    ? make("ENXIO", "24.2", "no byte is left to use", "use a smaller alignment or a larger range")
    : start % align === 0 && end % align === 0
    ? null
    : make(
      "ENOMEM",
      "24.1",
      `the ${size(end - start)} of data are no whole number of ${size(align)}`,
      `use a smaller alignment, or a range that ends on ${size(align)}`
    )

/**
 * A dynamic dax region begins and ends on a PMD, 2 MiB with 4 KiB pages: ENOMEM (24.1).
 *
 * @category checks
 * @since 0.1.0
 */
export const dynamicRegion = ({ size: bytes, start }: Target, { arch }: Kernel): Refusal | null =>
  start % arch.pmdSize === 0 && bytes % arch.pmdSize === 0
    ? null
    : make(
      "ENOMEM",
      "24.1",
      `a dax region must start and end on ${size(arch.pmdSize)}`,
      `use a range that is a multiple of ${size(arch.pmdSize)}`
    )
