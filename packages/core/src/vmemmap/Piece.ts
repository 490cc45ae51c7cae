/**
 * What is populated or removed as one: a run of whole sections, or a part of one section.
 *
 * @since 0.1.0
 */
import type { PfnRange } from "../geometry/PfnRange.ts"
import type * as Altmap from "./Altmap.ts"

/**
 * In pfns. `altmap` is the descriptor of the pagemap, changed as blocks are taken; `null` for RAM. `compound` is present for
 * compound devmaps: `order` is vmemmap_shift and `base` the first pfn of the range being mapped (CMP-2). `owner` is the
 * number of the pagemap, −1 for System RAM, and `device` the whole range of its device (ALT-11's `end_pfn`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Piece extends PfnRange {
  readonly node: number
  readonly altmap: { current: Altmap.Altmap } | null
  readonly compound: { readonly order: number; readonly base: number } | null
  readonly owner: number
  readonly device: PfnRange | null
}
