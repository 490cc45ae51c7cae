/**
 * The zones of all online nodes, as `/proc/zoneinfo` lists them: empty ones included (ZON-14, OBS-10).
 *
 * @since 0.1.0
 */
import type { Nodes } from "../hotplug/Nodes.ts"
import { type Name, names, type Zones } from "../zones/Zones.ts"

/**
 * Pages of a zone. `start_pfn` is there only for zones with present pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly node: number
  readonly zone: Name
  readonly spanned: number
  readonly present: number
  readonly managed: number
  readonly start_pfn?: number
}

/**
 * A row for every zone of every online node, in the order of the file.
 *
 * @category queries
 * @since 0.1.0
 */
export const make = (
  { nodes, zones }: { readonly nodes: Nodes["Service"]; readonly zones: Zones["Service"] }
): ReadonlyArray<Row> =>
  nodes.online().flatMap((node) =>
    names.map((name) => {
      const { end, managed, present, start } = zones.of({ node, name })
      return { node, zone: name, spanned: end - start, present, managed, ...(present > 0 ? { start_pfn: start } : {}) }
    })
  )
