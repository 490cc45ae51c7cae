/**
 * A machine boots and its device memory becomes usable, under one strategy, in virtual time: the real machine of `Machine.layer`
 * with its drivers, whose `BackgroundInit` spends what the cost model says and whose every span is on a timeline.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { DaxDevices } from "../devices/DaxDevices.ts"
import { Hmem } from "../devices/Hmem.ts"
import { NvdimmBus } from "../devices/NvdimmBus.ts"
import { devices } from "../devices/NvdimmState.ts"
import { Pagemaps } from "../hotplug/Pagemaps.ts"
import * as BackgroundInit from "../init/BackgroundInit.ts"
import * as DeferredBootInit from "../init/DeferredBootInit.ts"
import * as Disturbance from "../init/Disturbance.ts"
import * as InitStrategy from "../init/InitStrategy.ts"
import { NotInitialised } from "../init/NotInitialised.ts"
import type * as KernelError from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { type Reason, Reasons } from "../kernel/Reasons.ts"
import { Uevents } from "../kernel/Uevents.ts"
import * as BootMemory from "../machine/BootMemory.ts"
import { Ledger } from "../machine/Ledger.ts"
import * as Machine from "../machine/Machine.ts"
import type { MachineError } from "../machine/MachineError.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as Memmap from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import * as CostModel from "../time/CostModel.ts"
import type { Deadlock } from "../time/Deadlock.ts"
import * as Timeline from "../time/Timeline.ts"
import * as VirtualTime from "../time/VirtualTime.ts"
import * as Waiting from "../time/Waiting.ts"
import * as EarlierBoot from "./EarlierBoot.ts"
import type * as FaultPattern from "./FaultPattern.ts"
import * as Figures from "./Figures.ts"
import * as Missing from "./Missing.ts"
import * as Remarks from "./Remarks.ts"
import * as Touching from "./Touching.ts"

/**
 * - `machine` with its configured namespaces, and `costs` of its hardware
 * - `faults`: who touches each device once it appears; `null`: nobody
 * - `seed` of everything that is left to chance
 * - `rebind`: once all is initialised, drivers are unbound and bound again, which shows what warm memory costs
 * - `disturbance`: what befalls workers
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly machine: MachineSpec.MachineSpec
  readonly costs: CostModel.Costs
  readonly strategy: InitStrategy.InitStrategy
  readonly faults: FaultPattern.FaultPattern | null
  readonly seed: string | number
  readonly rebind?: boolean | undefined
  readonly disturbance?: Disturbance.Disturbance | undefined
}

/**
 * What came of it: the timeline, the figures read from it, how many wake-ups it took, and what of the machine is not simulated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome {
  readonly strategy: InitStrategy.InitStrategy
  readonly timeline: Timeline.Timeline
  readonly row: Figures.Row
  readonly events: number
  readonly notes: ReadonlyArray<string>
}

const withBacking = (
  machine: MachineSpec.MachineSpec,
  backing: InitStrategy.InitStrategy["backing"]
): MachineSpec.MachineSpec =>
  backing === "configured" ? machine : MachineSpec.mapConfigured(
    machine,
    (one) => one.mode === "fsdax" || one.mode === "devdax" ? { ...one, map: backing === "RAM" ? "mem" : "dev" } : one
  )

/** Of each node: its own where the machine says, else those of the hardware. */
const processorsOf = (machine: MachineSpec.MachineSpec, costs: CostModel.Costs) => (node: number): number => {
  const stated = (machine.nodes ?? []).find((one) => one.node === node)?.cpus
  return stated ?? (Number.isFinite(costs.processors) ? costs.processors : 1)
}

/** The buses and the drivers of character devices: what is there before the drivers of namespaces look at them. */
const loadBuses = Effect.gen(function*() {
  const bus = yield* NvdimmBus
  const dax = yield* DaxDevices
  yield* dax.unload("kmem")
  for (const provider of ["nfit", "nd_e820", "virtio_pmem"] as const) yield* bus.load(provider)
  yield* dax.load("device_dax")
})

/** All drivers of device memory at once, as their probes are (23.7). */
const loadDrivers = Effect.gen(function*() {
  const bus = yield* NvdimmBus
  const hmem = yield* Hmem
  yield* Effect.all([bus.load("nd_pmem"), bus.load("dax_pmem"), Effect.exit(hmem.load)], {
    concurrency: "unbounded",
    discard: true
  })
})

const booted: Timeline.Track = { group: "boot", lane: "boot thread" }

const program = Effect.fnUntraced(function*<A, E>(
  { costs, faults, machine, rebind, strategy }: Request,
  timeline: Timeline.Timeline,
  last: Effect.Effect<A, E>
) {
  const bus = yield* NvdimmBus
  const background = yield* BackgroundInit.BackgroundInit
  const pagemaps = yield* Pagemaps
  const ledger = yield* Ledger
  const log = yield* KernelLog
  const { arch } = yield* Kernel
  const hazards = new Set<string>()
  log.listen((event) => {
    if (event._tag === "Hazard") hazards.add(`${event.text} (${event.rule})`)
  })
  const touching = yield* FiberSet.make<void, KernelError.KernelError>()
  const watching = yield* FiberSet.make<void>()
  yield* Timeline.mark(booted, "RAM is initialised")
  const held = () => Figures.memory(ledger, arch.pageSize)
  const notes = yield* Effect.andThen(loadBuses, EarlierBoot.write(machine)).pipe(
    Effect.provideService(CostModel.Current, CostModel.free),
    Effect.provideService(Timeline.Current, null)
  )
  const before = held()

  /** Each name of a device in the engine, with the one people know. */
  const names = new Map<string, string>()

  const pagemapOf = (name: string) => pagemaps.all().find((one) => (names.get(one.name) ?? one.name) === name)

  /** As people know the devices. */
  const inWords = (error: NotInitialised): string =>
    new NotInitialised({ ...error, device: names.get(error.device) ?? error.device }).message

  const initialised = Effect.fnUntraced(function*(name: string) {
    for (const range of pagemapOf(name)?.ranges ?? []) yield* background.done(range)
  })

  const ready = (name: string) =>
    Effect.matchEffect(initialised(name), {
      onSuccess: () => Timeline.mark({ group: name, lane: "device" }, "ready"),
      onFailure: (error) => Timeline.mark({ group: name, lane: "device" }, Remarks.neverReady, { why: inWords(error) })
    }).pipe(Waiting.named(name))

  const appeared = Effect.fnUntraced(function*(name: string) {
    for (const device of bus.regions().flatMap(devices)) {
      if (device.bound?.disk?.name !== name) continue
      names.set(device.name, name)
      if (device._tag === "Instance" && device.namespace !== null) names.set(device.namespace.name, name)
    }
    yield* Timeline.mark({ group: name, lane: "device" }, "appears")
    yield* FiberSet.run(watching, ready(name))
    const node = pagemapOf(name)?.node ?? 0
    if (faults === null) return
    yield* FiberSet.run(
      touching,
      Touching.all(name, faults, processorsOf(machine, costs)(node)).pipe(Waiting.named(`whoever touches ${name}`))
    )
  })

  const listen = Effect.provideService(Uevents, (name: string) => Effect.orDie(appeared(name)))
  const tellOthers = yield* Reasons
  const reasons: Array<Reason> = []
  yield* listen(loadDrivers).pipe(
    Effect.provideService(Reasons, (reason) => {
      reasons.push(reason)
      tellOthers(reason)
    })
  )
  yield* Timeline.mark(booted, "boot goes on")
  const announced = new Set(bus.regions().map(({ description }) => description.start))
  for (const missing of Missing.find(machine, pagemaps.all(), announced, arch.pageSize)) {
    const why = Missing.why(missing, reasons, strategy.kernel)
    yield* Timeline.mark({ group: missing.name, lane: "device" }, Remarks.missing, { why })
  }
  yield* FiberSet.awaitEmpty(watching).pipe(Waiting.waitingFor("devices to be ready"))
  yield* FiberSet.awaitEmpty(touching).pipe(Waiting.waitingFor("whoever touches devices"))
  yield* Timeline.mark({ group: "machine", lane: "memory" }, "memory taken", Figures.difference(held(), before))
  if (rebind === true) {
    yield* Timeline.mark(booted, "drivers are unbound")
    for (const driver of ["nd_pmem", "dax_pmem"] as const) yield* bus.unload(driver)
    yield* loadDrivers
    yield* Effect.forEach(
      pagemaps.all().flatMap(({ ranges }) => ranges),
      (range) => Effect.ignore(background.done(range)),
      { concurrency: "unbounded", discard: true }
    )
  }
  // What the end of the machine does is nobody's figure.
  return {
    notes: [...notes, ...[...hazards].map((text) => inNames(text, names))],
    names,
    entries: [...timeline.entries],
    last: yield* last
  }
})

/** The kernel, its strategy and its boot. */
const layerOf = (request: Request, memmap: Machine.Parts["memmap"] = Memmap.layer) => {
  const { costs, strategy } = request
  const spec = { ...request.machine, kernel: InitStrategy.kernelText(strategy) }
  return Result.map(BootMemory.make(spec), (memory) => {
    const [bootNode = 0] = memory.cpuNodes
    return Machine.boot(memory, spec, {
      memmap,
      background: BackgroundInit.layer(strategy, memory.cpuNodes),
      deferredBoot: DeferredBootInit.layer(strategy.boot, processorsOf(request.machine, costs), bootNode)
    })
  })
}

/** What the engine says, as people know the devices. */
const inNames = (text: string, names: ReadonlyMap<string, string>): string =>
  text.replace(/\b[a-z]+[0-9]+\.[0-9]+\b/g, (name) => names.get(name) ?? name)

const renamed = (entries: ReadonlyArray<Timeline.Entry>, names: ReadonlyMap<string, string>): Timeline.Timeline => ({
  entries: entries.map((entry) => {
    const known = names.get(entry.group)
    const name = entry.group === "locks" ? names.get(entry.name) : undefined
    return known === undefined && name === undefined
      ? entry
      : { ...entry, group: known ?? entry.group, name: name ?? entry.name }
  })
})

/**
 * The machine as it is booted elsewhere than in virtual time: `memmap` is another one than extents, `model` says what operations cost
 * instead of the request, and `last` is done when everybody has what they wanted, before the machine ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Elsewhere<A, E> {
  readonly memmap: Machine.Parts["memmap"]
  readonly model: CostModel.CostModel
  readonly last: Effect.Effect<A, E>
}

/**
 * Boots the machine under the strategy on the clock in force, and waits until everybody has what they wanted: the timeline, what `last`
 * says, and what of the machine is not simulated.
 *
 * @category running
 * @since 0.1.0
 */
export const boot = <A, E>(given: Request, elsewhere?: Elsewhere<A, E>) =>
  Effect.suspend(() => {
    const request = { ...given, machine: withBacking(given.machine, given.strategy.backing) }
    const timeline = Timeline.make()
    return Effect.gen(function*() {
      const layer = yield* Effect.fromResult(layerOf(request, elsewhere?.memmap))
      const stated = new Map((request.machine.nodes ?? []).map(({ cpus, node }) => [CostModel.pool(node), cpus]))
      const model = elsewhere?.model ??
        (yield* CostModel.make(request.costs, (pool) => stated.get(pool) || request.costs.processors))
      const references = Context.make(CostModel.Current, model).pipe(
        Context.add(Timeline.Current, timeline),
        Context.add(Disturbance.Current, request.disturbance ?? Disturbance.none)
      )
      // The machine is booted by whoever pays for it.
      const { entries, last, names, notes } = yield* Effect.flatMap(
        Layer.build(layer),
        (machine) => Effect.provide(program(request, timeline, elsewhere?.last ?? Effect.succeed(null)), machine)
      ).pipe(Effect.provide(references))
      const known = renamed(entries, names)
      return { timeline: known, last, notes: [...notes, ...Remarks.all(known)] }
    }).pipe(Effect.scoped, Waiting.named("boot"))
  })

/**
 * Boots the machine under the strategy and waits until everybody has what they wanted.
 *
 * Fails where the machine cannot boot, where its namespaces cannot be there, and with a `Deadlock` where somebody would wait for
 * ever. The same request ends the same way, entry for entry.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  request: Request
): Effect.Effect<Outcome, MachineError | KernelError.KernelError | Deadlock> =>
  Effect.flatMap(
    VirtualTime.run(boot<null, never>(request), { seed: request.seed }),
    ({ events, exit }) =>
      Exit.isFailure(exit)
        ? Effect.failCause(exit.cause)
        : Effect.sync(() => {
          const { notes, timeline } = exit.value
          const { strategy } = request
          return { strategy, timeline, row: Figures.row(strategy.name, timeline), events, notes }
        })
  )
