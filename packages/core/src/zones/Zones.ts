/**
 * Zones while the machine runs: spans, present and managed pages, and which pages are online in which zone (spec 08).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import type * as PfnRange from "../geometry/PfnRange.ts"
import { Kernel } from "../release/Kernel.ts"

/**
 * Zones in the order of their numbers (SPW-1).
 *
 * @category models
 * @since 0.1.0
 */
export const names = ["DMA", "DMA32", "Normal", "Movable", "Device"] as const
/** @since 0.1.0 */
export type Name = typeof names[number]

/**
 * A zone of a node. `[start, end)` is its span in pfns, 0 and 0 when it is empty; `present` and `managed` count pages.
 * `contiguous` is what was last found out about its holes (ZON-8).
 *
 * @category models
 * @since 0.1.0
 */
export interface Zone extends PfnRange.PfnRange {
  readonly node: number
  readonly name: Name
  readonly present: number
  readonly managed: number
  readonly contiguous: boolean
}

/**
 * A zone by node and name.
 *
 * @category models
 * @since 0.1.0
 */
export type Key = Pick<Zone, "node" | "name">

/**
 * - `grow` widens the span to contain a range (`resize_zone_range()`, ZON-3)
 * - `shrink` gives a range up: the span moves only if the range lies at one of its ends (ZON-6); Device zones never shrink
 *   (ZON-5)
 * - `online` and `offline` move pages in and out of the zone's present and managed counts (ZON-9)
 * - `mark` records whether the zone is contiguous; `holes` are the parts of its span where none of its pages is online,
 *   looked for one by one
 * - `of` is one zone, `all` every zone that ever had a span
 *
 * @category services
 * @since 0.1.0
 */
export class Zones extends Context.Service<Zones, {
  readonly grow: (zone: Key, range: PfnRange.PfnRange) => void
  readonly shrink: (zone: Key, range: PfnRange.PfnRange) => void
  readonly online: (zone: Key, range: PfnRange.PfnRange, managed: number) => void
  readonly offline: (zone: Key, range: PfnRange.PfnRange, managed: number) => void
  readonly mark: (zone: Key, contiguous: boolean) => void
  readonly holes: (zone: Key) => Iterable<PfnRange.PfnRange>
  readonly of: (zone: Key) => Zone
  readonly all: () => ReadonlyArray<Zone>
  /** The zone whose online pages contain a pfn. */
  readonly at: (pfn: number) => Key | undefined
}>()("@vmemmap/core/zones/Zones") {}

/**
 * The span of a node: the union of its zones', the Device zone's included (ZON-7); `null` when it spans nothing.
 *
 * @category queries
 * @since 0.1.0
 */
export const nodeSpan = (zones: ReadonlyArray<Zone>, node: number): PfnRange.PfnRange | null => {
  const spans = zones.filter((zone) => zone.node === node && zone.end > zone.start)
  return spans.length === 0 ? null : {
    start: Math.min(...spans.map((zone) => zone.start)),
    end: Math.max(...spans.map((zone) => zone.end))
  }
}

/**
 * Zones without a span.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (arch: Architecture.Architecture): Zones["Service"] => {
  const zones = new Map<string, Zone>()
  const members = ExtentMap.empty<string>()
  const keys = new Map<string, Key>()
  const subsection = Architecture.pagesPerSubsection(arch)

  const keyOf = ({ name, node }: Key): string => {
    const key = `${node}/${name}`
    if (!keys.has(key)) keys.set(key, { node, name })
    return key
  }
  const of = ({ name, node }: Key): Zone =>
    zones.get(keyOf({ name, node })) ??
      { node, name, start: 0, end: 0, present: 0, managed: 0, contiguous: false }
  const put = (zone: Zone) => zones.set(keyOf(zone), zone)

  const shrink = (key: Key, range: PfnRange.PfnRange): void => {
    const zone = of(key)
    if (zone.name === "Device") return
    if (zone.start === range.start) {
      const next = ExtentMap.next(members, range.end, keyOf(key))
      if (next === undefined) put({ ...zone, start: 0, end: 0 })
      else put({ ...zone, start: Math.max(range.end, Alignment.down(next.start, subsection)) })
    } else if (zone.end === range.end) {
      const last = ExtentMap.previous(members, range.start, keyOf(key))
      if (last === undefined) put({ ...zone, start: 0, end: 0 })
      else put({ ...zone, end: Math.min(range.start, Alignment.up(last.end, subsection)) })
    }
  }

  return Zones.of({
    grow: (key, range) => {
      const zone = of(key)
      const isEmpty = zone.end === zone.start
      put({
        ...zone,
        start: isEmpty ? range.start : Math.min(zone.start, range.start),
        end: isEmpty ? range.end : Math.max(zone.end, range.end)
      })
    },
    shrink,
    online: (key, range, managed) => {
      const zone = of(key)
      ExtentMap.set(members, range.start, range.end, keyOf(key))
      put({ ...zone, present: zone.present + range.end - range.start, managed: zone.managed + managed })
    },
    offline: (key, range, managed) => {
      const zone = of(key)
      ExtentMap.remove(members, range.start, range.end)
      put({ ...zone, present: zone.present - (range.end - range.start), managed: zone.managed - managed })
    },
    mark: (key, contiguous) => put({ ...of(key), contiguous }),
    holes: function*(key) {
      const { end, start } = of(key)
      for (let at = start; at < end;) {
        const own = ExtentMap.next(members, at, keyOf(key))
        const until = Math.min(own?.start ?? end, end)
        if (until > at) yield { start: at, end: until }
        at = own?.end ?? end
      }
    },
    of,
    all: () => [...zones.values()],
    at: (pfn) => keys.get(ExtentMap.find(members, pfn)?.value ?? "")
  })
}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Zones, never, Kernel> = Layer.effect(
  Zones,
  Effect.map(Effect.service(Kernel), ({ arch }) => make(arch))
)
