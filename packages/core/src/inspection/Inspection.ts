/**
 * A machine explained: what it is made of, what its struct pages cost and where they live, and where it disagrees with the model.
 *
 * @since 0.1.0
 */
import * as Num from "effect/Number"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { InputError } from "../inputs/InputError.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type { MachineError } from "../machine/MachineError.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as Current from "../planning/Current.ts"
import * as NodeOfRam from "../planning/NodeOfRam.ts"
import * as Check from "./Check.ts"
import type * as DeviceMaps from "./DeviceMaps.ts"
import * as Disagreements from "./Disagreements.ts"
import * as Expectation from "./Expectation.ts"
import type { MachineView } from "./MachineView.ts"
import * as PfnView from "./PfnView.ts"
import * as Place from "./Place.ts"

/**
 * Sections that follow one another and are of one kind.
 *
 * @category models
 * @since 0.1.0
 */
export const Sections = Schema.Struct({
  first: Schema.Natural.annotate({ description: "Number of the first section." }),
  last: Schema.Natural.annotate({ description: "Number of the last section." }),
  kind: Schema.Literals(["boot", "added", "device"]).annotate({
    description: "RAM from boot on, RAM added since, or device memory with struct pages (may share a section with RAM)."
  }),
  node: Schema.NullOr(Schema.Int).annotate({ description: "NUMA node; null when not known." })
}).annotate({ identifier: "Sections", description: "A run of sections of one kind." })
/** @since 0.1.0 */
export interface Sections extends Schema.Schema.Type<typeof Sections> {}

/**
 * Memory blocks that follow one another and read the same.
 *
 * @category models
 * @since 0.1.0
 */
export const BlockRun = Schema.Struct({
  first: Schema.Natural.annotate({ description: "Number of the first block." }),
  last: Schema.Natural.annotate({ description: "Number of the last block." }),
  state: Schema.String.annotate({ description: "online, offline, going-offline; expected where no source says it." }),
  zone: Schema.String.annotate({
    description: "Zone of an online block, zones an offline one may join, none for several."
  }),
  node: Schema.NullOr(Schema.Natural).annotate({ description: "NUMA node; null when not known." })
}).annotate({ identifier: "BlockRun", description: "A run of memory blocks." })
/** @since 0.1.0 */
export interface BlockRun extends Schema.Schema.Type<typeof BlockRun> {}

/**
 * Pages a zone has by its own count.
 *
 * @category models
 * @since 0.1.0
 */
export const ZoneCount = Schema.Struct({
  spanned: Schema.Natural.annotate({ description: "Pages from its first to its last." }),
  present: Schema.Natural.annotate({ description: "Pages that exist." }),
  managed: Schema.Natural.annotate({ description: "Pages the page allocator has." })
}).annotate({ identifier: "ZoneCount", description: "What /proc/zoneinfo says of a zone." })

/**
 * A zone as expected, and as the machine counts it.
 *
 * @category models
 * @since 0.1.0
 */
export const ZoneView = Schema.Struct({
  node: Schema.Natural.annotate({ description: "NUMA node." }),
  zone: Schema.String.annotate({ description: "Name of the zone." }),
  start: Schema.NullOr(Schema.Natural).annotate({ description: "First pfn; null for an empty zone." }),
  spanned: Schema.Natural.annotate({ description: "Pages spanned, as expected." }),
  present: Schema.Natural.annotate({ description: "Pages present, as expected." }),
  memmap: Schema.Natural.annotate({ description: "Pages its memmap was booked with at boot." }),
  said: Schema.NullOr(ZoneCount).annotate({ description: "What the machine says; null when it was not asked." })
}).annotate({ identifier: "ZoneView", description: "A zone of a node." })
/** @since 0.1.0 */
export interface ZoneView extends Schema.Schema.Type<typeof ZoneView> {}

/**
 * A device with what is configured on it.
 *
 * @category models
 * @since 0.1.0
 */
export const DeviceView = Schema.Struct({
  name: Schema.String.annotate({ description: "Name of the region or device." }),
  kind: MachineSpec.DeviceKind.annotate({ description: "What firmware calls it." }),
  start: Schema.NullOr(Schema.Natural).annotate({ description: "Physical address; null when not known." }),
  size: Schema.Natural.annotate({ description: "Bytes." }),
  current: Schema.NullOr(Current.Current).annotate({ description: "What is configured on it; null for nothing." })
}).annotate({ identifier: "DeviceView", description: "A device." })

/**
 * Bytes of struct pages by where they live, and the page tables that map them.
 *
 * @category models
 * @since 0.1.0
 */
export const MemmapView = Schema.Struct({
  ram: Schema.Natural.annotate({ description: "Bytes of struct pages in RAM." }),
  device: Schema.Natural.annotate({ description: "Bytes of struct pages on devices." }),
  pageTables: Schema.Natural.annotate({ description: "Bytes of page tables that map them, always RAM." })
}).annotate({ identifier: "MemmapView", description: "What the struct pages cost and where they live." })

/**
 * Struct pages initialised after boot went on.
 *
 * @category models
 * @since 0.1.0
 */
export const Deferred = Schema.Struct({
  nodes: Schema.Array(Schema.Natural).annotate({ description: "Nodes whose pages were initialised late." }),
  pages: Schema.NullOr(Schema.Natural).annotate({ description: "How many; null where the kernel does not say." }),
  pending: Schema.Natural.annotate({ description: "Pages that boot left to be initialised on demand." })
}).annotate({ identifier: "Deferred", description: "Deferred initialisation, as the boot log tells it." })

/**
 * The machine explained. `checked` counts comparisons; those that differ are the disagreements.
 *
 * @category models
 * @since 0.1.0
 */
export const Inspection = Schema.Struct({
  kernel: Schema.String.annotate({ description: "Kernel whose rules were applied." }),
  arch: Schema.String.annotate({ description: "Architecture." }),
  sources: Schema.Array(Schema.String).annotate({ description: "Sources that were read." }),
  sections: Schema.Array(Sections).annotate({ description: "Sections that exist." }),
  blockSize: Schema.Natural.annotate({ description: "Bytes of a memory block." }),
  blocks: Schema.Array(BlockRun).annotate({ description: "Memory blocks." }),
  zones: Schema.Array(ZoneView).annotate({ description: "Zones by node." }),
  devices: Schema.Array(DeviceView).annotate({ description: "Devices with memory of their own." }),
  memmap: MemmapView,
  deferred: Schema.NullOr(Deferred).annotate({ description: "null without a boot log." }),
  checked: Schema.Natural.annotate({ description: "Comparisons made." }),
  disagreements: Schema.Array(Check.Check).annotate({ description: "Comparisons in which the two differ." }),
  pfns: Schema.Array(PfnView.PfnView).annotate({ description: "The page frames asked for." }),
  notes: Schema.Array(Schema.String).annotate({
    description: "What could not be read, and what was taken for granted."
  })
})
/** @since 0.1.0 */
export interface Inspection extends Schema.Schema.Type<typeof Inspection> {}

/** Cost of namespaces in use; memory handed to kmem is counted as RAM where the machine shows it there. */
const deviceCost = (devices: ReadonlyArray<DeviceMaps.Device>, view: MachineView) => {
  const namespaces = devices.flatMap(({ current }) => current?.namespaces ?? [])
    .filter(({ disabled, mode }) => !disabled && (mode !== "system-ram" || view.iomem === undefined))
  const sum = (key: "ram" | "device" | "pageTables") => Num.sumAll(namespaces.map((one) => one[key] ?? 0))
  const unknown = namespaces.filter(({ map, ram }) => map !== "none" && ram === null).map(({ name }) => name)
  return { ram: sum("ram"), device: sum("device"), pageTables: sum("pageTables"), unknown }
}

const deferredOf = ({ log }: MachineView) =>
  log === undefined ? null : {
    nodes: log.deferred.map(({ node }) => node).toSorted((a, b) => a - b),
    pages: log.deferred.every(({ pages }) => pages !== undefined)
      ? Num.sumAll(log.deferred.map(({ pages = 0 }) => pages))
      : null,
    pending: log.lazy ?? 0
  }

const zonesOf = (view: MachineView, { zones }: Expectation.Expectation): ReadonlyArray<ZoneView> => {
  const said = new Map((view.zones ?? []).map((zone) => [`${zone.node} ${zone.zone}`, zone]))
  return zones.map(({ memmap, name, node, present, spanned, start }) => {
    const count = said.get(`${node} ${name}`)
    return {
      node,
      zone: name,
      start: start ?? null,
      spanned,
      present,
      memmap,
      said: count === undefined ? null : { spanned: count.spanned, present: count.present, managed: count.managed }
    }
  })
}

const blocksOf = (view: MachineView, { bootBlocks }: Expectation.Expectation): ReadonlyArray<BlockRun> =>
  view.blocks?.runs ?? bootBlocks.map(({ first, last }) => ({ first, last, state: "expected", zone: "", node: null }))

/** Zones and memory blocks of one node say that there is only that one. */
const saysNode = ({ blocks, zones = [] }: MachineView): boolean =>
  zones.length > 0 || (blocks?.runs ?? []).some(({ node }) => node !== null)

const assumptions = (view: MachineView, { spec } = view): ReadonlyArray<string> => [
  ...(spec.kernel === undefined
    ? ["no source names a kernel there are rules for: those of the baseline are applied"]
    : []),
  ...(spec.arch === undefined ? ["no source names the architecture: x86_64 is taken"] : []),
  ...(spec.structPage === undefined ? ["a struct page of 64 bytes (GEO-5): no source says it"] : []),
  ...(saysNode(view) ? [] : NodeOfRam.assumed(spec))
]

/**
 * Explains the machine, and the page frames named by `places` ({@link Place.parse}).
 *
 * Fails where the description cannot boot, or a place is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  view: MachineView,
  places: ReadonlyArray<string> = []
): Result.Result<Inspection, InputError | MachineError | KernelError> =>
  Result.gen(function*() {
    const expected = yield* Expectation.make(view)
    const { boot: { kernel: { arch, release } }, devices, maps } = expected
    const cost = deviceCost(devices, view)
    const checks = Disagreements.checks(view, expected)
    const pfns: Array<PfnView.PfnView> = []
    for (const place of places) {
      pfns.push(PfnView.make({ view, expected }, yield* Place.parse(place, expected.boot.kernel)))
    }
    return {
      kernel: release.name,
      arch: arch.name,
      sources: view.sources,
      sections: [
        ...expected.sections,
        ...maps.map(({ end, node, start }) => ({
          first: Math.floor(start / arch.sectionSize),
          last: Math.ceil(end / arch.sectionSize) - 1,
          kind: "device" as const,
          node
        })).toSorted((a, b) => a.first - b.first)
      ],
      blockSize: view.blocks?.size ?? expected.boot.blockSize,
      blocks: blocksOf(view, expected),
      zones: zonesOf(view, expected),
      devices,
      memmap: {
        ram: expected.memmap.ram + cost.ram,
        device: cost.device,
        pageTables: expected.memmap.pageTables + cost.pageTables
      },
      deferred: deferredOf(view),
      checked: checks.length,
      disagreements: Disagreements.differing(checks),
      pfns,
      notes: [
        ...view.notes,
        ...assumptions(view),
        ...cost.unknown.map((name) => `${name}: its struct pages are not counted, nobody says its size`)
      ]
    }
  })
