/**
 * An architecture as a kernel release supports it: the port. The presets of `Architecture` describe 6.1; what later releases
 * changed for good is applied here.
 *
 * @since 0.1.0
 */
import type { Architecture } from "../geometry/Architecture.ts"
import { has, type KernelRelease } from "./KernelRelease.ts"

/**
 * - loongarch64 from 6.2: a virtual memmap in blocks of one PMD, each for sixteen sections, never from an altmap (GEO-10)
 * - riscv64 from 6.11: memory can be hot-added (GEO-10)
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (arch: Architecture, release: KernelRelease): Architecture => {
  if (arch.name === "loongarch64" && has(release, "vmemmap-loongarch64")) {
    const table = { entries: arch.pageSize / 8, bytes: arch.pageSize }
    return { ...arch, vmemmap: "blocks", vmemmapBlock: arch.pmdSize, pteTable: table, pmdTable: table }
  }
  return arch.name === "riscv64" && has(release, "hotplug-riscv64") ? { ...arch, hotplug: true } : arch
}

/**
 * Whether the kernel was built with ZONE_DEVICE, so that device memory can have struct pages: it needs memory hotplug (MRP-15,
 * GEO-10).
 *
 * @category queries
 * @since 0.1.0
 */
export const hasZoneDevice = (arch: Architecture, release: KernelRelease): boolean =>
  has(release, "zone-device") && arch.hotplug

/**
 * What is less certain about a port: only x86_64 was held against recordings of a kernel. `null` for x86_64.
 *
 * @category queries
 * @since 0.1.0
 */
export const uncertainty = ({ name }: Architecture): string | null =>
  name.startsWith("x86_64") ? null : `${name} follows the rules alone: it was not held against recordings of a kernel`
