/**
 * A machine: every room of the kernel as one layer, booted.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AwaitPages from "../devices/AwaitPages.ts"
import * as DaxDevices from "../devices/DaxDevices.ts"
import * as DeviceDax from "../devices/DeviceDax.ts"
import * as Hmem from "../devices/Hmem.ts"
import * as Kmem from "../devices/Kmem.ts"
import * as Media from "../devices/Media.ts"
import * as Memregion from "../devices/Memregion.ts"
import * as NvdimmBus from "../devices/NvdimmBus.ts"
import * as Pin from "../devices/Pin.ts"
import * as Faults from "../frames/Faults.ts"
import * as FrameAllocator from "../frames/FrameAllocator.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as AcpiMemory from "../hotplug/AcpiMemory.ts"
import * as ArchMemory from "../hotplug/ArchMemory.ts"
import * as DirectMap from "../hotplug/DirectMap.ts"
import * as MemoryBlocks from "../hotplug/MemoryBlocks.ts"
import * as MemoryGroups from "../hotplug/MemoryGroups.ts"
import * as MemoryHotplug from "../hotplug/MemoryHotplug.ts"
import * as MemoryNotifier from "../hotplug/MemoryNotifier.ts"
import * as Nodes from "../hotplug/Nodes.ts"
import * as OnlinePolicy from "../hotplug/OnlinePolicy.ts"
import * as Pagemaps from "../hotplug/Pagemaps.ts"
import * as PagePins from "../hotplug/PagePins.ts"
import * as BackgroundInit from "../init/BackgroundInit.ts"
import * as DeferredBootInit from "../init/DeferredBootInit.ts"
import * as MemmapInit from "../init/MemmapInit.ts"
import * as MemmapState from "../init/MemmapState.ts"
import type { KernelError } from "../kernel/KernelError.ts"
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
import * as Firmware from "./Firmware.ts"
import * as Ledger from "./Ledger.ts"
import type * as MachineSpec from "./MachineSpec.ts"

const policyOf = ({ commandLine }: BootMemory.BootMemory): OnlinePolicy.Parameters => ({
  ...OnlinePolicy.defaults,
  onlinePolicy: commandLine.onlinePolicy,
  autoMovableRatio: commandLine.autoMovableRatio,
  autoMovableNumaAware: commandLine.autoMovableNumaAware,
  movableNode: commandLine.movableNode,
  memmapOnMemory: commandLine.memmapOnMemory,
  ...(commandLine.defaultState === undefined ? {} : { defaultState: commandLine.defaultState })
})

/** What the kernel may allocate from: RAM outside of ZONE_MOVABLE. */
const areas = ({ nodes }: BootMemory.BootMemory) =>
  nodes.flatMap(({ node, ram, zones }) => {
    const movable = zones.filter(({ name }) => name === "Movable")
      .map(({ spanned, start }) => PfnRange.fromLength(start, spanned))
    return ram.flatMap((range) => PfnRange.subtract(range, movable)).map((range) => ({ ...range, node }))
  })

/** A node with RAM or CPUs is online (OBS-12). */
const nodesOf = ({ cpuNodes, nodes, possibleNodes }: BootMemory.BootMemory) => ({
  possible: possibleNodes,
  online: [...new Set([...nodes.map(({ node }) => node), ...cpuNodes])],
  cpus: cpuNodes
})

/** What layers that replace others may build on: what is there before sections come and go. */
type Ground =
  | Kernel.Kernel
  | KernelLog.KernelLog
  | Locks.Locks
  | Memmap.Memmap
  | Pageblocks.Pageblocks
  | SectionTable.SectionTable
  | Zones.Zones

/**
 * The layers of a machine, one per decision. Replace any of them to get another machine: a memmap of bytes, an allocator
 * with a policy of its own, a kernel with a known bug.
 *
 * @category layers
 * @since 0.1.0
 */
export const parts = (memory: BootMemory.BootMemory, spec: MachineSpec.MachineSpec = {}) => ({
  kernel: Kernel.layer(Kernel.make({ ...memory.kernel, poison: memory.poison })),
  log: KernelLog.layer,
  locks: Locks.layer,
  faults: Faults.layer,
  frames: FrameAllocator.layer(areas(memory)),
  sections: SectionTable.layer,
  pagemapIndex: PagemapIndex.layer,
  zones: Zones.layer,
  memmap: Memmap.layer as Layer.Layer<Memmap.Memmap, KernelError, Kernel.Kernel>,
  pageblocks: Pageblocks.layer,
  vmemmap: Vmemmap.layer,
  sparse: Sparse.layer,
  init: MemmapInit.layer as Layer.Layer<MemmapInit.MemmapInit, never, Ground>,
  background: BackgroundInit.layer(),
  deferredBoot: DeferredBootInit.layer(),
  awaitPages: AwaitPages.layer,
  memmapState: MemmapState.layer,
  iomem: Iomem.layer(memory.resources),
  directMap: DirectMap.layer,
  archMemory: ArchMemory.layer(memory.maxPfn),
  pagemaps: Pagemaps.layer,
  ledger: Ledger.layer,
  blocks: MemoryBlocks.layer(memory.blockSize),
  nodes: Nodes.layer(nodesOf(memory)),
  notifier: MemoryNotifier.layer,
  groups: MemoryGroups.layer,
  policy: OnlinePolicy.layer(policyOf(memory)),
  pagePins: PagePins.layer,
  hotplug: MemoryHotplug.layer,
  acpiMemory: AcpiMemory.layer,
  media: Media.layer,
  memregion: Memregion.layer,
  deviceDax: DeviceDax.layer,
  kmem: Kmem.layer,
  pin: Pin.layer,
  daxDevices: DaxDevices.layer,
  hmem: Hmem.layer(Firmware.dynamicDax(spec, memory)),
  nvdimm: NvdimmBus.layer(Firmware.providers(spec, memory))
})

/**
 * All layers of {@link parts}.
 *
 * @category models
 * @since 0.1.0
 */
export type Parts = ReturnType<typeof parts>

/** The kernel with its RAM: what boots before any device is looked at. */
const core = (memory: BootMemory.BootMemory, p: Parts) =>
  Layer.effectDiscard(Boot.boot(memory)).pipe(
    Layer.provideMerge(Layer.mergeAll(p.pagemaps, p.ledger)),
    Layer.provideMerge(Layer.mergeAll(p.awaitPages, p.memmapState)),
    Layer.provideMerge(Layer.mergeAll(p.archMemory, p.blocks, p.nodes, p.notifier)),
    Layer.provideMerge(p.deferredBoot),
    Layer.provideMerge(Layer.mergeAll(p.sparse, p.init, p.background)),
    Layer.provideMerge(p.vmemmap),
    Layer.provideMerge(
      Layer.mergeAll(p.memmap, p.pageblocks, p.sections, p.pagemapIndex, p.zones, p.frames, p.iomem, p.directMap)
    ),
    Layer.provideMerge(Layer.mergeAll(p.log, p.locks, p.faults, p.kernel))
  )

/** Memory hotplug and the buses; no driver is loaded. */
const devices = (p: Parts) =>
  Layer.mergeAll(p.nvdimm, p.hmem).pipe(
    Layer.provideMerge(p.daxDevices),
    Layer.provideMerge(Layer.mergeAll(p.deviceDax, p.kmem, p.pin, p.media, p.memregion, p.acpiMemory)),
    Layer.provideMerge(p.hotplug),
    Layer.provideMerge(Layer.mergeAll(p.policy, p.pagePins)),
    Layer.provideMerge(p.groups)
  )

/** Memory devices that are plugged when the machine boots; one that is refused only leaves a line in the log. */
const plugged = (memory: BootMemory.BootMemory, dimms: MachineSpec.MachineSpec["dimms"] = []) =>
  Layer.effectDiscard(
    Effect.flatMap(AcpiMemory.AcpiMemory, (acpi) =>
      Effect.forEach(dimms, ({ node = memory.nodes[0]?.node ?? 0, size, start }) =>
        Effect.ignore(acpi.plug({ start, size, node, bootLimit: memory.commandLine.memoryLimit })), { discard: true }))
  )

/**
 * The machine that `memory` boots; `spec` names its devices, `replace` swaps single layers. Every use of the layer boots a
 * machine of its own. Fails with a `KernelError` when the memmap does not fit into the RAM.
 *
 * @category layers
 * @since 0.1.0
 */
export const boot = (
  memory: BootMemory.BootMemory,
  spec: MachineSpec.MachineSpec = {},
  replace: Partial<Parts> = {}
) => {
  const p = { ...parts(memory, spec), ...replace }
  return Layer.fresh(
    plugged(memory, spec.dimms).pipe(Layer.provideMerge(devices(p)), Layer.provideMerge(core(memory, p)))
  )
}

/**
 * A booted machine from what is known of it; `replace` swaps single layers. Drivers of device memory are not loaded:
 * `NvdimmBus.load` and `Hmem.load` do that.
 *
 * Fails with a `MachineError` when the description cannot boot, with a `KernelError` when its memmap does not fit.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (spec: MachineSpec.MachineSpec, replace: Partial<Parts> = {}) =>
  Layer.unwrap(Effect.map(Effect.fromResult(BootMemory.make(spec)), (memory) => boot(memory, spec, replace)))
