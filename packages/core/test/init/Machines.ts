/** Whole machines whose device memory is initialised by some strategy, and everything that can be seen of it. */
import { assert } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { FrameAllocator } from "../../src/frames/FrameAllocator.ts"
import * as Alignment from "../../src/geometry/Alignment.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import { DirectMap } from "../../src/hotplug/DirectMap.ts"
import type * as Pagemap from "../../src/hotplug/Pagemap.ts"
import * as BackgroundInit from "../../src/init/BackgroundInit.ts"
import * as InitStrategy from "../../src/init/InitStrategy.ts"
import { KernelLog } from "../../src/kernel/KernelLog.ts"
import { Ledger } from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import type { Image } from "../../src/memmap/Image.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import { Pageblocks } from "../../src/memmap/Pageblocks.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import { has, type KernelRelease } from "../../src/release/KernelRelease.ts"
import * as KernelReleases from "../../src/release/KernelRelease.ts"
import * as Port from "../../src/release/Port.ts"
import { PagemapIndex } from "../../src/sections/PagemapIndex.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as Altmap from "../../src/vmemmap/Altmap.ts"
import * as CompoundVmemmap from "../../src/vmemmap/CompoundVmemmap.ts"
import { Vmemmap } from "../../src/vmemmap/Vmemmap.ts"
import { Zones } from "../../src/zones/Zones.ts"

export const MiB = 2 ** 20
export const GiB = 2 ** 30

/**
 * A device as it is drawn: `gap` and `length` in units of what the kernel can add, `align` one of the alignments of its pages. What
 * is `starved` sets too little aside for its memmap.
 */
export interface Drawn {
  readonly gap: number
  readonly length: number
  readonly map: "mem" | "dev"
  readonly align: number
  readonly node: number
  readonly isStarved?: boolean
}

/** A device as it is attached; pfns. `first` belongs to users, `written` is what is stored of `reserve` on. */
export interface Device {
  readonly request: Pagemap.Request
  readonly range: PfnRange.PfnRange
  readonly first: number
  readonly unreserved: number
  readonly order: number
}

export interface Machines {
  readonly spec: MachineSpec.MachineSpec
  readonly strategy: InitStrategy.InitStrategy
  readonly kernel: CompoundVmemmap.Kernel
  readonly ram: ReadonlyArray<PfnRange.PfnRange>
  readonly devices: ReadonlyArray<Device>
}

const releaseOf = (text: string): KernelRelease => Result.getOrThrow(KernelReleases.parse(text))

/** Two nodes with RAM below 2 GiB, and from 4 GiB on; devices above it, the first in its last section where `ramEnd` is odd. */
export const make = (
  strategy: InitStrategy.InitStrategy,
  drawn: ReadonlyArray<Drawn>,
  { archName = "x86_64", ramEnd = 0 }: { readonly archName?: Architecture.Name; readonly ramEnd?: number } = {}
): Machines => {
  const text = InitStrategy.kernelText(strategy)
  const release = releaseOf(text)
  const arch = Port.make(Architecture.presets[archName], release)
  const page = arch.pageSize
  const unit = Architecture.addGranule(arch)
  const ram = [{ start: 0, end: 2 * GiB }, { start: 4 * GiB, end: 6 * GiB + ramEnd * 2 * MiB }]
  let end = Alignment.up(ram[1]?.end ?? 0, unit)
  const devices = drawn.map(({ align, gap, isStarved = false, length, map: wish, node }, i): Device => {
    const map = arch.altmap === "refused" ? "mem" : wish
    const order = has(release, "compound-devmaps") ? Math.log2((arch.daxAligns[align] ?? page) / page) : 0
    const grain = Math.max(unit, 2 ** order * page)
    // Elsewhere neighbours share the blocks their memmap is mapped with (BUG-18).
    const border = archName === "x86_64" ? end : Alignment.up(end, arch.sectionSize)
    const start = Alignment.up(border + gap * unit, grain)
    const wanted = length * unit
    const slack = 2 * Math.max(arch.pmdSize, arch.vmemmapBlock)
    const metadata = Alignment.up(8192 + wanted / page * (isStarved ? 8 : 64) + (isStarved ? 0 : slack), grain)
    const size = Alignment.up(wanted, grain) + (map === "dev" ? metadata : 0)
    const altmap = map === "dev" ? Altmap.make(start, metadata, arch) : undefined
    end = start + size
    const reserve = altmap === undefined ? 0 : altmap.reserve
    return {
      request: {
        name: `dev${i}`,
        type: order === 0 ? "fsdax" : "generic",
        node,
        order,
        ranges: [{ start, end: start + size }],
        background: "posted",
        ...(altmap === undefined ? {} : { altmap })
      },
      range: { start: start / page, end: (start + size) / page },
      first: start / page + reserve + (altmap?.free ?? 0),
      unreserved: start / page + reserve,
      order
    }
  })
  return {
    spec: {
      kernel: text,
      arch: archName,
      hypervisor: true,
      nodes: [{ node: 0, cpus: 4 }, { node: 1, cpus: 4 }],
      ranges: ram.map(({ end, start }, node) => ({ kind: "ram" as const, start, size: end - start, node }))
    },
    strategy,
    kernel: { arch, release, structPage: 64 },
    ram,
    devices
  }
}

/** Whether no two devices share a section, so that none pays for another; as x86-64 has them. */
export const isApart = ({ devices, kernel: { arch } }: Machines): boolean => {
  const perSection = Architecture.pagesPerSection(arch)
  return arch.name === "x86_64" && devices.every(({ range }, i) => {
    const before = devices[i - 1]
    return before === undefined ||
      Math.floor((before.range.end - 1) / perSection) < Math.floor(range.start / perSection)
  })
}

/** How often each struct page of some devices was stored to. */
export interface Stores {
  readonly of: (pfn: number) => number
  readonly area: (device: Device) => Uint8Array
  readonly reset: () => void
  readonly layer: typeof Memmap.layer
}

export const stores = ({ devices }: Machines): Stores => {
  const areas = devices.map(({ range }) => ({ range, times: new Uint8Array(PfnRange.length(range)) }))
  const record = (start: number, end: number, image: Image) => {
    if (image._tag === "Poisoned") return
    for (const { range, times } of areas) {
      const { end: to, start: from } = PfnRange.intersection({ start, end }, range)
      for (let pfn = from; pfn < to; pfn++) {
        const at = pfn - range.start
        const isStored = image._tag !== "Compound" || (pfn - image.head) % 2 ** image.order < image.written
        if (isStored) times[at] = (times[at] ?? 0) + 1
      }
    }
  }
  const counted = (memmap: Memmap.Memmap["Service"]): Memmap.Memmap["Service"] => ({
    ...memmap,
    write: (start, end, image) => {
      record(start, end, image)
      memmap.write(start, end, image)
    }
  })
  return {
    of: (pfn) => {
      const area = areas.find(({ range }) => range.start <= pfn && pfn < range.end)
      return area === undefined ? 0 : area.times[pfn - area.range.start] ?? 0
    },
    area: (device) => areas.find(({ range }) => range === device.range)?.times ?? new Uint8Array(),
    reset: () => areas.forEach(({ times }) => times.fill(0)),
    layer: Layer.effect(
      Memmap.Memmap,
      Effect.map(
        Effect.service(Kernel.Kernel),
        ({ arch, structPage }) => counted(Memmap.make(Math.floor(arch.pageSize / structPage)))
      )
    )
  }
}

export const layer = ({ spec, strategy }: Machines, counted: Stores) =>
  Machine.layer(spec, { background: BackgroundInit.layer(strategy, [0, 1]), memmap: counted.layer })

/** Everything a machine offers. */
export type Services = Layer.Success<ReturnType<typeof layer>>

/** How often the struct page of a pfn is stored to while its device is attached, as the spec says (INI-7 … INI-12). */
export const wanted = (
  { kernel, ram, strategy }: Machines,
  { first, order, range, request, unreserved }: Device
) => {
  const { arch, release } = kernel
  const section = Architecture.pagesPerSection(arch)
  const shared = CompoundVmemmap.isShared(kernel, order, request.altmap !== undefined)
  const each = CompoundVmemmap.initialisedPerCompound(kernel, order, shared)
  const isEarly = (pfn: number) => {
    const start = Alignment.down(pfn, section) * arch.pageSize
    return ram.some((one) => PfnRange.overlaps(one, { start, end: start + section * arch.pageSize }))
  }
  // Twice where everything is written under the lock first, and users' pages again.
  const passes = strategy.when === "synchronous" && strategy.underLock === "every page" ? 2 : 1
  const isFixed = has(release, "dedup-early-section-fix")
  return (pfn: number): number => {
    if (pfn < range.start || pfn >= range.end || pfn < unreserved) return 0
    if (pfn < first) return 1
    const index = (pfn - first) % 2 ** order
    if (index < each) return passes
    return isFixed && isEarly(pfn - index) ? passes : 0
  }
}

const joined = <A>(extents: ReadonlyArray<ExtentMap.Extent<A>>, key: (value: A) => string) => {
  const runs: Array<{ start: number; end: number; value: string }> = []
  for (const { end, start, value } of extents) {
    const text = key(value)
    const last = runs.at(-1)
    if (last !== undefined && last.end === start && last.value === text) last.end = end
    else runs.push({ start, end, value: text })
  }
  return runs
}

/** Without the numbers of pagemaps, which differ from one time to the next. */
const plain = (value: unknown): string =>
  JSON.stringify(value, (key, inner) => key === "pagemap" ? 0 : typeof inner === "bigint" ? String(inner) : inner)

/** An early section stays tainted when the device is gone that shared it (ZON-4). */
const shown = (flags: number): number =>
  (flags & SectionTable.Flag.early) === 0 ? flags : flags & ~SectionTable.Flag.taintZoneDevice

/** What must be as it was once devices are gone. What all compounds of an order share is kept (CMP-12), and roots. */
export const traces = ({ devices, kernel }: Machines) =>
  Effect.gen(function*() {
    const table = yield* SectionTable.SectionTable
    const { tables } = yield* Vmemmap
    const frames = yield* FrameAllocator
    const ledger = yield* Ledger
    const index = yield* PagemapIndex
    const perSection = Architecture.pagesPerSection(kernel.arch)
    const first = Math.floor((devices[0]?.range.start ?? 0) / perSection)
    const last = Math.floor(((devices.at(-1)?.range.end ?? 0) - 1) / perSection)
    const isKept = (purpose: string) => purpose === "shared-tail" || purpose === "section-root"
    const books = ledger.lines().filter(({ book }) => book !== "written")
    const held = (lines: typeof books) => lines.reduce((sum, { allocated, freed }) => sum + allocated - freed, 0)
    const kept = held(books.filter(({ book, purpose }) => book === "ram" && isKept(purpose)))
    return {
      sections: Array.from({ length: last - first + 1 }, (_, i) => [
        shown(SectionTable.flags(table, first + i)),
        SectionTable.usage(table, first + i),
        SectionTable.mapText(table, first + i)
      ]),
      leaves: ExtentMap.slice(tables.leaves, first * perSection * 64, (last + 1) * perSection * 64).length,
      tables: [PfnRange.total(tables.pte.extents), PfnRange.total(tables.pmd.extents)],
      free: frames.free(0) + frames.free(1) + kept,
      held: held(books.filter(({ purpose }) => !isKept(purpose))),
      index: index.extents.length,
      directMap: (yield* DirectMap).pieces()
    }
  })

/** Pages at both ends of everything: of the range, of compounds, of what is written of them, of blocks and sections. */
const seen = ({ first, order, range, unreserved }: Device, pageblock: number): ReadonlyArray<number> => {
  const heads = [0, 1, 2, 5].map((i) => first + i * 2 ** order)
  const near = [
    ...heads,
    ...heads.map((pfn) => pfn + 64),
    ...heads.map((pfn) => pfn + 128),
    unreserved,
    first,
    range.end
  ]
  for (let pfn = Alignment.up(range.start, pageblock); pfn < range.end; pfn += 37 * pageblock) near.push(pfn)
  const pfns = new Set(near.flatMap((pfn) => [pfn - 1, pfn, pfn + 1, pfn + 2]))
  return [...pfns].filter((pfn) => pfn >= unreserved && pfn < range.end).toSorted((a, b) => a - b)
}

/** Everything of attached devices, whoever did what of it and when. */
export const view = (machines: Machines) =>
  Effect.gen(function*() {
    const { devices, kernel } = machines
    const memmap = yield* Memmap.Memmap
    const pageblocks = yield* Pageblocks
    const zones = yield* Zones
    const { tables } = yield* Vmemmap
    const ledger = yield* Ledger
    const { leaves: _, held: __, ...rest } = yield* traces(machines)
    const pageblock = 2 ** kernel.arch.pageblockOrder
    const books = new Map<string, number>()
    for (const { allocated, book, freed, purpose } of ledger.lines()) {
      if (book === "written") continue
      const name = `${book} ${purpose}`
      books.set(name, (books.get(name) ?? 0) + allocated - freed)
    }
    return {
      ...rest,
      books: [...books].filter(([, held]) => held !== 0).toSorted(([a], [b]) => a < b ? -1 : 1),
      zones: zones.all().map(({ end, name, node, start }) => `${node} ${name} ${start} ${end}`).toSorted(),
      leaves: devices.map(({ range }) =>
        joined(ExtentMap.slice(tables.leaves, range.start * 64, range.end * 64), ({ device, leaf }) =>
          `${leaf} ${device === null ? "RAM" : "device"}`)
      ),
      pageblocks: devices.map(({ first, range }) => {
        const from = Alignment.up(first, pageblock)
        const many = Math.max(0, Math.ceil((range.end - from) / pageblock))
        return [
          ...new Set(Array.from({ length: many }, (_, i) =>
            pageblocks.get(from + i * pageblock)))
        ]
      }),
      pages: devices.map((device) => seen(device, pageblock).map((pfn) => `${pfn} ${plain(memmap.read(pfn))}`))
    }
  })

/** As first posted an altmap took nothing back (ALT-15). */
export const leaks = ({ devices, kernel: { release } }: Machines): boolean =>
  has(release, "altmap-rfc-2015") && devices.some(({ request }) => request.altmap !== undefined)

/** Holds the books against the machine. */
export const balanced = (machines: Machines) =>
  Effect.gen(function*() {
    if (leaks(machines)) return
    const ledger = yield* Ledger
    yield* ledger.balance
    // What was never there is not taken away.
    const warned = (yield* (yield* KernelLog).recent).flatMap((event) => event._tag === "Warn" ? [event.where] : [])
    assert.notInclude(warned, "__remove_pages")
    assert.notInclude(warned, "section_deactivate")
    assert.isTrue(ledger.firstImbalance()._tag === "None", JSON.stringify(ledger.firstImbalance()))
  })
