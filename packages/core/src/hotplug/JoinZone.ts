/**
 * Pages join a zone: `move_pfn_range_to_zone()` (ZON-3, ZON-4).
 *
 * @since 0.1.0
 */
import type { PfnRange } from "../geometry/PfnRange.ts"
import type { Part } from "../init/InitWork.ts"
import type { MemmapInit } from "../init/MemmapInit.ts"
import { type Op, write } from "../kernel/Steps.ts"
import type { MigrateType } from "../memmap/Pageblocks.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import type { Key } from "../zones/Zones.ts"
import * as Contiguity from "./Contiguity.ts"

/**
 * What the pages join.
 *
 * @category models
 * @since 0.1.0
 */
export interface State extends Contiguity.State {
  readonly init: MemmapInit["Service"]
}

/** The sections a device range shares with others: the one it begins in, and the one it ends in (ZON-4). */
const taint = function*(table: SectionTable.Table, { end, start }: PfnRange): Op<void> {
  for (const pfn of [start, end]) {
    if (pfn % table.pagesPerSection === 0) continue
    const section = SectionTable.sectionOf(table, pfn)
    yield write("section.taint", `section:${section}`)
    const record = SectionTable.record(table, section)
    SectionTable.set(table, section, { ...record, flags: record.flags | SectionTable.Flag.taintZoneDevice })
  }
}

/**
 * A range (pfns) joins `zone`: the span grows, sections at its ends are tainted if they are shared with a device, then the
 * struct pages of `parts` are written and their pageblocks get `type`. The hotplug lock is held.
 *
 * @category operations
 * @since 0.1.0
 */
export const add = function*(
  state: State,
  zone: Key,
  range: PfnRange,
  { limit, parts, type }: { readonly parts: ReadonlyArray<Part>; readonly type: MigrateType; readonly limit: number }
): Op<void> {
  const { init, table, zones } = state
  const object = `zone:${zone.node}/${zone.name}`
  yield write("zone.clear-contiguous", object)
  zones.mark(zone, false)
  yield write("zone.grow-span", object)
  zones.grow(zone, range)
  if (zone.name === "Device") yield* taint(table, range)
  yield* init.parts(parts, "mem_hotplug_lock", type, limit)
  yield write("zone.set-contiguous", object)
  zones.mark(zone, Contiguity.holds(state, zone))
}

/**
 * A range (pfns) that joined and leaves before all its sections came: those that never did lose what marked them.
 *
 * @category operations
 * @since 0.1.0
 */
export const untaint = function*({ table }: Pick<State, "table">, { end, start }: PfnRange): Op<void> {
  for (const pfn of [start, end]) {
    const section = SectionTable.sectionOf(table, pfn)
    const record = SectionTable.record(table, section)
    if (record.flags !== SectionTable.Flag.taintZoneDevice) continue
    yield write("section.untaint", `section:${section}`)
    SectionTable.set(table, section, { ...record, flags: 0 })
  }
}
