/**
 * Whether a zone has no hole that a walker of its pageblocks could fall into: `set_zone_contiguous()` (ZON-8).
 *
 * @since 0.1.0
 */
import type { Architecture } from "../geometry/Architecture.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type { Memmap } from "../memmap/Memmap.ts"
import * as PageAddress from "../sections/PageAddress.ts"
import type { PagemapIndex } from "../sections/PagemapIndex.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import type { Key, Zones } from "../zones/Zones.ts"

/**
 * What pfns are asked about.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly kernel: { readonly arch: Architecture }
  readonly table: SectionTable.Table
  readonly index: PagemapIndex["Service"]
  readonly memmap: Memmap["Service"]
  readonly zones: Zones["Service"]
}

/**
 * Whether every pageblock of the zone's span begins with an online page of the zone and ends with a valid one of it. The Device
 * zone never is: its pages are not online. Neither is a zone that memory is just joining. An empty span has nothing to object to.
 *
 * Online pages need no look; cost grows with the holes between them.
 *
 * @category queries
 * @since 0.1.0
 */
export const holds = ({ index, kernel, memmap, table, zones }: State, key: Key): boolean => {
  const span = zones.of(key)
  const pageblock = 2 ** kernel.arch.pageblockOrder

  const isLinked = (pfn: number): boolean => {
    const page = memmap.read(pfn)
    return (page._tag === "Initialised" || page._tag === "InUse") && page.node === key.node && page.zone === key.name
  }
  const begins = (pfn: number) => PageAddress.isOnline(table, index, pfn) && isLinked(pfn)
  const ends = (pfn: number) => SectionTable.pfnValid(table, pfn) && isLinked(pfn)

  const isHarmless = (hole: PfnRange): boolean => {
    const isIn = (pfn: number) => pfn >= hole.start && pfn < hole.end
    for (let block = Math.floor(hole.start / pageblock) * pageblock; block < hole.end; block += pageblock) {
      const first = Math.max(block, span.start)
      const last = Math.min(block + pageblock, span.end) - 1
      if ((isIn(first) && !begins(first)) || (isIn(last) && !ends(last))) return false
    }
    return true
  }
  for (const hole of zones.holes(key)) if (!isHarmless(hole)) return false
  return true
}
