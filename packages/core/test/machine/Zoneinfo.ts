/** What a recording says of zones, and what a machine shows of them. */
import { Effect } from "effect"
import * as Zones from "../../src/zones/Zones.ts"

export interface Zone {
  readonly node: number
  readonly zone: string
  readonly spanned: number
  readonly present: number
  readonly start_pfn?: number
}

/** Spans and present pages by node and zone; empty ones left out. */
export const zones = Effect.map(
  Zones.Zones,
  (zones) =>
    zones.all().filter(({ end, start }) => end > start).map(({ end, name, node, present, start }) => ({
      node,
      zone: name,
      spanned: end - start,
      present,
      ...(present > 0 ? { start_pfn: start } : {})
    })).toSorted((a, b) => a.node - b.node || Zones.names.indexOf(a.zone) - Zones.names.indexOf(b.zone))
)

/** The recorded zones without their managed pages; empty ones left out. */
export const recordedZones = (recorded: ReadonlyArray<Zone>) =>
  recorded.filter(({ spanned }) => spanned > 0).map(({ node, present, spanned, start_pfn, zone }) => ({
    node,
    zone,
    spanned,
    present,
    ...(present > 0 ? { start_pfn } : {})
  }))
