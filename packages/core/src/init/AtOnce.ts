/**
 * Device memory that is initialised before its driver goes on: what is done under the hotplug lock, and what after it (INI-7, INI-12).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Architecture } from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { GiB } from "../geometry/Units.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type { Locks } from "../kernel/Locks.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import * as Disturbance from "./Disturbance.ts"
import * as InitMemory from "./InitMemory.ts"
import * as InitWork from "./InitWork.ts"
import * as Stores from "./Stores.ts"
import * as SubRanges from "./SubRanges.ts"

/**
 * What it is done with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Engine {
  readonly arch: Architecture
  readonly locks: Locks["Service"]
}

/**
 * The lane of whoever probes a device.
 *
 * @category tracks
 * @since 0.1.0
 */
export const probeLane = (group: string): Timeline.Track => ({ group, lane: "probe" })

/**
 * Nanoseconds that the linear map of some memory takes.
 *
 * @category queries
 * @since 0.1.0
 */
export const linearMap = (
  { arch }: Engine,
  costs: CostModel.Costs,
  { linear, range }: InitMemory.InitMemory
): number => linear ? costs.linearMap * PfnRange.length(range) * arch.pageSize / GiB : 0

/**
 * Maps the memmap, and the memory itself.
 *
 * @category running
 * @since 0.1.0
 */
export const populate = Effect.fnUntraced(
  function*(engine: Engine, memory: InitMemory.InitMemory, around: InitMemory.Surroundings) {
    const { error, reached } = yield* memory.populate(memory.range)
    const length = Math.max(0, reached - memory.range.start)
    const { costs: { costs }, disturbance } = around
    const { speed } = disturbance(memory.name, "probe")
    const nanos = Math.ceil(
      InitMemory.paced(InitMemory.mapNanos(costs, memory) * length + linearMap(engine, costs, memory), speed)
    )
    yield* Timeline.span(
      CostModel.sleep(nanos),
      probeLane(memory.name),
      "map",
      () => ({ mapped: length, cpuNs: nanos })
    )
    if (error !== null) return yield* error
  }
)

/** Stores of struct pages by somebody who does nothing else meanwhile. */
const write = Effect.fnUntraced(function*(
  around: InitMemory.Surroundings,
  memory: InitMemory.InitMemory,
  { node, track }: { readonly node: number; readonly track: Timeline.Track },
  parts: ReadonlyArray<InitWork.Part>,
  pass: "locked" | "only" | "second"
) {
  const structPages = InitWork.written(parts)
  const { speed } = around.disturbance(track.group, track.lane)
  const demand = InitMemory.demand(around, memory, node, speed)
  const { begin, second } = around.costs.costs
  const before = structPages === 0 ? 0 : Math.ceil(begin)
  const unitNanos = pass === "second" ? InitMemory.paced(second, speed) : demand.unitNanos
  let spent = () => 0
  const stores = Effect.suspend(() => {
    const job = around.stores.begin({ ...demand, unitNanos }, structPages, () => parts)
    spent = () => Math.round(before + job.processorNanos())
    return Stores.finished(job, memory)
  })
  yield* Timeline.span(
    Effect.andThen(CostModel.sleep(before), stores),
    track,
    "initialise",
    () => ({ ...InitMemory.spanDetails(structPages, memory), cpuNs: spent(), pass })
  )
})

/** By threads that are waited for: what the postings of 2018 do where nothing goes on in the background (ASY-3, ASY-4). */
const byThreads = (around: InitMemory.Surroundings, memory: InitMemory.InitMemory, pass: "only" | "second") => {
  const { permits, place, strategy: { workers } } = around
  const { unlocked } = memory.work
  const pages = { start: unlocked[0]?.start ?? memory.range.end, end: unlocked.at(-1)?.end ?? memory.range.end }
  const shares = SubRanges.posted(pages, workers, 1).filter(({ end, start }) => end > start)
  return Effect.forEach(shares, (share, i) => {
    const track: Timeline.Track = { group: memory.name, lane: `worker ${i}` }
    const own = Effect.flatMap(
      place(memory.node),
      (node) => write(around, memory, { node, track }, InitWork.cut(unlocked, share), pass)
    )
    const { dies } = around.disturbance(track.group, track.lane)
    const inTurn = permits === null ? own : permits.withPermits(1)(own)
    return Disturbance.endedBy(inTurn, dies, `${track.lane} of ${memory.name}`).pipe(
      Waiting.named(`${memory.name} ${track.lane}`)
    )
  }, { concurrency: "unbounded", discard: true })
}

const everything = Effect.fnUntraced(
  function*(engine: Engine, memory: InitMemory.InitMemory, around: InitMemory.Surroundings) {
    const { strategy } = around
    const probe = { node: yield* around.place(memory.node), track: probeLane(memory.name) }
    const { locked, unlocked } = memory.work
    const isPosted = strategy.populate === "one barrier"
    const pass = strategy.underLock === "every page" && locked.length > 0 ? "second" : "only"
    yield* engine.locks.memHotplug(Effect.gen(function*() {
      yield* populate(engine, memory, around)
      yield* write(around, memory, probe, locked, "locked")
      if (isPosted) yield* byThreads(around, memory, pass)
      yield* memory.join(locked)
      if (isPosted) yield* memory.write(unlocked, "mem_hotplug_lock")
    }))
    if (isPosted) return
    yield* write(around, memory, probe, unlocked, pass)
    yield* memory.write(unlocked, "no lock")
  }
)

/**
 * Makes memory usable, all of it. The postings of 2018 do so under the lock, by as many threads as they have workers; everybody else
 * writes by one.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  engine: Engine,
  memory: InitMemory.InitMemory,
  around: InitMemory.Surroundings
): Effect.Effect<void, KernelError> =>
  Disturbance.endedBy(
    everything(engine, memory, around),
    around.disturbance(memory.name, "probe").dies,
    `the probe of ${memory.name}`
  )
