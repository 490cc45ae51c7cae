/**
 * Memory hotplug: System RAM is added, goes online and offline, and is removed (spec 07).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { MemmapInit } from "../init/MemmapInit.ts"
import { KernelError } from "../kernel/KernelError.ts"
import * as KernelLog from "../kernel/KernelLog.ts"
import { Locks } from "../kernel/Locks.ts"
import * as Steps from "../kernel/Steps.ts"
import type { Memmap } from "../memmap/Memmap.ts"
import type { Pageblocks } from "../memmap/Pageblocks.ts"
import { Kernel } from "../release/Kernel.ts"
import type { Iomem } from "../resources/Iomem.ts"
import type { PagemapIndex } from "../sections/PagemapIndex.ts"
import type { SectionTable } from "../sections/SectionTable.ts"
import type * as ZoneChoice from "../zones/ZoneChoice.ts"
import type { Zones } from "../zones/Zones.ts"
import * as Adding from "./Adding.ts"
import type { ArchMemory } from "./ArchMemory.ts"
import { MemoryBlocks, type Run } from "./MemoryBlocks.ts"
import type { MemoryGroups } from "./MemoryGroups.ts"
import { MemoryNotifier } from "./MemoryNotifier.ts"
import type { Nodes } from "./Nodes.ts"
import * as Offlining from "./Offlining.ts"
import { OnlinePolicy } from "./OnlinePolicy.ts"
import * as Onlining from "./Onlining.ts"
import type { PagePins } from "./PagePins.ts"
import * as Removing from "./Removing.ts"

/**
 * Memory in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type Range = Pick<Adding.Request, "start" | "size">

/**
 * Each takes the device hotplug lock. Blocks are given as a range of block numbers; they are changed one after the other,
 * those before a failure stay changed, and those that are already so are passed over.
 *
 * - `addMemory` adds memory and onlines its blocks if the policy says so, whose failure is not reported (HOT-2)
 * - `online` and `offline` change the state of blocks, and tell of how many; ENODEV when there is none
 * - `removeMemory` removes memory whose blocks are offline (HOT-9)
 * - `offlineAndRemove` does both, and if it fails onlines again what it had taken offline
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryHotplug extends Context.Service<MemoryHotplug, {
  readonly addMemory: (request: Adding.Request) => Effect.Effect<void, KernelError>
  readonly online: (blocks: PfnRange.PfnRange, type: ZoneChoice.OnlineType) => Effect.Effect<number, KernelError>
  readonly offline: (blocks: PfnRange.PfnRange) => Effect.Effect<number, KernelError>
  readonly removeMemory: (range: Range) => Effect.Effect<void, KernelError>
  readonly offlineAndRemove: (range: Range) => Effect.Effect<void, KernelError>
}>()("@vmemmap/core/hotplug/MemoryHotplug") {}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const { arch } = yield* Kernel
  const locks = yield* Locks
  const log = yield* KernelLog.KernelLog
  const blocks = yield* MemoryBlocks
  const notifier = yield* MemoryNotifier
  const policy = yield* OnlinePolicy
  const add = yield* Adding.make
  const remove = yield* Removing.make
  const onlineRun = yield* Onlining.make
  const offlineRun = yield* Offlining.make

  const blocksOf = ({ size, start }: Range): PfnRange.PfnRange => ({
    start: start / blocks.size,
    end: (start + size) / blocks.size
  })

  const existing = (range: PfnRange.PfnRange) => {
    const runs = blocks.runs(range)
    return runs.length > 0 ? Effect.succeed(runs) : Effect.fail(
      new KernelError({
        errno: "ENODEV",
        rule: "GEO-16",
        step: "find_memory_block",
        problem: `there is no memory block from ${range.start} to ${range.end - 1}`,
        remedy: "name a block that exists"
      })
    )
  }

  /** How many blocks may change at once without anybody seeing a difference. */
  const atOnce = ({ value }: Run) =>
    Effect.map(Effect.service(Steps.Steps), ({ limit }) =>
      notifier.isObserved() || value.memmap !== null
        ? 1
        : Math.max(1, Math.floor(limit * arch.sectionSize / blocks.size)))

  /** Changes a run from its start on, `change` telling how far it got. */
  const walk = Effect.fnUntraced(function*(
    run: Run,
    change: (part: Run) => Effect.Effect<number, KernelError>
  ) {
    for (let { start } = run; start < run.end;) {
      const most = yield* atOnce(run)
      start += yield* locks.memoryBlock(change({ ...run, start, end: Math.min(run.end, start + most) }))
    }
  })

  /** The zone is chosen before the hotplug lock is taken (HOT-6). */
  const onlinePart = (type: ZoneChoice.OnlineType) =>
    Effect.fnUntraced(function*(part: Run) {
      const { count, zone } = yield* Steps.run(function*() {
        yield Steps.read("zone.choose", `block:${part.start}`)
        return policy.choose(part, type)
      })
      yield* onlineRun({ ...part, end: part.start + count }, zone)
      return count
    })

  const change = Effect.fnUntraced(function*(
    range: PfnRange.PfnRange,
    from: "online" | "offline",
    part: (run: Run) => Effect.Effect<number, KernelError>
  ) {
    const runs = (yield* existing(range)).filter(({ value }) => value.state === from)
    yield* Effect.forEach(runs, (run) => walk(run, part), { discard: true })
    return PfnRange.total(runs)
  })

  const online = (range: PfnRange.PfnRange, type: ZoneChoice.OnlineType) => change(range, "offline", onlinePart(type))

  const offline = (range: PfnRange.PfnRange) => change(range, "online", offlineRun)

  const addMemory = Effect.fnUntraced(function*(request: Adding.Request) {
    yield* add(request)
    const { defaultState } = policy.parameters()
    if (defaultState !== "offline") yield* Effect.ignore(online(blocksOf(request), defaultState))
  })

  /** What was online before and is not any more goes online again, to the kind of zone it was in. */
  const restore = (before: ReadonlyArray<Run>) =>
    Effect.forEach(before, ({ end, start, value }) =>
      blocks.runs({ start, end }).length === 0
        ? Effect.void
        : Effect.ignore(online({ start, end }, value.zone === "Movable" ? "online_movable" : "online_kernel")), {
      discard: true
    })

  const offlineAndRemove = Effect.fnUntraced(function*(range: Range) {
    if (!Adding.isAligned(log, range, blocks.size)) {
      return yield* new KernelError({
        errno: "EINVAL",
        rule: "HOT-9",
        step: "offline_and_remove_memory",
        problem: "the range is no whole number of memory blocks",
        remedy: `start and size must be multiples of ${blocks.size} bytes`
      })
    }
    const before = blocks.runs(blocksOf(range)).filter(({ value }) => value.state === "online")
    yield* Effect.uninterruptibleMask((interruptible) =>
      Effect.gen(function*() {
        const done = yield* Effect.exit(interruptible(
          Effect.andThen(before.length === 0 ? Effect.void : offline(blocksOf(range)), remove(range))
        ))
        if (Exit.isFailure(done)) yield* restore(before)
        yield* done
      })
    )
  })

  const operation = (name: string) => <A>(effect: Effect.Effect<A, KernelError>) =>
    locks.deviceHotplug(effect).pipe(KernelLog.operation(log, name))

  return MemoryHotplug.of({
    addMemory: (request) => operation("add_memory")(addMemory(request)),
    online: (range, type) => locks.deviceHotplug(online(range, type)),
    offline: (range) => locks.deviceHotplug(offline(range)),
    removeMemory: (range) => operation("remove_memory")(remove(range)),
    offlineAndRemove: (range) => operation("offline_and_remove_memory")(offlineAndRemove(range))
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<
  MemoryHotplug,
  never,
  | Kernel
  | Locks
  | KernelLog.KernelLog
  | FrameAllocator
  | Iomem
  | SectionTable
  | PagemapIndex
  | Memmap
  | Pageblocks
  | MemmapInit
  | Zones
  | ArchMemory
  | MemoryBlocks
  | MemoryGroups
  | MemoryNotifier
  | Nodes
  | OnlinePolicy
  | PagePins
> = Layer.effect(MemoryHotplug, make)
