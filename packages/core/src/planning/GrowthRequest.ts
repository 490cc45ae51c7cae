/**
 * What is asked of a growth plan, checked, with everything that follows from it decided.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Alignment from "../geometry/Alignment.ts"
import type * as Architecture from "../geometry/Architecture.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import * as MemoryBlock from "../geometry/MemoryBlock.ts"
import * as MemParse from "../geometry/MemParse.ts"
import * as Pfn from "../geometry/Pfn.ts"
import { GiB } from "../geometry/Units.ts"
import type { KernelRelease } from "../release/KernelRelease.ts"
import * as ZoneChoice from "../zones/ZoneChoice.ts"
import * as Footprint from "./Footprint.ts"
import * as GrowthCost from "./GrowthCost.ts"

const size = HumanSize.formatBinary

/**
 * What brings the memory: ACPI DIMMs, a virtio-mem device, device-dax given to kmem.
 *
 * @category models
 * @since 0.1.0
 */
export const How = Schema.Literals(["dimm", "virtio-mem", "kmem"])
/** @since 0.1.0 */
export type How = typeof How.Type

/**
 * When and where added memory is onlined, as `Growth` explains.
 *
 * @category models
 * @since 0.1.0
 */
export const Online = Schema.Literals(["auto", "kernel", "movable", "auto-movable"])
/** @since 0.1.0 */
export type Online = typeof Online.Type

/**
 * `base` is boot RAM, `to` the total wished for, `step` what is added at a time; bytes. `arch` is the port of the release
 * (`Port.make`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly base: number
  readonly to: number
  readonly step: number
  readonly how: How
  readonly online: Online
  readonly memmapOnMemory: boolean
  readonly arch: Architecture.Architecture
  readonly release: KernelRelease
  readonly structPage: number
  /** Memory block in bytes; GEO-15 for a virtual machine unless given. */
  readonly blockSize?: number | undefined
  readonly footprint?: Footprint.Footprint | undefined
  /** Node whose RAM pays; 0 unless given. */
  readonly node?: number | undefined
}

/**
 * A request that makes no sense.
 *
 * @category errors
 * @since 0.1.0
 */
export class GrowthError extends Schema.TaggedError<GrowthError>("@vmemmap/core/Growth/GrowthError")("GrowthError", {
  field: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${this.field}: ${this.problem}; ${this.remedy}`
  }
}

/**
 * More steps than this are refused: nobody reads them.
 *
 * @category constants
 * @since 0.1.0
 */
export const mostSteps = 100_000

/**
 * The request with everything decided: what a run computes from. `start` is the address of the first added byte.
 *
 * @category models
 * @since 0.1.0
 */
export interface Setup extends Request {
  readonly blockSize: number
  readonly footprint: Footprint.Footprint
  readonly start: number
  readonly selfHosted: boolean
  readonly bootSpans: ReadonlyArray<ZoneChoice.Span>
  /** Populated kernel zones once added memory is online in one. */
  readonly kernelZonesAtMost: number
}

/**
 * What is wrong with the request; null when nothing is.
 *
 * @category predicates
 * @since 0.1.0
 */
export const check = (request: Request): GrowthError | null => {
  const wrong = (field: string, problem: string, remedy: string) => new GrowthError({ field, problem, remedy })
  for (const field of ["base", "to", "step"] as const) {
    const bytes = request[field]
    if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes >= Pfn.addressLimit) {
      return wrong(field, `${bytes} is not a size`, "give a whole number of bytes above 0 and below 2^52")
    }
  }
  const { arch, base, blockSize, step, structPage, to } = request
  if (to <= base) {
    return wrong("to", `${size(to)} is not more than the ${size(base)} there are`, "give the size to grow to")
  }
  const steps = Math.ceil((to - base) / step)
  if (steps > mostSteps) {
    return wrong(
      "step",
      `${steps} steps of ${size(step)}`,
      `use steps of at least ${
        MemParse.format(Alignment.up(Math.ceil((to - base) / mostSteps), blockSize ?? arch.sectionSize))
      }`
    )
  }
  if (blockSize !== undefined && (!Alignment.isPowerOfTwo(blockSize) || blockSize < arch.sectionSize)) {
    return wrong(
      "blockSize",
      `${blockSize} is no memory block`,
      `give a power of two from ${size(arch.sectionSize)} on`
    )
  }
  if (!Number.isSafeInteger(structPage) || structPage <= 0 || structPage > 4096) {
    return wrong(
      "structPage",
      `${structPage} is no size of a struct page`,
      "give 64, or what the kernel was built with"
    )
  }
  if (!arch.hotplug) {
    return wrong("arch", `${arch.name} cannot add memory in this kernel (GEO-10)`, "use a kernel from 6.11 on")
  }
  return null
}

/** Boot RAM as virtual machines lay it out: up to 3 GiB below 4 GiB, the rest from there on. */
const layout = (base: number) =>
  base <= 3 * GiB ? [{ start: 0, end: base }] : [{ start: 0, end: 3 * GiB }, { start: 4 * GiB, end: base + GiB }]

/**
 * Decides what the request leaves open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const setup = (request: Request): Setup => {
  const end = layout(request.base).at(-1)?.end ?? 0
  const blockSize = request.blockSize ?? MemoryBlock.size(request.arch, { endOfBootRam: end, hypervisor: true })
  const start = Alignment.up(Math.max(4 * GiB, end), Math.max(GiB, blockSize))
  const grown = [...layout(request.base), { start, end: start + blockSize }]
  return {
    ...request,
    blockSize,
    footprint: request.footprint ?? Footprint.recorded,
    start,
    bootSpans: ZoneChoice.bootSpans(request.arch, layout(request.base)),
    kernelZonesAtMost: ZoneChoice.bootSpans(request.arch, grown).length,
    selfHosted: request.memmapOnMemory && GrowthCost.isSelfHosted({ ...request, blockSize })
  }
}
