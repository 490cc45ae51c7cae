/**
 * Booting: the kernel takes over the RAM it was given (SEC-5, INI-5, ZON-11, GEO-17).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as Contiguity from "../hotplug/Contiguity.ts"
import { MemoryBlocks } from "../hotplug/MemoryBlocks.ts"
import { DeferredBootInit } from "../init/DeferredBootInit.ts"
import * as InitWork from "../init/InitWork.ts"
import { MemmapInit } from "../init/MemmapInit.ts"
import { KernelError } from "../kernel/KernelError.ts"
import * as KernelLog from "../kernel/KernelLog.ts"
import * as Steps from "../kernel/Steps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import { PagemapIndex } from "../sections/PagemapIndex.ts"
import { SectionTable } from "../sections/SectionTable.ts"
import { Sparse } from "../sparse/Sparse.ts"
import type * as BootZones from "../zones/BootZones.ts"
import { Zones } from "../zones/Zones.ts"

/**
 * What is booted: RAM by node in pfns, the zones it falls into, and the holes in its sections.
 *
 * @category models
 * @since 0.1.0
 */
export interface Memory {
  readonly nodes: ReadonlyArray<
    {
      readonly node: number
      readonly ram: ReadonlyArray<PfnRange.PfnRange>
      readonly zones: ReadonlyArray<BootZones.BootZone>
    }
  >
  readonly holes: ReadonlyArray<BootZones.Hole>
}

/**
 * Makes the early sections, initialises their struct pages, fills the zones and looks for holes in them (ZON-8). Fails with ENOMEM when the memmap does not
 * fit into the RAM it describes (ERR-3).
 *
 * @category constructors
 * @since 0.1.0
 */
export const boot = Effect.fnUntraced(function*({ holes, nodes }: Memory) {
  const log = yield* KernelLog.KernelLog
  const sparse = yield* Sparse
  const zones = yield* Zones
  const init = yield* MemmapInit
  const deferred = yield* DeferredBootInit
  const blocks = yield* MemoryBlocks
  const kernel = yield* Kernel
  const memmap = yield* Memmap
  const table = yield* SectionTable
  const index = yield* PagemapIndex
  yield* Effect.gen(function*() {
    for (const { node, ram } of nodes) {
      const fits = yield* Steps.run(() => sparse.early(node, ram))
      if (!fits) {
        return yield* new KernelError({
          errno: "ENOMEM",
          rule: "ERR-3",
          step: "sparse_init_nid",
          problem: `the memmap of node ${node} does not fit into its RAM`,
          remedy: "describe a machine with more RAM"
        })
      }
    }
    yield* deferred.begin(nodes)
    for (const { node, ram, zones: own } of nodes) {
      for (const { name, spanned, start } of own) {
        if (spanned === 0) continue
        const span = PfnRange.fromLength(start, spanned)
        const inside = ram.map((range) => PfnRange.intersection(range, span)).filter(({ end, start }) => end > start)
        const gaps = holes.filter((hole) => hole.node === node && hole.zone === name).flatMap((hole) => hole.inside)
        zones.grow({ node, name }, span)
        for (const range of inside) zones.online({ node, name }, range, PfnRange.length(range))
        const { unlocked } = InitWork.boot(inside, gaps, node, name)
        const isRam = ({ image }: InitWork.Part) => image._tag === "InUse"
        yield* deferred.zone(node, unlocked.filter(isRam))
        // A hole leaves the type of the pageblock that begins in it.
        const rest = unlocked.filter((part) => !isRam(part))
        yield* Steps.run((limit) => init.parts(rest, "boot", null, limit))
      }
    }
    yield* deferred.late
    for (const zone of zones.all().filter(({ present }) => present > 0)) {
      zones.mark(zone, Contiguity.holds({ kernel, table, index, memmap, zones }, zone))
    }
    blocks.boot(nodes.flatMap(({ node, ram }) => ram.map((range) => ({ ...range, node }))))
  }).pipe(KernelLog.operation(log, "boot"))
})
