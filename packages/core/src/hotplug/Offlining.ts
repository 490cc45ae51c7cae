/**
 * `memory_block_offline()` and `offline_pages()`: blocks leave their zone (HOT-8, ZON-5, ZON-6).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { KernelError } from "../kernel/KernelError.ts"
import * as KernelLog from "../kernel/KernelLog.ts"
import { Locks } from "../kernel/Locks.ts"
import * as Steps from "../kernel/Steps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Pageblocks } from "../memmap/Pageblocks.ts"
import { Kernel } from "../release/Kernel.ts"
import { PagemapIndex } from "../sections/PagemapIndex.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import * as Zones from "../zones/Zones.ts"
import * as LeaveZone from "./LeaveZone.ts"
import { MemoryBlocks, nodeOf, pagesOf, type Run } from "./MemoryBlocks.ts"
import { MemoryGroups } from "./MemoryGroups.ts"
import { MemoryNotifier } from "./MemoryNotifier.ts"
import { Nodes } from "./Nodes.ts"
import * as OnlineSections from "./OnlineSections.ts"
import { PagePins } from "./PagePins.ts"

/**
 * Takes a run of like online blocks offline, from its start as far as one can tell that all will go; how many that were. A
 * run of blocks that hold their own memmap is one block long. EINVAL for blocks with holes or of several zones, EBUSY when
 * pages of the first block are in use, or whatever a notifier answers.
 *
 * Takes the hotplug lock and holds it while pinned pages cannot be migrated. Waiting can be interrupted (the signal of EINTR),
 * and then nothing has changed.
 *
 * @category models
 * @since 0.1.0
 */
export type Offline = (run: Run) => Effect.Effect<number, KernelError>

/** Blocks on their way out of a zone: the pages of their own memmap, then the others, in pfns. */
interface Leaving {
  readonly run: Run
  readonly zone: Zones.Key
  readonly own: PfnRange.PfnRange
  readonly rest: PfnRange.PfnRange
}

const invalid = ({ start, value }: Run) =>
  new KernelError({
    errno: "EINVAL",
    rule: value.zone === null ? "HOT-5" : "HOT-8",
    step: value.zone === null ? "memory_block_offline" : "offline_pages",
    problem: `memory block ${start} ${value.zone === null ? "belongs to several zones" : "has memory holes"}`,
    remedy: "such a block stays online"
  })

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
  const zones = yield* Zones.Zones
  const frames = yield* FrameAllocator
  const memmap = yield* Memmap
  const pageblocks = yield* Pageblocks
  const blocks = yield* MemoryBlocks
  const groups = yield* MemoryGroups
  const nodes = yield* Nodes
  const notifier = yield* MemoryNotifier
  const pins = yield* PagePins
  const state: LeaveZone.State = { kernel, table, index, memmap, zones }

  /** `dump_page()` of the first page that stands in the way; where the kernel keeps its struct page is hidden in its log. */
  const dump = (run: Run) => {
    const { rest } = pagesOf({ ...run, end: run.start + 1 }, blocks.pages)
    const pfn = (pins.first(rest, "unmovable") ?? rest.start).toString(16)
    const hidden = "0".repeat(16)
    log.emit({
      _tag: "Line",
      level: "warn",
      text: `page:${hidden} refcount:1 mapcount:0 mapping:${hidden} index:0x0 pfn:0x${pfn}`
    })
    log.emit({ _tag: "Line", level: "warn", text: "page dumped because: unmovable page" })
  }

  const busy = (run: Run) => {
    const { start } = run
    dump(run)
    return new KernelError({
      errno: "EBUSY",
      rule: "HOT-8",
      step: "start_isolate_page_range",
      problem: `pages of memory block ${start} are in use and cannot be moved`,
      remedy: "free them, or online memory that is to go offline again as Movable"
    })
  }

  const leavingOf = (run: Run, name: Zones.Name): Leaving => ({
    run,
    zone: { node: nodeOf(run.value), name },
    ...pagesOf(run, blocks.pages)
  })

  const account = ({ run, zone }: Leaving, pages: number) => {
    const { group } = run.value
    if (group !== null) groups.account(group, zone.name === "Movable" ? "movable" : "kernel", pages)
  }

  const objectOf = ({ zone }: Leaving) => `zone:${zone.node}/${zone.name}`

  /** A block's own memmap is taken out of the counts before everything else (HOT-14). */
  const countOwn = function*(leaving: Leaving, isPresent: boolean): Steps.Op<void> {
    const { own, zone } = leaving
    if (own.end === own.start) return
    yield Steps.write("zone.set-present", objectOf(leaving))
    if (isPresent) zones.online(zone, own, 0)
    else zones.offline(zone, own, 0)
    account(leaving, (own.end - own.start) * (isPresent ? 1 : -1))
  }

  /** The end of the blocks before one that somebody holds, the first of the run excepted. */
  const unheld = (run: Run): number => {
    const held = pins.first(pagesOf(run, blocks.pages).rest)
    return held === undefined ? run.end : Math.max(run.start + 1, Math.floor(held / blocks.pages))
  }

  const withdraw = ({ rest, zone }: Leaving): boolean => zone.name === "Movable" || frames.withdraw(rest)

  /**
   * From here on nothing new is allocated from the run, or from what remains of it: it ends before a block that is held by
   * somebody, and where the allocator has lent pages. `null` when that is the first block, and then nothing was done.
   */
  const isolate = function*(run: Run, name: Zones.Name): Steps.Op<Leaving | null> {
    const whole = leavingOf(run, name)
    yield* countOwn(whole, false)
    yield Steps.write("zone.isolate", objectOf(whole))
    let end = unheld(run)
    let leaving = leavingOf({ ...run, end }, name)
    while (pins.first(leaving.rest, "unmovable") !== undefined || !withdraw(leaving)) {
      if (end === run.start + 1) {
        yield* countOwn(whole, true)
        return null
      }
      end = run.start + Math.floor((end - run.start) / 2)
      leaving = leavingOf({ ...run, end }, name)
    }
    blocks.update({ start: end, end: run.end }, { state: "online" })
    pageblocks.set(leaving.rest.start, leaving.rest.end, "Isolate")
    return leaving
  }

  const undoIsolation = function*(leaving: Leaving): Steps.Op<void> {
    const { rest, zone } = leaving
    yield Steps.write("zone.undo-isolation", objectOf(leaving))
    pageblocks.set(rest.start, rest.end, "Movable")
    if (zone.name !== "Movable") frames.add({ ...rest, node: zone.node })
  }

  /** Sections first, then the pages leave the allocator and the counts (LCK-9). */
  const takeOut = function*(leaving: Leaving, limit: number): Steps.Op<void> {
    const { rest, zone } = leaving
    yield* OnlineSections.mark(table, rest, false, limit)
    yield Steps.write("zone.remove-free", objectOf(leaving))
    for (const { end, order, start } of OnlineSections.freeBlocks(rest, kernel.arch.largestOrder)) {
      memmap.write(start, end, { _tag: "Free", node: zone.node, zone: zone.name, order, listed: false })
    }
    yield Steps.write("zone.set-present", objectOf(leaving))
    zones.offline(zone, rest, rest.end - rest.start)
    account(leaving, rest.start - rest.end)
    if (zones.of(zone).present === 0) nodes.rebuildZonelists()
  }

  /** The spans shrink; a block's own memmap goes last (HOT-14). */
  const leave = function*({ own, rest, run, zone }: Leaving, limit: number): Steps.Op<void> {
    yield* LeaveZone.remove(state, zone, rest, limit)
    if (own.end > own.start) {
      const whole = PfnRange.shrinkTo(own, table.pagesPerSection)
      yield* OnlineSections.mark(table, whole, false, limit)
      yield* LeaveZone.remove(state, zone, own, limit)
    }
    yield Steps.write("block.set-offline", `block:${run.start}`)
    blocks.update(run, { state: "offline", zone: null })
  }

  const locked = (run: Run, name: Zones.Name) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const leaving = yield* Steps.run(() => isolate(run, name))
        if (leaving === null) return yield* busy(run)
        const told = { ...leaving.rest, zone: leaving.zone }
        const migrated = yield* Effect.exit(restore(
          Effect.andThen(notifier.ask({ ...told, action: "GOING_OFFLINE" }), pins.released(leaving.rest))
        ))
        if (Exit.isFailure(migrated)) {
          yield* Steps.run(() => undoIsolation(leaving))
          const cancelled = yield* Effect.exit(notifier.announce({ ...told, action: "CANCEL_OFFLINE" }))
          yield* Steps.run(() => countOwn(leaving, true))
          yield* Exit.asVoidAll([migrated, cancelled])
        }
        yield* Steps.run((limit) => takeOut(leaving, limit))
        const announced = yield* Effect.exit(notifier.announce({ ...told, action: "OFFLINE" }))
        yield* Steps.run((limit) => leave(leaving, limit))
        yield* announced
        return leaving.run.end - leaving.run.start
      })
    )

  /** HOT-4: on the way out from here, before the hotplug lock is there. */
  const begin = function*(run: Run): Steps.Op<void> {
    yield Steps.write("block.set-going-offline", `block:${run.start}`)
    blocks.update(run, { state: "going-offline" })
  }

  /** What a failure leaves of the state in between is online as before. */
  const settle = function*(run: Run): Steps.Op<void> {
    for (const { value, ...rest } of blocks.runs(run)) {
      if (value.state !== "going-offline") continue
      yield Steps.write("block.set-online", `block:${rest.start}`)
      blocks.update(rest, { state: "online" })
    }
  }

  const offline: Offline = (whole) => {
    const { hasHoles, zone } = whole.value
    if (zone === null || hasHoles) return Effect.fail(invalid(whole))
    const run = { ...whole, end: unheld(whole) }
    return Effect.acquireUseRelease(
      Steps.run(() => begin(run)),
      () => locks.memHotplug(locked(run, zone)).pipe(KernelLog.operation(log, "offline_pages")),
      () => Steps.run(() => settle(run))
    )
  }
  return offline
})
