/**
 * Every way to use a range of device memory, legal or not, and the one to take.
 *
 * @since 0.1.0
 */
import * as HumanSize from "../geometry/HumanSize.ts"
import * as MemParse from "../geometry/MemParse.ts"
import { has } from "../release/KernelRelease.ts"
import * as Capacity from "./Capacity.ts"
import * as PlanOption from "./PlanOption.ts"
import type { Kernel, Target } from "./Target.ts"
import * as ToolChecks from "./ToolChecks.ts"

/**
 * Which alternatives to consider; absent means all.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly mode?: PlanOption.Mode | undefined
  readonly map?: PlanOption.MapLocation | undefined
  readonly align?: number | undefined
}

const base: PlanOption.Choice = {
  mode: "raw",
  map: "none",
  align: null,
  sectorSize: null,
  native: false,
  memmapOnMemory: false
}

const choice = (
  mode: PlanOption.Mode,
  map: PlanOption.MapLocation,
  align: number | null,
  memmapOnMemory = false
): PlanOption.Choice => ({ mode, map, align, sectorSize: null, native: false, memmapOnMemory })

const nativeChoice: PlanOption.Choice = { ...base, mode: "fsdax", map: "mem", native: true }

/** Logical block sizes a BTT offers that differ in capacity (21.8); 520 … 4224 add protection bytes. */
const sectorSizes = [512, 4096]

const hasNativeMode = ({ kind }: Target): boolean => kind === "legacy" || kind === "virtio-pmem"

/** Alignments worth asking for: the supported ones, and the one asked for even if it is not. */
const alignsOf = ({ arch }: Kernel, { align }: Filter): ReadonlyArray<number> =>
  align === undefined ? arch.daxAligns : [align]

const instances = (
  mode: "fsdax" | "devdax",
  maps: ReadonlyArray<"mem" | "dev">,
  kernel: Kernel,
  filter: Filter
): ReadonlyArray<PlanOption.Choice> => {
  const aligns = alignsOf(kernel, filter)
  return maps.filter((map) => filter.map === undefined || filter.map === map).flatMap((map) =>
    aligns.map((align) => choice(mode, map, align))
  )
}

const maps = ["dev", "mem"] as const

/** The choices of one mode, by kind of device. ndctl makes no info block for fsdax/mem where native mode exists (27.2). */
const ofMode: Readonly<
  Record<PlanOption.Mode, (target: Target, kernel: Kernel, filter: Filter) => ReadonlyArray<PlanOption.Choice>>
> = {
  "raw": ({ kind }, _, { align, map }) => kind === "dax" || map !== undefined || align !== undefined ? [] : [base],
  "sector": ({ kind }, _, { align, map }) =>
    kind === "dax" || map !== undefined || align !== undefined ?
      []
      : sectorSizes.map((sectorSize) => ({ ...base, mode: "sector", sectorSize })),
  "fsdax": (target, kernel, filter) =>
    target.kind === "dax"
      ? []
      : hasNativeMode(target)
      ? [
        ...(filter.map === "dev" || filter.align !== undefined ? [] : [nativeChoice]),
        ...instances("fsdax", ["dev"], kernel, filter)
      ]
      : instances("fsdax", maps, kernel, filter),
  "devdax": ({ kind }, kernel, filter) => instances("devdax", kind === "dax" ? ["mem"] : maps, kernel, filter),
  "system-ram": ({ kind }, { arch, release }, filter) => {
    const align = kind === "dax"
      ? null
      : filter.align ?? arch.daxAligns.find((a) => a >= arch.compatAlign) ?? Math.max(...arch.daxAligns)
    const onMemory = has(release, "kmem-memmap-on-memory") ? [false, true] : [false]
    return (kind === "dax" ? ["mem"] as const : maps).filter((map) => filter.map === undefined || filter.map === map)
      .flatMap((map) => onMemory.map((memmapOnMemory) => choice("system-ram", map, align, memmapOnMemory)))
  }
}

const modes = ["raw", "sector", "fsdax", "devdax", "system-ram"] as const

const choices = (target: Target, kernel: Kernel, filter: Filter): ReadonlyArray<PlanOption.Choice> =>
  filter.mode === undefined
    ? modes.flatMap((mode) => ofMode[mode](target, kernel, filter))
    : ofMode[filter.mode](target, kernel, filter)

/**
 * All choices on a target in a fixed order (raw, sector, fsdax, devdax, system-ram), each with its result.
 *
 * @category constructors
 * @since 0.1.0
 */
export const all = (target: Target, kernel: Kernel, filter: Filter = {}): ReadonlyArray<PlanOption.PlanOption> =>
  choices(target, kernel, filter).map((choice) => {
    const option = Capacity.plan(choice, target, kernel)
    const tool = option.error === null ? ToolChecks.refusal(choice, target, kernel) : null
    return tool === null ? option : { ...option, tool }
  })

/**
 * What to weigh alternatives by: the mode the range has now, and what the paying node has left.
 *
 * @category models
 * @since 0.1.0
 */
export interface Circumstances {
  readonly mode?: PlanOption.Mode | undefined
  /** `mode` is what the range has now, not what was asked for. */
  readonly inUse?: boolean | undefined
  /** Bytes that could be allocated on the paying node. */
  readonly available?: number | undefined
}

/**
 * RAM a memmap may take before the device should hold it instead: a sixteenth of what the node has available, or, when that
 * is not known, half a percent of the device (enough for every deduplicated layout, for no other).
 *
 * @category queries
 * @since 0.1.0
 */
export const ramBudget = (deviceBytes: number, available: number | undefined): number =>
  available === undefined ? deviceBytes / 200 : available / 16

const cost = (option: PlanOption.PlanOption): number => option.ram + option.pageTables

/**
 * The mode a recommendation is looked for in: the one in use or asked for, else fsdax, or system-ram for volatile memory.
 *
 * @category queries
 * @since 0.1.0
 */
export const wantedMode = (target: Target, { mode }: Circumstances): PlanOption.Mode =>
  mode === undefined || mode === "raw" ? target.kind === "dax" ? "system-ram" : "fsdax" : mode

/** Best first: affordable ones by usable bytes, then the others by RAM. */
const byMerit = (budget: number) => (a: PlanOption.PlanOption, b: PlanOption.PlanOption): number => {
  const [affordableA, affordableB] = [cost(a) <= budget, cost(b) <= budget]
  if (affordableA !== affordableB) return affordableA ? -1 : 1
  return affordableA
    ? b.usable - a.usable || cost(a) - cost(b) || preference(b) - preference(a)
    : cost(a) - cost(b) || b.usable - a.usable || preference(b) - preference(a)
}

/**
 * The option to take: within the mode in use (else fsdax, or system-ram for volatile memory), the most usable bytes among
 * those whose RAM need is within {@link ramBudget}; among equals the cheaper, then 2 MiB alignment. When none is within
 * the budget, the one that needs least RAM. Never a hazard, never a waste. `accept` is asked last, for the best ones first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const recommend = (
  options: ReadonlyArray<PlanOption.PlanOption>,
  target: Target,
  circumstances: Circumstances = {},
  accept: (option: PlanOption.PlanOption) => boolean = () => true
): PlanOption.PlanOption | null => {
  const wanted = wantedMode(target, circumstances)
  const budget = ramBudget(target.size, circumstances.available)
  const merit = byMerit(budget)
  const first = (pool: ReadonlyArray<PlanOption.PlanOption>) =>
    pool.toSorted(merit).find((option) =>
      PlanOption.isSafe(option) && !option.notes.some((note) => note.kind === "waste") && accept(option)
    )
  return first(options.filter((o) => o.mode === wanted)) ?? first(options) ?? null
}

/**
 * The same recommendation as over {@link all}, planning only the wanted mode where that suffices: for fleets.
 *
 * @category constructors
 * @since 0.1.0
 */
export const best = (
  target: Target,
  kernel: Kernel,
  filter: Filter,
  circumstances: Circumstances
): PlanOption.PlanOption | null => {
  const among = (within: Filter) =>
    recommend(
      choices(target, kernel, within).map((choice) => Capacity.plan(choice, target, kernel)),
      target,
      circumstances,
      (option) => ToolChecks.refusal(option, target, kernel) === null
    )
  const mode = filter.mode ?? wantedMode(target, circumstances)
  return among({ ...filter, mode }) ?? among(filter)
}

/** Among equals: the kernel's own default of 2 MiB, then larger alignments (fewer faults), then page size. */
const preference = ({ align }: PlanOption.PlanOption): number =>
  align === null ? 0 : align === 4096 ? 1 : align === 2 ** 21 ? 3 : 2

/**
 * Why {@link recommend} chose the option.
 *
 * @category printing
 * @since 0.1.0
 */
export const reason = (
  option: PlanOption.PlanOption,
  target: Target,
  { available, inUse }: Circumstances
): string => {
  const budget = ramBudget(target.size, available)
  const need = HumanSize.formatBinary(cost(option))
  const limit = available === undefined
    ? `0.5 % of the device (${HumanSize.formatBinary(budget)}; available memory of the node is not known)`
    : `a sixteenth of the ${HumanSize.formatBinary(available)} available on the node`
  const kept = inUse === true ? "keeps the mode in use; " : ""
  if (cost(option) === 0) return `${kept}most usable bytes among the options that need no RAM`
  return cost(option) <= budget
    ? `${kept}most usable bytes among the options whose RAM need (${need}) stays within ${limit}`
    : `${kept}least RAM (${need}); no option stays within ${limit}`
}

/**
 * Which namespace `ndctl create-namespace` is to make: `existing` re-configured, else a new one on a labelled region, else the
 * only one of a label-less region.
 *
 * @category printing
 * @since 0.1.0
 */
export const selector = (target: Target, existing?: string): string => {
  if (existing !== undefined) return ` -f -e ${existing}`
  if (/^namespace[0-9]+\.[0-9]+$/.test(target.name)) return ` -f -e ${target.name}`
  const region = /^region([0-9]+)$/.exec(target.name)
  return target.labels ? ` -r ${target.name}` : ` -f -e ${region === null ? "<namespace>" : `namespace${region[1]}.0`}`
}

/**
 * The command that creates the option, as an administrator would type it; `where` is a {@link selector}.
 *
 * @category printing
 * @since 0.1.0
 */
export const command = (option: PlanOption.PlanOption, target: Target, where: string): string => {
  const create = `ndctl create-namespace${where} -m`
  const align = option.align === null ? "" : ` -a ${MemParse.format(option.align)}`
  switch (option.mode) {
    case "raw":
      return `${create} raw`
    case "sector":
      return `${create} sector -l ${String(option.sectorSize)}`
    case "fsdax":
    case "devdax":
      return target.kind === "dax"
        ? realigned(option, target)
        : `${create} ${option.mode} -M ${option.map}${align}`
    case "system-ram":
      return target.kind === "dax"
        ? `${ownMemmap(option, daxDevice(target))}daxctl reconfigure-device -m system-ram ${daxDevice(target)}`
        : `${create} devdax -M ${option.map}${align} && ${ownMemmap(option, "$DAX")}` +
          "daxctl reconfigure-device -m system-ram $DAX"
  }
}

/** A device of a region holds all of it, so no other can be made: its own alignment is changed, while no driver has it (24.3). */
const realigned = ({ align }: PlanOption.PlanOption, target: Target): string => {
  const device = daxDevice(target)
  const own = align === null ? "" : `echo ${align} > /sys/bus/dax/devices/${device}/align && `
  return `daxctl disable-device ${device} && ${own}daxctl enable-device ${device}`
}

/** A region is named otherwise than the instances in it, which the administrator has to look up. */
const daxDevice = ({ name }: Target): string => /^dax[0-9]+\.[0-9]+$/.test(name) ? name : "$DAX"

/** The per-device switch of 25.6, off by default for pmem. */
const ownMemmap = ({ memmapOnMemory }: PlanOption.PlanOption, device: string): string =>
  memmapOnMemory ? `echo 1 > /sys/bus/dax/devices/${device}/memmap_on_memory && ` : ""
