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
import * as HumanSize from "../geometry/HumanSize.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import * as FaultPattern from "./FaultPattern.ts"
import * as Remarks from "./Remarks.ts"

/** Why an access failed, or `null`, and which pages it got. */
interface Touched {
  readonly failed: string | null
  readonly pfns: ReadonlyArray<PfnRange.PfnRange>
}

const failure = (failed: string): Touched => ({ failed, pfns: [] })

/** A device that can be touched: its bytes, what a fault maps at most, what pieces are multiples of, and an access. */
interface Touchable {
  readonly bytes: number
  readonly largest: number
  readonly unit: number
  readonly touch: (offset: number, size: number) => Effect.Effect<Touched, KernelError, Scope.Scope>
}

const fault = CostModel.spend((costs) => costs.fault)

/** Who mounts waits as the kernel does it (23.4). */
const mountOf = (disk: PmemDisk.PmemDisk, blockSize: number) =>
  Timeline.span(FsDax.mount(disk, { blockSize }), { group: disk.name, lane: "mount" }, "mount").pipe(
    Waiting.named("mount")
  )

/** Block I/O, which needs no filesystem; or files of one extent each, where the access goes; a fault maps as much as it can. */
const ofDisk = Effect.fnUntraced(function*(disk: PmemDisk.PmemDisk, access: FaultPattern.Access) {
  const { arch } = yield* Kernel
  // Huge pages need extents that are aligned in memory, as a filesystem with su= places them.
  const skew = PmemDisk.address(disk, 0) % arch.pmdSize === 0
    ? 0
    : arch.pmdSize - PmemDisk.address(disk, 0) % arch.pmdSize

  const io = (offset: number, size: number) =>
    Effect.andThen(
      CostModel.spend((costs) => costs.block * size / arch.pageSize),
      Effect.as(
        Effect.fromResult(PmemDisk.directAccess(disk, {
          pgoff: (skew + offset) / arch.pageSize,
          nrPages: size / arch.pageSize,
          mode: "access",
          wants: { kaddr: true }
        })),
        { failed: null, pfns: [] }
      )
    )
  const here = { bytes: disk.capacity - skew, unit: arch.pageSize }
  if (access === "io") return { ...here, largest: arch.pageSize, touch: io } satisfies Touchable

  const mount = yield* mountOf(disk, arch.pageSize)

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
      if (outcome._tag !== "Mapped") {
        return failure(outcome._tag === "Sigbus" ? outcome.errno ?? "SIGBUS" : outcome._tag)
      }
      at = outcome.address + outcome.pages * arch.pageSize
    }
    const pfn = mapping.pfnAt(arch.pmdSize)
    return { failed: null, pfns: pfn === undefined ? [] : [PfnRange.fromLength(pfn, size / arch.pageSize)] }
  })

  return { ...here, largest: arch.pmdSize, touch: map } satisfies Touchable
})

const ofCharacterDevice = Effect.fnUntraced(function*(name: string, access: FaultPattern.Access) {
  const { arch } = yield* Kernel
  const pin = yield* Pin
  const file = yield* Effect.flatMap(DeviceDax, ({ open }) => open(name))
  const { align } = file

  /** The device maps pages of its alignment and no others (24.4). */
  const touch = Effect.fnUntraced(function*(offset: number, size: number) {
    const mapping = yield* file.mmap({ length: size, offset })
    const { start } = mapping.area
    for (let at = start; at < start + size; at += align) {
      yield* fault
      const outcome = yield* mapping.fault(at)
      if (outcome._tag === "Sigbus") return failure(outcome.reason)
    }
    if (access === "register") yield* pin.register(mapping, { start, end: start + size }, arch.daxAligns)
    return { failed: null, pfns: mapping.runs({ start, end: start + size }) ?? [] }
  })

  return { bytes: file.size(), largest: align, unit: align, touch } satisfies Touchable
})

/**
 * All accesses of a pattern to a device that has just appeared, each on a lane of its own processor; returns when the last one
 * has ended. What failed says why in its details, what got pages whose struct pages nobody has written how many. What is not mapped
 * with struct pages is not touched; nor is a character device by block I/O, a file by RDMA, or what is smaller than one access, and
 * then the timeline says why.
 *
 * @category running
 * @since 0.1.0
 */
export const all = Effect.fnUntraced(
  function*(name: string, pattern: FaultPattern.FaultPattern, processors: number) {
    const began = yield* Timeline.now
    const bus = yield* NvdimmBus
    const own = bus.regions().flatMap(devices).find((device) => device.bound?.disk?.name === name)?.bound?.disk
    const untouched = (why: string) => Timeline.mark({ group: name, lane: "device" }, Remarks.notTouched, { why })
    if (own !== undefined && (own === null || own.pagemap === null)) return
    if (own !== undefined && pattern.access === "register") {
      return yield* untouched("files are not registered for RDMA (24.5: EOPNOTSUPP), character devices are")
    }
    if (own === undefined && pattern.access === "io") return yield* untouched("a character device has no block layer")
    const { access } = pattern
    const device = own === undefined ? yield* ofCharacterDevice(name, access) : yield* ofDisk(own, access)
    const size = Math.ceil((pattern.size ?? device.largest) / device.unit) * device.unit
    const pages = Math.floor(device.bytes / size)
    if (pages === 0) {
      return yield* untouched(
        `an access of ${HumanSize.formatBinary(size)} is more than its ${HumanSize.formatBinary(device.bytes)}`
      )
    }
    const memmap = yield* Memmap
    /** Struct pages that hold something. */
    const written = ({ end, start }: PfnRange.PfnRange) => PfnRange.total(memmap.contents(start, end))
    const touches = yield* FaultPattern.touches(pattern, pages, processors)
    const mounted = yield* Timeline.now
    yield* Effect.forEach(touches, ({ at, page }, i) => {
      const lane = `cpu ${i % Math.max(1, processors)}`
      let found: Timeline.Details = {}
      const touch = device.touch(page * size, size).pipe(
        Effect.catch(({ message }) => Effect.succeed(failure(message))),
        Effect.map(({ failed, pfns }) => {
          const missing = PfnRange.total(pfns) - pfns.reduce((sum, pfns) => sum + written(pfns), 0)
          found = { ...(failed === null ? {} : { failed }), ...(missing === 0 ? {} : { unwritten: missing }) }
        })
      )
      const details = () => ({ page, size, ...found })
      return CostModel.sleep(began + at - mounted).pipe(
        Effect.andThen(Timeline.span(touch, { group: name, lane }, access, details)),
        Waiting.named(lane)
      )
    }, { concurrency: "unbounded", discard: true })
  },
  Effect.scoped
)
