/**
 * A machine somebody measured, or could: what it is, what its operations cost, and what is published about it.
 *
 * One model, one hardware profile per machine. Each number says where it is from; of the published points some gave a number and
 * the others are predicted from those.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as CostModel from "../time/CostModel.ts"
import { Nanos } from "../time/Nanos.ts"

const parameterNames = Object.keys(CostModel.parameters) as ReadonlyArray<CostModel.Parameter>

/**
 * A number of the cost model. `from`: the published point it was fitted to, where it was read, or why it is assumed.
 *
 * @category models
 * @since 0.1.0
 */
export const Value = Schema.Struct({
  value: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)),
  from: Schema.NonEmptyString
})

/**
 * Which figure of a simulation a published point is compared with; times in nanoseconds.
 *
 * - `devices appear`, `ready`: how long that takes once RAM is initialised and drivers begin
 * - `lock held`: how long the hotplug lock is, in all
 * - `initialise`: the longest time one device takes to have its struct pages written once mapped, as the kernel logs it
 * - `rebind`: the same when its driver is unbound and bound again
 * - `boot node`: the longest time one node's threads take at boot
 * - `boot`: the time until all RAM is initialised
 *
 * @category models
 * @since 0.1.0
 */
export const Figure = Schema.Literals([
  "devices appear",
  "ready",
  "lock held",
  "initialise",
  "rebind",
  "boot node",
  "boot"
])
/** @since 0.1.0 */
export type Figure = typeof Figure.Type

/**
 * What somebody measured: `figure` under `strategy` lay between `low` and `high`. With `minus` it is by how much less than the same
 * figure under that strategy, in time or, when `relative`, as a part of it from 0 to 1. `fit` points gave `parameter`. `why` says
 * what is known of a prediction that is off.
 *
 * @category models
 * @since 0.1.0
 */
export const Point = Schema.Struct({
  what: Schema.NonEmptyString,
  source: Schema.NonEmptyString,
  strategy: Schema.NonEmptyString,
  variant: Schema.optionalKey(Schema.NonEmptyString),
  figure: Figure,
  low: Schema.Union([Nanos, Schema.Finite]),
  high: Schema.Union([Nanos, Schema.Finite]),
  minus: Schema.optionalKey(Schema.NonEmptyString),
  relative: Schema.optionalKey(Schema.Boolean),
  use: Schema.Literals(["fit", "predict"]),
  parameter: Schema.optionalKey(Schema.Literals(parameterNames)),
  why: Schema.optionalKey(Schema.NonEmptyString)
})
/** @since 0.1.0 */
export interface Point extends Schema.Schema.Type<typeof Point> {}

/**
 * The same machine set up otherwise: every namespace, every node.
 *
 * @category models
 * @since 0.1.0
 */
export const Variant = Schema.Struct({
  mode: Schema.optionalKey(Schema.Literals(["fsdax", "devdax"])),
  map: Schema.optionalKey(Schema.Literals(["mem", "dev"])),
  align: Schema.optionalKey(MachineSpec.Size),
  cpus: Schema.optionalKey(Schema.Natural)
})
/** @since 0.1.0 */
export interface Variant extends Schema.Schema.Type<typeof Variant> {}

/**
 * `strategies` are those that are worth comparing on it; the first is the baseline. Numbers that are absent cost nothing.
 *
 * @category models
 * @since 0.1.0
 */
export const Testbed = Schema.Struct({
  name: Schema.NonEmptyString,
  about: Schema.NonEmptyString,
  machine: MachineSpec.MachineSpec,
  costs: Schema.Struct(
    Object.fromEntries(parameterNames.map((name) => [name, Schema.optionalKey(Value)])) as Record<
      CostModel.Parameter,
      Schema.optionalKey<typeof Value>
    >
  ),
  strategies: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  variants: Schema.optionalKey(Schema.Record(Schema.String, Variant)),
  published: Schema.Array(Point)
})
/** @since 0.1.0 */
export interface Testbed extends Schema.Schema.Type<typeof Testbed> {}

/**
 * What operations cost on it.
 *
 * @category queries
 * @since 0.1.0
 */
export const costs = ({ costs: known }: Pick<Testbed, "costs">): CostModel.Costs => {
  const values: Partial<Record<CostModel.Parameter, number>> = {}
  for (const name of parameterNames) {
    const value = known[name]?.value
    if (value !== undefined) values[name] = value
  }
  return { ...CostModel.nothing, ...values }
}

/**
 * The machine as a variant sets it up.
 *
 * @category combinators
 * @since 0.1.0
 */
export const vary = (machine: MachineSpec.MachineSpec, { cpus, ...namespace }: Variant): MachineSpec.MachineSpec => ({
  ...MachineSpec.mapConfigured(machine, (one) => ({ ...one, ...namespace })),
  ...(cpus === undefined ? {} : { nodes: (machine.nodes ?? []).map((node) => ({ ...node, cpus })) })
})
