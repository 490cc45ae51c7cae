/**
 * NUMA emulation: `numa=fake=` cuts the nodes firmware describes into smaller ones (ZON-13, `numa_emulation()`).
 *
 * Everything is in bytes. Cost grows with fake nodes times RAM ranges, never with the size of either.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import * as MemParse from "../geometry/MemParse.ts"
import { addressLimit } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { GiB, KiB, MiB } from "../geometry/Units.ts"
import * as FirmwareMap from "./FirmwareMap.ts"

/**
 * What is asked for: `count` nodes in all (`N`), nodes of `size` bytes of RAM (`S`, with M or G), or `count` nodes of equal
 * extent in each real node (`NU`).
 *
 * @category models
 * @since 0.1.0
 */
export type Request =
  | { readonly kind: "nodes"; readonly count: number }
  | { readonly kind: "size"; readonly size: number }
  | { readonly kind: "per-node"; readonly count: number }

/** `FAKE_NODE_MIN_SIZE`: fake nodes grow in steps of it. */
const step = 32 * MiB

/** `MAX_NUMNODES` of the recorded kernel (NODES_SHIFT 10). */
const mostNodes = 1024

/**
 * The text after `numa=fake=`. Only a capital U, M or G anywhere in it decides the kind, so `512m` asks for 512 nodes and
 * `1T` for one; `null` when no number is in front.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Request | null => {
  const split = MemParse.splitLeading(text)
  if (split === null) return null
  const { suffix, token } = split
  const value = (number: string) => Result.getOrElse(MemParse.parse(number), () => addressLimit)
  if (text.includes("U")) return { kind: "per-node", count: value(token.slice(0, token.length - suffix.length)) }
  return /[MG]/.test(text)
    ? { kind: "size", size: value(token) }
    : { kind: "nodes", count: value(token.slice(0, token.length - suffix.length)) }
}

type Ram = ReadonlyArray<PfnRange.PfnRange>

/** Bytes of RAM in `[start, end)`. */
const ramIn = (ram: Ram, start: number, end: number): number =>
  ram.reduce((sum, range) => sum + Math.max(0, PfnRange.length(PfnRange.intersection(range, { start, end }))), 0)

/** The address where the RAM from `start` on amounts to `size`; no number is enough when there is less. */
const reach = (ram: Ram, start: number, size: number): number => {
  let left = size
  for (const range of ram) {
    const from = Math.max(range.start, start)
    if (from >= range.end) continue
    if (range.end - from >= left) return from + left
    left -= range.end - from
  }
  return Infinity
}

/** From `first` on in steps until `[start, end)` has `size` of RAM, but not beyond `limit`. */
const grow = (ram: Ram, block: FirmwareMap.NodeRange, first: number, size: number): number => {
  const enough = reach(ram, block.start, size)
  if (enough <= first) return first
  return Math.min(block.end, first + Alignment.up(enough - first, step))
}

/** No node begins with less than a step of RAM left below 4 GiB: the one before takes that. */
const pastDma32 = (ram: Ram, end: number): number => end < 4 * GiB && ramIn(ram, end, 4 * GiB) < step ? 4 * GiB : end

/** A rest smaller than a node goes to the node before it. */
const takeRest = (ram: Ram, block: FirmwareMap.NodeRange, end: number, size: number): number =>
  end < block.end && ramIn(ram, end, block.end) < size ? block.end : end

/** Where the fake node number `index`, which begins with `block`, ends. */
type Cut = (block: FirmwareMap.NodeRange, index: number) => number

/** One of `count` equal parts, in whole pages. */
const part = (bytes: number, count: number): number => Alignment.down(Math.floor(bytes / count), 4 * KiB)

const byCount = (ram: Ram, count: number): Cut | null => {
  const exact = part(ramIn(ram, 0, Infinity), count)
  const size = Alignment.down(exact, step)
  if (size === 0) return null
  const larger = Math.floor((exact - size) * count / step)
  return (block, index) => {
    const first = block.start + size + (index < larger ? step : 0)
    return takeRest(ram, block, pastDma32(ram, grow(ram, block, first, size)), size)
  }
}

const bySize = (ram: Ram, wanted: number): Cut => {
  const least = Alignment.up(Math.max(step, part(ramIn(ram, 0, Infinity), mostNodes)), step)
  const size = Alignment.down(Math.max(wanted, least), step)
  return (block) => takeRest(ram, block, pastDma32(ram, grow(ram, block, block.start + size, size)), size)
}

const uniform = (ram: Ram, block: FirmwareMap.NodeRange, count: number): Cut => {
  const size = Alignment.up(Math.max(step, part(PfnRange.length(block), count)), step)
  return ({ start }) => pastDma32(ram, start + size)
}

/** Cuts real nodes in turn, one fake node of each at a time, until none has memory left. */
const cutAll = (blocks: ReadonlyArray<FirmwareMap.NodeRange>, first: number, cut: Cut) => {
  const queues = [...new Set(blocks.map(({ node }) => node))].toSorted((a, b) => a - b)
    .map((node) => blocks.filter((block) => block.node === node))
  const out: Array<FirmwareMap.NodeRange> = []
  while (queues.some((queue) => queue.length > 0)) {
    for (const queue of queues) {
      const block = queue.shift()
      if (block === undefined) continue
      const node = first + out.length
      const end = Math.min(cut(block, node), block.end)
      out.push({ node, start: block.start, end })
      if (end < block.end) queue.unshift({ ...block, start: end })
    }
  }
  return out
}

/**
 * The fake nodes in place of the real ones, or `null` when the kernel finds the request impossible and leaves emulation off.
 *
 * `blocks` are the addresses of each real node, holes and reserved ranges included, with an end; `ram` is the usable RAM of
 * the whole machine, page-aligned and ascending.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  request: Request,
  blocks: ReadonlyArray<FirmwareMap.NodeRange>,
  ram: ReadonlyArray<PfnRange.PfnRange>
): ReadonlyArray<FirmwareMap.NodeRange> | null => {
  const named = (cut: Cut, nodes: number) =>
    FirmwareMap.joinBlocks(cutAll(blocks, 0, cut).map((block) => ({ ...block, node: block.node % nodes })))
  if (request.kind === "size") return request.size === 0 ? null : named(bySize(ram, request.size), mostNodes)
  const count = Math.min(request.count, mostNodes)
  if (count < 1) return null
  if (request.kind === "nodes") {
    const cut = byCount(ram, count)
    return cut === null ? null : named(cut, count)
  }
  const out: Array<FirmwareMap.NodeRange> = []
  for (const node of new Set(blocks.map((block) => block.node))) {
    const own = blocks.filter((block) => block.node === node)
    const [first] = own
    if (first !== undefined) out.push(...cutAll(own, out.length, uniform(ram, first, count)))
    if (out.length < count) return null
  }
  return FirmwareMap.joinBlocks(out)
}
