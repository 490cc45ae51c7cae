/**
 * The memory of a machine as firmware and command line leave it, before any driver is loaded: the map, the nodes, their zones,
 * `/proc/iomem`.
 *
 * Cost grows with firmware ranges and nodes, never with memory.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Architecture from "../geometry/Architecture.ts"
import * as MemoryBlock from "../geometry/MemoryBlock.ts"
import * as Pfn from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as StructPageSize from "../geometry/StructPageSize.ts"
import { MiB } from "../geometry/Units.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type * as Kernel from "../release/Kernel.ts"
import * as KernelRelease from "../release/KernelRelease.ts"
import * as Port from "../release/Port.ts"
import * as E820 from "../resources/E820.ts"
import * as MemmapOption from "../resources/MemmapOption.ts"
import type * as ResourceTree from "../resources/ResourceTree.ts"
import * as BootZones from "../zones/BootZones.ts"
import * as CommandLine from "./CommandLine.ts"
import * as FakeNuma from "./FakeNuma.ts"
import * as FirmwareMap from "./FirmwareMap.ts"
import * as MachineError from "./MachineError.ts"
import * as MachineSpec from "./MachineSpec.ts"

/**
 * A node with RAM: its ranges in pfns, ascending and disjoint, and its zones.
 *
 * @category models
 * @since 0.1.0
 */
export interface BootNode extends BootZones.NodeZones {
  readonly ram: ReadonlyArray<PfnRange.PfnRange>
}

/**
 * The kernel that boots; `structPage` is `sizeof(struct page)`.
 *
 * @category models
 * @since 0.1.0
 */
export type BootKernel = Pick<Kernel.Config, "arch" | "release" | "structPage">

/**
 * What boot makes of a machine. Devices and plugged DIMMs are not in it: drivers bring them.
 *
 * @category models
 * @since 0.1.0
 */
export interface BootMemory {
  readonly kernel: BootKernel
  readonly commandLine: CommandLine.CommandLine
  /** The firmware map after the command line, in bytes (OBS-1, OBS-2). */
  readonly map: E820.Table
  /** Nodes with RAM, ascending. */
  readonly nodes: ReadonlyArray<BootNode>
  /** Which addresses belong to which node, RAM or not; the first that has an address counts. */
  readonly blocks: ReadonlyArray<FirmwareMap.NodeRange>
  /** Gaps that got struct pages (OBS-8). */
  readonly holes: ReadonlyArray<BootZones.Hole>
  /** Nodes that may ever come online, ascending (OBS-12). */
  readonly possibleNodes: ReadonlyArray<number>
  /** Nodes with processors, ascending; a fake node has those of the real one it was cut from (OBS-12). */
  readonly cpuNodes: ReadonlyArray<number>
  /** One more than the last pfn of RAM. */
  readonly maxPfn: number
  /** Bytes of a memory block (GEO-14, GEO-15). */
  readonly blockSize: number
  /** New struct pages are filled with 0xff: CONFIG_DEBUG_VM, and not `vm_debug=-` (SEC-10). */
  readonly poison: boolean
  /** `/proc/iomem` (OBS-3, OBS-4). */
  readonly resources: ResourceTree.Resource
}

const kernelOf = (spec: MachineSpec.MachineSpec): Result.Result<BootKernel, MachineError.MachineError> => {
  const release = KernelRelease.parse(spec.kernel ?? KernelRelease.baseline)
  const arch = Architecture.fromName(spec.arch ?? "x86_64")
  const structPage = spec.structPage ?? StructPageSize.usual
  if (Result.isFailure(release)) {
    return MachineError.fail({
      at: "kernel",
      rule: "27.4",
      problem: release.failure.message,
      remedy: `without it ${KernelRelease.baseline} is taken`
    })
  }
  if (arch === undefined) {
    return MachineError.fail({
      at: "arch",
      rule: "GEO-2",
      problem: `unknown architecture '${(spec.arch ?? "").slice(0, 80)}'`,
      remedy: `known are ${Object.keys(Architecture.presets).join(", ")}`
    })
  }
  if (!StructPageSize.isLegal(structPage)) {
    return MachineError.fail({
      at: "structPage",
      rule: "GEO-5",
      problem: `${structPage} bytes are no size of a struct page`,
      remedy: "it is a multiple of 8 from 56 to 96 bytes, nearly always 64"
    })
  }
  return Result.succeed({ arch: Port.make(arch, release.success), release: release.success, structPage })
}

/** `mem=` where it counts RAM: the address at which the first `size` bytes of RAM end. */
const endOfFirst = (map: E820.Table, size: number): number => {
  let left = size
  for (const range of E820.ram(map)) {
    if (PfnRange.length(range) >= left) return range.start + left
    left -= PfnRange.length(range)
  }
  return Pfn.addressLimit
}

/** The map after the command line: e820 on a PC; elsewhere only `mem=` exists (20.3). */
const mapOf = (
  spec: MachineSpec.MachineSpec,
  arch: Architecture.Architecture,
  { actions, memoryLimit }: CommandLine.CommandLine
): E820.Table => {
  const firmware = FirmwareMap.table(spec)
  if (Architecture.isX86(arch)) return E820.boot(firmware, actions)
  if (memoryLimit === undefined) return firmware
  const size = arch.name === "s390x" ? memoryLimit : endOfFirst(firmware, memoryLimit)
  return E820.apply(firmware, [MemmapOption.Action.cases.Limit.make({ size })])
}

const overlapping = (spec: MachineSpec.MachineSpec) => {
  const ranges = (spec.ranges ?? []).filter(({ kind }) => kind === "ram").toSorted((a, b) => a.start - b.start)
  let widest = ranges[0]
  for (const range of ranges.slice(1)) {
    if (widest === undefined) break
    const end = widest.start + widest.size
    if (range.start < end && (range.node ?? 0) !== (widest.node ?? 0)) return { a: widest, b: range }
    if (range.start + range.size > end) widest = range
  }
  return undefined
}

const ramOf = (
  spec: MachineSpec.MachineSpec,
  arch: Architecture.Architecture,
  map: E820.Table
): Result.Result<ReadonlyArray<PfnRange.PfnRange>, MachineError.MachineError> => {
  const overlap = overlapping(spec)
  if (overlap !== undefined) {
    const [a, b] = [overlap.a, overlap.b].map(({ node, size, start }) =>
      `node ${node ?? 0} [${Pfn.hex(start)}-${Pfn.hex(start + size - 1)}]`
    )
    return MachineError.fail({
      at: "ranges",
      rule: "ZON-11",
      problem: `${a} and ${b} overlap`,
      remedy: "give every byte of RAM to one node"
    })
  }
  const ram = E820.ram(map, arch.pageSize)
  const end = ram.at(-1)?.end ?? 0
  if (end === 0) {
    const isCut = MachineSpec.ram(spec).length > 0
    return MachineError.fail({
      at: isCut ? "cmdline" : "ranges",
      rule: "OBS-2",
      problem: isCut ? "command line and firmware leave no RAM" : "the machine has no RAM",
      remedy: isCut ? "leave RAM out of memmap= and mem=" : "describe it as a range of kind ram"
    })
  }
  if (end > 2 ** arch.physicalBits) {
    return MachineError.fail({
      at: "ranges",
      rule: "GEO-2",
      problem: `RAM ends at ${Pfn.hex(end)}, above MAX_PHYSMEM (2^${arch.physicalBits}) of ${arch.name}`,
      remedy: arch.name === "x86_64" ? "give arch x86_64-5level, or less memory" : "give less memory"
    })
  }
  return Result.succeed(ram)
}

/**
 * Which addresses belong to which node, after `numa=`. A description that misses 1 MiB of RAM or more is not used: everything
 * is node 0 then (ZON-11).
 */
const blocksOf = (
  spec: MachineSpec.MachineSpec,
  arch: Architecture.Architecture,
  { numaFake, numaOff }: CommandLine.CommandLine,
  ram: ReadonlyArray<PfnRange.PfnRange>
): {
  readonly blocks: ReadonlyArray<FirmwareMap.NodeRange>
  readonly real: ReadonlyArray<FirmwareMap.NodeRange>
  readonly described: boolean
} => {
  const end = ram.at(-1)?.end ?? 0
  const firmware = FirmwareMap.joinBlocks(FirmwareMap.nodeBlocks(spec), end)
  const described = !numaOff && PfnRange.total(ram) - PfnRange.total(FirmwareMap.cutByNode(firmware, ram)) < MiB
  const real = described ? firmware : [{ node: 0, start: 0, end }]
  const fake = numaFake === undefined || !Architecture.isX86(arch) ? null : FakeNuma.make(numaFake, real, ram)
  return fake === null ? { blocks: real, real, described } : { blocks: fake, real, described: false }
}

const cpuNodesOf = (
  { nodes = [] }: MachineSpec.MachineSpec,
  { blocks, described, real }: ReturnType<typeof blocksOf>,
  withRam: ReadonlyArray<number>
): ReadonlyArray<number> => {
  const stated = nodes.filter(({ cpus = 0 }) => cpus > 0).map(({ node }) => node)
  if (stated.length === 0) return withRam
  if (described) return stated.toSorted((a, b) => a - b)
  if (blocks === real) return [0]
  const inNode = (wanted: number) =>
    blocks.filter(({ start }) =>
      real.some(({ node, ...range }) => node === wanted && range.start <= start && start < range.end)
    ).map(({ node }) => node)
  // the masks are made before the other processors start: only the first one is in every part of its node
  const [first = 0, ...others] = stated
  return [...new Set([...inNode(first), ...others.flatMap((node) => inNode(node).slice(0, 1))])]
    .toSorted((a, b) => a - b)
}

/** Nodes that something names: RAM, and as long as firmware's description is used, devices and DIMMs. */
const possibleOf = (
  spec: MachineSpec.MachineSpec,
  blocks: ReadonlyArray<FirmwareMap.NodeRange>,
  described: boolean
): ReadonlyArray<number> => {
  const named = described
    ? [
      ...(spec.nodes ?? []).map(({ node }) => node),
      ...(spec.devices ?? []).map(({ node, targetNode }) => targetNode ?? node ?? -1),
      ...(spec.dimms ?? []).map(({ node }) => node ?? -1)
    ]
    : []
  return [...new Set([...blocks.map(({ node }) => node), ...named])].filter((node) => node >= 0)
    .toSorted((a, b) => a - b)
}

const nodesOf = (
  arch: Architecture.Architecture,
  commandLine: CommandLine.CommandLine,
  ranges: ReadonlyArray<FirmwareMap.NodeRange>
): Pick<BootMemory, "nodes" | "holes"> => {
  const byNode = new Map<number, Array<PfnRange.PfnRange>>()
  for (const { node, ...range } of ranges) {
    const { end, start } = PfnRange.shrinkTo(range, arch.pageSize)
    const own = byNode.get(node) ?? []
    if (end > start) byNode.set(node, [...own, { start: start / arch.pageSize, end: end / arch.pageSize }])
  }
  const nodes = [...byNode].map(([node, ram]) => ({ node, ram: PfnRange.normalise(ram) }))
    .toSorted((a, b) => a.node - b.node)
  const zones = BootZones.make(arch, nodes, commandLine)
  return {
    nodes: nodes.map((node, index) => ({ ...node, zones: zones[index]?.zones ?? [] })),
    holes: BootZones.holes(arch, nodes, zones)
  }
}

const blockSizeOf = (
  spec: MachineSpec.MachineSpec,
  { arch, release }: BootKernel,
  endOfBootRam: number
): Result.Result<number, MachineError.MachineError> => {
  const stated = spec.blockSize
  const size = MemoryBlock.size(arch, {
    endOfBootRam,
    hypervisor: spec.hypervisor ?? false,
    forced: stated,
    advised: KernelRelease.has(release, "block-size-advice") ? MachineSpec.smallestAdvice(spec) : undefined
  })
  return stated === undefined || stated === size
    ? Result.succeed(size)
    : MachineError.fail({
      at: "blockSize",
      rule: "GEO-14",
      problem: `${stated} bytes are no memory block of ${arch.name}`,
      remedy: `a block is a power of two from ${arch.sectionSize} bytes (a section) to 64 GiB`
    })
}

/**
 * Boots the machine as far as its memory goes.
 *
 * What the description leaves open: {@link KernelRelease.baseline}, x86_64, struct pages of 64 bytes, bare metal. Refused are an
 * unknown kernel or architecture, nodes that overlap, no RAM, RAM above MAX_PHYSMEM, and an impossible memory block.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  spec: MachineSpec.MachineSpec
): Result.Result<BootMemory, MachineError.MachineError | KernelError> =>
  Result.gen(function*() {
    const commandLine = CommandLine.parse(spec.cmdline ?? "")
    const kernel = yield* kernelOf(spec)
    const { arch } = kernel
    const map = mapOf(spec, arch, commandLine)
    const ram = yield* ramOf(spec, arch, map)
    const end = ram.at(-1)?.end ?? 0
    const cut = blocksOf(spec, arch, commandLine, ram)
    const memory = nodesOf(arch, commandLine, FirmwareMap.cutByNode(cut.blocks, ram))
    return {
      kernel,
      commandLine,
      map,
      ...memory,
      // firmware's word on addresses above RAM is kept as well
      blocks: [...cut.blocks, ...(commandLine.numaOff ? [] : FirmwareMap.joinBlocks(FirmwareMap.nodeBlocks(spec)))],
      possibleNodes: possibleOf(spec, cut.blocks, cut.described),
      cpuNodes: cpuNodesOf(spec, cut, memory.nodes.map(({ node }) => node)),
      maxPfn: end / arch.pageSize,
      blockSize: yield* blockSizeOf(spec, kernel, end),
      poison: spec.debugPoison === true && commandLine.pagePoisoning !== false,
      resources: yield* E820.toResources(map, Architecture.isX86(arch), FirmwareMap.windows(spec))
    }
  })
