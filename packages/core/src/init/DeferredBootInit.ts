/**
 * RAM at boot: what is initialised up front by the one thread that boots, what is left for threads of each node, and the allocator
 * that has to wait meanwhile (spec 06).
 *
 * What is deferred is an `InitWork` like that of device memory and is executed by the same `BackgroundInit`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import * as Architecture from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as Steps from "../kernel/Steps.ts"
import { Kernel } from "../release/Kernel.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import { BackgroundInit } from "./BackgroundInit.ts"
import * as DeferredBoot from "./DeferredBoot.ts"
import * as Disturbance from "./Disturbance.ts"
import * as InitMemory from "./InitMemory.ts"
import * as InitStrategy from "./InitStrategy.ts"
import * as InitWork from "./InitWork.ts"
import { MemmapInit } from "./MemmapInit.ts"
import { toKernelError } from "./NotInitialised.ts"
import * as Stores from "./Stores.ts"

/**
 * - `begin` decides what of the nodes' RAM is deferred
 * - `zone` initialises parts of a node that are not deferred, and keeps the others; on the thread that boots
 * - `allocate` takes pages of a node while it boots: where too few are initialised it grows the node's zone, and waits for that,
 *   under the resize lock; `false`: there are none, or its threads have begun and the zone cannot grow any more (DEF-9)
 * - `late` is `page_alloc_init_late()`: the threads begin, and it returns when all nodes are initialised (DEF-8)
 *
 * They fail only where struct pages are really written: there is no memory for them, or a thread that wrote them is lost.
 *
 * @category services
 * @since 0.1.0
 */
export class DeferredBootInit extends Context.Service<DeferredBootInit, {
  readonly begin: (nodes: ReadonlyArray<DeferredBoot.BootNode>) => Effect.Effect<void>
  readonly zone: (node: number, parts: ReadonlyArray<InitWork.Part>) => Effect.Effect<void, KernelError>
  readonly allocate: (node: number, order: number) => Effect.Effect<boolean, KernelError>
  readonly late: Effect.Effect<void, KernelError>
}>()("@vmemmap/core/init/DeferredBootInit") {}

/**
 * A node whose RAM is partly deferred: what is left, its parts, and pages that are initialised and not taken. `resize` is held by
 * whoever moves the first deferred pfn.
 */
interface Node {
  readonly node: number
  readonly deferred: ReadonlyArray<PfnRange.PfnRange>
  readonly parts: Array<InitWork.Part>
  readonly resize: Semaphore.Semaphore
  pending: DeferredBoot.Pending
  free: number
}

/** The thread that boots. */
const bootThread: Timeline.Track = { group: "boot", lane: "boot thread" }

/** Where `pgdatinitN` and its helpers are. */
const threads = (node: number): string => `boot of node ${node}`

/**
 * `processors` of a node, among which its threads are counted; `bootNode` has the processor that boots.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  how: InitStrategy.InitStrategy["boot"],
  processors: (node: number) => number,
  bootNode: number
) {
  const { arch, structPage, ...kernel } = yield* Kernel
  const init = yield* MemmapInit
  const background = yield* BackgroundInit
  const stores = yield* Stores.Current
  const nodes = new Map<number, Node>()
  const release = { arch, release: kernel.release }
  const cpus = (node: number) => how === "one thread per node" ? 1 : processors(node)

  const write = (parts: ReadonlyArray<InitWork.Part>) =>
    Steps.run((limit) => init.parts(parts, "boot", "Movable", limit))

  /** The boot thread writes parts of a node. */
  const byBootThread = Effect.fnUntraced(function*(node: number, parts: ReadonlyArray<InitWork.Part>, name: string) {
    const structPages = InitWork.written(parts)
    if (structPages === 0) return
    const costs = yield* CostModel.Current
    const { dies, speed } = (yield* Disturbance.Current)(bootThread.group, bootThread.lane)
    const memory = { isBoot: true, medium: "ram", node, structPage } as const
    const around = { costs, isCold: true, strategy: InitStrategy.synchronous }
    const { begin } = stores ?? Stores.timed(costs)
    const job = begin(InitMemory.demand(around, memory, bootNode, speed), structPages, () => parts)
    const range = { start: parts[0]?.start ?? 0, end: parts.at(-1)?.end ?? 0 }
    const finished = Stores.finished(job, { name: threads(node), range })
    yield* Timeline.span(Disturbance.endedBy(finished, dies, "the boot thread"), bootThread, name, () => ({
      ...InitMemory.spanDetails(structPages, memory),
      cpuNs: Math.round(job.processorNanos())
    }))
    yield* write(parts)
  })

  const inside = (parts: ReadonlyArray<InitWork.Part>, ranges: ReadonlyArray<PfnRange.PfnRange>) =>
    ranges.flatMap((range) => InitWork.cut(parts, range))

  const outside = (parts: ReadonlyArray<InitWork.Part>, ranges: ReadonlyArray<PfnRange.PfnRange>) =>
    parts.flatMap((part) => PfnRange.subtract(part, ranges).flatMap((range) => InitWork.cut([part], range)))

  const begin = (all: ReadonlyArray<DeferredBoot.BootNode>): void => {
    if (how === "all") return
    for (const deferral of DeferredBoot.make(release, all)) {
      const { deferred, node, upFront } = deferral
      const pending = DeferredBoot.pending(deferral)
      const resize = Semaphore.makeUnsafe(1)
      nodes.set(node, { node, deferred, parts: [], resize, pending, free: PfnRange.total(upFront) })
    }
  }

  const zone = Effect.fnUntraced(function*(node: number, parts: ReadonlyArray<InitWork.Part>) {
    const own = nodes.get(node)
    own?.parts.push(...inside(parts, own.deferred))
    yield* byBootThread(node, own === undefined ? parts : outside(parts, own.deferred), "initialise")
  })

  const resizing = (own: Node) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.andThen(
      Steps.run(function*() {
        yield Steps.write("node.take-resize-lock", `node:${own.node}`)
      }),
      own.resize.withPermits(1)(Effect.provideService(effect, Waiting.WaitsFor, null)).pipe(
        Waiting.waitingFor(`the resize lock of node ${own.node}`)
      )
    )

  /** One section and more at a time; whether it is worth to look again (DEF-6, DEF-7). */
  const grow = (own: Node, order: number): Effect.Effect<boolean, KernelError> => {
    const seen = own.pending.firstDeferred
    return resizing(own)(Effect.gen(function*() {
      const { firstDeferred, initialised, retry } = DeferredBoot.grow(release, own.pending, { order, seen })
      yield* byBootThread(own.node, inside(own.parts, initialised), "grow")
      own.pending = { ...own.pending, firstDeferred }
      own.free += PfnRange.total(initialised)
      return retry
    }))
  }

  const allocate = Effect.fnUntraced(function*(node: number, order: number) {
    const own = nodes.get(node)
    if (own === undefined) return true
    const pages = 2 ** order
    while (own.free < pages) {
      // Whoever waited for the resize lock may find what it wants for another reason.
      if (!(yield* grow(own, order)) && own.free < pages) return false
    }
    own.free -= pages
    return true
  })

  /** A job of `pgdatinitN` as work for whoever initialises in the background: chunks are its sub-ranges. */
  const memoryOf = ({ node, parts }: Node, { chunk, end, start }: DeferredBoot.Job): InitMemory.InitMemory => ({
    name: threads(node),
    node,
    range: { start, end },
    first: start,
    isBoot: true,
    work: { locked: [], unlocked: InitWork.cut(parts, { start, end }), never: [] },
    medium: "ram",
    structPage,
    order: 0,
    section: Architecture.pagesPerSection(arch),
    subsection: chunk,
    mapping: "blocks",
    linear: false,
    populate: (part) => Effect.succeed({ reached: part.end, error: null }),
    join: () => Effect.void,
    write: (written) => write(written)
  })

  /** The memmap of RAM is mapped; chunks are taken from one cursor, or all is one. */
  const strategyOf = ({ works }: DeferredBoot.Job): InitStrategy.InitStrategy => ({
    ...InitStrategy.synchronous,
    when: "background",
    populate: "under the lock",
    workers: works,
    division: works === 1 ? "own share" : "one cursor",
    subRanges: works === 1 ? 1 : null,
    help: "none"
  })

  const jobs = Effect.fnUntraced(function*(own: Node, all: ReadonlyArray<DeferredBoot.Job>) {
    for (const job of all) {
      const memory = memoryOf(own, job)
      if (memory.work.unlocked.length === 0) continue
      const attached = yield* background.attach(memory, strategyOf(job))
      yield* background.finished(job)
      yield* attached.stop
      own.free += InitWork.written(memory.work.unlocked)
    }
  }, Effect.scoped)

  /**
   * `pgdatinitN`: its jobs one after the other (DEF-9, DEF-10), from 4.17 to 5.7 under the resize lock (DEF-11). Where it dies boot
   * waits for ever.
   */
  const thread = Effect.fnUntraced(function*(own: Node) {
    const begin = Effect.sync(() => {
      const all = DeferredBoot.jobs(release, own.pending, cpus(own.node))
      own.pending = { ...own.pending, firstDeferred: null }
      return all
    })
    const run = (all: ReadonlyArray<DeferredBoot.Job>) => jobs(own, all)
    yield* DeferredBoot.isLocked(release)
      ? resizing(own)(Effect.flatMap(begin, run))
      : Effect.flatMap(resizing(own)(begin), run)
  })

  return DeferredBootInit.of({
    begin: (all) => Effect.sync(() => begin(all)),
    zone,
    allocate,
    late: Effect.suspend(() => {
      const waiting = [...nodes.values()].filter(({ pending }) => pending.firstDeferred !== null)
      return Effect.forEach(
        waiting,
        (own) =>
          thread(own).pipe(
            Effect.catchTag("NotInitialised", (error) =>
              Stores.isReason(error.reason)
                ? Effect.fail(toKernelError(error))
                : Effect.never.pipe(Waiting.waitingFor(`the workers of ${threads(own.node)}, which are gone`))),
            Waiting.named(`pgdatinit${own.node}`)
          ),
        { concurrency: "unbounded", discard: true }
      )
    })
  })
})

/**
 * All RAM up front, unless said otherwise.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  how: InitStrategy.InitStrategy["boot"] = "all",
  processors: (node: number) => number = () => 1,
  bootNode = 0
): Layer.Layer<DeferredBootInit, never, Kernel | MemmapInit | BackgroundInit> =>
  Layer.effect(DeferredBootInit, make(how, processors, bootNode))
