/**
 * Booting the reference model: sections, zones and struct pages of RAM (SEC-5, INI-5, ZON-11).
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import type { PfnRange } from "@vmemmap/core/geometry/PfnRange"
import * as Sections from "./Sections.ts"
import { type Boot, isContiguous, pfns, type ReferenceModel, zoneOf } from "./State.ts"
import * as VirtualMemmap from "./VirtualMemmap.ts"

/** INI-5: RAM belongs to the allocator; holes in boot sections get reserved pages of the zone above them. */
const bootPages = (model: ReferenceModel): void => {
  const { boot, kernel, memmap, sections } = model
  const per = Architecture.pagesPerSection(kernel.arch)
  const ram = boot.nodes.flatMap(({ node, ram }) => ram.map((range) => ({ ...range, node })))
    .toSorted((a, b) => a.start - b.start)
  const zones = boot.nodes.flatMap(({ node, zones }) =>
    zones.map(({ name, spanned, start }) => ({ node, name, start, end: start + spanned }))
  )
  const populated = zones.filter((zone) =>
    ram.some((range) => range.node === zone.node && range.start < zone.end && zone.start < range.end)
  )
  const inSections = (range: PfnRange, content: VirtualMemmap.Content) => {
    for (const number of sections.table.keys()) {
      const inside = { start: Math.max(range.start, number * per), end: Math.min(range.end, (number + 1) * per) }
      for (const pfn of pfns(inside)) VirtualMemmap.write(memmap, pfn, content)
    }
  }
  const reserved = ({ name, node }: { readonly node: number; readonly name: string }): VirtualMemmap.Content => ({
    _tag: "Page",
    node,
    zone: name,
    flags: ["reserved"],
    refcount: 1,
    links: "self",
    buddyOrder: null
  })
  let end = 0
  for (const range of ram) {
    const own = populated.filter(({ node }) => node === range.node)
    for (const zone of own) {
      const inside = { start: Math.max(range.start, zone.start), end: Math.min(range.end, zone.end) }
      inSections(inside, { _tag: "InUse", node: zone.node, zone: zone.name })
      Sections.setPageblocks(sections, inside.start, inside.end, "Movable")
    }
    const above = own.find((zone) => range.start >= zone.start && range.start < zone.end)
    if (above !== undefined) inSections({ start: end, end: range.start }, reserved(above))
    end = range.end
  }
  const last = populated.findLast(({ node }) => node === ram.at(-1)?.node)
  if (last !== undefined) inSections({ start: end, end: Math.ceil(end / per) * per }, reserved(last))
}

/**
 * A booted machine.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (boot: Boot): ReferenceModel => {
  const memmap = VirtualMemmap.make(boot.kernel)
  const warnings: Array<string> = []
  const model: ReferenceModel = {
    boot,
    kernel: boot.kernel,
    memmap,
    sections: Sections.make(memmap, (where, once) => {
      if (!once || !warnings.includes(where)) warnings.push(where)
    }),
    zones: new Map(),
    pagemaps: new Map(),
    index: new Map(),
    blocks: new Map(),
    added: [],
    warnings,
    asked: new Map(),
    names: new Map(),
    attempts: 0,
    ramOverlapWarned: false
  }
  for (const { node, ram } of boot.nodes) Sections.boot(model.sections, node, ram)
  for (const { node, ram, zones } of boot.nodes) {
    for (const { name, spanned, start } of zones) {
      if (spanned === 0) continue
      const zone = zoneOf(model, node, name)
      zone.start = start
      zone.end = start + spanned
      for (const range of ram) {
        zone.present += Math.max(0, Math.min(range.end, zone.end) - Math.max(range.start, zone.start))
      }
      zone.managed = zone.present
    }
  }
  bootPages(model)
  for (const zone of model.zones.values()) if (zone.present > 0) zone.contiguous = isContiguous(model, zone)
  return model
}
