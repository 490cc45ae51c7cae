/**
 * What one choice of mode, map and alignment makes of a range: usable bytes, losses, struct pages and who pays for them.
 * Spec 28.2 with 21.8, 22.3, 24, 25; every number follows from sizes and release features, none from a recording.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Btt from "../devices/Btt.ts"
import * as DaxRegion from "../devices/DaxRegion.ts"
import * as PfnLayout from "../devices/PfnLayout.ts"
import * as Alignment from "../geometry/Alignment.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import { has } from "../release/KernelRelease.ts"
import * as Altmap from "../vmemmap/Altmap.ts"
import * as CompoundVmemmap from "../vmemmap/CompoundVmemmap.ts"
import * as MemmapCost from "./MemmapCost.ts"
import * as PlanOption from "./PlanOption.ts"
import * as Refusals from "./Refusals.ts"
import * as SystemRam from "./SystemRam.ts"
import type { Kernel, Target } from "./Target.ts"

type Choice = PlanOption.Choice

const size = HumanSize.formatBinary

const fromError = (error: KernelError): PlanOption.Refusal =>
  Refusals.make(error.errno, error.rule, error.problem, error.remedy)

/**
 * The order of a device-dax compound page: 0 unless the kernel maps compounds and the alignment exceeds a page (24.2).
 *
 * @category queries
 * @since 0.1.0
 */
export const compoundOrder = ({ arch, release }: Kernel, align: number): number =>
  has(release, "compound-devmaps") && align > arch.pageSize ? Math.log2(align / arch.pageSize) : 0

/**
 * Predicts one choice on one target.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plan = (choice: Choice, target: Target, kernel: Kernel): PlanOption.PlanOption =>
  PlanOption.accounted(decide(choice, target, kernel), target.size)

const decide = (choice: Choice, target: Target, kernel: Kernel): PlanOption.PlanOption => {
  switch (choice.mode) {
    case "raw":
    case "sector": {
      const beyond = Refusals.addresses(whole(target), kernel)
      return beyond !== null
        ? PlanOption.refused(choice, beyond)
        : choice.mode === "raw"
        ? PlanOption.legal(choice, { usable: target.size }, {})
        : sector(choice, target)
    }
    case "fsdax":
    case "devdax":
      return choice.native
        ? native(choice, target, kernel)
        : target.kind === "dax"
        ? dynamic(choice, target, kernel)
        : instance(choice, target, kernel)
    case "system-ram":
      return systemRam(choice, target, kernel)
  }
}

const sector = (choice: Choice, target: Target): PlanOption.PlanOption => {
  const unclaimed = Refusals.claim(target)
  if (unclaimed !== null) return PlanOption.refused(choice, unclaimed)
  return Result.match(Btt.layout(target.size, choice.sectorSize ?? 4096, "1.1"), {
    onFailure: (error) => PlanOption.refused(choice, fromError(error)),
    onSuccess: (btt) =>
      PlanOption.legal(choice, { usable: btt.usable }, { metadata: btt.metadata, alignmentTail: btt.unusableTail })
  })
}

/** Whole namespace, no info block, memmap in RAM (21.2, 23.1 step 8). */
const native = (choice: Choice, target: Target, kernel: Kernel): PlanOption.PlanOption => {
  const refused = Refusals.zoneDevice(kernel) ?? Refusals.mappable(target, kernel) ??
    Refusals.mapping(whole(target), kernel)
  if (refused !== null) return PlanOption.refused(choice, refused)
  const cost = MemmapCost.make(mapping(kernel, whole(target), null, 0))
  return PlanOption.legal(choice, {
    usable: target.size,
    npfns: target.size / kernel.arch.pageSize,
    ...paid(cost)
  }, {})
}

const whole = (target: Target): PfnRange.PfnRange => PfnRange.fromLength(target.start, target.size)

const mapping = (
  { arch, ram, release, structPage }: Kernel,
  range: PfnRange.PfnRange,
  altmap: Altmap.Altmap | null,
  order: number
): MemmapCost.Request => ({ arch, ram, release, structPage, range, altmap, order })

const paid = (cost: MemmapCost.MemmapCost) => ({
  ram: cost.ram,
  device: cost.device,
  pageTables: cost.pageTables,
  structPages: cost.structPages,
  shared: cost.shared
})

const layoutOf = (choice: Choice, target: Target, kernel: Kernel) =>
  PfnLayout.create({
    arch: kernel.arch,
    release: kernel.release,
    structPage: kernel.structPage,
    start: target.start,
    size: target.size,
    map: choice.map === "dev" ? "dev" : "mem",
    align: choice.align ?? kernel.arch.compatAlign,
    dax: choice.mode !== "fsdax"
  })

const mappedRange = (layout: PfnLayout.PfnLayout): PfnRange.PfnRange => ({
  start: layout.start + layout.startPad,
  end: layout.start + layout.size - layout.endTrunc
})

const dataOf = (layout: PfnLayout.PfnLayout): PfnRange.PfnRange =>
  PfnRange.fromLength(layout.start + layout.startPad + layout.dataoff, layout.usable)

/** A pfn or dax instance with an info block (22). */
const instance = (choice: Choice, target: Target, kernel: Kernel): PlanOption.PlanOption => {
  const { arch } = kernel
  const isDax = choice.mode === "devdax"
  const unclaimed = Refusals.deviceMemmap(choice, kernel) ?? Refusals.claim(target) ?? Refusals.zoneDevice(kernel) ??
    (isDax ? Refusals.mappable(target, kernel) : null)
  if (unclaimed !== null) return PlanOption.refused(choice, unclaimed)
  const laid = layoutOf(choice, target, kernel)
  if (Result.isFailure(laid)) return PlanOption.refused(choice, fromError(laid.failure))
  const layout = laid.success
  const undivided = isDax ? Refusals.staticRegion(dataOf(layout), layout.align) : null
  if (undivided !== null) return PlanOption.refused(choice, undivided)
  const range = mappedRange(layout)
  if (choice.map === "dev" && arch.altmap === "refused") {
    return PlanOption.refused(
      choice,
      Refusals.addresses(range, kernel) ??
        Refusals.make("EINVAL", "ALT-11", `${arch.name} refuses a device memmap`, "use map=mem")
    )
  }
  const misplaced = Refusals.mapping(range, kernel)
  if (misplaced !== null) return PlanOption.refused(choice, misplaced)
  const order = isDax ? compoundOrder(kernel, layout.align) : 0
  const altmap = choice.map === "dev" ? Altmap.make(range.start, layout.dataoff, arch) : null
  const request = mapping(kernel, range, altmap, order)
  const cost = MemmapCost.make(request)
  if (cost.exhausted) {
    return PlanOption.refused(
      choice,
      Refusals.make(
        "ENOMEM",
        "ALT-3",
        "the space set aside on the device does not hold its memmap",
        `use map=mem, or a range that begins and ends on a section (${size(arch.sectionSize)})`
      )
    )
  }
  return PlanOption.legal(choice, {
    usable: layout.usable,
    dataoff: layout.dataoff,
    endTrunc: layout.endTrunc,
    npfns: layout.npfns,
    ...paid(cost),
    notes: instanceNotes(choice, layout, request, cost)
  }, instanceLosses(layout, cost, arch.pageSize))
}

/** Everything ahead of the data is metadata, block padding or reserve nobody uses (28.7, ALT-12). */
const instanceLosses = (
  layout: PfnLayout.PfnLayout,
  { altmap }: MemmapCost.MemmapCost,
  page: number
): Partial<PlanOption.Losses> => {
  const metadata = altmap === null ? Altmap.reserveBytes : Altmap.reserveBytes + altmap.alloc * page
  const unusedReserve = altmap === null ? 0 : Altmap.left(altmap) * page
  return {
    metadata,
    unusedReserve,
    alignmentHead: layout.startPad + layout.dataoff - metadata - unusedReserve,
    alignmentTail: layout.size - layout.startPad - layout.dataoff - layout.usable
  }
}

const instanceNotes = (
  choice: Choice,
  layout: PfnLayout.PfnLayout,
  request: MemmapCost.Request,
  cost: MemmapCost.MemmapCost
): ReadonlyArray<PlanOption.Note> => {
  const notes: Array<PlanOption.Note> = []
  const { order, range } = request
  if (layout.usable === 0) {
    notes.push({ kind: "hazard", rule: "22.3", message: "legal, but no byte is left to use" })
  }
  if (layout.align > layout.size) {
    notes.push({
      kind: "hazard",
      rule: "22.4 row 14",
      message: "created, then refused at the next probe: align exceeds the capacity"
    })
  }
  if (cost.device > 0 && CompoundVmemmap.isShared(request, order, false)) {
    const mem = MemmapCost.make({ ...request, altmap: null })
    notes.push({
      kind: "note",
      rule: "CMP-10",
      message:
        `a memmap on the device is never deduplicated: it takes ${share(cost.device, layout.size)} of the device, ` +
        `where map=mem would take ${size(mem.ram + mem.pageTables)} of RAM (${
          share(mem.ram + mem.pageTables, layout.size)
        })`
    })
  }
  if (cost.shared && CompoundVmemmap.isMisplaced(request, range, order)) {
    notes.push({
      kind: "hazard",
      rule: "CMP-5",
      message: `compounds begin at the range start (${hex(range.start)}), which is not a multiple of ` +
        `${
          size(layout.align)
        }; heads and tails share vmemmap pages wrongly. Use map=dev, a smaller align, or an aligned start`
    })
  } else if (order > 0 && choice.map === "mem" && range.start % layout.align !== 0) {
    notes.push({
      kind: "hazard",
      rule: "24.2",
      message: `compound heads lie at start + k × ${size(layout.align)}, faults use multiples of ` +
        `${size(layout.align)}, and the last compound may overrun the range. Use map=dev, a smaller align, or an ` +
        "aligned start"
    })
  }
  return notes
}

const share = (part: number, total: number): string => `${(100 * part / total).toPrecision(3)} %`

/** A dynamic device-dax instance: no info block, sizes in whole {@link DaxRegion.granule}s (24.3). */
const dynamic = (choice: Choice, target: Target, kernel: Kernel): PlanOption.PlanOption => {
  const { arch } = kernel
  const { start } = target
  const align = choice.align ?? arch.pmdSize
  const granule = DaxRegion.granule(arch, align)
  const misplaced = Refusals.dynamicRegion(target, kernel)
  if (misplaced !== null) return PlanOption.refused(choice, misplaced)
  if (choice.align !== null && !arch.daxAligns.includes(align)) {
    return PlanOption.refused(
      choice,
      Refusals.make(
        "EINVAL",
        "24.3",
        `${arch.name} does not support an alignment of ${size(align)}`,
        `use one of ${arch.daxAligns.map(size).join(", ")}`
      )
    )
  }
  const usable = Alignment.down(target.size, granule)
  if (usable === 0) {
    return PlanOption.refused(
      choice,
      Refusals.make(
        "EINVAL",
        "24.3",
        `sizes are multiples of ${size(granule)}`,
        "use a smaller alignment or a larger range"
      )
    )
  }
  const range = PfnRange.fromLength(start, usable)
  const unmappable = Refusals.zoneDevice(kernel) ?? Refusals.mapping(range, kernel)
  if (unmappable !== null) return PlanOption.refused(choice, unmappable)
  const order = compoundOrder(kernel, align)
  const cost = MemmapCost.make(mapping(kernel, range, null, order))
  return PlanOption.legal(choice, {
    usable,
    npfns: usable / kernel.arch.pageSize,
    ...paid(cost),
    notes: CompoundVmemmap.isMisplaced(kernel, range, order) && cost.shared
      ? [{
        kind: "hazard",
        rule: "CMP-5",
        message: `start ${hex(start)} is not a multiple of ${size(align)}`
      }]
      : start % align !== 0
      ? [{
        kind: "hazard",
        rule: "24.3",
        message: `start ${hex(start)} is not a multiple of ${size(align)}: only lengths are checked, faults map ` +
          "misaligned addresses"
      }]
      : []
  }, { alignmentTail: target.size - usable })
}

/** device-dax bound to kmem (25): the memmap is always new and never the namespace's altmap. */
const systemRam = (choice: Choice, target: Target, kernel: Kernel): PlanOption.PlanOption => {
  if (target.kind === "dax") {
    const misplaced = Refusals.dynamicRegion(target, kernel)
    if (misplaced !== null) return PlanOption.refused(choice, misplaced)
    return SystemRam.plan(
      choice,
      whole(target),
      { metadata: 0, alignmentHead: 0, alignmentTail: 0, unusedReserve: 0 },
      target,
      kernel
    )
  }
  const base = instance({ ...choice, mode: "devdax" }, target, kernel)
  if (base.error !== null) return PlanOption.refused(choice, base.error)
  const head = base.lost.metadata + base.lost.alignmentHead + base.lost.unusedReserve
  const data = PfnRange.fromLength(target.start + head, base.usable)
  const plan = SystemRam.plan(
    choice,
    data,
    // The reserve stays set aside and nobody uses it: kmem ignores the altmap (25.3).
    {
      metadata: Altmap.reserveBytes,
      alignmentHead: base.lost.alignmentHead,
      alignmentTail: base.lost.alignmentTail,
      unusedReserve: base.lost.unusedReserve + base.lost.metadata - Altmap.reserveBytes
    },
    target,
    kernel
  )
  const doubled = choice.map === "dev" && plan.error === null
  return {
    ...plan,
    dataoff: plan.error === null ? base.dataoff : 0,
    endTrunc: plan.error === null ? base.endTrunc : 0,
    notes: doubled
      ? [...plan.notes, {
        kind: "waste",
        rule: "25.3",
        message: `pays twice: ${size(base.dataoff)} of the device stay set aside for a memmap that system-ram never ` +
          `uses, and ${size(plan.ram + plan.device)} of ${
            plan.ram > 0 ? "RAM" : "the blocks"
          } hold the real one. Use map=mem`
      }]
      : plan.notes
  }
}
