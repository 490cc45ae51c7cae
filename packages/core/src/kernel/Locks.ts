/**
 * The locks of memory hotplug, as locks: taken in the kernel's order, held by fibers, waited for by others (spec 10).
 *
 * The spinlocks of spec 10 (node resize, zone, page table, pagemap index) and the resource lock need no object here: what
 * they protect happens between two steps of one operation, and nothing else runs there.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import * as CostModel from "../time/CostModel.ts"
import * as Timeline from "../time/Timeline.ts"
import * as Waiting from "../time/Waiting.ts"
import { Steps, write } from "./Steps.ts"

/**
 * Outermost first: a fiber takes a lock only while it holds none of the same or a later rank.
 *
 * @category models
 * @since 0.1.0
 */
export type Name = "device_hotplug_lock" | "memory_block" | "mem_hotplug_lock"

const rank: Readonly<Record<Name, number>> = { device_hotplug_lock: 0, memory_block: 1, mem_hotplug_lock: 2 }

/**
 * Locks the current fiber holds, outermost first.
 *
 * @category references
 * @since 0.1.0
 */
export const Held: Context.Reference<ReadonlyArray<Name>> = Context.Reference("@vmemmap/core/kernel/Locks/Held", {
  defaultValue: (): ReadonlyArray<Name> => []
})

/**
 * A fiber would wait for itself, or takes locks in an order that can deadlock (LCK-5). A mistake in the program: it dies of
 * it at once instead of hanging.
 *
 * @category errors
 * @since 0.1.0
 */
export class LockOrder extends Error {
  override readonly name = "LockOrder"
  readonly wanted: Name
  readonly held: ReadonlyArray<Name>
  constructor(wanted: Name, held: ReadonlyArray<Name>) {
    super(`deadlock: ${wanted} wanted while holding ${held.join(", ")} (LCK-5)`)
    this.wanted = wanted
    this.held = held
  }
}

type Hold = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * - `deviceHotplug`: `lock_device_hotplug()`: adding and removing against onlining, groups
 * - `memoryBlock`: the device locks of memory blocks, here one for all of them
 * - `memHotplug`: `mem_hotplug_begin()`: sections, memmap, altmaps, spans; one writer in the machine (LCK-1)
 * - `onlineMems`: `get_online_mems()`: many readers; sections do not go offline meanwhile (LCK-2)
 *
 * Waiting can be interrupted, holding cannot be forgotten: the lock is released when the effect ends, however it ends.
 *
 * @category services
 * @since 0.1.0
 */
export class Locks extends Context.Service<Locks, {
  readonly deviceHotplug: Hold
  readonly memoryBlock: Hold
  readonly memHotplug: Hold
  readonly onlineMems: Hold
}>()("@vmemmap/core/kernel/Locks") {}

/** On the timeline: handed over, then held, by whom. */
const noted: Hold = (effect) =>
  Effect.flatMap(Effect.service(Waiting.Name), (holder) =>
    Timeline.span(
      Effect.andThen(CostModel.spend((costs) => costs.lock), effect),
      { group: "locks", lane: "mem_hotplug_lock" },
      holder ?? "held"
    ))

/** More readers than a machine has; a writer takes all permits. */
const readers = 2 ** 20

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const device = yield* Semaphore.make(1)
  const block = yield* Semaphore.make(1)
  const hotplug = yield* Semaphore.make(readers)
  // Writers queue here first, so a stream of readers cannot starve one of them and two cannot take half each.
  const writers = yield* Semaphore.make(1)

  const hold = (name: Name, take: Hold): Hold => (effect) =>
    Effect.gen(function*() {
      const held = yield* Held
      if (held.some((other) => rank[other] >= rank[name])) return yield* Effect.die(new LockOrder(name, held))
      const { at } = yield* Steps
      if (at !== null) yield* at(write("lock.take", name))
      // Who holds it waits for something else.
      const holding = Effect.provideService(effect, Held, [...held, name]).pipe(
        Effect.provideService(Waiting.WaitsFor, null)
      )
      return yield* take(name === "mem_hotplug_lock" ? noted(holding) : holding).pipe(Waiting.waitingFor(name))
    })

  return Locks.of({
    deviceHotplug: hold("device_hotplug_lock", device.withPermits(1)),
    memoryBlock: hold("memory_block", block.withPermits(1)),
    memHotplug: hold("mem_hotplug_lock", (effect) => writers.withPermits(1)(hotplug.withPermits(readers)(effect))),
    onlineMems: hold("mem_hotplug_lock", (effect) =>
      writers.withPermits(1)(Effect.void).pipe(
        Effect.andThen(hotplug.withPermits(1)(effect))
      ))
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Locks> = Layer.effect(Locks, make)
