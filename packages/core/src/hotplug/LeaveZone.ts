/**
 * Pages leave their zone: `remove_pfn_range_from_zone()` (ZON-5).
 *
 * @since 0.1.0
 */
import * as PfnRange from "../geometry/PfnRange.ts"
import { type Op, write } from "../kernel/Steps.ts"
import type { Config } from "../release/Kernel.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import type { Key } from "../zones/Zones.ts"
import * as Contiguity from "./Contiguity.ts"

/**
 * What the pages leave.
 *
 * @category models
 * @since 0.1.0
 */
export interface State extends Contiguity.State {
  readonly kernel: Config
}

/**
 * A debug kernel poisons the struct pages of the range (pfns). That is all for device memory, whose zone never shrinks; for
 * others the span shrinks if the range lies at one of its ends (ZON-6). The pages are no longer online by then. At most `limit` sections
 * are taken at a time.
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = function*(state: State, zone: Key, { end, start }: PfnRange.PfnRange, limit: number): Op<void> {
  const { kernel, memmap, table, zones } = state
  for (let from = start; kernel.poison && from < end;) {
    const to = PfnRange.runEnd({ start: from, end }, table.pagesPerSection, limit)
    yield write("page.poison", `memmap:${SectionTable.sectionOf(table, from)}`)
    memmap.write(from, to, { _tag: "Poisoned" })
    from = to
  }
  if (zone.name === "Device") return
  const object = `zone:${zone.node}/${zone.name}`
  yield write("zone.clear-contiguous", object)
  zones.mark(zone, false)
  yield write("zone.remove-range", object)
  zones.shrink(zone, { start, end })
  yield write("zone.set-contiguous", object)
  zones.mark(zone, Contiguity.holds(state, zone))
}
