/**
 * The files of a modelled machine, and its modules: what an administrator's tools see of it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DaxDevices } from "../devices/DaxDevices.ts"
import { NvdimmBus } from "../devices/NvdimmBus.ts"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import { AcpiMemory } from "../hotplug/AcpiMemory.ts"
import { ArchMemory } from "../hotplug/ArchMemory.ts"
import { DirectMap } from "../hotplug/DirectMap.ts"
import { MemoryBlocks } from "../hotplug/MemoryBlocks.ts"
import { MemoryHotplug } from "../hotplug/MemoryHotplug.ts"
import { Nodes } from "../hotplug/Nodes.ts"
import { OnlinePolicy } from "../hotplug/OnlinePolicy.ts"
import { Ledger } from "../machine/Ledger.ts"
import * as Machine from "../machine/Machine.ts"
import type { MachineSpec } from "../machine/MachineSpec.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import { Iomem } from "../resources/Iomem.ts"
import { PagemapIndex } from "../sections/PagemapIndex.ts"
import { SectionTable } from "../sections/SectionTable.ts"
import { Zones } from "../zones/Zones.ts"
import * as AcpiFiles from "./AcpiFiles.ts"
import * as BlockDeviceFiles from "./BlockDeviceFiles.ts"
import * as DaxFiles from "./DaxFiles.ts"
import * as MachineModules from "./MachineModules.ts"
import * as MemoryFiles from "./MemoryFiles.ts"
import * as ModuleFiles from "./ModuleFiles.ts"
import { Modules } from "./Modules.ts"
import * as NdFiles from "./NdFiles.ts"
import * as NodeFiles from "./NodeFiles.ts"
import * as PageFlags from "./PageFlags.ts"
import * as ProcFiles from "./ProcFiles.ts"
import * as SysfsTree from "./SysfsTree.ts"

/** Directories that come and go, by their absolute paths, as one tree; what is `fixed` costs nothing to find. */
const nested = (
  under: string,
  places: DaxFiles.Places,
  fixed: Readonly<Record<string, SysfsTree.Entry>>
): SysfsTree.Directory => ({
  _tag: "Directory",
  names: () => {
    const own = places.at(under)
    // nothing of the bus lies below its own devices
    if (own !== undefined) return own.names()
    const inner = places.paths().filter((path) => path.startsWith(`${under}/`))
      .map((path) => path.slice(under.length + 1).split("/")[0] ?? "")
    return [...new Set([...Object.keys(fixed), ...inner])]
  },
  entry: (name) => {
    if (Object.hasOwn(fixed, name)) return fixed[name]
    const path = `${under}/${name}`
    return places.at(under)?.entry(name) ??
      (places.isAbove(path) || places.at(path) !== undefined ? nested(path, places, {}) : undefined)
  }
})

/** How many slots for memory devices the reference machine has (OBS-3). */
const machineSlots = 16

/** Bytes of `/dev/zero` and `/dev/null`: as many as one call may ask for. */
const endless: SysfsTree.Bytes = {
  _tag: "Bytes",
  size: Number.MAX_SAFE_INTEGER,
  read: (_, length) => Effect.sync(() => new Uint8Array(length)),
  write: () => Effect.void
}

/**
 * Modules in the order in which a machine loads them when it boots.
 *
 * @category constants
 * @since 0.1.0
 */
export const bootModules = MachineModules.atBoot

const makeTree = Effect.fnUntraced(function*(spec: MachineSpec) {
  const { arch, release, structPage } = yield* Kernel
  const bus = yield* NvdimmBus
  const dax = yield* DaxDevices
  const iomem = yield* Iomem
  const blocks = yield* MemoryBlocks
  const zones = yield* Zones
  const nodes = yield* Nodes
  const frames = yield* FrameAllocator
  const policy = yield* OnlinePolicy
  const hotplug = yield* MemoryHotplug
  const acpi = yield* AcpiMemory
  const table = yield* SectionTable
  const index = yield* PagemapIndex
  const memmap = yield* Memmap
  const archMemory = yield* ArchMemory
  const ledger = yield* Ledger
  const directMap = yield* DirectMap
  // What is online in ZONE_MOVABLE is nobody's in the model.
  const free = (node: number) => frames.free(node) + zones.of({ node, name: "Movable" }).managed
  const proc = {
    arch,
    release,
    structPage,
    cmdline: spec.cmdline ?? "",
    blocks,
    nodes,
    zones,
    free,
    iomem,
    table,
    ledger,
    directMap
  }
  const daxSource = { dax, bus }
  const system = SysfsTree.directory({
    memory: MemoryFiles.make({ blocks, policy, zones, hotplug }),
    node: NodeFiles.make(proc)
  })
  const dimms = spec.dimms ?? []
  const slots = dimms.some(({ slot }) => slot !== undefined)
    ? Array.from({ length: machineSlots }, (_, number) => dimms.find(({ slot }) => slot === number)?.start)
    : dimms.map(({ start }) => start)
  const root = SysfsTree.directory({
    dev: SysfsTree.dynamic(() => {
      const own = BlockDeviceFiles.devices({ bus })
      return new Map<string, SysfsTree.Entry>([
        ["null", { ...endless, size: 0, read: () => Effect.sync(() => new Uint8Array()) }],
        ["zero", endless],
        ...own.names().flatMap((name) => {
          const entry = own.entry(name)
          return entry === undefined ? [] : [[name, entry] as const]
        })
      ])
    }),
    proc: ProcFiles.make(
      proc,
      PageFlags.file(() => ({ memmap, table, index, maxPfn: archMemory.maxPfn() }))
    ),
    sys: SysfsTree.directory({
      block: BlockDeviceFiles.attributes({ bus }),
      bus: SysfsTree.directory({
        acpi: SysfsTree.directory({ devices: AcpiFiles.make(acpi, slots) }),
        dax: DaxFiles.make(daxSource),
        nd: NdFiles.make({ bus, iomem, arch, release })
      }),
      devices: nested("/sys/devices", DaxFiles.places(daxSource), { system }),
      module: ModuleFiles.make(policy)
    })
  })
  return SysfsTree.SysfsTree.of({ root })
})

/**
 * Files and modules of the machine; nothing is loaded.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (spec: MachineSpec) =>
  Layer.effectContext(
    Effect.gen(function*() {
      return Context.make(SysfsTree.SysfsTree, yield* makeTree(spec)).pipe(
        Context.add(Modules, yield* MachineModules.make)
      )
    })
  )

/**
 * The booted machine with its files and modules: `Machine.layer` and {@link layer} in one.
 *
 * @category layers
 * @since 0.1.0
 */
export const boot = (spec: MachineSpec, replace: Partial<Machine.Parts> = {}) =>
  layer(spec).pipe(Layer.provideMerge(Machine.layer(spec, replace)))
