/**
 * What a machine says of itself, from whatever texts there are: `/proc` files, a boot log, memory blocks, lists of the tools.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Architecture from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as BootMap from "../inputs/BootMap.ts"
import type { BootTotals } from "../inputs/BootTotals.ts"
import type { Free } from "../inputs/Buddyinfo.ts"
import * as Decoding from "../inputs/Decoding.ts"
import type { InputError } from "../inputs/InputError.ts"
import type { Resource } from "../inputs/ResourceText.ts"
import * as Source from "../inputs/Source.ts"
import type { Zone } from "../inputs/Zoneinfo.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"

/**
 * Memory blocks that follow one another and read the same. `zone` is that of an online run, or `none`; `node` `null` where no
 * source says it.
 *
 * @category models
 * @since 0.1.0
 */
export interface BlockRun {
  readonly first: number
  readonly last: number
  readonly state: string
  readonly zone: string
  readonly node: number | null
}

/**
 * `size` of a block in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Blocks {
  readonly size: number
  readonly runs: ReadonlyArray<BlockRun>
}

/**
 * What one source says. Absent is what it does not speak of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Part {
  readonly source: string
  readonly spec?: MachineSpec.MachineSpec
  readonly iomem?: ReadonlyArray<Resource>
  readonly zones?: ReadonlyArray<Zone>
  readonly log?: BootTotals
  /** RAM the machine booted with, in bytes, where the source tells it from what came later. */
  readonly bootRam?: ReadonlyArray<PfnRange.PfnRange>
  /** MemTotal in bytes: of the machine, and by node. */
  readonly memTotal?: number
  readonly nodeTotals?: ReadonlyMap<number, number>
  readonly free?: ReadonlyArray<Free>
  readonly blocks?: Blocks
  /** `nr_memmap_boot_pages`. */
  readonly bootMemmapPages?: number
  /** Sets of nodes by name, as printed: `online`, `has_memory` … */
  readonly masks?: ReadonlyMap<string, string>
  /** What could not be read, and what was taken for granted. */
  readonly notes?: ReadonlyArray<string>
}

/**
 * The machine, all sources joined. `spec` describes it as it booted, `added` is RAM that came later, in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface MachineView extends Omit<Part, "source" | "spec" | "bootRam" | "notes"> {
  readonly sources: ReadonlyArray<string>
  readonly spec: MachineSpec.MachineSpec
  readonly added: ReadonlyArray<PfnRange.PfnRange>
  readonly notes: ReadonlyArray<string>
  /** Where each kind of fact is from. */
  readonly from: ReadonlyMap<keyof Part, string>
}

const single = [
  "iomem",
  "zones",
  "log",
  "memTotal",
  "nodeTotals",
  "free",
  "blocks",
  "bootMemmapPages",
  "masks"
] as const

/** RAM below the top level comes from drivers: `System RAM (kmem)`, `System RAM (virtio_mem)`. */
const driverRam = (resources: ReadonlyArray<Resource>): ReadonlyArray<PfnRange.PfnRange> =>
  resources.flatMap((resource) =>
    resource.name.startsWith("System RAM (")
      ? [PfnRange.fromLength(resource.start, resource.size)]
      : driverRam(resource.children)
  )

interface Divided {
  readonly specs: ReadonlyArray<MachineSpec.MachineSpec>
  readonly added: ReadonlyArray<PfnRange.PfnRange>
}

/** RAM that is in `/proc/iomem` and in no range the machine booted with, by the log of the boot or by its description, came later. */
const divide = (parts: ReadonlyArray<Part>): Divided => {
  const boot = PfnRange.normalise(
    parts.flatMap(({ bootRam, log, spec }) =>
      bootRam ?? (log === undefined || spec === undefined ? [] : MachineSpec.ram(spec))
    )
  )
  const added: Array<PfnRange.PfnRange> = []
  const specs = parts.flatMap(({ iomem, spec }) => {
    if (spec === undefined) return []
    if (boot.length === 0 || iomem === undefined) return [spec]
    let next = 0
    const ranges = (spec.ranges ?? []).toSorted((a, b) => a.start - b.start).filter(({ kind, size, start }) => {
      if (kind !== "ram") return true
      for (let at = boot[next]; at !== undefined && at.end <= start; at = boot[next]) next++
      const at = boot[next]
      if (at !== undefined && at.start < start + size) return true
      added.push(PfnRange.fromLength(start, size))
      return false
    })
    return [{ ...spec, ranges }]
  })
  return { specs, added: [...added, ...parts.flatMap(({ iomem = [] }) => driverRam(iomem))] }
}

/** Which node addresses belong to: as memory blocks say, else as far as the zones of one node reach. */
const nodeRanges = ({ blocks, zones = [] }: Part, pageSize: number): ReadonlyArray<BootMap.OnNode> => {
  const byBlock = (blocks?.runs ?? []).flatMap(({ first, last, node }) =>
    node === null || blocks === undefined ? [] : [{ start: first * blocks.size, end: (last + 1) * blocks.size, node }]
  )
  return BootMap.disjoint(
    byBlock.length > 0 ?
      byBlock :
      zones.flatMap(({ node, present, spanned, start }) =>
        start === undefined || present === 0
          ? []
          : [{ start: start * pageSize, end: (start + spanned) * pageSize, node }]
      )
  )
}

/** RAM whose node no firmware map says is cut by what blocks and zones say. */
const withNodes = (spec: MachineSpec.MachineSpec, facts: Part): MachineSpec.MachineSpec => {
  const ranges = spec.ranges ?? []
  const { pageSize } = Architecture.fromName(spec.arch ?? "") ?? Architecture.presets.x86_64
  const nodes = nodeRanges(facts, pageSize)
  if (new Set(nodes.map(({ node }) => node)).size < 2 || ranges.some(({ node }) => node !== undefined)) return spec
  return { ...spec, ranges: BootMap.withNodes(ranges, nodes) }
}

const where = "give the sources of one machine, each once"

/** Most ranges of RAM, devices, and namespaces of a machine that is inspected: the kernel's own table of ranges ends at 3200. */
const rangeLimit = 4096

/** Most runs of memory blocks that differ from their neighbours. */
const runLimit = 16384

/** What there is too much of. */
const excess = (
  { devices = [], ranges = [] }: MachineSpec.MachineSpec,
  added: ReadonlyArray<PfnRange.PfnRange>,
  blocks: Blocks | undefined
): string | undefined =>
  ranges.length > rangeLimit || added.length > rangeLimit
    ? `has more than ${rangeLimit} ranges of memory`
    : devices.length > rangeLimit ||
        devices.reduce((count, { configured = [] }) => count + configured.length, 0) > rangeLimit
    ? `has more than ${rangeLimit} devices or namespaces`
    : (blocks?.runs.length ?? 0) > runLimit
    ? `has more than ${runLimit} memory blocks that differ from their neighbours`
    : undefined

/**
 * Joins what the sources say. What describes the machine is merged as {@link Source.merge} does; everything else may be said by
 * one source only.
 *
 * Fails with an `InputError` when sources contradict each other or speak of the same twice, and when none describes memory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const join = (parts: ReadonlyArray<Part>): Result.Result<MachineView, InputError> =>
  Result.gen(function*() {
    const source = parts.map((part) => part.source).join(" + ")
    const from = new Map<keyof Part, string>()
    const facts: Part = { source }
    for (const part of parts) {
      for (const key of single) {
        if (part[key] === undefined) continue
        const other = from.get(key)
        if (other !== undefined) {
          return yield* Decoding.failAt({ source: part.source, at: "" }, `says again what ${other} says`, where)
        }
        from.set(key, part.source)
        Object.assign(facts, { [key]: part[key] })
      }
    }
    const { added, specs } = divide(parts)
    const names = parts.flatMap((part) => part.spec === undefined ? [] : [part.source])
    const merged = yield* Source.merge(specs, names)
    if (!(merged.ranges ?? []).some(({ kind }) => kind === "ram")) {
      return yield* Decoding.failAt(
        { source, at: "" },
        "says nothing about where RAM is",
        "add /proc/iomem (as root), the log of the boot, or 'lsmem -J'"
      )
    }
    const tooMuch = excess(merged, added, facts.blocks)
    if (tooMuch !== undefined) {
      return yield* Decoding.failAt({ source, at: "" }, tooMuch, "no machine has: give its files unchanged")
    }
    const blockSize = merged.blockSize ?? facts.blocks?.size
    const { source: _source, ...rest } = facts
    return {
      ...rest,
      sources: parts.map((part) => part.source),
      spec: withNodes({ ...merged, ...(blockSize === undefined ? {} : { blockSize }) }, facts),
      added: PfnRange.normalise(added),
      notes: parts.flatMap(({ notes = [] }) => notes),
      from
    }
  })
