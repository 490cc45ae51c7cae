/**
 * A live machine: what does not depend on what runs on it. Its memory is given by its own `iomem`.
 *
 * @since 0.1.0
 */
import * as JsonTree from "../inputs/JsonTree.ts"
import type { Given } from "./Given.ts"
import * as LeafPath from "./LeafPath.ts"
import * as Scope from "./Scope.ts"
import * as TreeComparison from "./TreeComparison.ts"
import * as Verdict from "./Verdict.ts"

const held = [
  /^memory_blocks\.blockSizeBytes$/,
  /^memory_blocks\.runs\[[0-9]+\]/,
  /^zoneinfo\[[0-9]+\]\.(?:node|zone|spanned|present|start_pfn)$/,
  /^vmstat\.nr_memmap_boot_pages$/
]

const isHeld = (path: LeafPath.LeafPath): boolean => held.some((pattern) => pattern.test(LeafPath.print(path)))

/**
 * The held leaves of a host exactly; the others, and what the engine says beyond, are left out.
 *
 * @category combinators
 * @since 0.1.0
 */
export const compare = (
  given: Given,
  kernel: Readonly<Record<string, unknown>>,
  engine: Readonly<Record<string, unknown>>
): Verdict.Verdicts => {
  const exact = TreeComparison.exact(given)
  const visit: TreeComparison.Compare = (path, left, right) => {
    if (left !== undefined && right !== undefined) {
      if (JsonTree.isRecord(left) && JsonTree.isRecord(right)) {
        return TreeComparison.members(path, left, right, (_key, inner, one, other) => visit(inner, one, other))
      }
      if (Array.isArray(left) && Array.isArray(right)) return TreeComparison.elements(given, path, left, right, visit)
    }
    const parts = LeafPath.leaves(left ?? right, path)
    return parts.some((leaf) => isHeld(leaf.path))
      ? exact(path, left, right)
      : Verdict.outOfScope(Scope.entries.runningHost, path, left)
  }
  return visit([], kernel, engine)
}
