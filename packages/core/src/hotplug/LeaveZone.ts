/**
 * Pages leave their zone: `remove_pfn_range_from_zone()` (ZON-5).
 *
 * @since 0.1.0
 */
import type { PfnRange } from "../geometry/PfnRange.ts"
import { type Op, write } from "../kernel/Steps.ts"
import type { Memmap } from "../memmap/Memmap.ts"
import type { Key, Zones } from "../zones/Zones.ts"

/**
 * What the pages leave: `poison` as in the kernel's configuration.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly poison: boolean
  readonly memmap: Memmap["Service"]
  readonly zones: Zones["Service"]
}

/**
 * A debug kernel poisons the struct pages of the range (pfns); then the span shrinks if the range lies at one of its ends
 * (ZON-6). The pages are no longer online by then.
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = function*({ memmap, poison, zones }: State, zone: Key, { end, start }: PfnRange): Op<void> {
  if (poison) {
    yield write("page.poison", `page:${start}`)
    memmap.write(start, end, { _tag: "Poisoned" })
  }
  yield write("zone.remove-range", `zone:${zone.node}/${zone.name}`)
  zones.shrink(zone, { start, end })
}
