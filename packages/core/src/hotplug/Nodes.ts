/**
 * NUMA nodes: which may exist, which are online, which have CPUs (OBS-12).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KernelLog } from "../kernel/KernelLog.ts"
import * as Zones from "../zones/Zones.ts"

/**
 * The node masks boot leaves: nodes firmware names, nodes with memory or CPUs, nodes with CPUs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Boot {
  readonly possible: ReadonlyArray<number>
  readonly online: ReadonlyArray<number>
  readonly cpus: ReadonlyArray<number>
}

/**
 * - `online` lists the online nodes, `possible` those that may come online, `cpus` those with processors, ascending
 * - `prepare` gives a node that is not online its structures (`hotadd_init_pgdat()`), `bringUp` makes it online
 * - `tryOffline` is `try_offline_node()`: offline unless the node spans something, the Device zone included, has memory
 *   blocks, or CPUs (HOT-9, ZON-7, BUG-20)
 * - `rebuildZonelists` says so in the log: the number of online nodes, and the managed pages of the machine, of which the
 *   kernel leaves out its watermarks (OBS-9)
 *
 * @category services
 * @since 0.1.0
 */
export class Nodes extends Context.Service<Nodes, {
  readonly isPossible: (node: number) => boolean
  readonly online: () => ReadonlyArray<number>
  readonly possible: () => ReadonlyArray<number>
  readonly cpus: () => ReadonlyArray<number>
  readonly prepare: (node: number) => void
  readonly bringUp: (node: number) => void
  readonly tryOffline: (node: number, hasBlocks: boolean) => void
  readonly rebuildZonelists: () => void
}>()("@vmemmap/core/hotplug/Nodes") {}

/**
 * Nodes with present pages (`has_memory`), ascending.
 *
 * @category queries
 * @since 0.1.0
 */
export const withMemory = (zones: ReadonlyArray<Zones.Zone>): ReadonlyArray<number> =>
  [...new Set(zones.flatMap(({ node, present }) => present > 0 ? [node] : []))].toSorted((a, b) => a - b)

/**
 * Nodes with present pages of a zone up to Normal (`has_normal_memory`), ascending.
 *
 * @category queries
 * @since 0.1.0
 */
export const withNormalMemory = (zones: ReadonlyArray<Zones.Zone>): ReadonlyArray<number> =>
  withMemory(zones.filter(({ name }) => name !== "Movable" && name !== "Device"))

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(boot: Boot) {
  const log = yield* KernelLog
  const zones = yield* Zones.Zones
  const possible = new Set(boot.possible)
  const online = new Set(boot.online)
  const cpus = new Set(boot.cpus)

  const rebuildZonelists = () => {
    const managed = zones.all().reduce((sum, zone) => sum + zone.managed, 0)
    log.emit({
      _tag: "Line",
      level: "info",
      text: `Built ${online.size} zonelists, mobility grouping on.  Total pages: ${managed}`
    })
  }

  const ascending = (nodes: ReadonlySet<number>) => [...nodes].toSorted((a, b) => a - b)

  return Nodes.of({
    isPossible: (node) => possible.has(node),
    online: () => ascending(online),
    possible: () => ascending(possible),
    cpus: () => ascending(cpus),
    prepare: (node) => {
      if (!online.has(node)) rebuildZonelists()
    },
    bringUp: (node) => {
      online.add(node)
    },
    tryOffline: (node, hasBlocks) => {
      if (hasBlocks || cpus.has(node) || Zones.nodeSpan(zones.all(), node) !== null) return
      online.delete(node)
    },
    rebuildZonelists
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (boot: Boot): Layer.Layer<Nodes, never, KernelLog | Zones.Zones> => Layer.effect(Nodes, make(boot))
