/**
 * The figures of a simulation: a fold over its timeline, and nothing else.
 *
 * @since 0.1.0
 */
import type { Ledger } from "../machine/Ledger.ts"
import type * as Timeline from "../time/Timeline.ts"
import * as Remarks from "./Remarks.ts"
import type { Figure } from "./Testbed.ts"

/**
 * Latencies in nanoseconds; `count` accesses that ended well. Of none all are 0.
 *
 * @category models
 * @since 0.1.0
 */
export interface Latency {
  readonly count: number
  readonly p50Ns: number
  readonly p99Ns: number
  readonly maxNs: number
}

/**
 * One device: when it appeared, when all of it was initialised (`Infinity`: never, both), and how fast it was for those who touched
 * it.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeviceRow {
  readonly name: string
  readonly appearsNs: number
  readonly readyNs: number
  readonly structPages: number
  readonly firstFault: Latency
}

/**
 * What a strategy gives. Nanoseconds since boot began, or of that length; bytes.
 *
 * - `bootProceedsNs`: the boot thread has loaded all drivers; `bootRamNs`: all RAM is initialised
 * - `blockDevicesNs`: the last device has appeared; `readyNs`: the last struct page is written; `Infinity` where one never does or is
 * - `cpuNs` of writing and mapping for devices, `bootCpuNs` for RAM; `lockHeldNs` and `lockLongestNs` of the hotplug lock
 * - `structPagesWritten` and `bytesWritten` of device memory, each time counted; `bootStructPages` of RAM
 * - `ram`, `device`: bytes that the memmap takes from them, page tables included
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly name: string
  readonly bootRamNs: number
  readonly bootProceedsNs: number
  readonly blockDevicesNs: number
  readonly readyNs: number
  readonly firstFault: Latency
  readonly cpuNs: number
  readonly bootCpuNs: number
  readonly lockHeldNs: number
  readonly lockLongestNs: number
  readonly structPagesWritten: number
  readonly bytesWritten: number
  readonly bootStructPages: number
  readonly ram: number
  readonly device: number
  readonly devices: ReadonlyArray<DeviceRow>
}

type Entry = Timeline.Entry

const number = ({ details }: Entry, key: string): number => {
  const value = details[key]
  return typeof value === "number" ? value : 0
}

const total = (entries: ReadonlyArray<Entry>, key: string): number => {
  let sum = 0
  for (const entry of entries) sum += number(entry, key)
  return sum
}

const length = ({ end, start }: Pick<Entry, "start" | "end">): number => end - start

/** Of any number of them; 0 of none. */
const greatest = <A>(items: ReadonlyArray<A>, of: (item: A) => number): number =>
  items.reduce((most, item) => Math.max(most, of(item)), 0)

/**
 * Whether it is what boots RAM.
 *
 * @category guards
 * @since 0.1.0
 */
export const isBoot = ({ group }: Entry): boolean => group === "boot" || group.startsWith("boot of node")

/** The smallest value that is not exceeded by `part` of them (nearest rank). */
const percentile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0

const latency = (entries: ReadonlyArray<Entry>): Latency => {
  const done = entries.filter((entry) => Remarks.isAccess(entry) && entry.details["failed"] === undefined)
  const sorted = done.map(length).toSorted((a, b) => a - b)
  return {
    count: sorted.length,
    p50Ns: percentile(sorted, 0.5),
    p99Ns: percentile(sorted, 0.99),
    maxNs: sorted.at(-1) ?? 0
  }
}

const markAt = (entries: ReadonlyArray<Entry>, name: string, otherwise = 0): number =>
  entries.find((entry) => entry.kind === "instant" && entry.name === name)?.end ?? otherwise

/** What happened before drivers were unbound, if they ever were. */
const firstBinding = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> => {
  const until = entries.findIndex(({ name }) => name === "drivers are unbound")
  return until === -1 ? entries : entries.slice(0, until)
}

const device = (name: string, entries: ReadonlyArray<Entry>): DeviceRow => {
  const own = entries.filter(({ group }) => group === name)
  return {
    name,
    appearsNs: markAt(own, "appears", Infinity),
    readyNs: markAt(own, "ready", Infinity),
    structPages: total(own, "structPages"),
    firstFault: latency(own)
  }
}

/**
 * The row of a strategy.
 *
 * @category queries
 * @since 0.1.0
 */
export const row = (name: string, { entries: all }: Timeline.Timeline): Row => {
  const entries = firstBinding(all)
  const [boot, others] = [entries.filter(isBoot), entries.filter((entry) => !isBoot(entry))]
  const names = [
    ...new Set(others.filter(({ name }) => name === "appears" || name === Remarks.missing).map(({ group }) => group))
  ]
  const devices = names.toSorted().map((one) => device(one, others))
  const locks = entries.filter(({ group }) => group === "locks")
  const taken = entries.find((entry) => entry.name === "memory taken")
  return {
    name,
    bootRamNs: markAt(boot, "RAM is initialised"),
    bootProceedsNs: markAt(boot, "boot goes on"),
    blockDevicesNs: greatest(devices, ({ appearsNs }) => appearsNs),
    readyNs: greatest(devices, ({ readyNs }) => readyNs),
    firstFault: latency(others),
    cpuNs: total(others, "cpuNs"),
    bootCpuNs: total(boot, "cpuNs"),
    lockHeldNs: locks.reduce((sum, lock) => sum + length(lock), 0),
    lockLongestNs: greatest(locks, length),
    structPagesWritten: total(others, "structPages"),
    bytesWritten: total(others, "bytes"),
    bootStructPages: total(boot, "structPages"),
    ram: taken === undefined ? 0 : number(taken, "ram"),
    device: taken === undefined ? 0 : number(taken, "device"),
    devices
  }
}

/** The longest time one group was at it, from the first of its spans of that name to the end of the last. */
const longest = (entries: ReadonlyArray<Entry>, name: string): number => {
  const groups = new Map<string, { start: number; end: number }>()
  for (const { end, group, kind, name: own, start } of entries) {
    if (kind !== "span" || own !== name) continue
    const known = groups.get(group)
    if (known === undefined) groups.set(group, { start, end })
    else {
      known.start = Math.min(known.start, start)
      known.end = Math.max(known.end, end)
    }
  }
  return greatest([...groups.values()], length)
}

/**
 * One figure, by the name under which published points ask for it.
 *
 * @category queries
 * @since 0.1.0
 */
export const figure = (name: Figure, timeline: Timeline.Timeline): number => {
  const { entries } = timeline
  const first = firstBinding(entries)
  const outside = (own: ReadonlyArray<Entry>) =>
    own.filter((entry) => !isBoot(entry) && entry.details["pass"] !== "locked")
  switch (name) {
    case "boot":
      return row("", timeline).bootRamNs
    case "devices appear": {
      const { blockDevicesNs, bootRamNs } = row("", timeline)
      return blockDevicesNs - bootRamNs
    }
    case "ready": {
      const { bootRamNs, readyNs } = row("", timeline)
      return readyNs - bootRamNs
    }
    case "lock held":
      return row("", timeline).lockHeldNs
    case "initialise":
      return longest(outside(first), "initialise")
    case "rebind":
      return longest(outside(entries.slice(first.length)), "initialise")
    case "boot node":
      return longest(first.filter(({ group }) => group.startsWith("boot of node")), "initialise")
  }
}

/**
 * Bytes that memmaps take from RAM, with the tables that map them (CMP-7), and from devices, as the machine's books say.
 *
 * @category queries
 * @since 0.1.0
 */
export const memory = (
  ledger: Ledger["Service"],
  pageSize: number
): { readonly ram: number; readonly device: number } => ({
  ram: (ledger.total({ book: "ram", purpose: "memmap" }) + ledger.total({ book: "ram", purpose: "shared-tail" })) *
      pageSize + ledger.total({ book: "tables" }),
  device: ledger.total({ book: "device" }) * pageSize
})

/**
 * @category combinators
 * @since 0.1.0
 */
export const difference = (
  after: ReturnType<typeof memory>,
  before: ReturnType<typeof memory>
): ReturnType<typeof memory> => ({ ram: after.ram - before.ram, device: after.device - before.device })
