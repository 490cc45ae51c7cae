/**
 * Memory that an idle kernel itself holds, so that its blocks cannot go offline (HOT-25).
 *
 * Not part of the machine: what uses memory is no decision of memory hotplug. Those who want to know what a real administrator
 * meets ask for it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { MemoryBlocks } from "../hotplug/MemoryBlocks.ts"
import { Nodes } from "../hotplug/Nodes.ts"
import { PagePins } from "../hotplug/PagePins.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { type Zone, Zones } from "../zones/Zones.ts"

/** Zones the kernel allocates from, the one it prefers last. */
const kernelZones = ["DMA", "DMA32", "Normal"] as const

/** Where in the first block of a zone the kernel's own pages were seen, in pages. */
const offset = 0x402

/**
 * `settle` lets the kernel take what it takes by now; to be called after anything that may have onlined memory.
 *
 * - at boot: in each node with RAM, the first block of the highest zone, where allocations begin, and the last one, where boot
 *   allocates from the top down
 * - memory that goes online in a kernel zone above all those its node has had, if the node has CPUs: its first block
 *
 * Blocks that cannot go offline anyway are left alone. What is taken stays taken until the scope ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const blocks = yield* MemoryBlocks
  const nodes = yield* Nodes
  const pins = yield* PagePins
  const zones = yield* Zones
  const log = yield* KernelLog
  const scope = yield* Effect.scope
  /** The highest zone each node has had so far. */
  const highest = new Map<number, number>()
  const pending: Array<number> = []

  const populated = (node: number): ReadonlyArray<Zone> =>
    kernelZones.map((name) => zones.of({ node, name })).filter(({ present }) => present > 0)

  const rank = ({ name }: Zone): number => kernelZones.findIndex((one) => one === name)

  const nodesOf = () => new Set(zones.all().map(({ node }) => node))

  /** A node's highest zone, if it has none as high yet. */
  const risen = (node: number): Zone | undefined => {
    const top = populated(node).at(-1)
    if (top === undefined || rank(top) <= (highest.get(node) ?? -1)) return undefined
    highest.set(node, rank(top))
    return top
  }

  for (const node of nodesOf()) {
    const top = risen(node)
    if (top === undefined) continue
    pending.push(top.start + offset)
    const last = blocks.runs().filter(({ value }) => value.isBoot && value.nodes.includes(node)).at(-1)
    if (last !== undefined) pending.push(last.end * blocks.pages - 1)
  }

  log.listen((event) => {
    // said whenever a zone that was empty is not any more (OBS-9)
    if (event._tag !== "Line" || !event.text.startsWith("Built ")) return
    for (const node of nodesOf()) {
      const top = risen(node)
      if (top !== undefined && nodes.cpus().includes(node)) pending.push(top.start + offset)
    }
  })

  const settle = Effect.suspend(() =>
    Effect.forEach(
      pending.splice(0),
      (pfn) =>
        Effect.ignore(pins.pin({ start: pfn, end: pfn + 1 }, "unmovable")).pipe(
          Effect.provideService(Scope.Scope, scope)
        ),
      { discard: true }
    )
  )

  yield* settle
  return { settle }
})
