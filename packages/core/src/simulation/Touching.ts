/**
 * Accesses to a device as programs make them: through a filesystem with DAX, a character device, the block layer, or as memory
 * registered for RDMA (26.3).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { DeviceDax } from "../devices/DeviceDax.ts"
import * as FsDax from "../devices/FsDax.ts"
import { NvdimmBus } from "../devices/NvdimmBus.ts"
import { devices } from "../devices/NvdimmState.ts"
import { Pin } from "../devices/Pin.ts"
import * as PmemDisk from "../devices/PmemDisk.ts"
import * as Pagemap from "../hotplug/Pagemap.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import { Kernel } from "../release/Kernel.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import * as FaultPattern from "./FaultPattern.ts"

/**
 * A device that can be touched: its bytes, what a fault maps at most, what pieces are multiples of, and an access to `size` bytes
 * at an offset.
 */
interface Touchable {
  readonly bytes: number
  readonly largest: number
  readonly unit: number
  readonly touch: (
    access: FaultPattern.Access,
    offset: number,
    size: number
  ) => Effect.Effect<unknown, KernelError, Scope.Scope>
}

const fault = CostModel.spend((costs) => costs.fault)

/** Files of one extent each, where the access goes; a fault maps as much of one as it can. */
const ofDisk = Effect.fnUntraced(function*(disk: PmemDisk.PmemDisk) {
  const { arch } = yield* Kernel
  const mount = yield* FsDax.mount(disk, { blockSize: arch.pageSize })
  // Huge pages need extents that are aligned in memory, as a filesystem with su= places them.
  const skew = PmemDisk.address(disk, 0) % arch.pmdSize === 0
    ? 0
    : arch.pmdSize - PmemDisk.address(disk, 0) % arch.pmdSize

  const io = (offset: number) =>
    Effect.andThen(
      CostModel.spend((costs) => costs.block),
      Effect.fromResult(PmemDisk.directAccess(disk, {
        pgoff: Math.floor(offset / arch.pageSize),
        nrPages: 1,
        mode: "access",
        wants: { kaddr: true }
      }))
    )

  const map = Effect.fnUntraced(function*(offset: number, size: number) {
    const file = { size, extents: [{ offset: 0, length: size, disk: skew + offset }] }
    const mapping = yield* mount.mmap(file, {
      start: arch.pmdSize,
      end: arch.pmdSize + size,
      offset: 0,
      isShared: true
    })
    for (let at = arch.pmdSize; at < arch.pmdSize + size;) {
      yield* fault
      const outcome = yield* mapping.fault(at, true)
      at += outcome._tag === "Mapped" ? outcome.pages * arch.pageSize : size
    }
    return mapping
  })

  const register = Effect.fnUntraced(function*(offset: number, size: number) {
    const mapping = yield* map(offset, size)
    const pfn = mapping.pfnAt(arch.pmdSize)
    if (pfn !== undefined) yield* mount.pin({ start: pfn, end: pfn + size / arch.pageSize })
  })

  const result: Touchable = {
    bytes: disk.capacity - skew,
    largest: arch.pmdSize,
    unit: arch.pageSize,
    touch: (access, offset, size) =>
      access === "io" ? io(offset) : access === "register" ? register(offset, size) : map(offset, size)
  }
  return result
})

const ofCharacterDevice = Effect.fnUntraced(function*(name: string) {
  const { arch } = yield* Kernel
  const pin = yield* Pin
  const file = yield* Effect.flatMap(DeviceDax, ({ open }) => open(name))
  const { order, ranges } = file.pagemap
  const pages = ranges.reduce((sum, { end }, i) => sum + end - Pagemap.first(file.pagemap, i), 0)
  const align = 2 ** order * arch.pageSize

  const touch = Effect.fnUntraced(function*(access: FaultPattern.Access, offset: number, size: number) {
    const mapping = yield* file.mmap({ length: size, offset })
    const { start } = mapping.area
    for (let at = start; at < start + size; at += align) {
      yield* fault
      yield* mapping.fault(at)
    }
    if (access === "register") yield* pin.register(mapping, { start, end: start + size }, arch.daxAligns)
  })

  const result: Touchable = {
    bytes: pages * arch.pageSize,
    largest: Math.max(align, arch.pmdSize),
    unit: align,
    // A character device has no block layer.
    touch: (access, offset, size) => access === "io" ? Effect.void : touch(access, offset, size)
  }
  return result
})

/**
 * All accesses of a pattern to a device that has just appeared, each on a lane of its own processor; returns when the last one
 * has ended. What is not mapped with struct pages is not touched.
 *
 * @category running
 * @since 0.1.0
 */
export const all = Effect.fnUntraced(
  function*(name: string, pattern: FaultPattern.FaultPattern, processors: number) {
    const bus = yield* NvdimmBus
    const own = bus.regions().flatMap(devices).find((device) => device.bound?.disk?.name === name)?.bound?.disk
    if (own !== undefined && (own === null || own.pagemap === null)) return
    const device = own === undefined ? yield* ofCharacterDevice(name) : yield* ofDisk(own)
    const size = Math.ceil((pattern.size ?? device.largest) / device.unit) * device.unit
    const pages = Math.floor(device.bytes / size)
    if (pages === 0) return
    const touches = yield* FaultPattern.touches(pattern, pages, processors)
    yield* Effect.forEach(touches, ({ at, page }, i) => {
      const lane = `cpu ${i % Math.max(1, processors)}`
      const access = Effect.exit(device.touch(pattern.access, page * size, size))
      return CostModel.sleep(at).pipe(
        Effect.andThen(Timeline.span(access, { group: name, lane }, pattern.access)),
        Waiting.named(lane)
      )
    }, { concurrency: "unbounded", discard: true })
  },
  Effect.scoped
)
