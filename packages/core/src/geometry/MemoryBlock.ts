/**
 * The memory block: the unit in which System RAM is added, onlined, offlined and removed (GEO-14 … GEO-17).
 *
 * @since 0.1.0
 */
import * as Alignment from "./Alignment.ts"
import type { Architecture } from "./Architecture.ts"
import { GiB, MiB } from "./Units.ts"

/**
 * What the size of a memory block depends on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inputs {
  /** End of the last boot RAM range in bytes; reserved tails and plugged devices excluded (GEO-17). */
  readonly endOfBootRam: number
  readonly hypervisor: boolean
  /** A size forced by the platform, in bytes (GEO-15 step 1). */
  readonly forced?: number | undefined
  /** The smallest size advised by CXL windows; only kernels from 6.14 on ask (GEO-15). */
  readonly advised?: number | undefined
}

/** The largest power of two from `most` down to 256 MiB that divides the end of boot memory, else 128 MiB. */
const dividing = (end: number, most: number): number => {
  for (let size = most; size >= 256 * MiB; size /= 2) if (end % size === 0) return size
  return 128 * MiB
}

/**
 * `memory_block_size_bytes()`.
 *
 * x86_64 follows GEO-15; s390x and ppc64 get their block from firmware (`forced`), falling back to GEO-14's minimum; the
 * others use the section size.
 *
 * @category constructors
 * @since 0.1.0
 */
export const size = (arch: Architecture, inputs: Inputs): number => {
  const forced = inputs.forced
  if (forced !== undefined && Alignment.isPowerOfTwo(forced) && forced >= arch.sectionSize && forced <= 64 * GiB) {
    return forced
  }
  if (!arch.name.startsWith("x86_64")) return arch.sectionSize
  if (inputs.endOfBootRam < 64 * GiB) return 128 * MiB
  if (inputs.advised !== undefined) {
    return dividing(inputs.endOfBootRam, Math.min(Math.max(inputs.advised, 128 * MiB), 2 * GiB))
  }
  return inputs.hypervisor ? dividing(inputs.endOfBootRam, 2 * GiB) : 2 * GiB
}
