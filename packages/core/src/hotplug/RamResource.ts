/**
 * The resources of added memory: `register_memory_resource()` and `release_mem_region_adjustable()` (HOT-1, HOT-9, OBS-5).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as KernelError from "../kernel/KernelError.ts"
import type { Iomem } from "../resources/Iomem.ts"
import * as ResourceTree from "../resources/ResourceTree.ts"

/**
 * Name of memory that no driver manages (OBS-5).
 *
 * @category constants
 * @since 0.1.0
 */
export const plain = "System RAM"

/**
 * Whether a name has the form `System RAM (driver)` (HOT-1).
 *
 * @category queries
 * @since 0.1.0
 */
export const isDriverName = (name: string): boolean => name.startsWith(`${plain} (`) && name.endsWith(")")

/**
 * A busy System RAM resource over `range` (bytes); EEXIST when something busy is in the way. `isManaged` flags it as managed by
 * a driver.
 *
 * @category operations
 * @since 0.1.0
 */
export const register = (
  iomem: Iomem["Service"],
  { end, start }: PfnRange.PfnRange,
  name: string,
  isManaged: boolean
): Result.Result<void, KernelError.KernelError> => {
  const { driverManaged, systemRam } = ResourceTree.Flag
  const flags = isManaged ? systemRam | driverManaged : systemRam
  const placed = iomem.request({ start, size: end - start, name, flags })
  return Result.isSuccess(placed) ? Result.succeed(undefined) : KernelError.fail({
    errno: "EEXIST",
    rule: "HOT-1",
    step: "register_memory_resource",
    problem: `Unable to reserve System RAM region: ${hex(start)}->${hex(end - 1)}: ${placed.failure.problem}`,
    remedy: placed.failure.remedy
  })
}

const find = (resource: ResourceTree.Resource, range: PfnRange.PfnRange): ResourceTree.Resource | undefined => {
  const child = resource.children.find(({ end, start }) => start <= range.start && range.end <= end + 1)
  if (child === undefined) return undefined
  const wanted = ResourceTree.Flag.systemRam | ResourceTree.Flag.busy
  return (child.flags & wanted) === wanted ? child : find(child, range)
}

/** What lay inside a resource that was cut, as far as it is still covered. */
const restore = (
  iomem: Iomem["Service"],
  taken: PfnRange.PfnRange,
  resources: ReadonlyArray<ResourceTree.Resource>
) => {
  for (const { children, desc, end, flags, name, start } of resources) {
    if (PfnRange.overlaps({ start, end: end + 1 }, taken)) continue
    iomem.insert({ start, size: end + 1 - start, name, desc, flags })
    restore(iomem, taken, children)
  }
}

/**
 * Takes `range` (bytes) out of the System RAM resource that holds it: the whole of it, one end, or the middle, which leaves
 * two. `false` when no single one holds all of it; then nothing is taken.
 *
 * @category operations
 * @since 0.1.0
 */
export const release = (iomem: Iomem["Service"], range: PfnRange.PfnRange): boolean => {
  const found = find(iomem.tree(), range)
  if (found === undefined) return false
  const { children, desc, end, flags, name, start } = found
  iomem.release(start, end + 1 - start)
  for (const rest of PfnRange.subtract({ start, end: end + 1 }, [range])) {
    iomem.request({ start: rest.start, size: rest.end - rest.start, name, desc, flags })
  }
  restore(iomem, range, children)
  return true
}
