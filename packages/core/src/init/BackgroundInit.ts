/**
 * When device memory becomes usable: one engine for every strategy, from everything at once to workers that go on for minutes
 * (spec 05, 13, 26).
 *
 * Memory is attached with its `InitWork`; as the strategy says that returns when all is written, or at once while workers, fibers
 * owned by a scope, do the rest. Whoever needs struct pages awaits them here. Time is what the `CostModel` in force says, on
 * whatever clock is in force.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import type * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Locks } from "../kernel/Locks.ts"
import { Kernel } from "../release/Kernel.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import * as AtOnce from "./AtOnce.ts"
import * as Disturbance from "./Disturbance.ts"
import * as Domain from "./Domain.ts"
import type * as InitMemory from "./InitMemory.ts"
import * as InitStrategy from "./InitStrategy.ts"
import type { NotInitialised } from "./NotInitialised.ts"
import * as RangeInit from "./RangeInit.ts"
import * as Stores from "./Stores.ts"

/**
 * Memory that was attached. `end` ends what is still going on, before the memory goes away: whoever still asks for pages that were
 * not initialised is told so, until `stop`, after which nothing is known of the memory. In between `populated` are the parts
 * whose memmap is mapped. `isInitialised`: all that should be written is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attached {
  readonly end: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  readonly populated: () => ReadonlyArray<PfnRange.PfnRange>
  readonly isInitialised: () => boolean
}

/**
 * Pfns everywhere.
 *
 * - `strategyFor` memory whose users await its pages, as posted in 2018 or not, or do not
 * - `attach` makes memory usable as a strategy says, until the scope ends
 * - `await` returns when, and only when, every struct page of some pages is initialised, helping as the strategy says; at once
 *   where nothing goes on in the background. Whoever waits does so on the processors of the memory's node, under its own name
 * - `isActive`: workers are active on some pages; `finished` returns when none is (26.4), as the strategy finds that out; `done`
 *   when there is none, for whoever observes the machine from outside
 * - `cancel` ends what goes on for some pages, at the next sub-range
 * - `progress` of all memory that is or was initialised in the background, and is still attached
 *
 * @category services
 * @since 0.1.0
 */
export class BackgroundInit extends Context.Service<BackgroundInit, {
  readonly strategyFor: (background: "posted" | "possible" | undefined) => InitStrategy.InitStrategy
  readonly attach: (
    memory: InitMemory.InitMemory,
    strategy: InitStrategy.InitStrategy
  ) => Effect.Effect<Attached, KernelError, Scope.Scope>
  readonly await: (pfns: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
  readonly isActive: (pfns: PfnRange.PfnRange) => boolean
  readonly finished: (pfns: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
  readonly done: (pfns: PfnRange.PfnRange) => Effect.Effect<void, NotInitialised>
  readonly cancel: (pfns: PfnRange.PfnRange) => Effect.Effect<void>
  readonly progress: () => ReadonlyArray<RangeInit.Progress>
}>()("@vmemmap/core/init/BackgroundInit") {}

/**
 * `nodes` have processors, among which somebody who may run anywhere is put by chance.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(strategy: InitStrategy.InitStrategy, nodes: ReadonlyArray<number>) {
  const { arch } = yield* Kernel
  const frames = yield* FrameAllocator
  const locks = yield* Locks
  const engine: AtOnce.Engine = { arch, locks }
  const mapJobs = yield* Domain.make
  const pageJobs = yield* Domain.make
  const log = yield* KernelLog
  const stores = yield* Stores.Current
  const permits = strategy.limit === null ? null : yield* Semaphore.make(strategy.limit)
  const tables = yield* Semaphore.make(1)
  const attached = ExtentMap.empty<RangeInit.RangeInit>()
  /** Pfns whose memmap was written since boot: what follows is warm. */
  const touched = ExtentMap.empty<true>()
  const isSupported = InitStrategy.isSupported(strategy, arch)
  /** Next to so much the workers hardly count. */
  const waiterWeight = strategy.priority === "who waits" ? 1000 : 1

  /** Memory without processors of its own is served by the first node that has some. */
  const nearest = (node: number) => nodes.includes(node) ? node : nodes[0] ?? node

  const place = (node: number): Effect.Effect<number> =>
    strategy.probe === "own node" || nodes.length === 0
      ? Effect.succeed(nearest(node))
      : Effect.map(Random.nextIntBetween(0, nodes.length, { halfOpen: true }), (i) => nodes[i] ?? nearest(node))

  const surroundings = Effect.fnUntraced(function*(
    { isBoot, range }: InitMemory.InitMemory,
    strategy: InitStrategy.InitStrategy
  ) {
    const isCold = !ExtentMap.overlaps(touched, range.start, range.end)
    ExtentMap.set(touched, range.start, range.end, true)
    const costs = yield* CostModel.Current
    const result: InitMemory.Surroundings = {
      strategy,
      costs,
      stores: stores ?? Stores.timed(costs),
      timeline: yield* Timeline.Current,
      disturbance: yield* Disturbance.Current,
      permits: isBoot ? null : permits,
      tables,
      place: (node) => isBoot ? Effect.succeed(nearest(node)) : place(node),
      isCold,
      onLost: ({ device, message }) =>
        log.emit({ _tag: "Hazard", rule: "BUG-29", text: `${device}: nobody reads that ${message}` })
    }
    return result
  })

  const atOnce = Effect.fnUntraced(function*(memory: InitMemory.InitMemory, strategy: InitStrategy.InitStrategy) {
    yield* AtOnce.run(engine, memory, yield* surroundings(memory, strategy))
    const done: Attached = {
      end: Effect.void,
      stop: Effect.void,
      populated: () => [memory.range],
      isInitialised: () => true
    }
    return done
  })

  const later = Effect.fnUntraced(function*(memory: InitMemory.InitMemory, strategy: InitStrategy.InitStrategy) {
    // Posted workers are found by pfn in a tree that is allocated; without it all is done before anybody goes on (ASY-4).
    const isFound = memory.isBoot || strategy.populate !== "one barrier" || frames.small("async-lookup")
    if (!isFound && !strategy.flaws.includes("cleared-on-insert-failure")) return yield* atOnce(memory, strategy)
    const around = yield* surroundings(memory, strategy)
    const scope = yield* Scope.fork(yield* Effect.scope)
    if (!memory.isBoot) {
      const nanos = Math.ceil(AtOnce.linearMap(engine, around.costs.costs, memory))
      const track = AtOnce.probeLane(memory.name)
      const linear = Timeline.span(CostModel.sleep(nanos), track, "map", () => ({ cpuNs: nanos }))
      const map = strategy.populate === "under the lock" ? AtOnce.populate(engine, memory, around) : linear
      yield* locks.memHotplug(Effect.andThen(map, memory.join([])))
    }
    const { domains } = strategy
    const isQueued = !memory.isBoot && domains !== "one per range"
    const turn = {
      ofWorkers: isQueued ? (domains === "one" ? pageJobs : mapJobs).before() : Effect.void,
      ofWaiters: isQueued ? pageJobs.before() : Effect.void
    }
    const init = yield* RangeInit.make(memory, around, { isFound, turn }).pipe(Scope.provide(scope))
    if (isQueued) {
      mapJobs.queue(init.mapped)
      pageJobs.queue(init.ended)
    }
    const { end, start } = memory.range
    yield* Scope.addFinalizer(scope, Effect.sync(() => ExtentMap.remove(attached, start, end)))
    ExtentMap.set(attached, start, end, init)
    // Waits in the domain of the whole machine (26.6), with the lock.
    if (!isFound) yield* locks.memHotplug(Effect.andThen(pageJobs.before(), init.ended))
    // Half of it would leave a device that is dying for ever.
    const whole = Effect.uninterruptible(init.stop("unloaded", strategy.unload === "wait"))
    const result: Attached = {
      end: whole,
      stop: Effect.andThen(whole, Scope.close(scope, Exit.void)),
      populated: init.populated,
      isInitialised: () => {
        const { done, total } = init.progress()
        return done === total
      }
    }
    return result
  })

  const ranges = (pfns: PfnRange.PfnRange) => ExtentMap.slice(attached, pfns.start, pfns.end)

  return BackgroundInit.of({
    strategyFor: (background) => {
      const isCovered = background === "posted" || (background === "possible" && strategy.covers === "all that awaits")
      return isCovered && isSupported ? strategy : { ...strategy, when: "synchronous" }
    },
    attach: (memory, chosen) => (chosen.when === "background" ? later : atOnce)(memory, chosen),
    await: (pfns) =>
      Effect.withFiber((fiber) => {
        const undone = ranges(pfns).filter((range) => !range.value.isDone(range))
        if (undone.length === 0) return Effect.void
        const lane = fiber.getRef(Waiting.Name) ?? "waiting"
        return Effect.forEach(undone, ({ end, start, value }) => {
          const { name, node } = value.memory
          const actor = { node: nearest(node), track: { group: name, lane }, weight: waiterWeight }
          return value.need({ start, end }, actor)
        }, { discard: true })
      }),
    isActive: (pfns) => ranges(pfns).some(({ value }) => value.isActive()),
    finished: (pfns) =>
      Effect.suspend(() => Effect.forEach(ranges(pfns), ({ value }) => value.finished, { discard: true })),
    done: (pfns) => Effect.suspend(() => Effect.forEach(ranges(pfns), ({ value }) => value.done, { discard: true })),
    cancel: (pfns) =>
      Effect.suspend(() =>
        Effect.forEach(ranges(pfns), ({ value }) => value.stop("cancelled", false), {
          concurrency: "unbounded",
          discard: true
        })
      ),
    progress: () => attached.extents.map(({ value }) => value.progress())
  })
})

/**
 * The progress of one device every so often, until it is over.
 *
 * @category queries
 * @since 0.1.0
 */
export const watch = (
  { progress }: Pick<BackgroundInit["Service"], "progress">,
  device: string,
  every: Duration.Input
): Stream.Stream<RangeInit.Progress> =>
  Stream.tick(every).pipe(
    Stream.map(() => progress().find((one) => one.device === device)),
    Stream.takeUntil((one) => one === undefined || !(one.state === "mapping" || one.state === "initialising")),
    Stream.filter((one) => one !== undefined)
  )

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  strategy: InitStrategy.InitStrategy = InitStrategy.synchronous,
  nodes: ReadonlyArray<number> = []
): Layer.Layer<BackgroundInit, never, Kernel | FrameAllocator | Locks | KernelLog> =>
  Layer.effect(BackgroundInit, make(strategy, nodes))
