/**
 * What happens to memory that is added, and which zone it joins: the parameters of `memory_hotplug` and
 * `auto_online_blocks`, and the choice they lead to (ZON-1, ZON-2, HOT-16, 25.4).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import * as ZoneChoice from "../zones/ZoneChoice.ts"
import * as Zones from "../zones/Zones.ts"
import * as AutoMovable from "./AutoMovable.ts"
import { MemoryBlocks, nodeOf, type Run } from "./MemoryBlocks.ts"
import { MemoryGroups } from "./MemoryGroups.ts"

/**
 * What the administrator sets: `defaultState` is `memhp_default_state=` and `auto_online_blocks`, `movableNode` the boot
 * option, the rest are parameters of `memory_hotplug`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parameters {
  readonly defaultState: "offline" | ZoneChoice.OnlineType
  readonly onlinePolicy: "contig-zones" | "auto-movable"
  readonly autoMovableRatio: number
  readonly autoMovableNumaAware: boolean
  readonly movableNode: boolean
  readonly memmapOnMemory: MemmapOnMemory.Mode
}

/**
 * What a kernel does that was told nothing (OBS-12, 25.4).
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Parameters = {
  defaultState: "offline",
  onlinePolicy: "contig-zones",
  autoMovableRatio: ZoneChoice.defaultRatio,
  autoMovableNumaAware: true,
  movableNode: false,
  memmapOnMemory: "off"
}

/**
 * - `parameters` as they are now; `set` changes some of them, as root does while the machine runs
 * - `zone` is `zone_for_pfn_range()` for the first block of a run of offline ones
 * - `choose` also tells how many blocks from there on would join the same zone, were they onlined one after the other
 * - `unitEnd` is the block at which the unit of the run's dynamic group ends, where the policy looks at units
 *
 * @category services
 * @since 0.1.0
 */
export class OnlinePolicy extends Context.Service<OnlinePolicy, {
  readonly parameters: () => Parameters
  readonly set: (change: Partial<Parameters>) => void
  readonly zone: (run: Run, type: ZoneChoice.OnlineType) => ZoneChoice.Zone
  readonly choose: (
    run: Run,
    type: ZoneChoice.OnlineType
  ) => { readonly zone: ZoneChoice.Zone; readonly count: number }
  readonly unitEnd: (run: Run) => number
}>()("@vmemmap/core/hotplug/OnlinePolicy") {}

/**
 * The spans of a node's zones that memory can be onlined to.
 *
 * @category queries
 * @since 0.1.0
 */
export const spansOf = (zones: ReadonlyArray<Zones.Zone>, node: number): ReadonlyArray<ZoneChoice.Span> =>
  zones.flatMap(({ end, name, node: own, start }) =>
    own === node && name !== "Device" && end > start ? [{ zone: name, start, end }] : []
  )

/**
 * The first block after `block` at which a span begins or ends to cover blocks of `pages` pages; `Infinity` if there is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const nextEdge = (spans: ReadonlyArray<PfnRange>, block: number, pages: number): number =>
  spans.flatMap(({ end, start }) => [Math.floor(start / pages), Math.ceil(end / pages)])
    .reduce((least, edge) => edge > block ? Math.min(least, edge) : least, Infinity)

/** The spans after one more block was onlined. */
const grown = (
  spans: ReadonlyArray<ZoneChoice.Span>,
  zone: ZoneChoice.Zone,
  range: PfnRange
): ReadonlyArray<ZoneChoice.Span> =>
  spans.some((span) => span.zone === zone)
    ? spans.map((span) =>
      span.zone === zone
        ? { zone, start: Math.min(span.start, range.start), end: Math.max(span.end, range.end) }
        : span
    )
    : [...spans, { zone, ...range }]

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(boot: Partial<Parameters>) {
  const zones = yield* Zones.Zones
  const blocks = yield* MemoryBlocks
  const groups = yield* MemoryGroups
  let parameters = { ...defaults, ...boot }

  const pfns = (block: number): PfnRange => ({ start: block * blocks.pages, end: (block + 1) * blocks.pages })

  const isAuto = (type: ZoneChoice.OnlineType) => type === "online" && parameters.onlinePolicy === "auto-movable"

  const byRule = (block: number, type: ZoneChoice.OnlineType, spans: ReadonlyArray<ZoneChoice.Span>) =>
    ZoneChoice.make({ type, range: pfns(block), spans, movableNode: parameters.movableNode })

  /** Neighbours choose alike until a span begins or ends; the zone's own end moves along with them. */
  const choose = (run: Run, type: ZoneChoice.OnlineType, spans: ReadonlyArray<ZoneChoice.Span>) => {
    const { end, start } = run
    const zone = byRule(start, type, spans)
    const after = grown(spans, zone, pfns(start))
    const isAlike = start + 1 < end && byRule(start + 1, type, after) === zone
    return { zone, count: isAlike ? Math.min(end, nextEdge(after, start + 1, blocks.pages)) - start : 1 }
  }

  const chooseAuto = (run: Run, spans: ReadonlyArray<ZoneChoice.Span>) => {
    const auto = AutoMovable.choose({ run, parameters, zones: zones.all(), blocks, groups })
    return auto.isMovable
      ? { zone: "Movable" as const, count: auto.count }
      : choose({ ...run, end: run.start + auto.count }, "online_kernel", spans)
  }

  const chosen = (run: Run, type: ZoneChoice.OnlineType) => {
    const spans = spansOf(zones.all(), nodeOf(run.value))
    return isAuto(type) ? chooseAuto(run, spans) : choose(run, type, spans)
  }

  return OnlinePolicy.of({
    parameters: () => parameters,
    set: (change) => {
      parameters = { ...parameters, ...change }
    },
    zone: ({ start, value }, type) => chosen({ start, end: start + 1, value }, type).zone,
    choose: chosen,
    unitEnd: (run) => isAuto("online") ? AutoMovable.unitOf({ run, blocks, groups })?.end ?? Infinity : Infinity
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  boot: Partial<Parameters> = {}
): Layer.Layer<OnlinePolicy, never, Zones.Zones | MemoryBlocks | MemoryGroups> => Layer.effect(OnlinePolicy, make(boot))
