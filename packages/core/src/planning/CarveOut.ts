/**
 * Which `memmap=nn!ss` is safe on a machine (question 9): ranges of RAM that can be turned into one pmem region each.
 *
 * A candidate lies wholly inside one page-rounded RAM range, begins on a section (so RAM and pmem share none at the start,
 * ZON-4) and therefore on 16 MiB (OBS-25 row 12) and 2 MiB (21.4), has a size `ndctl` accepts (27.2), leaves the node enough
 * RAM, and has been tried: applied to the machine's map it yields exactly one type-12 range of its size (20.3, 20.4).
 *
 * Ranges above 4 GiB are preferred; below lie the kernel image, the initramfs, crashkernel memory and ZONE_DMA32, so low
 * ranges are offered only when nothing above 4 GiB will do.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Alignment from "../geometry/Alignment.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import * as MemoryBlock from "../geometry/MemoryBlock.ts"
import * as MemParse from "../geometry/MemParse.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as StructPageSize from "../geometry/StructPageSize.ts"
import { GiB, MiB } from "../geometry/Units.ts"
import * as FirmwareMap from "../machine/FirmwareMap.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import * as E820 from "../resources/E820.ts"
import * as MemmapOption from "../resources/MemmapOption.ts"
import * as NodeOfRam from "./NodeOfRam.ts"

const low = 4 * GiB

/** Region alignment of legacy regions and smallest namespace with struct pages (21.1, 27.2). */
const regionAlign = 16 * MiB

/** The kernel's KASLR code remembers this many `memmap=` ranges. */
const avoidedRanges = 4

const size = HumanSize.formatBinary

/**
 * What is assumed, and can be overridden. `keepBytes` and `keepShare`: RAM that must stay on the node, the larger of the two.
 * `kernelImage`: bytes no candidate may touch.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  readonly keepBytes: number
  readonly keepShare: number
  readonly kernelImage: PfnRange.PfnRange
}

/**
 * 1 GiB or a quarter of the node stays RAM; the kernel is somewhere between 1 MiB and 256 MiB.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultPolicy: Policy = {
  keepBytes: GiB,
  keepShare: 0.25,
  kernelImage: { start: MiB, end: 256 * MiB }
}

/**
 * What to carve out of which machine, for which kernel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly machine: MachineSpec.MachineSpec
  /** Bytes wanted. */
  readonly want: number
  readonly arch: Architecture
  readonly release: KernelRelease
  readonly policy?: Partial<Policy> | undefined
}

/**
 * A line for the kernel command line. `device` is the region the kernel will make of it, as a planner takes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Candidate {
  readonly line: string
  readonly start: number
  readonly size: number
  readonly node: number
  readonly why: ReadonlyArray<string>
  readonly region: MachineSpec.Device & { readonly start: number }
}

/**
 * A range of RAM, or a placement in one, that will not do; `why` cites the rule.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refused {
  readonly start: number
  readonly size: number
  readonly why: string
}

/**
 * Candidates best first.
 *
 * @category models
 * @since 0.1.0
 */
export interface CarveOut {
  readonly candidates: ReadonlyArray<Candidate>
  readonly refused: ReadonlyArray<Refused>
  readonly assumptions: ReadonlyArray<string>
}

/**
 * A request no machine can satisfy.
 *
 * @category errors
 * @since 0.1.0
 */
export class CarveOutError extends Schema.TaggedError<CarveOutError>("@vmemmap/core/CarveOut/CarveOutError")(
  "CarveOutError",
  { problem: Schema.String, rule: Schema.String, remedy: Schema.String }
) {
  override get message() {
    return `${this.problem} (${this.rule}); ${this.remedy}`
  }
}

/** A request with what follows from it. */
interface Setup extends Request {
  readonly policy: Policy
  readonly table: E820.Table
  readonly ram: ReadonlyArray<FirmwareMap.NodeRange>
  /** Bytes of memmap the carved range itself will need in RAM. */
  readonly memmap: number
}

const check = ({ arch, release, want }: Request): CarveOutError | null => {
  const wrong = (problem: string, rule: string, remedy: string) => new CarveOutError({ problem, rule, remedy })
  if (!arch.name.startsWith("x86_64")) {
    return wrong(`memmap=nn!ss is an x86 option, not one of ${arch.name}`, "20.3", "give --arch x86_64")
  }
  if (!Number.isSafeInteger(want) || want < regionAlign) {
    return wrong(
      `${want} bytes are less than 16 MiB`,
      "27.2",
      "ask for 16M or more: fsdax, devdax and sector need that"
    )
  }
  const granule = has(release, "sub-sections") ? regionAlign : arch.sectionSize
  return want % granule === 0 ? null : wrong(
    `${MemParse.format(want)} is not a multiple of ${size(granule)}`,
    granule === regionAlign ? "27.2" : "SEC-8",
    `ask for ${MemParse.format(Alignment.up(want, granule))}`
  )
}

/** RAM on the node that would be left if the range were taken, and what the policy wants to keep. */
const remaining = (s: Setup, node: number): { readonly left: number; readonly keep: number } => {
  const total = s.ram.filter((r) => r.node === node).reduce((sum, r) => sum + PfnRange.length(r), 0)
  return { left: total - s.want - s.memmap, keep: Math.max(s.policy.keepBytes, total * s.policy.keepShare) }
}

const refuse = (range: PfnRange.PfnRange, why: string): Refused => ({
  start: range.start,
  size: PfnRange.length(range),
  why
})

/** Why a whole RAM range cannot hold the carve-out; null when it can. */
const rangeRefusal = (s: Setup, range: FirmwareMap.NodeRange): string | null => {
  if (PfnRange.length(range) < s.want) {
    return `only ${size(PfnRange.length(range))}, less than the ${
      size(s.want)
    } wanted; a longer line would cut through ` +
      `other ranges and give several regions (20.3)`
  }
  const { keep, left } = remaining(s, range.node)
  return left < keep
    ? `node ${range.node} would keep ${size(Math.max(0, left))} of RAM after ${size(s.want)} and ${
      size(s.memmap)
    } for ` +
      `its struct pages (28.2), less than the ${size(keep)} assumed to be needed`
    : null
}

/** The section-aligned starts worth offering in a range: highest, and lowest above 4 GiB; or highest only, below it. */
const placements = (s: Setup, range: FirmwareMap.NodeRange): ReadonlyArray<number> => {
  const unit = s.arch.sectionSize
  const highest = Alignment.down(range.end - s.want, unit)
  const lowest = Alignment.up(Math.max(range.start, low), unit)
  return lowest < highest ? [highest, lowest] : [highest]
}

const placementRefusal = (s: Setup, range: FirmwareMap.NodeRange, start: number): string | null => {
  const placed = PfnRange.fromLength(start, s.want)
  if (start < range.start) {
    return `no start on a section of ${size(s.arch.sectionSize)} leaves room for ${
      size(s.want)
    }: RAM and pmem would share ` +
      `a section (ZON-4), and ndctl wants 16 MiB (OBS-25 row 12)`
  }
  return PfnRange.overlaps(placed, s.policy.kernelImage)
    ? `the kernel image may lie at ${size(s.policy.kernelImage.start)} to ${size(s.policy.kernelImage.end)} (OBS-3)`
    : null
}

/** The machine after the line, if it yields exactly one new region of exactly these bytes (20.3, 20.4). */
const verify = (s: Setup, start: number): E820.Table | null => {
  const line = MemmapOption.formatPmem(start, s.want)
  const after = E820.apply(s.table, MemmapOption.actions(MemmapOption.parse(line.slice("memmap=".length))))
  const known = new Set(E820.regions(s.table).map((r) => `${r.start}+${r.size}`))
  const news = E820.regions(after).filter((r) => !known.has(`${r.start}+${r.size}`))
  return news.length === 1 && news[0]?.start === start && news[0].size === s.want &&
      E820.regions(after).length === known.size + 1
    ? after
    : null
}

const existing = (machine: MachineSpec.MachineSpec): number =>
  MemmapOption.actions(MemmapOption.fromCommandLine(machine.cmdline ?? ""))
    .filter((e) => !MemmapOption.Action.guards.Limit(e) && !MemmapOption.Action.guards.ExactMap(e)).length

const kaslr = (machine: MachineSpec.MachineSpec): string => {
  const words = (machine.cmdline ?? "").split(/\s+/)
  if (words.includes("nokaslr")) return "nokaslr is given: the kernel stays at its default address, clear of this range"
  const count = existing(machine) + 1
  return count > avoidedRanges
    ? `this would be memmap= range ${count}: kernels from 4.11 on stop randomising their physical address when there are ` +
      `more than ${avoidedRanges}; older ones need nokaslr`
    : `kernels from 4.11 on keep clear of up to ${avoidedRanges} memmap= ranges when they place themselves (this is number ` +
      `${count}); add nokaslr for an older one`
}

const blockNote = (s: Setup, after: E820.Table): ReadonlyArray<string> => {
  const block = (table: E820.Table) =>
    MemoryBlock.size(s.arch, {
      endOfBootRam: E820.ram(table, s.arch.pageSize).at(-1)?.end ?? 0,
      hypervisor: s.machine.hypervisor ?? false
    })
  const [now, then] = [block(s.table), block(after)]
  return now === then || s.machine.blockSize !== undefined
    ? []
    : [`RAM then ends elsewhere: memory blocks become ${size(then)} instead of ${size(now)} (GEO-15)`]
}

const why = (s: Setup, range: FirmwareMap.NodeRange, start: number, after: E820.Table): ReadonlyArray<string> => {
  const end = start + s.want
  const { left } = remaining(s, range.node)
  return [
    `wholly inside the RAM range ${hex(range.start)}-${
      hex(range.end - 1)
    }: exactly one type-12 range, one region (20.3, 20.4)`,
    `begins on a ${size(s.arch.sectionSize)} section, so on 16 MiB as ndctl wants (OBS-25 row 12)`,
    end % s.arch.sectionSize === 0
      ? "ends on a section: no section is shared with RAM (ZON-4)"
      : end === range.end
      ? "ends with its RAM range, inside a section whose RAM lies below (ZON-4)"
      : "ends inside a section whose rest stays RAM: the section is tainted for every walker (ZON-4, SEC-7)",
    start >= low
      ? "above 4 GiB, clear of kernel image, initramfs and crashkernel memory"
      : "below 4 GiB, for want of anything better: the initramfs, crashkernel memory and ZONE_DMA32 live here too",
    `node ${range.node} keeps ${size(left)} of RAM even with ${size(s.memmap)} of struct pages for the range (28.2)`,
    kaslr(s.machine),
    ...blockNote(s, after),
    "quote it: '!' starts history expansion in an interactive shell; use single quotes there and in /etc/default/grub"
  ]
}

/** Above 4 GiB first, then ends on a section, then does not split its RAM range, then higher. */
const rank = (s: Setup, { range, start }: Placed): ReadonlyArray<number> => {
  const end = start + s.want
  return [
    start >= low ? 0 : 1,
    end % s.arch.sectionSize === 0 ? 0 : 1,
    end === range.end || start === range.start ? 0 : 1,
    -start
  ]
}

interface Placed {
  readonly range: FirmwareMap.NodeRange
  readonly start: number
}

const compare = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

const candidate = (s: Setup, { range, start }: Placed, after: E820.Table): Candidate => ({
  line: MemmapOption.formatPmem(start, s.want),
  start,
  size: s.want,
  node: range.node,
  why: why(s, range, start, after),
  region: {
    name: `region${E820.regions(after).findIndex((r) => r.start === start)}`,
    kind: "legacy",
    start,
    size: s.want,
    node: range.node,
    targetNode: range.node,
    align: regionAlign,
    labels: false
  }
})

interface Found {
  readonly placed: Placed
  readonly after: E820.Table
}

/** Every placement in every RAM range: those that work, and the others with the reason. */
const search = (s: Setup): { readonly found: ReadonlyArray<Found>; readonly refused: ReadonlyArray<Refused> } => {
  const refused: Array<Refused> = []
  const found: Array<Found> = []
  for (const range of s.ram) {
    const unfit = rangeRefusal(s, range)
    if (unfit !== null) {
      refused.push(refuse(range, unfit))
      continue
    }
    for (const start of placements(s, range)) {
      const bad = placementRefusal(s, range, start)
      const after = bad === null ? verify(s, start) : null
      if (after !== null) found.push({ placed: { range, start }, after })
      else {
        const at = start < range.start ? range : PfnRange.fromLength(start, s.want)
        refused.push(refuse(at, bad ?? "the line would not give exactly one region of that size (20.3)"))
      }
    }
  }
  return { found, refused }
}

/**
 * Every line worth considering on the machine, best first, and what was refused and why.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plan = (request: Request): Result.Result<CarveOut, CarveOutError> => {
  const wrong = check(request)
  if (wrong !== null) return Result.fail(wrong)
  const { arch, machine, want } = request
  const table = FirmwareMap.table(machine)
  const structPage = machine.structPage ?? StructPageSize.usual
  const s: Setup = {
    ...request,
    table,
    ram: FirmwareMap.ramByNode(machine, table, arch.pageSize),
    policy: { ...defaultPolicy, ...request.policy },
    memmap: want / arch.pageSize * structPage
  }
  if (s.ram.length === 0) {
    return Result.fail(
      new CarveOutError({
        problem: "no RAM range is known",
        rule: "20.3",
        remedy: "read /proc/iomem as root, or describe the machine's ranges"
      })
    )
  }
  const { found, refused } = search(s)
  const high = found.filter(({ placed }) => placed.start >= low)
  const offered = high.length > 0 ? high : found
  const spared = found.filter((one) => !offered.includes(one)).map(({ placed }) =>
    refuse(PfnRange.fromLength(placed.start, want), "below 4 GiB while there is room above (20.3)")
  )
  return Result.succeed({
    candidates: offered.toSorted((a, b) => compare(rank(s, a.placed), rank(s, b.placed)))
      .map(({ after, placed }) => candidate(s, placed, after)),
    refused: [...refused, ...spared],
    assumptions: [
      `the larger of ${size(s.policy.keepBytes)} and ${s.policy.keepShare * 100} % of a node must stay RAM`,
      ...NodeOfRam.assumed(machine),
      `the kernel image is taken to lie in ${size(s.policy.kernelImage.start)} to ${size(s.policy.kernelImage.end)}`,
      "the ranges given are those of the next boot, and memmap= options already in force stay on the command line",
      "each byte of device memory needs its struct pages in RAM (map=mem); with map=dev they come out of the region"
    ]
  })
}
