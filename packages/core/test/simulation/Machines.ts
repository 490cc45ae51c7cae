/** Small machines with device memory that boot in virtual time. */
import { assert } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import * as InitStrategies from "../../src/init/InitStrategies.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as FaultPattern from "../../src/simulation/FaultPattern.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import * as CostModel from "../../src/time/CostModel.ts"
import type * as Timeline from "../../src/time/Timeline.ts"

export const MiB = 2 ** 20
export const GiB = 2 ** 30
export const TiB = 2 ** 40

/** Every operation takes a time of its own. */
export const costs: CostModel.Costs = {
  ...CostModel.nothing,
  processors: 8,
  ramBandwidth: 20,
  deviceBandwidth: 10,
  begin: 2500,
  store: 24,
  template: 8,
  firstTouch: 5,
  second: 20,
  remote: 1.5,
  bootPage: 30,
  section: 2000,
  sharedSection: 20_000,
  linearMap: 1000,
  probe: 1_000_000,
  lock: 1000,
  fault: 1500,
  block: 3000
}

export interface Namespace {
  readonly mode?: MachineSpec.Configured["mode"]
  readonly map?: "mem" | "dev"
  readonly align?: number
  readonly size?: number
  readonly node?: number
}

/** Nodes of `ram` bytes each, and a region of one namespace for each of `namespaces`, far above. */
export const machine = (
  namespaces: ReadonlyArray<Namespace> = [{}],
  { cpus = [8], ram = 8 * GiB, ...rest }: Partial<MachineSpec.MachineSpec> & {
    readonly cpus?: ReadonlyArray<number>
    readonly ram?: number
  } = {}
): MachineSpec.MachineSpec => {
  let start = 256 * GiB
  return {
    ranges: cpus.map((_, node) => ({ kind: "ram", node, start: node * ram, size: ram })),
    nodes: cpus.map((cpus, node) => ({ node, total: ram, cpus })),
    devices: namespaces.map(({ node = 0, ...namespace }, i): MachineSpec.Device => {
      const size = namespace.size ?? 4 * GiB
      const own = start
      start += Math.ceil(size / (64 * GiB)) * 64 * GiB
      const configured = { name: `namespace${i}.0`, mode: "fsdax" as const, map: "dev" as const, ...namespace, size }
      return { name: `region${i}`, kind: "pmem", start: own, size, node, labels: true, configured: [configured] }
    }),
    ...rest
  }
}

export const strategy = (text: string) => Result.getOrThrow(InitStrategies.parse(text))

export const pattern = (text: string) => Result.getOrThrow(FaultPattern.parse(text))

export interface Asked extends Partial<Omit<Simulation.Request, "strategy" | "faults">> {
  readonly strategy?: string
  readonly faults?: string
}

/** One GiB of nothing special under `linux-6.1`, touched once, unless said otherwise. */
export const run = ({ faults = "first", strategy: name = "linux-6.1", ...rest }: Asked) =>
  Simulation.run({ machine: machine(), costs, seed: 1, ...rest, strategy: strategy(name), faults: pattern(faults) })

export const rowOf = (asked: Asked) => Effect.map(run(asked), ({ row }) => row)

/** Entries of a device or another group, of one name. */
export const spans = ({ entries }: Timeline.Timeline, group: string, name: string) =>
  entries.filter((entry) => entry.group === group && entry.name === name)

export const number = ({ details }: Timeline.Entry, key: string): number => {
  const value = details[key]
  return typeof value === "number" ? value : assert.fail(`no number ${key}`)
}

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Costs of some machine: a template is no slower than stores, a remote node no nearer than the own. */
export const Costs = Schema.Struct({
  begin: int(0, 100_000),
  store: int(1, 80),
  template: int(0, 100),
  firstTouch: int(0, 60),
  second: int(1, 80),
  remote: int(100, 250),
  bootPage: int(1, 60),
  section: int(0, 6000),
  sharedSection: int(0, 60_000),
  linearMap: int(0, 5000),
  probe: Schema.Literals([0, 1000, 1_000_000, 30_000_000]),
  lock: int(0, 3000),
  fault: int(0, 3000),
  block: int(0, 5000),
  ramBandwidth: Schema.Literals([1, 4, 20, 100, 1000]),
  deviceBandwidth: Schema.Literals([1, 4, 20, 100, 1000])
})

export const costsOf = (drawn: typeof Costs.Type): CostModel.Costs => ({
  ...drawn,
  processors: 8,
  template: drawn.store * drawn.template / 100,
  remote: drawn.remote / 100
})

/** 1 GiB of alignment leaves nothing of a small device. */
export const Wish = Schema.Struct({
  mode: Schema.Literals(["fsdax", "devdax"]),
  map: Schema.Literals(["mem", "dev"]),
  align: Schema.Literals([2 * MiB, 2 * MiB, GiB]),
  size: Schema.Literals([GiB, 2 * GiB, 3 * GiB, 8 * GiB, 17 * GiB]),
  node: Schema.Literals([0, 0, 1, 2])
})

export const namespaceOf = (wish: typeof Wish.Type, nodes: number): Namespace => ({
  ...wish,
  node: wish.node % nodes,
  align: wish.size < 3 * GiB ? 2 * MiB : wish.align
})

/** A machine of one to three nodes with one to three namespaces on them. */
export const Case = Schema.Struct({
  costs: Costs,
  cpus: Schema.Array(Schema.Literals([1, 2, 3, 8, 20])).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
  namespaces: Schema.Array(Wish).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
  seed: int(0, 1000)
})
export type Case = typeof Case.Type

export const machineOf = ({ cpus, namespaces }: Pick<Case, "cpus" | "namespaces">): MachineSpec.MachineSpec =>
  machine(namespaces.map((wish) => namespaceOf(wish, cpus.length)), { cpus, ram: 4 * GiB })
