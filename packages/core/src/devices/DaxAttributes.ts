/**
 * What sysfs shows of a dax device and its region (OBS-18).
 *
 * @since 0.1.0
 */
import type { PfnRange } from "../geometry/PfnRange.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import type * as DaxBinding from "./DaxBinding.ts"
import * as DaxRegion from "./DaxRegion.ts"

/**
 * One `mappingN` directory; `end` is inclusive, `page_offset` in pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface MappingAttributes extends PfnRange {
  readonly page_offset: number
}

/**
 * The attributes of `/sys/bus/dax/devices/daxR.I`, by their names, and of its `dax_region`. `available_size` and `seed` (the empty
 * name when there is none) are `null` for a static region, which does not have them. `resource` is `null` for a device without bytes; `target_node` for a region whose
 * node is unknown, `memmap_on_memory` for a kernel without it (25.6). `driver` is where the link points, if there is one. Not an attribute: `is_static`, by which `size` and
 * `align` are read-only and `mapping` and `create` absent.
 *
 * @category models
 * @since 0.1.0
 */
export interface DaxAttributes {
  readonly name: string
  readonly driver: string | null
  readonly is_static: boolean
  readonly size: number
  readonly align: number
  readonly resource: number | null
  readonly numa_node: number
  readonly target_node: number | null
  readonly modalias: string
  readonly memmap_on_memory: boolean | null
  readonly mappings: ReadonlyArray<MappingAttributes>
  readonly dax_region: {
    readonly id: number
    readonly size: number
    readonly align: number
    readonly available_size: number | null
    readonly seed: string | null
  }
}

/**
 * The attributes of a device, as a kernel of that release shows them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (
  release: KernelRelease,
  { binding, memmapOnMemory, parent: { region, seed } }: DaxBinding.Node,
  instance: DaxRegion.Instance
): DaxAttributes => ({
  name: instance.name,
  driver: binding?.driver.name ?? null,
  is_static: region.isStatic,
  size: DaxRegion.size(instance),
  align: instance.align,
  resource: instance.ranges[0]?.start ?? null,
  numa_node: region.node,
  target_node: region.targetNode < 0 ? null : region.targetNode,
  modalias: "dax:t0",
  memmap_on_memory: has(release, "kmem-memmap-on-memory") ? memmapOnMemory : null,
  mappings: instance.ranges.map(({ end, pageOffset, start }) => ({ start, end: end - 1, page_offset: pageOffset })),
  dax_region: {
    id: region.id,
    size: region.end - region.start,
    align: region.align,
    available_size: region.isStatic ? null : DaxRegion.available(region),
    seed: region.isStatic ? null : seed?.name ?? ""
  }
})
