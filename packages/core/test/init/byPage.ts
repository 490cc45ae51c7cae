/** Deferral at boot as the kernel does it, one page after the other, on machines of a few hundred pages. */
import { Result } from "effect"
import * as Alignment from "../../src/geometry/Alignment.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import type * as DeferredBoot from "../../src/init/DeferredBoot.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import type { Next } from "../random.ts"

/** Sections of eight pages, blocks of two, and `2 GiB` of 32. */
export const tiny = (release: string): Kernel.Config =>
  Kernel.make({
    arch: { ...Architecture.presets.x86_64, pageSize: 2 ** 26, sectionSize: 2 ** 29, largestOrder: 1 },
    release: Result.getOrThrow(KernelRelease.parse(release))
  })

const zoneNames = ["DMA", "DMA32", "Normal", "Movable"] as const

/** One to three nodes whose ranges alternate as they like, in zones that end at the same pfns. */
export const machine = (next: Next): ReadonlyArray<DeferredBoot.BootNode> => {
  const ram: Array<Array<PfnRange.PfnRange>> = Array.from({ length: 1 + next(3) }, () => [])
  let pfn = next(20)
  for (let n = 0; n <= next(8); n++) {
    const length = 1 + next(next(3) === 0 ? 60 : 12)
    ram[next(ram.length)]?.push(PfnRange.fromLength(pfn, length))
    pfn += length + (next(2) === 0 ? 0 : next(20))
  }
  const cuts = [0, ...[next(40), next(80), next(120)].toSorted((a, b) => a - b), Infinity]
  return ram.flatMap((ranges, node) => {
    const [first] = ranges
    const last = ranges.at(-1)
    if (first === undefined || last === undefined) return []
    const zones = zoneNames.map((name, i) => {
      const start = Math.max(first.start, cuts[i] ?? 0)
      const end = Math.min(last.end, cuts[i + 1] ?? 0)
      return { name, start, spanned: Math.max(0, end - start), present: 0 }
    })
    return [{ node, ram: ranges, zones }]
  })
}

/** DEF-2 page by page, as the kernel asks for every pfn. */
export const walk = ({ arch, release }: Kernel.Config, nodes: ReadonlyArray<DeferredBoot.BootNode>) => {
  const perSection = Architecture.pagesPerSection(arch)
  const firstDeferred = new Map<number, number>()
  const upFront = new Map<number, Array<number>>(nodes.map(({ node }) => [node, []]))
  let previous = 0
  let count = 0
  const defers = (node: DeferredBoot.BootNode, pfn: number, zoneEnd: number): boolean => {
    if (previous !== zoneEnd) {
      previous = zoneEnd
      count = 0
    }
    const nodeEnd = node.ram.at(-1)?.end ?? 0
    if (zoneEnd < nodeEnd) return false
    if (firstDeferred.has(node.node)) return true
    count++
    const spanned = nodeEnd - (node.ram[0]?.start ?? 0)
    const limit = KernelRelease.has(release, "deferred-section-up-front")
      ? perSection
      : Math.max(32, Math.floor(spanned / 256))
    if (count <= limit || pfn % perSection !== 0) return false
    firstDeferred.set(node.node, pfn)
    return true
  }
  const ranges = nodes.flatMap((node) => node.ram.map((range) => ({ node, range })))
  const ordered = KernelRelease.has(release, "boot-memmap-by-address")
    ? ranges.toSorted((a, b) => a.range.start - b.range.start)
    : ranges
  for (const { node, range } of ordered) {
    for (const zone of node.zones) {
      const zoneEnd = zone.start + zone.spanned
      for (let pfn = Math.max(range.start, zone.start); pfn < Math.min(range.end, zoneEnd); pfn++) {
        if (defers(node, pfn, zoneEnd)) break
        upFront.get(node.node)?.push(pfn)
      }
    }
  }
  return nodes.map(({ node }) => ({
    firstDeferred: firstDeferred.get(node) ?? null,
    upFront: upFront.get(node) ?? []
  }))
}

export const pfns = (ranges: ReadonlyArray<PfnRange.PfnRange>): ReadonlyArray<number> =>
  ranges.flatMap(({ end, start }) => Array.from({ length: end - start }, (_, i) => start + i))

/** DEF-6 and DEF-7 page by page: steps up to the next boundary of the largest block, or sections of the zone from 6.18 on. */
export const grow = ({ arch, release }: Kernel.Config, state: DeferredBoot.Pending, order: number) => {
  const perSection = Architecture.pagesPerSection(arch)
  const isFree = new Set(pfns(state.free))
  const first = state.firstDeferred ?? Infinity
  const last = Math.max(...isFree, -1)
  const needed = Alignment.up(2 ** order, perSection)
  const initialised: Array<number> = []
  const take = (start: number, end: number) => {
    for (let pfn = start; pfn < end; pfn++) if (isFree.has(pfn)) initialised.push(pfn)
  }
  const nextFree = (pfn: number) => {
    for (let at = pfn; at <= last; at++) if (isFree.has(at)) return at
    return Infinity
  }
  if (KernelRelease.has(release, "deferred-by-zone")) {
    let at = first
    while (initialised.length < needed && at < state.end) {
      const end = Alignment.up(at + 1, perSection)
      take(at, end)
      at = end
    }
    return { initialised, firstDeferred: initialised.length > 0 ? at : null, retry: initialised.length > 0 }
  }
  let at = nextFree(first)
  if (at === Infinity) return { initialised, firstDeferred: null, retry: first !== Infinity }
  while (at !== Infinity) {
    const from = at
    const boundary = Alignment.up(from + 1, 2 ** arch.largestOrder)
    take(from, boundary)
    at = nextFree(boundary)
    const crossed = Math.floor(from / perSection) !== Math.floor(at / perSection)
    if (crossed && initialised.length >= needed) break
  }
  return { initialised, firstDeferred: at === Infinity ? null : at, retry: true }
}
