/**
 * Where the kernel zones of an architecture begin and end (ZON-11).
 *
 * @since 0.1.0
 */
import type { Architecture, Name } from "../geometry/Architecture.ts"
import type * as PfnRange from "../geometry/PfnRange.ts"
import { GiB, MiB } from "../geometry/Units.ts"

/**
 * A zone whose pages the kernel may use for itself; which ones there are depends on the architecture.
 *
 * @category models
 * @since 0.1.0
 */
export type KernelZone = "DMA" | "DMA32" | "Normal"

/**
 * The pfns a kernel zone may hold.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZoneLimit extends PfnRange.PfnRange {
  readonly zone: KernelZone
}

/** Upper limits of the zones below Normal in bytes. x86_64 as recorded; the others are the usual configuration. */
const limits: Readonly<Record<Name, ReadonlyArray<readonly [KernelZone, number]>>> = {
  "x86_64": [["DMA", 16 * MiB], ["DMA32", 4 * GiB]],
  "x86_64-5level": [["DMA", 16 * MiB], ["DMA32", 4 * GiB]],
  "arm64-4k": [["DMA", 4 * GiB]],
  "arm64-16k": [["DMA", 4 * GiB]],
  "arm64-64k": [["DMA", 4 * GiB]],
  "ppc64-radix": [],
  "ppc64-hash": [],
  "riscv64": [["DMA32", 4 * GiB]],
  "s390x": [["DMA", 2 * GiB]],
  "loongarch64": [["DMA32", 4 * GiB]]
}

/**
 * The kernel zones of an architecture in pfns, lowest first, without gaps from pfn 0 on; Normal has no end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (arch: Architecture): ReadonlyArray<ZoneLimit> => {
  let start = 0
  return [...limits[arch.name], ["Normal", Infinity] as const].map(([zone, bytes]) => {
    const limit = { zone, start, end: bytes / arch.pageSize }
    start = limit.end
    return limit
  })
}
