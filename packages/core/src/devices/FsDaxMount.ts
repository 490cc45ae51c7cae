/**
 * What a filesystem checks before it uses DAX on a disk: by kernel, three different things (23.4).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Kernel } from "../release/Kernel.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import * as PmemDisk from "./PmemDisk.ts"

/**
 * A filesystem on a disk. The partition's `start` and `size` are bytes of the disk. `isDebug`: DAX_DRIVER_DEBUG=y.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly blockSize: number
  readonly partition?: { readonly start: number; readonly size: number } | undefined
  readonly isDebug?: boolean | undefined
}

/**
 * Which pages a kernel asks for when a filesystem is mounted: none, the first, or the first and the last (23.4).
 *
 * @category queries
 * @since 0.1.0
 */
export const probes = (release: KernelRelease, isDebug: boolean): "none" | "first" | "both" => {
  if (has(release, "dax-mount-probe-debug") && !isDebug) return "none"
  if (has(release, "dax-mount-probe-last")) return "both"
  return has(release, "dax-mount-probe") || has(release, "dax-mount-probe-debug") ? "first" : "none"
}

/** One page, with its pfn, so the mount waits until it is initialised (26.3). */
const probe = Effect.fnUntraced(function*(disk: PmemDisk.PmemDisk, pgoff: number) {
  const found = yield* Effect.result(
    PmemDisk.access(disk, { pgoff, nrPages: 1, mode: "access", wants: { kaddr: true, pfn: true } })
  )
  if (Result.isFailure(found)) return `error: dax access failed (${found.failure.errno})`
  return found.success.pfn?.map === true && disk.pagemap?.type === "fsdax" ? null : "error: dax support not enabled"
})

/**
 * Why the filesystem does without DAX on this disk, as the kernel says it after the disk's name; `null` when it uses it. A
 * filesystem without DAX is mounted all the same (23.4).
 *
 * @category checks
 * @since 0.1.0
 */
export const problem = Effect.fnUntraced(
  function*(disk: PmemDisk.PmemDisk, { blockSize, isDebug = false, partition }: Options) {
    const { arch, release } = yield* Kernel
    const page = arch.pageSize
    const { size, start } = partition ?? { start: 0, size: disk.capacity }
    if (blockSize !== page) return "error: unsupported blocksize for dax"
    if (disk.isBtt || disk.pagemap === null) return "error: device does not support dax"
    if (start % page !== 0 || size % page !== 0) return "error: unaligned partition for dax"
    const wanted = probes(release, isDebug)
    const pages = wanted === "none" ? [] : wanted === "first" ? [start] : [start, start + size - page]
    for (const at of pages) {
      const found = yield* probe(disk, at / page)
      if (found !== null) return found
    }
    return null
  }
)
