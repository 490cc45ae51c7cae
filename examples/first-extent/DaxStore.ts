/**
 * A store on a DAX filesystem. Its namespace is a terabyte whose struct pages are still being written when the filesystem is
 * mounted: it waits for its first extent only, while whoever likes watches the rest.
 */
import {
  BackgroundInit,
  CostModel,
  DaxDevices,
  EarlierBoot,
  FsDax,
  InitStrategies,
  Kernel,
  type KernelError,
  Machine,
  type MachineSpec,
  NvdimmBus,
  NvdimmState,
  type RangeInit
} from "@vmemmap/core"
import { Context, type Duration, Effect, Layer, Schema, type Stream } from "effect"

const GiB = 2 ** 30

/** One node with 64 GiB of RAM and a terabyte of persistent memory that an earlier boot made a namespace of. */
const machine: MachineSpec.MachineSpec = {
  ranges: [{ start: 0, size: 64 * GiB, kind: "ram" }],
  nodes: [{ node: 0, cpus: 16 }],
  devices: [{
    name: "region0",
    kind: "pmem",
    start: 1024 * GiB,
    size: 1024 * GiB,
    node: 0,
    labels: true,
    configured: [{ name: "namespace0.0", mode: "fsdax", map: "dev", size: 1024 * GiB }]
  }]
}

/** What operations cost on it, in nanoseconds and GB/s. */
const costs: CostModel.Costs = {
  ...CostModel.nothing,
  deviceBandwidth: 13.9,
  store: 29,
  template: 11,
  section: 2000,
  fault: 1500
}

/** The first extent was not there in time. */
export class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", { waited: Schema.String }) {
  override get message() {
    return `the first extent is still not initialised after ${this.waited}`
  }
}

/**
 * - `firstExtent` faults in the first 2 MiB of the store, and answers the pfn they are at
 * - `progress` of the initialisation behind it, until it is over
 */
export class DaxStore extends Context.Service<DaxStore, {
  readonly firstExtent: (within: Duration.Duration) => Effect.Effect<number, KernelError.KernelError | TooSlow>
  readonly progress: Stream.Stream<RangeInit.Progress>
}>()("examples/DaxStore") {}

const make = Effect.gen(function*() {
  const bus = yield* NvdimmBus.NvdimmBus
  const dax = yield* DaxDevices.DaxDevices
  const background = yield* BackgroundInit.BackgroundInit
  const { arch } = yield* Kernel.Kernel
  yield* bus.load("nfit")
  yield* EarlierBoot.write(machine)
  yield* dax.load("device_dax")
  yield* bus.load("nd_pmem")
  const bound = bus.regions().flatMap(NvdimmState.devices).find((device) => device.bound?.disk?.pagemap)
  const disk = bound?.bound?.disk
  if (bound === undefined || disk == null) return yield* Effect.die("no disk appeared")
  const mount = yield* FsDax.mount(disk, { blockSize: arch.pageSize })
  const extent = { offset: 0, length: arch.pmdSize, disk: 0 }
  const area = { start: arch.pmdSize, end: 2 * arch.pmdSize, offset: 0, isShared: true }
  const mapping = yield* mount.mmap({ size: extent.length, extents: [extent] }, area)

  const firstExtent = Effect.fn("firstExtent")(function*(within: Duration.Duration) {
    yield* mapping.fault(area.start, true).pipe(
      Effect.timeoutOrElse({ duration: within, orElse: () => Effect.fail(new TooSlow({ waited: String(within) })) })
    )
    return mapping.pfnAt(area.start) ?? 0
  })

  return DaxStore.of({ firstExtent, progress: BackgroundInit.watch(background, bound.name, "100 millis") })
})

/** The store on a machine whose kernel initialises device memory by a strategy, such as `vmemmap` or `async-2018-v1`. */
export const layer = (strategy: string) =>
  Layer.effect(DaxStore, make).pipe(
    Layer.provide(Layer.unwrap(Effect.map(
      Effect.fromResult(InitStrategies.parse(strategy)),
      (chosen) =>
        Machine.layer({ ...machine, kernel: chosen.kernel }, { background: BackgroundInit.layer(chosen, [0]) }).pipe(
          Layer.provideMerge(CostModel.layer(costs))
        )
    )))
  )
