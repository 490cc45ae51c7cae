/**
 * Block devices over persistent memory: `/sys/block/pmemN` and the bytes of `/dev/pmemN` (OBS-19, 23.1).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as DiskIo from "../devices/DiskIo.ts"
import type { NvdimmBus } from "../devices/NvdimmBus.ts"
import * as NvdimmState from "../devices/NvdimmState.ts"
import * as PmemDisk from "../devices/PmemDisk.ts"
import * as SysfsTree from "./SysfsTree.ts"

/**
 * What the files are read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly bus: NvdimmBus["Service"]
}

const disks = ({ bus }: Source): ReadonlyArray<PmemDisk.PmemDisk> =>
  bus.regions().flatMap(NvdimmState.devices).flatMap(({ bound }) => bound?.disk ?? [])

const sysfs = (disk: PmemDisk.PmemDisk): SysfsTree.Directory => {
  const attributes = PmemDisk.attributes(disk)
  const text = (name: keyof typeof attributes) => SysfsTree.attribute(() => attributes[name])
  return SysfsTree.directory({
    size: text("size"),
    ro: SysfsTree.attribute(() => disk.readOnly ? 1 : 0),
    queue: SysfsTree.directory({
      dax: text("queue/dax"),
      logical_block_size: text("queue/logical_block_size"),
      physical_block_size: text("queue/physical_block_size")
    })
  })
}

const bytes = (disk: PmemDisk.PmemDisk): SysfsTree.Bytes => ({
  _tag: "Bytes",
  size: disk.capacity,
  read: (offset, length) => Effect.suspend(() => Effect.fromResult(DiskIo.read(disk, offset, length))),
  write: (offset, data) => Effect.suspend(() => Effect.fromResult(DiskIo.write(disk, offset, data)))
})

const directory = (source: Source, of: (disk: PmemDisk.PmemDisk) => SysfsTree.Entry): SysfsTree.Directory =>
  SysfsTree.dynamic(() =>
    new Map(disks(source).map((disk) => [disk.name, of(disk)] as const).toSorted(([a], [b]) => a < b ? -1 : 1))
  )

/**
 * `/sys/block`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const attributes = (source: Source): SysfsTree.Directory => directory(source, sysfs)

/**
 * The block devices in `/dev`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const devices = (source: Source): SysfsTree.Directory => directory(source, bytes)
