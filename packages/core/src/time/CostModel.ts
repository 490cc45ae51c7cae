/**
 * What operations cost in time: nanoseconds on a processor, bytes to a memory, both shared by whoever uses them at once.
 *
 * One model; a machine differs from another by its numbers alone. Unless provided everything is free, and happens at once.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Workload from "./Workload.ts"

/**
 * The numbers of a machine, by name. Nanoseconds unless said otherwise.
 *
 * @category parameters
 * @since 0.1.0
 */
export const parameters = {
  processors: "processors of a node",
  ramBandwidth: "bytes per nanosecond (GB/s) that the RAM of one node takes in stores",
  deviceBandwidth: "bytes per nanosecond (GB/s) that the device memory of one node takes in stores",
  begin: "to begin to initialise the struct pages of one memory, before the first of them",
  store: "to initialise one struct page by stores",
  template: "to initialise one struct page by copying a template",
  firstTouch: "more for each struct page whose memory is written for the first time since boot",
  second: "to write one struct page a second time, after the first pass over all of them",
  remote: "factor for struct pages on another node than the processor",
  bootPage: "to initialise one struct page of RAM at boot and to free its page, on the node's own processors",
  section: "to map the memmap of one section as blocks",
  sharedSection: "to map the memmap of one section of shared compounds, page by page",
  linearMap: "to map 1 GiB of memory linearly",
  probe: "to probe one namespace apart from its memmap: labels, info block, disk",
  lock: "to hand the hotplug lock over",
  fault: "to take a page fault and insert one entry",
  block: "to read or write one block of a disk"
} as const

/**
 * @category models
 * @since 0.1.0
 */
export type Parameter = keyof typeof parameters

/**
 * @category models
 * @since 0.1.0
 */
export type Costs = Readonly<Record<Parameter, number>>

/**
 * Nothing takes time.
 *
 * @category constants
 * @since 0.1.0
 */
export const nothing: Costs = {
  processors: Infinity,
  ramBandwidth: Infinity,
  deviceBandwidth: Infinity,
  begin: 0,
  store: 0,
  template: 0,
  firstTouch: 0,
  second: 0,
  remote: 1,
  bootPage: 0,
  section: 0,
  sharedSection: 0,
  linearMap: 0,
  probe: 0,
  lock: 0,
  fault: 0,
  block: 0
}

/**
 * Where memory is.
 *
 * @category models
 * @since 0.1.0
 */
export type Medium = "ram" | "device"

/**
 * `costs` are the numbers; `begin` starts a job on the machine's processors and memories.
 *
 * @category models
 * @since 0.1.0
 */
export interface CostModel {
  readonly costs: Costs
  readonly begin: Workload.Begin
}

const instantly: Workload.Begin = (_demand, units) => ({
  done: () => units,
  processorNanos: () => 0,
  shorten: () => units,
  finished: Effect.void,
  whenEnded: (callback) => callback()
})

/**
 * A machine on which everything happens at once.
 *
 * @category constants
 * @since 0.1.0
 */
export const free: CostModel = { costs: nothing, begin: instantly }

/**
 * The costs in force.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<CostModel> = Context.Reference("@vmemmap/core/time/CostModel", {
  defaultValue: () => free
})

/** Each name is one string, made once: whoever divides compares them again and again. */
const names = (name: (node: number) => string): (node: number) => string => {
  const known = new Map<number, string>()
  return (node) => {
    const found = known.get(node) ?? name(node)
    known.set(node, found)
    return found
  }
}

const memories: Readonly<Record<Medium, (node: number) => string>> = {
  ram: names((node) => `ram of node ${node}`),
  device: names((node) => `device of node ${node}`)
}

/**
 * The name of a node's processors, and of its memories.
 *
 * @category names
 * @since 0.1.0
 */
export const pool: (node: number) => string = names((node) => `node ${node}`)
/** @since 0.1.0 */
export const memory = (medium: Medium, node: number): string => memories[medium](node)

/**
 * A machine with these numbers, in the time of the clock in force. `processors` of a pool, where nodes differ in them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  costs: Costs,
  processors: (pool: string) => number = () => costs.processors
): Effect.Effect<CostModel, never, Scope.Scope> =>
  Effect.map(
    Workload.make({
      processors,
      bandwidth: (name) => name.startsWith("device") ? costs.deviceBandwidth : costs.ramBandwidth
    }),
    (begin) => ({ costs, begin })
  )

/**
 * {@link make} for whatever is provided with it: a machine then boots at these costs.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (costs: Costs): Layer.Layer<never> => Layer.effect(Current, make(costs))

/**
 * Lets time pass, for ever where it is `Infinity`.
 *
 * @category operations
 * @since 0.1.0
 */
export const sleep = (nanos: number): Effect.Effect<void> =>
  nanos === Infinity
    ? Effect.never
    : nanos > 0
    ? Effect.sleep(Duration.nanos(BigInt(Math.ceil(nanos))))
    : Effect.void

/**
 * Lets pass what an operation costs.
 *
 * @category operations
 * @since 0.1.0
 */
export const spend = (nanos: (costs: Costs) => number): Effect.Effect<void> =>
  Effect.withFiber((fiber) => sleep(nanos(fiber.getRef(Current).costs)))
