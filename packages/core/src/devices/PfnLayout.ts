/**
 * Where metadata ends and data begins when the kernel creates a pfn or dax instance: the arithmetic of `nd_pfn_init()`
 * (22.3).
 *
 * Pure geometry: which bytes of the namespace are set aside, not who pays for the struct pages (that is
 * `planning/MemmapCost`).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import { hex } from "../geometry/Pfn.ts"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import { reserveBytes } from "../vmemmap/Altmap.ts"

/** MAX_STRUCT_PAGE_SIZE: bytes the media layout sets aside per page, whatever the running kernel's struct page (22.3). */
const mediaStructPage = 64

/** Bytes that kernels before sub-section support kept free ahead of device-dax data (22.1). */
const daxLabelReserve = 128 * 1024

/**
 * Where the memmap lives: `mem` in RAM, `dev` on the device (an altmap).
 *
 * @category models
 * @since 0.1.0
 */
export type Map = "mem" | "dev"

/**
 * Bytes; `start` and `size` are those of the raw namespace.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly start: number
  readonly size: number
  readonly map: Map
  /** Requested alignment; page size, PMD or PUD size. */
  readonly align: number
  readonly arch: Architecture.Architecture
  readonly release: KernelRelease
  /** `sizeof(struct page)` of the running kernel. */
  readonly structPage: number
  /** The instance is a dax device: only old kernels lay it out differently. */
  readonly dax?: boolean | undefined
}

/**
 * Bytes, relative to the namespace start; `npfns` in pages. `usable` is `npfns` pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface PfnLayout {
  readonly start: number
  readonly size: number
  readonly map: Map
  readonly align: number
  readonly startPad: number
  readonly endTrunc: number
  readonly dataoff: number
  readonly npfns: number
  readonly usable: number
  /** Bytes set aside for the memmap before rounding: 0 for `mem`. */
  readonly memmapReserve: number
}

const refuse = (errno: Errno, rule: string, problem: string, remedy: string) =>
  Result.fail(new KernelError({ errno, rule, problem, remedy }))

const size = HumanSize.formatBinary

/**
 * Lays out a new instance, or says why the kernel will not.
 *
 * Order of the checks as in 22.3: an alignment the architecture lacks (EINVAL), start alignment (EINVAL), struct page too
 * large for `dev` (EINVAL), no room for the requested alignment (ENXIO). A result may be legal and still useless (`usable` 0): the kernel does not mind, callers
 * should.
 *
 * @category constructors
 * @since 0.1.0
 */
export const create = (request: Request): Result.Result<PfnLayout, KernelError> => {
  const { align, arch, map, release, start, structPage } = request
  const page = arch.pageSize
  if (!arch.daxAligns.includes(align)) {
    return refuse(
      "EINVAL",
      "22.3",
      `${arch.name} does not support an alignment of ${size(align)}`,
      `use one of ${arch.daxAligns.map(size).join(", ")}`
    )
  }
  if (!has(release, "sub-sections")) return createBySection(request)
  if (start % arch.compatAlign !== 0) {
    return refuse(
      "EINVAL",
      "22.3 step 2",
      `start ${hex(start)} misaligned to ${hex(arch.compatAlign)}`,
      `the namespace must start on a multiple of ${size(arch.compatAlign)}`
    )
  }
  const unit = Math.max(align, arch.compatAlign)
  const end = start + request.size
  const endTrunc = end - Alignment.down(end, unit)
  const perPage = has(release, "reserve-128") ? 128 : mediaStructPage
  if (map === "dev" && structPage > perPage) {
    return refuse(
      "EINVAL",
      "ALT-14",
      `struct page of this kernel (${structPage} bytes) exceeds the ${perPage} bytes reserved per page on the device`,
      "use map=mem, or a kernel without the debug options that enlarge struct page"
    )
  }
  const memmapReserve = map === "dev" ? perPage * Math.max(0, Math.floor((request.size - reserveBytes) / page)) : 0
  const dataoff = Alignment.up(start + reserveBytes + memmapReserve, unit) - start
  if (dataoff >= request.size) {
    return refuse(
      "ENXIO",
      "22.3 step 6",
      `unable to satisfy requested alignment: data would begin at ${size(dataoff)} of ${size(request.size)}`,
      align > arch.compatAlign
        ? `use an alignment of ${size(arch.compatAlign)}, or a larger namespace`
        : "use a larger namespace"
    )
  }
  return Result.succeed(finish(request, { startPad: 0, endTrunc, dataoff, memmapReserve }))
}

const finish = (
  { align, arch, map, size, start }: Request,
  { dataoff, endTrunc, memmapReserve, startPad }: Pick<PfnLayout, "startPad" | "endTrunc" | "dataoff" | "memmapReserve">
): PfnLayout => {
  const npfns = Math.max(0, Math.floor((size - dataoff - endTrunc - startPad) / arch.pageSize))
  return { start, size, map, align, startPad, endTrunc, dataoff, memmapReserve, npfns, usable: npfns * arch.pageSize }
}

/**
 * Kernels before 5.3 map whole sections only: the ends are trimmed to section boundaries, and device-dax data begins
 * another 128 KiB later (22.1).
 */
const createBySection = (request: Request): Result.Result<PfnLayout, KernelError> => {
  const { align, arch, map, start, structPage } = request
  if (map === "dev" && structPage > mediaStructPage) {
    return refuse("EINVAL", "ALT-14", `struct page of ${structPage} bytes does not fit the media layout`, "use map=mem")
  }
  const startPad = Alignment.up(start, arch.sectionSize) - start
  const end = start + request.size
  const endTrunc = end - Alignment.down(end, arch.sectionSize)
  const inner = request.size - startPad - endTrunc
  const label = request.dax === true ? daxLabelReserve : 0
  const from = start + startPad
  const memmapReserve = map === "dev"
    ? mediaStructPage *
      Alignment.up(Math.max(0, inner - reserveBytes) / arch.pageSize, Architecture.pagesPerSection(arch))
    : 0
  const unit = map === "dev" ? Math.max(align, arch.pmdSize) : align
  const dataoff = Alignment.up(from + reserveBytes + memmapReserve + label, unit) - from
  return inner <= 0 || dataoff + startPad + endTrunc >= request.size
    ? refuse(
      "ENXIO",
      "22.1",
      `no room: kernels before 5.3 use whole ${size(arch.sectionSize)} sections only`,
      "use a larger namespace, one that starts and ends on a section, or a kernel from 5.3 on"
    )
    : Result.succeed(finish(request, { startPad, endTrunc, dataoff, memmapReserve }))
}
