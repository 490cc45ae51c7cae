/**
 * One machine from several sources: what each says is kept, what two say must agree.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as PfnRange from "../geometry/PfnRange.ts"
import { MiB } from "../geometry/Units.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as KernelRelease from "../release/KernelRelease.ts"
import * as BootMap from "./BootMap.ts"
import * as Check from "./Check.ts"
import * as DeviceMerge from "./DeviceMerge.ts"
import { InputError } from "./InputError.ts"

interface Part {
  readonly source: string
  readonly spec: MachineSpec.MachineSpec
}

const disagree = (a: string, b: string, at: string, problem: string): Result.Result<never, InputError> =>
  Result.fail(
    new InputError({
      source: `${a} and ${b}`,
      at,
      problem,
      remedy: "give sources of one machine, captured at the same time"
    })
  )

const upstream = (kernel: string): string =>
  Result.match(KernelRelease.parse(kernel), { onSuccess: (release) => release.upstream, onFailure: () => kernel })

const scalars = ["name", "kernel", "arch", "structPage", "hypervisor", "blockSize", "cmdline", "debugPoison"] as const

const comparable = (key: typeof scalars[number], value: unknown): unknown =>
  key === "kernel" ? upstream(String(value)) : key === "cmdline" ? String(value).trim() : value

const joinScalars = (parts: ReadonlyArray<Part>): Result.Result<Partial<MachineSpec.MachineSpec>, InputError> =>
  Result.gen(function*() {
    const joined: Record<string, unknown> = {}
    for (const key of scalars) {
      const saying = parts.filter(({ spec }) => spec[key] !== undefined)
      const first = saying[0]
      for (const other of saying) {
        if (first !== undefined && comparable(key, first.spec[key]) !== comparable(key, other.spec[key])) {
          const [a, b] = [first.spec[key], other.spec[key]].map((value) => String(value).slice(0, 80))
          return yield* disagree(first.source, other.source, key, `one says ${a}, the other ${b}`)
        }
      }
      if (first !== undefined) joined[key] = first.spec[key]
    }
    return joined
  })

/** How a source sees memory: the resource tree, a firmware map or description, memory blocks, nothing. */
type View = "tree" | "map" | "blocks" | "none"

const viewOf = ({ spec }: Part): View => {
  const ranges = (spec.ranges ?? []).filter(({ kind }) => kind !== "cxl-window")
  return ranges.length === 0
    ? "none"
    : ranges.some(({ name }) => name === "System RAM")
    ? "tree"
    : ranges.some(({ kind, name }) => kind !== "ram" || name !== undefined)
    ? "map"
    : "blocks"
}

const views: ReadonlyArray<View> = ["tree", "map", "blocks", "none"]

/** Best view first, otherwise in the order given. */
const ordered = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> =>
  parts.toSorted((a, b) => views.indexOf(viewOf(a)) - views.indexOf(viewOf(b)))

/** Reserved slivers differ between views, a megabyte of RAM does not. */
const significant = MiB

const foreign = (a: Part, b: Part): PfnRange.PfnRange | undefined => {
  const known = PfnRange.normalise(MachineSpec.ram(b.spec))
  let next = 0
  return MachineSpec.ram(a.spec).find((range) => {
    for (let at = known[next]; at !== undefined && at.end <= range.start; at = known[next]) next++
    const at = known[next]
    return PfnRange.length(range) >= significant && (at === undefined || at.start >= range.end)
  })
}

const checkViews = (base: Part, others: ReadonlyArray<Part>): Result.Result<void, InputError> =>
  Result.gen(function*() {
    for (const other of others) {
      const view = viewOf(other)
      if (view === "none") continue
      // blocks list plugged device memory as well, so there only the base's RAM can be missed
      const missed = view === "blocks" ? foreign(base, other) : foreign(other, base)
      if (missed !== undefined) {
        const range = Check.showRange(missed.start, PfnRange.length(missed))
        return yield* disagree(base.source, other.source, range, "is RAM in one and not in the other")
      }
    }
  })

/** Memory blocks include hot-added device memory, which is no boot RAM. */
const withoutDevices = (
  ranges: ReadonlyArray<MachineSpec.Range>,
  devices: ReadonlyArray<MachineSpec.Device>
): ReadonlyArray<MachineSpec.Range> => {
  const holes = PfnRange.normalise(
    devices.flatMap(({ size, start }) => start === undefined ? [] : [PfnRange.fromLength(start, size)])
  )
  let next = 0
  return ranges.toSorted((a, b) => a.start - b.start).flatMap((range) => {
    for (let hole = holes[next]; hole !== undefined && hole.end <= range.start; hole = holes[next]) next++
    const inside: Array<PfnRange.PfnRange> = []
    for (
      let k = next, hole = holes[k];
      hole !== undefined && hole.start < range.start + range.size;
      hole = holes[++k]
    ) {
      inside.push(hole)
    }
    return PfnRange.subtract(PfnRange.fromLength(range.start, range.size), inside).map(({ end, start }) => ({
      ...range,
      start,
      size: end - start
    }))
  })
}

const joinRanges = (
  parts: ReadonlyArray<Part>,
  devices: ReadonlyArray<MachineSpec.Device>
): Result.Result<ReadonlyArray<MachineSpec.Range>, InputError> =>
  Result.gen(function*() {
    const [base, ...others] = parts
    const windows = new Map<string, MachineSpec.Range>()
    for (const { spec } of parts) {
      for (const range of spec.ranges ?? []) {
        const key = `${range.start}+${range.size}`
        if (range.kind === "cxl-window" && !windows.has(key)) windows.set(key, range)
      }
    }
    if (base === undefined) return []
    yield* checkViews(base, others)
    const nodes = BootMap.disjoint(others.flatMap(({ spec }) =>
      (spec.ranges ?? []).flatMap(({ kind, node, size, start }) =>
        node === undefined || kind !== "ram" ? [] : [{ start, end: start + size, node }]
      )
    ))
    const own = (base.spec.ranges ?? []).filter(({ kind }) =>
      kind !== "cxl-window"
    )
    const ranges = BootMap.withNodes(viewOf(base) === "blocks" ? withoutDevices(own, devices) : own, nodes)
    return [...ranges, ...windows.values()].toSorted((a, b) => a.start - b.start)
  })

/** `/proc/meminfo` counts the whole machine as node 0, which says nothing once other nodes are known. */
const isWholeMachine = ({ spec }: Part): boolean =>
  spec.ranges === undefined && spec.devices === undefined && spec.nodes?.length === 1 && spec.nodes[0]?.node === 0

const joinNodes = (parts: ReadonlyArray<Part>): ReadonlyArray<MachineSpec.Node> => {
  const several = parts.some(({ spec }) =>
    (spec.nodes ?? []).some(({ node }) => node > 0) || (spec.ranges ?? []).some(({ node }) => (node ?? 0) > 0)
  )
  const joined = new Map<number, MachineSpec.Node>()
  for (const part of parts) {
    if (several && isWholeMachine(part)) continue
    for (const node of part.spec.nodes ?? []) {
      const known = joined.get(node.node)
      // managed memory is what firmware gave minus what the kernel kept: the lower total is the later one
      const later = known === undefined || (node.total ?? Infinity) < (known.total ?? Infinity)
      joined.set(node.node, later ? { ...known, ...node } : { ...node, ...known })
    }
  }
  return [...joined.values()].toSorted((a, b) => a.node - b.node)
}

/** Plugged memory of all sources; where two begin at one address, what both say. */
const joinDimms = (parts: ReadonlyArray<Part>): ReadonlyArray<MachineSpec.Dimm> => {
  const joined = new Map<number, MachineSpec.Dimm>()
  for (const dimm of parts.flatMap(({ spec }) => spec.dimms ?? [])) {
    joined.set(dimm.start, { ...dimm, ...joined.get(dimm.start) })
  }
  return [...joined.values()].toSorted((a, b) => a.start - b.start)
}

/**
 * Joins descriptions of one machine; `names` are those of their sources, for errors.
 *
 * - kernel, architecture, command line and the like must agree;
 * - ranges come from the best view there is (`/proc/iomem`, then a boot log or description, then `lsmem`), nodes of RAM from
 *   any other; a megabyte or more of RAM that another view lacks is a conflict; CXL windows are added;
 * - of two totals of a node the lower counts, with its `available`: it is the later one;
 * - devices are joined as {@link DeviceMerge.join} says, so that regions learn their start from `/proc/iomem`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (
  specs: ReadonlyArray<MachineSpec.MachineSpec>,
  names: ReadonlyArray<string> = []
): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const given = specs.map((spec, index): Part => ({ source: names[index] ?? `source ${index + 1}`, spec }))
    if (given.length === 1 && specs[0] !== undefined) return specs[0]
    const parts = ordered(given)
    const devices = yield* DeviceMerge.join(
      parts.flatMap(({ source, spec }) => (spec.devices ?? []).map((device) => ({ source, device })))
    )
    const ranges = yield* joinRanges(parts, devices)
    const nodes = joinNodes(parts)
    const dimms = joinDimms(parts)
    return yield* Check.machine(given.map(({ source }) => source).join(" + "), {
      ...(yield* joinScalars(given)),
      ...(ranges.length === 0 ? {} : { ranges }),
      ...(nodes.length === 0 ? {} : { nodes }),
      ...(devices.length === 0 ? {} : { devices }),
      ...(dimms.length === 0 ? {} : { dimms })
    })
  })
