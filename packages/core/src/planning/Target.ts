/**
 * What a plan is made for: one range of device memory and the kernel that will map it.
 *
 * @since 0.1.0
 */
import * as Region from "../devices/Region.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as MemoryBlock from "../geometry/MemoryBlock.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import * as StructPageSize from "../geometry/StructPageSize.ts"
import { GiB } from "../geometry/Units.ts"
import * as CommandLine from "../machine/CommandLine.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import * as Port from "../release/Port.ts"
import type * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"

/**
 * The kernel side: `ram` are boot RAM ranges in bytes, `blockSize` the memory block in bytes, `assumptions` what was taken
 * for granted because no source said it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Kernel {
  readonly arch: Architecture.Architecture
  readonly release: KernelRelease
  readonly structPage: number
  readonly blockSize: number
  readonly ram: ReadonlyArray<PfnRange>
  readonly assumptions: ReadonlyArray<string>
  /** `memory_hotplug.memmap_on_memory`; absent where the kernel's command line is not known. */
  readonly memmapOnMemory?: MemmapOnMemory.Mode | undefined
}

/**
 * The device side: raw bytes `[start, start + size)` of a namespace, region or dax region.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  readonly name: string
  readonly kind: MachineSpec.DeviceKind
  readonly start: number
  readonly size: number
  readonly node: number
  readonly targetNode: number
  /** Region alignment in bytes and interleave ways. */
  readonly regionAlign: number
  readonly ways: number
  readonly labels: boolean
}

/**
 * Where a range is taken to lie when no source says it: aligned to everything that matters.
 *
 * @category constants
 * @since 0.1.0
 */
export const assumedStart = 4 * GiB

/**
 * The planner's view of a machine's device. `startKnown` is false when {@link assumedStart} was used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDevice = (
  device: MachineSpec.Device,
  pageSize = 4096
): { readonly target: Target; readonly startKnown: boolean } => ({
  target: {
    name: device.name,
    kind: device.kind,
    start: device.start ?? assumedStart,
    size: device.size,
    node: Math.max(0, device.node ?? device.targetNode ?? 0),
    targetNode: device.targetNode ?? Math.max(0, device.node ?? 0),
    regionAlign: device.align ?? Region.defaultAlign(device.size, device.ways ?? 1, pageSize),
    ways: device.ways ?? 1,
    labels: device.labels ?? false
  },
  startKnown: device.start !== undefined
})

/**
 * Options of a command line that override what the machine says.
 *
 * @category models
 * @since 0.1.0
 */
export interface Overrides {
  readonly arch?: Architecture.Architecture | undefined
  readonly structPage?: number | undefined
  readonly blockSize?: number | undefined
}

/**
 * The kernel of a machine, saying what had to be assumed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const kernelOf = (spec: MachineSpec.MachineSpec, release: KernelRelease, overrides: Overrides = {}): Kernel => {
  const arch = Port.make(
    overrides.arch ?? Architecture.fromName(spec.arch ?? "") ?? Architecture.presets.x86_64,
    release
  )
  const ram = MachineSpec.ram(spec)
  const assumptions: Array<string> = []
  const structPage = overrides.structPage ?? spec.structPage ?? StructPageSize.usual
  const stated = overrides.blockSize ?? spec.blockSize
  const endOfBootRam = ram.at(-1)?.end ?? 0
  if (stated === undefined) assumptions.push(assumedBlock(arch, ram.length > 0, spec.hypervisor ?? false))
  const uncertainty = Port.uncertainty(arch)
  if (uncertainty !== null) assumptions.push(uncertainty)
  return {
    arch,
    release,
    structPage,
    ram,
    assumptions: [...assumptions, ...release.uncertain.map((u) => u.why)],
    memmapOnMemory: spec.cmdline === undefined ? undefined : CommandLine.parse(spec.cmdline).memmapOnMemory,
    blockSize: stated ?? MemoryBlock.size(arch, {
      endOfBootRam,
      hypervisor: spec.hypervisor ?? false,
      advised: has(release, "block-size-advice") ? MachineSpec.smallestAdvice(spec) : undefined
    })
  }
}

/** How the memory block was found when nobody said it (GEO-14, GEO-15). */
const assumedBlock = ({ name }: Architecture.Architecture, isRamKnown: boolean, hypervisor: boolean): string =>
  name.startsWith("ppc64") || name === "s390x"
    ? "memory block of one section: the firmware decides it and no source says it (GEO-14; give --block-size)"
    : !name.startsWith("x86_64")
    ? "memory block of one section (GEO-14)"
    : isRamKnown
    ? `memory block computed from the end of boot RAM (GEO-15), ${hypervisor ? "under a hypervisor" : "on bare metal"}`
    : "memory block of the smallest legal size (no boot RAM known; give --block-size)"
