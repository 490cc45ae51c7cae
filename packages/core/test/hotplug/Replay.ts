/** What recordings of memory hotplug did, done to the engine, and what both show then. */
import { Effect, Result } from "effect"
import type * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import { AcpiMemory } from "../../src/hotplug/AcpiMemory.ts"
import * as BlockAttributes from "../../src/hotplug/BlockAttributes.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryGroups } from "../../src/hotplug/MemoryGroups.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import * as Nodes from "../../src/hotplug/Nodes.ts"
import { OnlinePolicy } from "../../src/hotplug/OnlinePolicy.ts"
import { PagePins } from "../../src/hotplug/PagePins.ts"
import { KernelLog } from "../../src/kernel/KernelLog.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as Census from "../../src/memmap/Census.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import * as SectionFacts from "../../src/records/SectionFacts.ts"
import { Kernel } from "../../src/release/Kernel.ts"
import { Iomem } from "../../src/resources/Iomem.ts"
import type * as ResourceTree from "../../src/resources/ResourceTree.ts"
import { SectionTable } from "../../src/sections/SectionTable.ts"
import * as PageTables from "../../src/vmemmap/PageTables.ts"
import * as Survey from "../../src/vmemmap/Survey.ts"
import { Vmemmap } from "../../src/vmemmap/Vmemmap.ts"
import { Zones } from "../../src/zones/Zones.ts"

const page = 4096

interface Zone {
  readonly node: number
  readonly zone: string
  readonly spanned: number
  readonly present: number
  readonly managed: number
  readonly start_pfn?: number
}

interface Phase {
  readonly iomem: ReadonlyArray<
    { readonly depth: number; readonly start: number; readonly end: number; readonly name: string }
  >
  readonly zoneinfo: ReadonlyArray<Zone>
  readonly memory_blocks: {
    readonly blockSizeBytes: number
    readonly autoOnline: string
    readonly runs: ReadonlyArray<Readonly<Record<string, unknown>>>
  }
  readonly nodes: string
  readonly dmesg_new?: ReadonlyArray<string>
  readonly sameAs?: Readonly<Record<string, string>>
}

export interface Image {
  readonly count: number
  readonly firstPfn: number
  readonly lastPfn: number
  readonly words: ReadonlyArray<string>
}

export interface Snapshot {
  readonly start: number
  readonly size: number
  readonly vmemmap: {
    readonly leafCounts: Readonly<Record<string, number>>
    readonly backing: Readonly<Record<string, { readonly distinctBytes: number }>>
    readonly tablePages: { readonly pmd: number; readonly pte: number }
  }
  readonly structPages: { readonly imagesTotal: number; readonly images: ReadonlyArray<Image> }
}

export interface Observed {
  readonly commands: ReadonlyArray<
    { readonly command: string; readonly exit: number; readonly stderr: string; readonly dmesg?: ReadonlyArray<string> }
  >
  readonly phases: Readonly<Record<string, Phase>>
  readonly snapshots?: Readonly<Record<string, Snapshot>>
  readonly sections: Readonly<Record<string, ReadonlyArray<SectionFacts.Run>>>
}

/** A recording's `observed`, as far as it is compared. */
export const observedOf = (facts: KernelFacts.KernelCase) => facts.observed as unknown as Observed

/** A phase with what an earlier one said already. */
export const phaseOf = ({ phases }: Observed, name: string): Phase => {
  const phase = phases[name] as Phase
  const earlier = Object.entries(phase.sameAs ?? {}).map(([field, other]) => [
    field,
    phaseOf({ phases } as Observed, other)[field as keyof Phase]
  ])
  return { ...phase, ...Object.fromEntries(earlier) }
}

const mask = (nodes: ReadonlyArray<number>): string => {
  const runs: Array<[number, number]> = []
  for (const node of nodes) {
    const last = runs.at(-1)
    if (last !== undefined && last[1] + 1 === node) last[1] = node
    else runs.push([node, node])
  }
  return runs.map(([a, b]) => a === b ? `${a}` : `${a}-${b}`).join(",")
}

const ramOf = (tree: ResourceTree.Resource): ReadonlyArray<{ start: number; end: number; name: string }> =>
  tree.children.flatMap((child) => [
    ...(child.name.startsWith("System RAM") ? [{ start: child.start, end: child.end, name: child.name }] : []),
    ...ramOf(child)
  ])

/** What the engine shows of a phase. */
export const phase = Effect.gen(function*() {
  const zones = (yield* Zones).all()
  const blocks = yield* MemoryBlocks
  const policy = yield* OnlinePolicy
  const nodes = yield* Nodes.Nodes
  const runs = BlockAttributes.runs({ blocks, policy, zones: yield* Zones })
  return {
    zones: zones.filter(({ end, start }) => end > start).map(({ end, managed, name, node, present, start }) => ({
      node,
      zone: name as string,
      spanned: end - start,
      present,
      managed,
      ...(present > 0 ? { start_pfn: start } : {})
    })),
    blocks: {
      blockSizeBytes: blocks.size,
      autoOnline: policy.parameters().defaultState as string,
      runs: runs.map(({ first, last, nodes, physDevice, removable, state, validZones }) => ({
        first,
        last,
        state,
        validZones,
        physDevice: String(physDevice),
        removable: String(removable),
        nodes: nodes.map((node) => `node${node}`)
      }))
    },
    ram: ramOf((yield* Iomem).tree()),
    masks: {
      online: mask(nodes.online()),
      has_memory: mask(Nodes.withMemory(zones)),
      has_normal_memory: mask(Nodes.withNormalMemory(zones))
    }
  }
})

/**
 * What a recording shows of a phase. How many pages boot leaves to a zone cannot be predicted: for the zones it filled managed
 * pages are those of the engine when the first phase was seen, plus the change since.
 */
export const seen = (observed: Observed, name: string, replayed: Replayed) => {
  const { iomem, memory_blocks, nodes, zoneinfo } = phaseOf(observed, name)
  const first = phaseOf(observed, "before-drivers").zoneinfo
  const line = (word: string) => new RegExp(`^${word}=(.*)$`, "m").exec(nodes)?.[1]
  const same = (zone: Zone) => (other: Pick<Zone, "node" | "zone">) =>
    other.node === zone.node && other.zone === zone.zone
  return {
    zones: zoneinfo.filter(({ spanned, zone }) => spanned > 0 && zone !== "Device").map((zone) => {
      const mine = replayed.phases.get("before-drivers")?.zones.find(same(zone))
      const before = first.find(same(zone))
      return mine === undefined || before === undefined || !replayed.boot.some(same(zone))
        ? zone
        : { ...zone, managed: mine.managed + zone.managed - before.managed }
    }),
    blocks: memory_blocks,
    ram: iomem.filter(({ name }) => name.startsWith("System RAM")).map(({ end, name, start }) => ({
      start,
      end,
      name
    })),
    masks: {
      online: line("online"),
      has_memory: line("has_memory"),
      has_normal_memory: line("has_normal_memory")
    }
  }
}

/** The table of sections as the recordings show it. */
export const sections = Effect.gen(function*() {
  return SectionFacts.take(yield* Kernel, yield* SectionTable)
})

/** Whose memory a frame is: `dimmN`, or RAM, with its node where there are several. */
const memoryOf = (spec: MachineSpec, address: number): string => {
  const dimm = (spec.dimms ?? []).findIndex(({ size, start }) => address >= start && address < start + size)
  if (dimm >= 0) return `dimm${dimm}`
  const ram = (spec.ranges ?? []).filter(({ kind }) => kind === "ram")
  const nodes = new Set(ram.map(({ node }) => node ?? 0))
  const own = ram.find(({ size, start }) => address >= start && address < start + size)
  return nodes.size > 1 ? `ram${own?.node ?? 0}` : "ram"
}

/** What the engine shows of a range of memory, in bytes. */
export const snapshot = (spec: MachineSpec, start: number, size: number) =>
  Effect.gen(function*() {
    const { tables } = yield* Vmemmap
    const memmap = yield* Memmap
    const range = { start: start / 64, end: (start + size) / 64 }
    const survey = Survey.take(tables, range)
    const backing: Record<string, number> = {}
    for (const { end, start, value } of ExtentMap.slice(tables.leaves, range.start, range.end)) {
      for (let at = start; at < end; at += value.leaf) {
        const memory = memoryOf(spec, PageTables.frameOf(value, at, tables.pageSize) * page)
        backing[memory] = (backing[memory] ?? 0) + value.leaf
      }
    }
    const unmapped = survey.unmappedBytes / 64
    const census = Census.take(memmap, start / page, (start + size) / page)
    const unwritten = census.find(({ page }) => page._tag === "Unwritten")?.count ?? 0
    return {
      leafCounts: {
        ...Object.fromEntries([...survey.leaves].map(([leaf, count]) => [String(leaf), count])),
        ...(survey.holes === 0 ? {} : { unmapped: survey.holes })
      },
      backing,
      pmd: survey.pmd,
      pte: survey.pte,
      neverWritten: unwritten - unmapped,
      census: census.filter(({ page }) => page._tag !== "Unwritten"),
      read: memmap.read
    }
  })

export type Shown = Effect.Success<ReturnType<typeof snapshot>>

/** What a replayed recording showed on its way. */
export interface Replayed {
  readonly boot: Effect.Success<typeof phase>["zones"]
  readonly phases: ReadonlyMap<string, Effect.Success<typeof phase>>
  readonly snapshots: ReadonlyMap<string, Shown>
  readonly sections: ReadonlyMap<string, Effect.Success<typeof sections>>
  /** Errno by command, in order; `null` for success. */
  readonly results: ReadonlyArray<string | null>
  readonly lines: ReadonlyArray<string>
}

/** `for i in …; do …; done` written out. */
const unrolled = (line: string): ReadonlyArray<string> => {
  const loop = /^for i in ([0-9 ]+); do (.*); done$/.exec(line)
  return loop === null ? [line] : (loop[1] ?? "").split(" ").map((i) => (loop[2] ?? "").replaceAll("$i", i))
}

/** `$((0x200000000))`, `$((15*0x8000000))`. */
const number = (text: string): number =>
  text.replace(/^\$\(\((.*)\)\)$/, "$1").split("*").reduce((product, factor) => product * Number(factor), 1)

/** The blocks of what kmem added, by number of the dax device. */
const kmemOf = (observed: Observed): ReadonlyArray<{ readonly start: number; readonly size: number }> => {
  const starts = new Map<number, number>()
  for (const name of Object.keys(observed.phases)) {
    for (const { end, name: resource, start } of phaseOf(observed, name).iomem) {
      if (resource === "System RAM (kmem)") starts.set(start, end + 1 - start)
    }
  }
  return [...starts].toSorted(([a], [b]) => a - b).map(([start, size]) => ({ start, size }))
}

/** Does to the engine what a recording's script did to the kernel; `observe` is told every line before it is done. */
export const replay = <R = never>(
  facts: KernelFacts.KernelCase,
  spec: MachineSpec,
  observe: (line: string) => Effect.Effect<void, never, R> = () => Effect.void
) =>
  Effect.gen(function*() {
    const observed = observedOf(facts)
    const acpi = yield* AcpiMemory
    const hotplug = yield* MemoryHotplug
    const blocks = yield* MemoryBlocks
    const groups = yield* MemoryGroups
    const pins = yield* PagePins
    const log = yield* KernelLog
    const kmem = kmemOf(observed)
    const node = spec.devices?.[0]?.targetNode ?? spec.devices?.[0]?.node ?? 0
    const phases = new Map<string, Effect.Success<typeof phase>>()
    const snapshots = new Map<string, Shown>()
    const tables = new Map<string, Effect.Success<typeof sections>>()
    const results: Array<string | null> = []
    const boot = (yield* phase).zones

    const run = (effect: Effect.Effect<unknown, { readonly errno: string }>) =>
      Effect.map(Effect.result(effect), (done) => {
        results.push(Result.isFailure(done) ? done.failure.errno : null)
      })

    /** The kernel's own allocations in memory that went online are known from what they made fail. */
    const hold = (command: string) =>
      Effect.forEach(
        observed.commands.filter((one) => one.command === `sys${command}`).flatMap(({ dmesg = [] }) => dmesg),
        (line) => {
          const pfn = Number(/ pfn:(0x[0-9a-f]+)$/.exec(line)?.[1] ?? "NaN")
          return Number.isNaN(pfn) ? Effect.void : Effect.orDie(pins.pin({ start: pfn, end: pfn + 1 }, "unmovable"))
        },
        { discard: true }
      )

    const daxctl = Effect.fnUntraced(function*(line: string) {
      const range = kmem[Number(/dax0\.([0-9])$/.exec(line)?.[1])]
      if (range === undefined) return
      const own = { start: range.start / blocks.size, end: (range.start + range.size) / blocks.size }
      const type = line.includes("--no-movable") ? "online_kernel" : "online_movable"
      if (line.includes("online-memory")) yield* run(hotplug.online(own, type))
      if (line.includes("offline-memory")) yield* run(hotplug.offline(own))
      if (line.includes("-m system-ram")) {
        const maxPages = range.size / page
        const group = Result.getOrThrow(groups.register({ node, kind: "static", maxPages }))
        const request = { ...range, group, name: "System RAM (kmem)", driverManaged: true }
        const offline = line.includes("-N ") || line.includes("--no-online")
        const add = hotplug.addMemory(request)
        yield* run(offline ? add : Effect.andThen(add, hotplug.online(own, "online_movable")))
      }
      if (line.includes("-m devdax")) {
        yield* run(line.includes("-f ") ? hotplug.offlineAndRemove(range) : hotplug.removeMemory(range))
        for (const { id } of groups.all()) groups.unregister(id)
      }
    })

    const step = Effect.fnUntraced(function*(line: string) {
      yield* observe(line)
      const state = /^w (\w+) \/sys\/devices\/system\/memory\/memory([0-9]+)\/state$/.exec(line)
      const snap = /^snap (\S+) (\S+) (\S+)$/.exec(line)
      const label = /^(?:facts|ask sections) (\S+)$/.exec(line)?.[1]
      if (state !== null) {
        yield* hold(line)
        yield* run(BlockAttributes.store({ blocks, hotplug }, Number(state[2]), state[1] ?? ""))
      } else if (line.endsWith("/eject")) {
        yield* run(acpi.eject(acpi.devices()[0]?.start ?? 0))
      } else if (snap !== null) {
        snapshots.set(snap[1] ?? "", yield* snapshot(spec, number(snap[2] ?? ""), number(snap[3] ?? "")))
      } else if (line.startsWith("cmd daxctl ")) {
        yield* daxctl(line)
      } else if (line.startsWith("autosnap ")) {
        tables.set(line.slice("autosnap ".length), yield* sections)
      } else if (label !== undefined) {
        if (line.startsWith("facts")) phases.set(label, yield* phase)
        else tables.set(label, yield* sections)
      }
    })

    for (const { node = 0, size, start } of spec.dimms ?? []) {
      yield* Effect.ignore(acpi.plug({ start, size, node }))
    }
    phases.set("before-drivers", yield* phase)
    const script = facts.input["script"] as ReadonlyArray<string>
    yield* Effect.forEach(script.flatMap(unrolled), step, { discard: true })
    phases.set("final", yield* phase)
    tables.set("final", yield* sections)
    const lines = (yield* log.recent).flatMap((event) => event._tag === "Line" ? [event.text] : [])
    return { boot, phases, snapshots, sections: tables, results, lines } satisfies Replayed
  })
