/**
 * What a booted guest needs for itself, so that one can say what its RAM has left to pay with.
 *
 * The default is fitted on recordings of Linux 6.1.176 (x86_64, 4 KiB pages, one node, no memory options): RAM of the
 * machine against MemTotal and MemFree (pages on per-CPU lists counted as free) once drivers were loaded and caches dropped,
 * thirteen machines from 512 MiB to 65 GiB. The memmap of boot RAM is taken out first, it is exact. Least squares then give
 *
 * - not in MemTotal (kernel image, hash tables, firmware): 130.3 MiB + 1.463 MiB per GiB of RAM, residuals within 2 MiB, one
 *   machine (4 GiB + 130 MiB) 6.2 MiB;
 * - in MemTotal and not free (slab, initramfs, userland): 40.9 MiB + 0.378 MiB per GiB; both together within 4.6 MiB, that
 *   machine 8.3 MiB.
 *
 * The recorded userland is one busybox shell: a distribution needs more, so the fit is a lower bound of what is used and an
 * upper bound of how far one gets. `booted.fixed` is where to put a measured value.
 *
 * @since 0.1.0
 */
import * as Architecture from "../geometry/Architecture.ts"
import { GiB, KiB } from "../geometry/Units.ts"

/**
 * `fixed` bytes plus `perGiB` bytes for each GiB of boot RAM.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly fixed: number
  readonly perGiB: number
}

/**
 * Bytes, unless said otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export interface Footprint {
  /** Kernel image and boot-time allocations other than the memmap: RAM that never shows in MemTotal. */
  readonly kernel: Line
  /** MemTotal − MemFree of the idle guest. */
  readonly booted: Line
  /** Pageblocks per kernel zone that watermarks keep from ordinary allocations, once khugepaged runs. */
  readonly reservedPageblocks: number
  /** Share of kernel-zone memory that the watermarks never exceed. */
  readonly reservedShare: number
  /** One memory block's device, sysfs entries and links. */
  readonly perBlock: number
  /** `mem_section_usage` of one section as the slab rounds it (GEO-8: 56 bytes). */
  readonly sectionUsage: number
  /** `mem_section`: 16 bytes, or 32 with PAGE_EXTENSION (GEO-7). */
  readonly sectionEntry: number
}

/**
 * The fit described above; `perBlock` from machines with 20 to 60 memory devices of eight blocks.
 *
 * @category constants
 * @since 0.1.0
 */
export const recorded: Footprint = {
  kernel: { fixed: 133457 * KiB, perGiB: 1498 * KiB },
  booted: { fixed: 41921 * KiB, perGiB: 387 * KiB },
  reservedPageblocks: 11,
  reservedShare: 0.05,
  perBlock: 6 * KiB,
  sectionUsage: 64,
  sectionEntry: 32
}

const at = (line: Line, ram: number): number => Math.round(line.fixed + line.perGiB * (ram / GiB))

/**
 * MemTotal of a machine with `ram` bytes, never below 0.
 *
 * @category queries
 * @since 0.1.0
 */
export const managed = (
  footprint: Footprint,
  arch: Architecture.Architecture,
  structPage: number,
  ram: number
): number => Math.max(0, ram - Math.ceil(ram / arch.pageSize) * structPage - at(footprint.kernel, ram))

/**
 * MemFree of a machine with `ram` bytes once it has booted, never below 0.
 *
 * @category queries
 * @since 0.1.0
 */
export const free = (footprint: Footprint, arch: Architecture.Architecture, structPage: number, ram: number): number =>
  Math.max(0, managed(footprint, arch, structPage, ram) - at(footprint.booted, ram))

/**
 * Managed bytes by the kind of zone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Zones {
  readonly kernel: number
  readonly movable: number
  /** Populated kernel zones. */
  readonly kernelZones: number
}

/**
 * Free memory of the kernel zones that ordinary allocations cannot have: their minimum watermarks. `min_free_kbytes` grows
 * with the number of kernel zones, is capped, and is spread over all zones by size, so that memory onlined to
 * ZONE_MOVABLE takes part of it over.
 *
 * @category queries
 * @since 0.1.0
 */
export const reserved = (footprint: Footprint, arch: Architecture.Architecture, zones: Zones): number => {
  const pageblock = Architecture.pageblockSize(arch)
  const total = Math.min(
    footprint.reservedPageblocks * pageblock * zones.kernelZones,
    footprint.reservedShare * zones.kernel
  )
  return zones.kernel === 0 ? 0 : Math.round(total * zones.kernel / (zones.kernel + zones.movable))
}
