/**
 * `memory_block_online()` and `online_pages()`: blocks join a zone (HOT-6, HOT-7, HOT-14).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as InitWork from "../init/InitWork.ts"
import { MemmapInit } from "../init/MemmapInit.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as KernelLog from "../kernel/KernelLog.ts"
import { Locks } from "../kernel/Locks.ts"
import * as Steps from "../kernel/Steps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Pageblocks } from "../memmap/Pageblocks.ts"
import { Kernel } from "../release/Kernel.ts"
import { PagemapIndex } from "../sections/PagemapIndex.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import type * as ZoneChoice from "../zones/ZoneChoice.ts"
import { Zones } from "../zones/Zones.ts"
import * as JoinZone from "./JoinZone.ts"
import * as LeaveZone from "./LeaveZone.ts"
import { MemoryBlocks, nodeOf, pagesOf, type Run } from "./MemoryBlocks.ts"
import { MemoryGroups } from "./MemoryGroups.ts"
import { MemoryNotifier } from "./MemoryNotifier.ts"
import { Nodes } from "./Nodes.ts"
import * as OnlineSections from "./OnlineSections.ts"

/**
 * Brings a run of like offline blocks online to `zone`, all of them or none; a run of blocks that hold their own memmap is
 * one block long. Fails when a notifier refuses.
 *
 * Takes the hotplug lock. Waiting for it and for notifiers can be interrupted, and then nothing has changed.
 *
 * @category models
 * @since 0.1.0
 */
export type Online = (run: Run, zone: ZoneChoice.Zone) => Effect.Effect<void, KernelError>

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const kernel = yield* Kernel
  const locks = yield* Locks
  const log = yield* KernelLog.KernelLog
  const table = yield* SectionTable.SectionTable
  const index = yield* PagemapIndex
  const zones = yield* Zones
  const frames = yield* FrameAllocator
  const init = yield* MemmapInit
  const memmap = yield* Memmap
  const pageblocks = yield* Pageblocks
  const blocks = yield* MemoryBlocks
  const groups = yield* MemoryGroups
  const nodes = yield* Nodes
  const notifier = yield* MemoryNotifier
  const state: JoinZone.State & LeaveZone.State = { kernel, table, index, memmap, zones, init }

  const pieces = (run: Run) => pagesOf(run, blocks.pages)

  const account = ({ value: { group } }: Run, name: ZoneChoice.Zone, pages: number) => {
    if (group !== null) groups.account(group, name === "Movable" ? "movable" : "kernel", pages)
  }

  /** The sections that hold nothing but a block's own memmap (HOT-14). */
  const markOwn = (own: PfnRange.PfnRange, isOnline: boolean, limit: number) =>
    OnlineSections.mark(table, PfnRange.shrinkTo(own, table.pagesPerSection), isOnline, limit)

  /** `move_pfn_range_to_zone()` (ZON-3), of a block's own memmap first (HOT-14). */
  const prepare = function*(run: Run, name: ZoneChoice.Zone, limit: number): Steps.Op<void> {
    const { own, rest } = pieces(run)
    const zone = { node: nodeOf(run.value), name }
    if (own.end > own.start) {
      const parts = InitWork.hotplug(kernel, own, { node: zone.node, zone: name, isOwn: true }).locked
      yield* JoinZone.add(state, zone, own, { parts, type: "Unmovable", limit })
      yield* markOwn(own, true, limit)
    }
    const parts = InitWork.hotplug(kernel, rest, { node: zone.node, zone: name, isOwn: false }).locked
    yield* JoinZone.add(state, zone, rest, { parts, type: "Isolate", limit })
  }

  /** The reverse of {@link prepare}, after a veto. */
  const undo = function*(run: Run, name: ZoneChoice.Zone, limit: number): Steps.Op<void> {
    const { own, rest } = pieces(run)
    const zone = { node: nodeOf(run.value), name }
    yield* LeaveZone.remove(state, zone, rest, limit)
    if (own.end === own.start) return
    yield* markOwn(own, false, limit)
    yield* LeaveZone.remove(state, zone, own, limit)
  }

  /**
   * Steps 4 to 6 of HOT-7: the pages are free, their sections online, the pages counted, and only at the very end can they be
   * allocated (LCK-9).
   */
  const finish = function*(run: Run, name: ZoneChoice.Zone, limit: number): Steps.Op<void> {
    const { rest } = pieces(run)
    const zone = { node: nodeOf(run.value), name }
    const object = `zone:${zone.node}/${name}`
    const pages = rest.end - rest.start
    const wasEmpty = zones.of(zone).present === 0
    yield Steps.write("zone.add-free", object)
    for (const { end, order, start } of OnlineSections.freeBlocks(rest, kernel.arch.largestOrder)) {
      memmap.write(start, end, { _tag: "Free", node: zone.node, zone: name, order, listed: true })
    }
    yield* OnlineSections.mark(table, rest, true, limit)
    yield Steps.write("zone.set-present", object)
    zones.online(zone, rest, pages)
    account(run, name, pages)
    if (wasEmpty) nodes.rebuildZonelists()
    yield Steps.write("zone.undo-isolation", object)
    pageblocks.set(rest.start, rest.end, "Movable")
    if (name !== "Movable") frames.add({ ...rest, node: zone.node })
  }

  /** What `online_pages()` leaves to its caller: the pages of the block's own memmap count now, and it is online (HOT-6). */
  const settle = function*(run: Run, name: ZoneChoice.Zone): Steps.Op<void> {
    const { own } = pieces(run)
    const zone = { node: nodeOf(run.value), name }
    if (own.end > own.start) {
      yield Steps.write("zone.set-present", `zone:${zone.node}/${name}`)
      zones.online(zone, own, 0)
      account(run, name, own.end - own.start)
    }
    yield Steps.write("block.set-online", `block:${run.start}`)
    blocks.update(run, { state: "online", zone: name })
  }

  const locked = Effect.fnUntraced(function*(run: Run, name: ZoneChoice.Zone) {
    const told = { ...pieces(run).rest, zone: { node: nodeOf(run.value), name } }
    yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        yield* Steps.run((limit) => prepare(run, name, limit))
        const asked = yield* Effect.exit(restore(notifier.ask({ ...told, action: "GOING_ONLINE" })))
        if (Exit.isFailure(asked)) {
          const cancelled = yield* Effect.exit(notifier.announce({ ...told, action: "CANCEL_ONLINE" }))
          yield* Steps.run((limit) => undo(run, name, limit))
          return yield* Exit.asVoidAll([asked, cancelled])
        }
        yield* Steps.run((limit) => finish(run, name, limit))
        const announced = yield* Effect.exit(notifier.announce({ ...told, action: "ONLINE" }))
        yield* Steps.run(() => settle(run, name))
        yield* announced
      })
    )
  })

  const online: Online = (run, name) =>
    locks.memHotplug(locked(run, name)).pipe(KernelLog.operation(log, "online_pages"))
  return online
})
