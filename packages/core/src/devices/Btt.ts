/**
 * Sector mode: how many bytes a block translation table leaves, and where its parts lie (21.8).
 *
 * Arenas of 512 GiB are all alike, so a layout holds at most two groups of arenas whatever the size of the namespace.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import { GiB, MiB } from "../geometry/Units.ts"
import { KernelError } from "../kernel/KernelError.ts"

const page = 4096
const arenaMax = 512 * GiB
const arenaMin = 16 * MiB

/** Spare blocks of an arena, hence lanes of its log. */
const spareBlocks = 256
const logGroup = 64
const mapEntry = 4
const internalUnit = 64

/**
 * `1.1` begins at byte 4096 of the namespace (label-less, or labels of version 1.1), `2.0` at byte 0.
 *
 * @category models
 * @since 0.1.0
 */
export type Version = "1.1" | "2.0"

/**
 * Sizes of an external block that `btt*` `/sector_size` offers.
 *
 * @category constants
 * @since 0.1.0
 */
export const sectorSizes: ReadonlyArray<number> = [512, 520, 528, 4096, 4104, 4160, 4224]

/**
 * What arenas of one size have in common. Offsets in bytes from the start of the arena, block counts in blocks.
 *
 * @category models
 * @since 0.1.0
 */
export interface Arena {
  /** How many consecutive arenas are like this. */
  readonly count: number
  /** Offset of the first of them from the start of the namespace. */
  readonly offset: number
  readonly size: number
  readonly externalNlba: number
  readonly internalLbasize: number
  readonly internalNlba: number
  /** Bytes of the data area, the map and the log. */
  readonly data: number
  readonly map: number
  readonly log: number
  readonly dataoff: number
  readonly mapoff: number
  readonly logoff: number
  readonly info2off: number
}

/**
 * Bytes; `usable + metadata + unusableTail === size`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Layout {
  readonly size: number
  readonly version: Version
  /** Bytes of one external block as configured. */
  readonly lbasize: number
  /** Logical block of the disk: 512 or 4096 (OBS-19). */
  readonly logicalBlock: number
  readonly arenas: ReadonlyArray<Arena>
  readonly usable: number
  /** Info blocks, maps, logs, spare blocks, per-block metadata and rounding inside arenas. */
  readonly metadata: number
  /** A rest of less than 16 MiB, for which no arena is made. */
  readonly unusableTail: number
}

const arena = (count: number, offset: number, size: number, lbasize: number): Arena => {
  const log = Alignment.up(spareBlocks * logGroup, page)
  const available = Alignment.down(size, page) - 2 * page - log
  const internalLbasize = Alignment.up(lbasize, internalUnit)
  const internalNlba = Math.floor((available - page) / (internalLbasize + mapEntry))
  const externalNlba = internalNlba - spareBlocks
  const map = Alignment.up(externalNlba * mapEntry, page)
  const data = available - map
  return {
    count,
    offset,
    size,
    externalNlba,
    internalLbasize,
    internalNlba,
    data,
    map,
    log,
    dataoff: page,
    mapoff: page + data,
    logoff: page + data + map,
    info2off: page + data + map + log
  }
}

/**
 * Lays a block translation table over a namespace of `size` bytes: EINVAL for a block size that is not one of
 * {@link sectorSizes}, ENXIO when less than 16 MiB are left for the first arena (so 16 MiB are too small for version 1.1).
 *
 * @category constructors
 * @since 0.1.0
 */
export const layout = (size: number, lbasize: number, version: Version): Result.Result<Layout, KernelError> => {
  if (!sectorSizes.includes(lbasize)) {
    return Result.fail(
      new KernelError({
        errno: "EINVAL",
        rule: "21.8",
        problem: `sector mode has no blocks of ${lbasize} bytes`,
        remedy: `use one of ${sectorSizes.join(", ")}`
      })
    )
  }
  const first = version === "1.1" ? page : 0
  const raw = size - first
  if (!Number.isSafeInteger(size) || raw < arenaMin) {
    return Result.fail(
      new KernelError({
        errno: "ENXIO",
        rule: "21.8",
        problem: `${HumanSize.formatBinary(Math.max(0, raw))} are less than the smallest arena`,
        remedy: `use a namespace of at least ${arenaMin + first} bytes`
      })
    )
  }
  const full = Math.floor(raw / arenaMax)
  const rest = raw - full * arenaMax
  const last = rest < arenaMin ? 0 : rest
  const arenas = [
    ...(full === 0 ? [] : [arena(full, first, arenaMax, lbasize)]),
    ...(last === 0 ? [] : [arena(1, first + full * arenaMax, last, lbasize)])
  ]
  const logicalBlock = lbasize >= 4096 ? 4096 : 512
  const usable = arenas.reduce((sum, { count, externalNlba }) => sum + count * externalNlba, 0) * logicalBlock
  const unusableTail = rest - last
  return Result.succeed({
    size,
    version,
    lbasize,
    logicalBlock,
    arenas,
    usable,
    metadata: size - usable - unusableTail,
    unusableTail
  })
}

/**
 * The arena at `index` (from 0): its geometry, where it begins, and `nextoff`, the distance to the following one or 0.
 *
 * @category queries
 * @since 0.1.0
 */
export const arenaAt = (
  { arenas }: Layout,
  index: number
): { readonly arena: Arena; readonly start: number; readonly nextoff: number } | undefined => {
  const groups = arenas.map((group, at) => ({
    group,
    from: arenas.slice(0, at).reduce((sum, { count }) => sum + count, 0)
  }))
  const found = groups.findLast(({ from, group }) => from <= index && index < from + group.count)
  if (found === undefined) return undefined
  const total = arenas.reduce((sum, { count }) => sum + count, 0)
  return {
    arena: found.group,
    start: found.group.offset + (index - found.from) * found.group.size,
    nextoff: index + 1 < total ? found.group.size : 0
  }
}
