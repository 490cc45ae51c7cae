/**
 * `add_memory()` up to where memory can be onlined: resource, linear map, sections and block devices (HOT-1, HOT-2).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import { hex } from "../geometry/Pfn.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type { Errno } from "../kernel/Errno.ts"
import * as KernelError from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Locks } from "../kernel/Locks.ts"
import * as Steps from "../kernel/Steps.ts"
import { Kernel } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import { Iomem } from "../resources/Iomem.ts"
import * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import type { Piece } from "../vmemmap/Piece.ts"
import { ArchMemory } from "./ArchMemory.ts"
import { MemoryBlocks } from "./MemoryBlocks.ts"
import { MemoryGroups } from "./MemoryGroups.ts"
import { Nodes } from "./Nodes.ts"
import { OnlinePolicy } from "./OnlinePolicy.ts"
import * as RamResource from "./RamResource.ts"

/**
 * Memory to add, in bytes, to a node or with a group, whose node it then joins. Drivers name what they manage:
 * `System RAM (driver)`. `memmapOnMemory` is MHP_MEMMAP_ON_MEMORY. `bootLimit` is the address of `mem=` while the machine
 * boots.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly start: number
  readonly size: number
  readonly node?: number | undefined
  readonly group?: number | undefined
  readonly name?: string | undefined
  readonly driverManaged?: boolean | undefined
  readonly memmapOnMemory?: boolean | undefined
  readonly bootLimit?: number | undefined
}

/**
 * Adds memory, whose blocks are then offline.
 *
 * Fails with E2BIG outside what can be addressed, EEXIST where something busy or a block is, EINVAL for a range that is no
 * whole number of blocks, an unknown group, an impossible node, a bad driver name or (before 6.6) memory that cannot hold its
 * own memmap though asked to, ENOMEM. What a failure leaves is in spec 11; the resource is always released.
 *
 * Takes the hotplug lock; waiting for it can be interrupted, and then nothing was added.
 *
 * @category models
 * @since 0.1.0
 */
export type Add = (request: Request) => Effect.Effect<void, KernelError.KernelError>

const fail = (errno: Errno, rule: string, step: string, problem: string, remedy: string) =>
  KernelError.fail({ errno, rule, step, problem, remedy })

/**
 * `check_hotplug_memory_range()`: whether a byte range is a whole number of blocks; the log says when it is not (HOT-22).
 *
 * @category checks
 * @since 0.1.0
 */
export const isAligned = (
  log: KernelLog["Service"],
  { start, size }: Pick<Request, "start" | "size">,
  blockSize: number
): boolean => {
  const isWhole = size > 0 && start % blockSize === 0 && size % blockSize === 0
  if (!isWhole) {
    const text = `Block size [${hex(blockSize)}] unaligned hotplug range: start ${hex(start)}, size ${hex(size)}`
    log.emit({ _tag: "Line", level: "err", text })
  }
  return isWhole
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const kernel = yield* Kernel
  const locks = yield* Locks
  const log = yield* KernelLog
  const frames = yield* FrameAllocator
  const iomem = yield* Iomem
  const arch = yield* ArchMemory
  const blocks = yield* MemoryBlocks
  const groups = yield* MemoryGroups
  const nodes = yield* Nodes
  const policy = yield* OnlinePolicy
  const { pageSize, sectionSize } = kernel.arch
  const hosting = { ...kernel, blockSize: blocks.size }

  /** HOT-1: everything before the resource is taken. */
  const registrable = ({ bootLimit, driverManaged, name = RamResource.plain, size, start }: Request) => {
    const end = start + size
    if (driverManaged === true && !RamResource.isDriverName(name)) {
      return fail(
        "EINVAL",
        "HOT-1",
        "add_memory_driver_managed",
        `'${name}' is no name of memory that a driver manages`,
        "name it 'System RAM (driver)'"
      )
    }
    if (!arch.allowed({ start, end })) {
      return fail(
        "E2BIG",
        "HOT-1",
        "register_memory_resource",
        `${hex(start)} to ${hex(end - 1)} exceeds the maximum addressable range`,
        "use a lower address"
      )
    }
    return bootLimit !== undefined && end > bootLimit
      ? fail(
        "E2BIG",
        "HOT-1",
        "register_memory_resource",
        `${hex(start)} to ${hex(end - 1)} lies above mem=${bootLimit}`,
        "boot without mem="
      )
      : RamResource.register(iomem, { start, end }, name, driverManaged === true)
  }

  /** The node of the memory, after the checks that come before the lock (HOT-2). */
  const nodeOf = (request: Request): Result.Result<number, KernelError.KernelError> => {
    const step = "add_memory_resource"
    if (!isAligned(log, request, blocks.size)) {
      const { size, start } = request
      const problem = `${hex(start)}, ${hex(size)} bytes are no whole number of memory blocks`
      return fail("EINVAL", "HOT-2", step, problem, `start and size must be multiples of ${blocks.size} bytes`)
    }
    const group = request.group === undefined ? undefined : groups.find(request.group)
    if (request.group !== undefined && group === undefined) {
      return fail("EINVAL", "HOT-2", step, `there is no memory group ${request.group}`, "register it first")
    }
    const node = group?.node ?? request.node ?? 0
    if (nodes.isPossible(node)) return Result.succeed(node)
    const text = `node ${node} was absent from the node_possible_map`
    log.emit({ _tag: "Warn", where: step, rule: "HOT-2", text })
    return fail("EINVAL", "HOT-2", step, text, "use a node that firmware names")
  }

  /** HOT-12: whether the memory holds its own memmap; before 6.6 it fails where it cannot. */
  const isSelfHosted = ({ memmapOnMemory, size }: Request): Result.Result<boolean, KernelError.KernelError> => {
    if (memmapOnMemory !== true) return Result.succeed(false)
    const why = MemmapOnMemory.refuses(hosting, size, policy.parameters().memmapOnMemory)
    if (why === null) return Result.succeed(true)
    return has(kernel.release, "memmap-on-memory-relaxed")
      ? Result.succeed(false)
      : fail("EINVAL", "HOT-12", "add_memory_resource", why, "add it without MHP_MEMMAP_ON_MEMORY")
  }

  const pieceOf = (range: PfnRange, node: number, altmap: Piece["altmap"]): Piece => ({
    ...range,
    node,
    altmap,
    compound: null,
    owner: -1,
    device: altmap === null ? null : range
  })

  const blocksOf = ({ end, start }: PfnRange): PfnRange => ({ start: start / blocks.pages, end: end / blocks.pages })

  /** Sections, then block devices; when these fail the sections go again, with the same altmap (BUG-18). */
  const addPiece = function*(
    piece: Piece,
    group: number | undefined,
    limit: number
  ): Steps.Op<Result.Result<void, KernelError.KernelError>> {
    const options = { linear: true, ram: true, limit }
    const added = yield* arch.add(piece, options)
    if (Result.isFailure(added)) return added
    const alloc = piece.altmap?.current.alloc
    const mode = policy.parameters().memmapOnMemory
    const created = yield* blocks.create(blocksOf(piece), {
      state: "offline",
      nodes: [piece.node],
      zone: null,
      hasHoles: false,
      isBoot: false,
      group: group ?? null,
      memmap: alloc === undefined ? null : { pages: MemmapOnMemory.pages(hosting, mode), alloc }
    }, Math.max(1, Math.floor(limit * sectionSize / blocks.size)))
    if (Result.isFailure(created)) yield* arch.remove(piece, options)
    return created
  }

  /** Block by block, each with an altmap of its own; the blocks before one that fails go again (HOT-9). */
  const addSelfHosted = function*(
    { end, start }: PfnRange,
    node: number,
    group: number | undefined,
    limit: number
  ): Steps.Op<Result.Result<void, KernelError.KernelError>> {
    const added: Array<Piece> = []
    for (let at = start; at < end; at += blocks.pages) {
      const altmap = MemmapOnMemory.altmap(hosting, at, policy.parameters().memmapOnMemory)
      const piece = pieceOf({ start: at, end: at + blocks.pages }, node, { current: altmap })
      const done = yield* addPiece(piece, group, limit)
      if (Result.isFailure(done)) {
        for (const earlier of added) {
          blocks.remove(blocksOf(earlier))
          yield* arch.remove(earlier, { linear: true, ram: true, limit })
        }
        return done
      }
      added.push(piece)
    }
    return Result.succeed(undefined)
  }

  const addLocked = function*(
    request: Request,
    node: number,
    limit: number
  ): Steps.Op<Result.Result<void, KernelError.KernelError>> {
    const range = { start: request.start / pageSize, end: (request.start + request.size) / pageSize }
    const isNew = !nodes.online().includes(node)
    yield Steps.write("node.prepare", `node:${node}`)
    if (isNew && !frames.small("node")) {
      return fail("ENOMEM", "HOT-2", "__try_online_node", `no memory for node ${node}`, "free memory first")
    }
    nodes.prepare(node)
    const selfHosted = isSelfHosted(request)
    if (Result.isFailure(selfHosted)) return Result.fail(selfHosted.failure)
    const added = selfHosted.success
      ? yield* addSelfHosted(range, node, request.group, limit)
      : yield* addPiece(pieceOf(range, node, null), request.group, limit)
    if (Result.isFailure(added) || !isNew) return added
    yield Steps.write("node.bring-up", `node:${node}`)
    nodes.bringUp(node)
    return added
  }

  const add: Add = (request) => {
    let isAdded = false
    const locked = (node: number) =>
      locks.memHotplug(Steps.run(function*(limit: number) {
        const added = yield* addLocked(request, node, limit)
        isAdded = Result.isSuccess(added)
        return added
      }))
    return Effect.acquireUseRelease(
      Effect.suspend(() => Effect.fromResult(registrable(request))),
      () =>
        Effect.suspend(() => Effect.fromResult(nodeOf(request))).pipe(
          Effect.flatMap(locked),
          Effect.flatMap(Effect.fromResult)
        ),
      () =>
        Effect.sync(() => {
          if (!isAdded) iomem.release(request.start, request.size)
        })
    )
  }
  return add
})
