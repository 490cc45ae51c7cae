/**
 * A machine: every room of the kernel as one layer, booted.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FrameAllocator from "../frames/FrameAllocator.ts"
import * as Faults from "../frames/Faults.ts"
import * as ArchMemory from "../hotplug/ArchMemory.ts"
import * as DirectMap from "../hotplug/DirectMap.ts"
import * as Pagemaps from "../hotplug/Pagemaps.ts"
import * as MemmapInit from "../init/MemmapInit.ts"
import * as KernelLog from "../kernel/KernelLog.ts"
import * as Locks from "../kernel/Locks.ts"
import * as Memmap from "../memmap/Memmap.ts"
import * as Pageblocks from "../memmap/Pageblocks.ts"
import * as Kernel from "../release/Kernel.ts"
import * as Iomem from "../resources/Iomem.ts"
import * as PagemapIndex from "../sections/PagemapIndex.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import * as Sparse from "../sparse/Sparse.ts"
import * as Vmemmap from "../vmemmap/Vmemmap.ts"
import * as Zones from "../zones/Zones.ts"
import * as Boot from "./Boot.ts"
import * as BootMemory from "./BootMemory.ts"
import * as Ledger from "./Ledger.ts"
import type * as MachineSpec from "./MachineSpec.ts"

/**
 * The layers of a machine, one per decision. Replace any of them to get another machine: a memmap of bytes, an allocator
 * with a policy of its own, a kernel with a known bug.
 *
 * @category layers
 * @since 0.1.0
 */
export const parts = (memory: BootMemory.BootMemory) => ({
  kernel: Kernel.layer(Kernel.make({ ...memory.kernel, poison: memory.poison })),
  log: KernelLog.layer,
  locks: Locks.layer,
  faults: Faults.layer,
  frames: FrameAllocator.layer(memory.nodes.flatMap(({ node, ram }) => ram.map((range) => ({ ...range, node })))),
  sections: SectionTable.layer,
  pagemapIndex: PagemapIndex.layer,
  zones: Zones.layer,
  memmap: Memmap.layer,
  pageblocks: Pageblocks.layer,
  vmemmap: Vmemmap.layer,
  sparse: Sparse.layer,
  init: MemmapInit.layer,
  iomem: Iomem.layer(memory.resources),
  directMap: DirectMap.layer,
  archMemory: ArchMemory.layer(memory.maxPfn),
  pagemaps: Pagemaps.layer,
  ledger: Ledger.layer
})

/**
 * All layers of {@link parts}.
 *
 * @category models
 * @since 0.1.0
 */
export type Parts = ReturnType<typeof parts>

/** The kernel without its devices, booted. */
const kernel = (memory: BootMemory.BootMemory, p: Parts) =>
  Layer.effectDiscard(Boot.boot(memory)).pipe(
    Layer.provideMerge(p.pagemaps),
    Layer.provideMerge(p.ledger),
    Layer.provideMerge(p.archMemory),
    Layer.provideMerge(Layer.mergeAll(p.sparse, p.init)),
    Layer.provideMerge(p.vmemmap),
    Layer.provideMerge(
      Layer.mergeAll(p.memmap, p.pageblocks, p.sections, p.pagemapIndex, p.zones, p.frames, p.iomem, p.directMap)
    ),
    Layer.provideMerge(Layer.mergeAll(p.log, p.locks, p.faults, p.kernel))
  )

/**
 * A booted machine from what is known of it; `replace` swaps single layers. Every use of the layer boots a machine of its
 * own.
 *
 * Fails with a `MachineError` when the description cannot boot, with a `KernelError` when its memmap does not fit.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (spec: MachineSpec.MachineSpec, replace: Partial<Parts> = {}) =>
  Layer.fresh(Layer.unwrap(
    Effect.map(Effect.fromResult(BootMemory.make(spec)), (memory) => kernel(memory, { ...parts(memory), ...replace }))
  ))
