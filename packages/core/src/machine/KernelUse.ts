/**
 * Memory that an idle kernel itself holds, so that its blocks cannot go offline (HOT-25).
 *
 * Not part of the machine: what uses memory is no decision of memory hotplug. Those who want to know what a real administrator
 * meets ask for it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as MemParse from "../geometry/MemParse.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { MiB } from "../geometry/Units.ts"
import { MemoryBlocks } from "../hotplug/MemoryBlocks.ts"
import { Nodes } from "../hotplug/Nodes.ts"
import { PagePins } from "../hotplug/PagePins.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Kernel } from "../release/Kernel.ts"
import { type Zone, Zones } from "../zones/Zones.ts"

/** Zones the kernel allocates from, the one it prefers last. */
const kernelZones = ["DMA", "DMA32", "Normal"] as const

/** Where in the first block of a zone the kernel's own pages were seen, in pages. */
const offset = 0x402

const powerOfTwo = (atLeast: number): number => 2 ** Math.ceil(Math.log2(atLeast))

/** The log as `log_buf_len=` makes it: a record of 112 bytes (`printk_info`, `prb_desc`) for every 32 of text. */
const logBytes = (cmdline: string): number => {
  const asked = /(?:^|\s)log_buf_len=(\S+)/.exec(cmdline)?.[1]
  const size = asked === undefined ? 0 : Result.getOrElse(MemParse.parse(asked), () => 0)
  return size <= 0 ? 0 : powerOfTwo(size) * (1 + 112 / 32)
}

/**
 * Tables of dentries and inodes, a bucket of 8 bytes for every 8 and 16 KiB; with several nodes they are no part of boot memory.
 */
const hashBytes = (ram: number): number => powerOfTwo(ram / 8192) * (8 + 4)

/** Small tables, and what is lost where the memmap begins on 2 MiB. */
const otherBytes = 4 * MiB

/**
 * `settle` lets the kernel take what it takes by now; to be called after anything that may have onlined memory.
 *
 * - at boot: in each node with RAM, the first block of the highest zone, where allocations begin, and the last ones, where boot
 *   allocates from the top down: the memmap of the node, in the highest node the log of `cmdline`, in a single one hash tables
 * - memory that goes online in a kernel zone above all those its node has had, if the node has CPUs: its first block
 *
 * Blocks that cannot go offline anyway are left alone. What is taken stays taken until the scope ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(cmdline: string) {
  const kernel = yield* Kernel
  const blocks = yield* MemoryBlocks
  const nodes = yield* Nodes
  const pins = yield* PagePins
  const zones = yield* Zones
  const log = yield* KernelLog
  const scope = yield* Effect.scope
  /** The highest zone each node has had so far. */
  const highest = new Map<number, number>()
  const pending: Array<PfnRange.PfnRange> = []

  /** What boot took from the top of a node's RAM, by pfn. */
  const takenFromTop = (node: number, isHighest: boolean, isOnly: boolean): ReadonlyArray<PfnRange.PfnRange> => {
    const own = blocks.runs().filter(({ value }) => value.isBoot && value.nodes.includes(node))
      .map(({ end, start }) => ({ start: start * blocks.pages, end: end * blocks.pages }))
    const pages = PfnRange.total(own)
    const bytes = pages * kernel.structPage + otherBytes + (isHighest ? logBytes(cmdline) : 0) +
      (isOnly ? hashBytes(pages * kernel.arch.pageSize) : 0)
    let left = Math.min(pages, Math.ceil(bytes / kernel.arch.pageSize))
    const taken: Array<PfnRange.PfnRange> = []
    for (const { end, start } of own.toReversed()) {
      if (left <= 0) break
      taken.push({ start: Math.max(start, end - left), end })
      left -= end - start
    }
    return taken
  }

  const populated = (node: number): ReadonlyArray<Zone> =>
    kernelZones.map((name) => zones.of({ node, name })).filter(({ present }) => present > 0)

  const firstOf = ({ start }: Zone): PfnRange.PfnRange => PfnRange.fromLength(start + offset, 1)

  const rank = ({ name }: Zone): number => kernelZones.findIndex((one) => one === name)

  const nodesOf = () => new Set(zones.all().map(({ node }) => node))

  /** A node's highest zone, if it has none as high yet. */
  const risen = (node: number): Zone | undefined => {
    const top = populated(node).at(-1)
    if (top === undefined || rank(top) <= (highest.get(node) ?? -1)) return undefined
    highest.set(node, rank(top))
    return top
  }

  const atBoot = nodesOf()
  for (const node of atBoot) {
    const top = risen(node)
    if (top === undefined) continue
    pending.push(firstOf(top), ...takenFromTop(node, node === Math.max(...atBoot), atBoot.size === 1))
  }

  log.listen((event) => {
    // said whenever a zone that was empty is not any more (OBS-9)
    if (event._tag !== "Line" || !event.text.startsWith("Built ")) return
    for (const node of nodesOf()) {
      const top = risen(node)
      if (top !== undefined && nodes.cpus().includes(node)) pending.push(firstOf(top))
    }
  })

  const settle = Effect.suspend(() =>
    Effect.forEach(
      pending.splice(0),
      (range) =>
        Effect.ignore(pins.pin(range, "unmovable")).pipe(
          Effect.provideService(Scope.Scope, scope)
        ),
      { discard: true }
    )
  )

  yield* settle
  return { settle }
})
