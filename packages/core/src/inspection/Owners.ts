/**
 * Whose memory an address is: the path of resources in `/proc/iomem`, or the firmware's word where there is none (20.1).
 *
 * @since 0.1.0
 */
import type { Resource } from "../inputs/ResourceText.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import type { MachineView } from "./MachineView.ts"

/** The ascending, disjoint sibling that holds an address. */
const holding = (siblings: ReadonlyArray<Resource>, address: number): Resource | undefined => {
  let low = 0
  let high = siblings.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const resource = siblings[middle]
    if (resource !== undefined && resource.start + resource.size <= address) low = middle + 1
    else high = middle
  }
  const found = siblings[low]
  return found !== undefined && found.start <= address ? found : undefined
}

/** Names from the top level down to the innermost resource; empty where nothing is. */
const path = (tree: ReadonlyArray<Resource>, address: number): ReadonlyArray<string> => {
  const names: Array<string> = []
  let siblings = tree
  for (let found = holding(siblings, address); found !== undefined; found = holding(siblings, address)) {
    names.push(found.name)
    siblings = found.children
  }
  return names
}

const words: Partial<Record<MachineSpec.RangeKind, string>> = {
  ram: "System RAM",
  reserved: "Reserved",
  pmem: "Persistent Memory",
  "legacy-pmem": "Persistent Memory (legacy)",
  "soft-reserved": "Soft Reserved"
}

/**
 * The owner of an address as one text, outer before inner; `null` where nothing is known to be there.
 *
 * @category queries
 * @since 0.1.0
 */
export const of = ({ iomem, spec }: Pick<MachineView, "iomem" | "spec">, address: number): string | null => {
  if (iomem !== undefined) {
    const names = path(iomem, address)
    return names.length === 0 ? null : names.join(" / ")
  }
  const range = (spec.ranges ?? []).find(({ size, start }) => start <= address && address < start + size)
  return range === undefined ? null : words[range.kind] ?? range.name ?? null
}
