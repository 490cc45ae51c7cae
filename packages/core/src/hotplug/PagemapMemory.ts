/**
 * One range of a pagemap as memory that is to become usable: steps 9 and 10 of `memremap_pages()` and what follows them, for
 * whoever initialises it (MRP-8 … MRP-10).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Semaphore from "effect/Semaphore"
import * as Architecture from "../geometry/Architecture.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type { InitMemory } from "../init/InitMemory.ts"
import * as InitWork from "../init/InitWork.ts"
import * as Steps from "../kernel/Steps.ts"
import type { Config } from "../release/Kernel.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import * as CompoundVmemmap from "../vmemmap/CompoundVmemmap.ts"
import type { Piece } from "../vmemmap/Piece.ts"
import type { ArchMemory } from "./ArchMemory.ts"
import * as JoinZone from "./JoinZone.ts"
import * as Pagemap from "./Pagemap.ts"

/**
 * What ranges are made usable with. `sections`: those of which several devices have parts are changed for one device at a time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Engine extends JoinZone.State {
  readonly kernel: Config
  readonly arch: ArchMemory["Service"]
  readonly sections: Semaphore.Semaphore
}

/**
 * Whether boot RAM has a part of the section of a pfn (SEC-5).
 *
 * @category queries
 * @since 0.1.0
 */
export const isEarly = (table: SectionTable.Table, pfn: number): boolean =>
  (SectionTable.flags(table, SectionTable.sectionOf(table, pfn)) & SectionTable.Flag.early) !== 0

const device = (
  { table }: Engine,
  pagemap: Pagemap.Pagemap,
  i: number,
  range: PfnRange
): InitWork.DeviceRange => ({
  range,
  type: pagemap.type === "unset" ? "generic" : pagemap.type,
  node: pagemap.node,
  pagemap: pagemap.id,
  order: pagemap.order,
  altmap: i === 0 ? pagemap.altmap?.current ?? null : null,
  isEarly: (pfn) => isEarly(table, pfn)
})

/**
 * The range as its memmap is populated.
 *
 * @category conversions
 * @since 0.1.0
 */
export const piece = (pagemap: Pagemap.Pagemap, i: number, range: PfnRange): Piece => ({
  ...range,
  node: pagemap.node,
  altmap: i === 0 ? pagemap.altmap : null,
  compound: pagemap.order > 0 ? { order: pagemap.order, base: range.start } : null,
  owner: pagemap.id,
  device: range
})

/**
 * How far sections have a memmap from the beginning of a part on: not far where memory ran out.
 *
 * @category queries
 * @since 0.1.0
 */
export const mappedUpTo = (table: SectionTable.Table, { end, start }: PfnRange): number => {
  let at = start
  while (at < end && SectionTable.pfnValid(table, at)) {
    at = Math.min(end, (SectionTable.sectionOf(table, at) + 1) * table.pagesPerSection)
  }
  return at
}

/**
 * Range `i` of a pagemap: under the hotplug lock its sections, its zone and the struct pages of `locked` parts, then the others; or,
 * `isLater`, its sections part by part and every struct page once.
 *
 * @category conversions
 * @since 0.1.0
 */
export const make = (
  engine: Engine,
  pagemap: Pagemap.Pagemap,
  i: number,
  range: PfnRange,
  isLater: boolean
): InitMemory => {
  const { arch, init, kernel, sections, table } = engine
  const request = device(engine, pagemap, i, range)
  const whole = piece(pagemap, i, range)
  const options = (limit: number) => ({ linear: pagemap.type !== "private", ram: false, limit })
  const isShared = CompoundVmemmap.isShared(kernel, pagemap.order, pagemap.altmap !== null)
  const user = { start: Pagemap.first(pagemap, i), end: range.end }
  return {
    name: pagemap.name,
    node: pagemap.node,
    range,
    first: user.start,
    isBoot: false,
    work: isLater ? InitWork.background(kernel, request) : InitWork.device(kernel, request),
    medium: pagemap.altmap === null ? "ram" : "device",
    structPage: kernel.structPage,
    order: pagemap.order,
    section: Architecture.pagesPerSection(kernel.arch),
    subsection: table.pagesPerSubsection,
    mapping: isShared ? "shared" : "blocks",
    linear: pagemap.type !== "private",
    populate: (part) =>
      Effect.map(
        sections.withPermits(1)(
          Steps.run((limit) =>
            isLater ? arch.extend({ ...whole, ...part }, options(limit)) : arch.add(whole, options(limit))
          )
        ),
        (added) =>
          Result.isSuccess(added)
            ? { reached: part.end, error: null }
            : { reached: mappedUpTo(table, part), error: added.failure }
      ),
    join: (parts) =>
      Steps.run((limit) =>
        JoinZone.add(engine, { node: pagemap.node, name: "Device" }, range, { parts, type: "Movable", limit })
      ),
    write: (parts, under) =>
      Steps.run(function*(limit) {
        yield* init.parts(parts, under, isLater ? "Movable" : null, limit)
        if (!isLater) yield* init.pageblocks(user, "Movable", limit)
      })
  }
}
