/**
 * Free physical addresses for memory that has none of its own (spec 20.1).
 *
 * @since 0.1.0
 */
import type * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as ResourceTree from "./ResourceTree.ts"

/**
 * Where to look for free physical addresses. `limit` is PHYSMEM_END, inclusive: a boot variable on x86, never a constant.
 *
 * @category models
 * @since 0.1.0
 */
export interface Search {
  readonly base: { readonly start: number; readonly end: number }
  readonly size: number
  readonly limit: number
  readonly sectionSize: number
  readonly name: string
}

/**
 * `request_free_mem_region()`: the highest free range for device-private memory, found top-down in steps of its own size
 * rounded up to a section. Fails with ERANGE when there is none (20.1).
 *
 * @category operations
 * @since 0.1.0
 */
export const request = (
  tree: ResourceTree.Resource,
  search: Search
): Result.Result<ResourceTree.Placed, KernelError> => {
  const size = Alignment.up(search.size, search.sectionSize)
  const wanted = { start: search.base.start, end: search.base.end, name: search.name }
  if (!Number.isSafeInteger(size) || size <= 0) {
    return ResourceTree.refuse(wanted, "EINVAL", `${search.size} is no size`, "ask for at least one byte")
  }
  let start = Math.min(search.base.end, search.limit) - size + 1
  while (start > size && start >= search.base.start) {
    const candidate = { start, end: start + size - 1 }
    const conflict = tree.children.find((child) => ResourceTree.overlaps(child, candidate))
    if (conflict === undefined) {
      return ResourceTree.request(tree, { start, size, name: search.name, desc: ResourceTree.Desc.devicePrivateMemory })
    }
    // Every step that would still touch this conflict is taken at once.
    start -= Math.ceil((candidate.end - conflict.start + 1) / size) * size
  }
  const below = Math.min(search.base.end, search.limit).toString(16).padStart(8, "0")
  return ResourceTree.refuse(wanted, "ERANGE", `no free range of ${size} bytes below ${below}`, "ask for less")
}
