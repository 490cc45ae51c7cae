/**
 * What `vmemmap simulate --json` prints: of a machine, or without one of those that come with the command.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Count, Lines, Text } from "./Described.ts"

const Nanos = (description: string) => Schema.Natural.annotate({ description: `Nanoseconds: ${description}` })

const Ratio = (description: string) => Schema.NullOr(Schema.Finite).annotate({ description })

/**
 * How long accesses took.
 *
 * @category models
 * @since 0.1.0
 */
export const Latency = Schema.Struct({
  count: Count("Accesses; of none all times are 0."),
  p50Ns: Nanos("half of them took no longer."),
  p99Ns: Nanos("99 of 100 took no longer."),
  maxNs: Nanos("the longest.")
}).annotate({ identifier: "Latency", description: "How long accesses took, from the first instruction to the last." })
/** @since 0.1.0 */
export interface Latency extends Schema.Schema.Type<typeof Latency> {}

/**
 * One device.
 *
 * @category models
 * @since 0.1.0
 */
export const DeviceRow = Schema.Struct({
  name: Text("Name of the disk or of the character device."),
  appearsNs: Nanos("from boot until it appeared."),
  readyNs: Nanos("from boot until its last struct page was initialised."),
  structPages: Count("Struct pages written for it, each time counted."),
  firstFault: Latency
}).annotate({ identifier: "DeviceRow", description: "When one device was there and ready." })
/** @since 0.1.0 */
export interface DeviceRow extends Schema.Schema.Type<typeof DeviceRow> {}

/**
 * Figures as parts of those of the baseline.
 *
 * @category models
 * @since 0.1.0
 */
export const Ratios = Schema.Struct({
  bootProceeds: Ratio("Of bootProceedsNs."),
  blockDevices: Ratio("Of blockDevicesNs."),
  ready: Ratio("Of readyNs."),
  firstFaultP50: Ratio("Of firstFault.p50Ns."),
  firstFaultP99: Ratio("Of firstFault.p99Ns."),
  cpu: Ratio("Of cpuNs."),
  bootCpu: Ratio("Of bootCpuNs."),
  lockHeld: Ratio("Of lockHeldNs."),
  lockLongest: Ratio("Of lockLongestNs."),
  structPagesWritten: Ratio("Of structPagesWritten."),
  ram: Ratio("Of ram."),
  device: Ratio("Of device.")
}).annotate({
  identifier: "Ratios",
  description: "Figures divided by those of the baseline; null where that is 0 and this is not."
})
/** @since 0.1.0 */
export interface Ratios extends Schema.Schema.Type<typeof Ratios> {}

const strategy = {
  name: Text("The strategy as it was given."),
  about: Text("What it is; of one that was mixed, what its preset is.")
}

/**
 * A strategy and what it gives.
 *
 * @category models
 * @since 0.1.0
 */
export const Simulated = Schema.Struct({
  ...strategy,
  error: Schema.Null.annotate({ description: "null: it ended well." }),
  bootRamNs: Nanos("from boot until all RAM was initialised."),
  bootProceedsNs: Nanos("from boot until all drivers were loaded and boot went on."),
  blockDevicesNs: Nanos("from boot until the last device appeared; 0: there is none."),
  readyNs: Nanos("from boot until the last struct page of a device was initialised; 0: there is no device."),
  firstFault: Latency,
  cpuNs: Nanos("of processors, to map and to write struct pages of devices."),
  bootCpuNs: Nanos("of processors, to write struct pages of RAM at boot."),
  lockHeldNs: Nanos("the hotplug lock was held in all."),
  lockLongestNs: Nanos("the longest it was held at once."),
  structPagesWritten: Count("Struct pages of devices written, each time counted."),
  bytesWritten: Count("Bytes of them."),
  bootStructPages: Count("Struct pages of RAM written at boot."),
  ram: Count("Bytes of RAM that the struct pages of devices take, page tables included."),
  device: Count("Bytes of device memory that they take."),
  devices: Schema.Array(DeviceRow).annotate({ description: "Every device that appeared, by name." }),
  ratios: Schema.NullOr(Ratios).annotate({ description: "Against the baseline; null where that failed." })
}).annotate({ identifier: "Simulated", description: "A strategy and what it gives on this machine." })
/** @since 0.1.0 */
export interface Simulated extends Schema.Schema.Type<typeof Simulated> {}

/**
 * A strategy under which the simulation did not end well.
 *
 * @category models
 * @since 0.1.0
 */
export const Failed = Schema.Struct({
  ...strategy,
  error: Text(
    "Why there are no figures: the machine cannot boot with it, a device cannot be, or somebody waits for ever."
  )
}).annotate({ identifier: "Failed", description: "A strategy under which this machine does not become ready." })
/** @since 0.1.0 */
export interface Failed extends Schema.Schema.Type<typeof Failed> {}

/**
 * Either.
 *
 * @category models
 * @since 0.1.0
 */
export const Strategy = Schema.Union([Simulated, Failed])
/** @since 0.1.0 */
export type Strategy = typeof Strategy.Type

/**
 * Who touched the devices.
 *
 * @category models
 * @since 0.1.0
 */
export const Faults = Schema.Struct({
  kind: Text("first, uniform, sequential, hot or all."),
  access: Text("fault, io or register."),
  count: Count("Accesses to each device; of kind all, as many as its node has processors."),
  at: Nanos("from when the device appeared until the first."),
  every: Nanos("from one to the next."),
  size: Schema.NullOr(Schema.Natural).annotate({
    description: "Bytes of each; null: the largest page the device can map."
  })
}).annotate({ identifier: "Faults", description: "Who touched each device first, when, and where." })
/** @since 0.1.0 */
export interface Faults extends Schema.Schema.Type<typeof Faults> {}

/**
 * A number of the cost model.
 *
 * @category models
 * @since 0.1.0
 */
export const Cost = Schema.Struct({
  name: Text("Name of the number."),
  what: Text("What it is, and its unit where that is not nanoseconds."),
  value: Schema.NullOr(Schema.Finite).annotate({ description: "The number; null: not given, so it costs nothing." }),
  from: Text("Where it is from: a published figure it was fitted to, a source, or why it is assumed.")
}).annotate({ identifier: "Cost", description: "A number of the cost model and where it is from." })
/** @since 0.1.0 */
export interface Cost extends Schema.Schema.Type<typeof Cost> {}

/**
 * What somebody measured, beside what comes out here.
 *
 * @category models
 * @since 0.1.0
 */
export const PublishedPoint = Schema.Struct({
  what: Text("What was measured."),
  source: Text("Who published it, and how it is written there."),
  strategy: Text("The strategy it is simulated with."),
  minus: Schema.NullOr(Schema.String).annotate({
    description: "The strategy whose figure it is less than; null: the figure itself."
  }),
  variant: Schema.NullOr(Schema.String).annotate({ description: "The machine set up otherwise; null: as described." }),
  figure: Text("Which figure."),
  unit: Text("`ns`, or `part` of the figure under `minus`."),
  low: Schema.Finite.annotate({ description: "What was published, at least." }),
  high: Schema.Finite.annotate({ description: "What was published, at most." }),
  simulated: Schema.Finite.annotate({ description: "What comes out here." }),
  off: Schema.Finite.annotate({ description: "By which part that is outside of what was published; 0: inside." }),
  use: Text("`fit`: it gave a number of the cost model; `predict`: it gave none."),
  parameter: Schema.NullOr(Schema.String).annotate({ description: "The number it gave; null where it gave none." }),
  why: Schema.NullOr(Schema.String).annotate({ description: "What is known of a prediction that is off." })
}).annotate({ identifier: "PublishedPoint", description: "A published figure beside the simulated one." })
/** @since 0.1.0 */
export interface PublishedPoint extends Schema.Schema.Type<typeof PublishedPoint> {}

/**
 * The whole answer; `published` is there with --published only.
 *
 * @category models
 * @since 0.1.0
 */
export const SimulateAnswer = Schema.Struct({
  machine: Text("Name of the machine."),
  about: Text("What it is."),
  hardware: Text("Name of the machine whose costs are used."),
  baseline: Text("Name of the strategy that the others are compared with."),
  seed: Schema.Int.annotate({ description: "Seed of all that is left to chance." }),
  faults: Faults,
  strategies: Schema.Array(Strategy).annotate({ description: "One row a strategy, in the order asked for." }),
  costs: Schema.Array(Cost).annotate({ description: "Every number of the cost model." }),
  assumptions: Lines("What no source said and was assumed."),
  notes: Lines("What of the machine is not simulated, or not as described."),
  publishedPoints: Count("How many figures are published of this machine."),
  published: Schema.optionalKey(
    Schema.Array(PublishedPoint).annotate({ description: "With --published: each of them beside the simulated one." })
  )
}).annotate({
  title: "vmemmap simulate MACHINE --json",
  description: "When a machine is ready under several ways to initialise struct pages, and what each costs."
})
/** @since 0.1.0 */
export interface SimulateAnswer extends Schema.Schema.Type<typeof SimulateAnswer> {}

/**
 * A machine that comes with the command.
 *
 * @category models
 * @since 0.1.0
 */
export const BundledMachine = Schema.Struct({
  name: Text("Its name, which MACHINE can be."),
  about: Text("What it is."),
  strategies: Lines("The strategies that are worth comparing on it."),
  publishedPoints: Count("How many figures are published of it."),
  published: Schema.optionalKey(
    Schema.Array(PublishedPoint).annotate({ description: "With --published: each of them beside the simulated one." })
  )
}).annotate({ identifier: "BundledMachine", description: "A machine that comes with the command." })
/** @since 0.1.0 */
export interface BundledMachine extends Schema.Schema.Type<typeof BundledMachine> {}

/**
 * Without MACHINE.
 *
 * @category models
 * @since 0.1.0
 */
export const MachinesAnswer = Schema.Struct({
  machines: Schema.Array(BundledMachine).annotate({ description: "All of them, by name." })
}).annotate({
  title: "vmemmap simulate --json",
  description: "The machines that come with the command."
})
/** @since 0.1.0 */
export interface MachinesAnswer extends Schema.Schema.Type<typeof MachinesAnswer> {}
