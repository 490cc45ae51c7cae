/**
 * The firmware memory map as the kernel edits it: `memmap=` actions, sanitising, RAM for the page allocator, and the ranges
 * that become pmem regions (spec 20.3, 20.4, 20.7, OBS-1 … OBS-4).
 *
 * Ranges are half-open, in bytes.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { KiB, MiB } from "../geometry/Units.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type * as MemmapOption from "./MemmapOption.ts"
import * as ResourceTree from "./ResourceTree.ts"

/**
 * e820 type numbers (20.3).
 *
 * @category constants
 * @since 0.1.0
 */
export const Type = {
  ram: 1,
  reserved: 2,
  acpi: 3,
  nvs: 4,
  unusable: 5,
  pmem: 7,
  pram: 12,
  reservedKernel: 128,
  softReserved: 0xefffffff
} as const

/**
 * One entry of the map, in bytes; `type` is a number as in {@link Type}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry extends PfnRange.PfnRange {
  readonly type: number
}

/**
 * Entries of the map. A sanitised table is ascending and disjoint.
 *
 * @category models
 * @since 0.1.0
 */
export type Table = ReadonlyArray<Entry>

/** Types that keep their own boundaries: never merged with an equal neighbour. */
const isNeverMerged = (type: number): boolean => type === Type.pram || type === Type.softReserved

/**
 * `e820__update_table()`: where entries overlap the largest type number wins; equal neighbours are merged, except PRAM and
 * SOFT_RESERVED, which on the contrary are cut wherever any entry begins or ends inside them (20.3).
 *
 * @category operations
 * @since 0.1.0
 */
export const sanitise = (table: Table): Table => {
  const changes = table.filter((e) => e.end > e.start).flatMap(({ end, start, type }) => [
    { at: start, type, by: 1 },
    { at: end, type, by: -1 }
  ]).toSorted((a, b) => a.at - b.at)
  const active = new Map<number, number>()
  const out: Array<Entry> = []
  let open: { start: number; type: number } = { start: 0, type: 0 }
  for (let i = 0; i < changes.length;) {
    const at = changes[i]?.at ?? 0
    for (let change = changes[i]; change !== undefined && change.at === at; change = changes[++i]) {
      const count = (active.get(change.type) ?? 0) + change.by
      if (count === 0) active.delete(change.type)
      else active.set(change.type, count)
    }
    const type = [...active.keys()].reduce((most, t) => Math.max(most, t), 0)
    if (type === open.type && !isNeverMerged(type)) continue
    if (open.type !== 0) out.push({ start: open.start, end: at, type: open.type })
    open = { start: at, type }
  }
  return out
}

/** The parts of matching entries inside `range` become `to`, or vanish when `to` is null. */
const update = (table: Table, range: PfnRange.PfnRange, matches: (type: number) => boolean, to: number | null): Table =>
  table.flatMap((entry): Table => {
    const inside = PfnRange.intersection(entry, range)
    if (!matches(entry.type) || inside.end <= inside.start) return [entry]
    return [
      { start: entry.start, end: inside.start, type: entry.type },
      ...(to === null ? [] : [{ ...inside, type: to }]),
      { start: inside.end, end: entry.end, type: entry.type }
    ].filter((part) => part.end > part.start)
  })

const applyOne = (table: Table, action: MemmapOption.Action): Table => {
  switch (action._tag) {
    case "ExactMap":
      return []
    case "Add":
      return [...table, { ...PfnRange.fromLength(action.start, action.size), type: action.type }]
    case "Convert":
      return update(table, PfnRange.fromLength(action.start, action.size), (type) => type === action.from, action.to)
    case "Remove":
      return update(
        table,
        PfnRange.fromLength(action.start, action.size),
        (type) => action.type === null || type === action.type,
        null
      )
    case "Limit":
      return update(table, { start: action.size, end: Infinity }, (type) => type === Type.ram, null)
  }
}

/**
 * Applies the actions of a command line in order and sanitises (20.3, OBS-2).
 *
 * @category operations
 * @since 0.1.0
 */
export const apply = (table: Table, actions: ReadonlyArray<MemmapOption.Action>): Table =>
  sanitise(actions.reduce(applyOne, table))

/**
 * The map a PC boots with: firmware map, command line, then page 0 reserved and no RAM in the BIOS area `[640K, 1M)`
 * (OBS-1). Other architectures have neither: theirs is what {@link apply} makes of the sanitised map.
 *
 * @category constructors
 * @since 0.1.0
 */
export const boot = (firmware: Table, actions: ReadonlyArray<MemmapOption.Action>): Table => {
  const isRam = (type: number) => type === Type.ram
  const reserved = update(apply(sanitise(firmware), actions), { start: 0, end: 4096 }, isRam, Type.reserved)
  return sanitise(update(reserved, { start: 640 * KiB, end: MiB }, isRam, null))
}

/**
 * RAM that feeds the page allocator: types 1 and 128, start rounded up and end down to pages, neighbours joined (OBS-2).
 *
 * @category queries
 * @since 0.1.0
 */
export const ram = (table: Table, pageSize = 4096): ReadonlyArray<PfnRange.PfnRange> =>
  PfnRange.normalise(
    table.filter((e) => e.type === Type.ram || e.type === Type.reservedKernel).map((e) =>
      PfnRange.shrinkTo(e, pageSize)
    )
  )

/**
 * The pmem regions of the type-12 ranges, one per range, ascending: no DIMM mappings, PAGEMAP set (20.4).
 *
 * @category queries
 * @since 0.1.0
 */
export const regions = (table: Table): ReadonlyArray<{ readonly start: number; readonly size: number }> =>
  table.filter((e) => e.type === Type.pram).map((e) => ({ start: e.start, size: e.end - e.start }))

const { Desc, Flag } = ResourceTree

interface Kind {
  readonly name: string
  readonly desc: number
  /** Busy as soon as the tree exists; the others are inserted late and not busy, unless they begin below 1 MiB. */
  readonly busy: boolean
}

const kinds = new Map<number, Kind>([
  [Type.ram, { name: "System RAM", desc: Desc.none, busy: true }],
  [Type.reservedKernel, { name: "System RAM", desc: Desc.none, busy: true }],
  [Type.reserved, { name: "Reserved", desc: Desc.reserved, busy: false }],
  [Type.acpi, { name: "ACPI Tables", desc: Desc.acpiTables, busy: true }],
  [Type.nvs, { name: "ACPI Non-volatile Storage", desc: Desc.acpiNvStorage, busy: true }],
  [Type.unusable, { name: "Unusable memory", desc: Desc.none, busy: true }],
  [Type.pmem, { name: "Persistent Memory", desc: Desc.persistentMemory, busy: false }],
  [Type.pram, { name: "Persistent Memory (legacy)", desc: Desc.persistentMemoryLegacy, busy: false }],
  [Type.softReserved, { name: "Soft Reserved", desc: Desc.softReserved, busy: false }]
])

const unknownKind: Kind = { name: "Unknown E820 type", desc: Desc.none, busy: true }

/** How far a `RAM buffer` reaches: up to the next multiple of this (OBS-4). */
const bufferAlign = (end: number): number => end < MiB ? 64 * KiB : end < 16 * MiB ? MiB : 64 * MiB

/** RAM buffers of a sanitised table: the parts of the gap after each RAM entry that `tree` leaves free (OBS-4). */
const buffers = (table: Table, tree: ResourceTree.Resource): ReadonlyArray<PfnRange.PfnRange> => {
  const taken = tree.children.map(({ end, start }) => ({ start, end: end + 1 }))
  return table.filter((e) => e.type === Type.ram).flatMap((e) =>
    PfnRange.subtract({ start: e.end, end: Alignment.up(e.end, bufferAlign(e.end)) }, taken)
  )
}

const isSystemRam = (type: number): boolean => type === Type.ram || type === Type.reservedKernel

const entryRequest = ({ end, start, type }: Entry): ResourceTree.Request => {
  const kind = kinds.get(type) ?? unknownKind
  return {
    start,
    size: end - start,
    name: kind.name,
    desc: kind.desc,
    flags: isSystemRam(type) ? Flag.memory | Flag.systemRam : Flag.memory,
    busy: kind.busy || start < MiB
  }
}

const bufferRequest = ({ end, start }: PfnRange.PfnRange): ResourceTree.Request => ({
  start,
  size: end - start,
  name: "RAM buffer",
  desc: Desc.none,
  flags: Flag.memory,
  busy: false
})

/** A range of addresses that a PCI host bridge decodes. */
interface Window extends PfnRange.PfnRange {
  readonly name: string
}

type Tree = Result.Result<ResourceTree.Resource, KernelError>

const each = <A>(
  tree: ResourceTree.Resource,
  items: ReadonlyArray<A>,
  place: (tree: ResourceTree.Resource, item: A) => Result.Result<ResourceTree.Placed, KernelError>
): Tree =>
  items.reduce<Tree>(
    (all, item) => Result.flatMap(all, (t) => Result.map(place(t, item), (placed) => placed.tree)),
    Result.succeed(tree)
  )

/** A window that overlaps part of something is ignored (20.7). */
const withWindow = (tree: ResourceTree.Resource, { end, name, start }: Window): ResourceTree.Resource =>
  Result.match(ResourceTree.insert(tree, { start, size: end - start, name }), {
    onSuccess: (placed) => placed.tree,
    onFailure: () => tree
  })

/**
 * `/proc/iomem` as the map and the PCI windows decide it, in the kernel's order: busy entries, windows, the other entries, which
 * expand to fit, and on a PC (`pc`) the RAM buffers (OBS-3, OBS-4, 20.7). `table` is sanitised.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toResources = (
  table: Table,
  pc = true,
  windows: ReadonlyArray<Window> = []
): Result.Result<ResourceTree.Resource, KernelError> =>
  Result.gen(function*() {
    const requests = table.map(entryRequest)
    const early = yield* each(ResourceTree.empty, requests.filter(({ busy }) => busy === true), ResourceTree.insert)
    const entries = yield* each(
      windows.reduce(withWindow, early),
      requests.filter(({ busy }) => busy !== true),
      ResourceTree.insertExpanding
    )
    return pc ? yield* each(entries, buffers(table, entries).map(bufferRequest), ResourceTree.insert) : entries
  })

/**
 * The resources `nd_e820` finds, ascending: those of type-12 entries at whatever depth, but not what lies inside one it has found
 * already (20.7).
 *
 * @category queries
 * @since 0.1.0
 */
export const found = (tree: ResourceTree.Resource): ReadonlyArray<ResourceTree.Resource> =>
  tree.children.flatMap((resource) => resource.desc === Desc.persistentMemoryLegacy ? [resource] : found(resource))
