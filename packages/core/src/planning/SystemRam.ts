/**
 * Device memory as System RAM: whole memory blocks, a memmap of their own, zones. Spec 25, HOT-12, GEO-16.
 *
 * @since 0.1.0
 */
import * as HumanSize from "../geometry/HumanSize.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { has } from "../release/KernelRelease.ts"
import * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import * as ZoneChoice from "../zones/ZoneChoice.ts"
import * as MemmapCost from "./MemmapCost.ts"
import * as PlanOption from "./PlanOption.ts"
import type { Kernel, Target } from "./Target.ts"

const size = HumanSize.formatBinary

const unknownParameter: PlanOption.Note = {
  kind: "hazard",
  rule: "HOT-11",
  message:
    `memory blocks hold their own memmap only where the kernel was booted with ${MemmapOnMemory.bootOption}, which is not known here and off ` +
    "by default; elsewhere the device refuses it (EOPNOTSUPP)"
}

/**
 * kmem bound to the data bytes `data` of a dax device; `lost` is what was gone before kmem came.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plan = (
  choice: PlanOption.Choice,
  data: PfnRange.PfnRange,
  lost: Omit<PlanOption.Losses, "trimmed">,
  target: Target,
  kernel: Kernel
): PlanOption.PlanOption => {
  const { arch, blockSize, release } = kernel
  const refuse = (errno: string, rule: string, message: string, remedy: string) =>
    PlanOption.refused(choice, { errno, rule, message, remedy })
  if (!has(release, "kmem")) {
    return refuse("ENODEV", "25.1", "this kernel has no kmem driver", "use a kernel from 5.1 on")
  }
  // The switch is set before the driver is asked.
  const isSelfHosted = choice.memmapOnMemory
  if (isSelfHosted && !has(release, "kmem-memmap-on-memory")) {
    return refuse("EINVAL", "25.6", "kmem never asks for memmap_on_memory in this kernel", "use a kernel from 6.8 on")
  }
  const mode = kernel.memmapOnMemory ?? "on"
  const why = isSelfHosted ? MemmapOnMemory.blockRefuses(kernel, mode) : null
  if (why !== null) {
    return mode === "off"
      ? refuse("EOPNOTSUPP", "HOT-11", why, `boot with ${MemmapOnMemory.bootOption}`)
      : refuse("EOPNOTSUPP", "HOT-12", why, "leave the memmap in RAM")
  }
  if (!arch.hotplug) {
    return refuse(
      "ENODEV",
      "GEO-10",
      `${arch.name} cannot hot-add memory in this kernel, which has no kmem driver then`,
      "use a kernel from 6.11 on"
    )
  }
  if (target.targetNode < 0) {
    return refuse("EINVAL", "25.1 step 1", "rejecting DAX region with invalid node", "the firmware must name a node")
  }
  const blocks = PfnRange.shrinkTo(data, blockSize)
  const bytes = PfnRange.length(blocks)
  if (bytes === 0) {
    return refuse(
      "EINVAL",
      "25.1 step 3",
      `no whole memory block of ${size(blockSize)} inside the data`,
      `use a range that covers an aligned ${size(blockSize)} after its metadata`
    )
  }
  if (blocks.end > 2 ** arch.physicalBits) {
    return refuse(
      "E2BIG",
      "HOT-1",
      `ends above the ${arch.physicalBits} physical address bits of ${arch.name}`,
      "use a lower range, or an architecture with more address bits"
    )
  }
  const cost = MemmapCost.make({ ...kernel, range: blocks, altmap: null, order: 0 })
  const own = isSelfHosted ? bytes / blockSize * MemmapOnMemory.pages(kernel, mode) * arch.pageSize : 0
  const zones = ZoneChoice.forRange(kernel, blocks)
  return PlanOption.legal(choice, {
    usable: bytes - own,
    npfns: (bytes - own) / arch.pageSize,
    ram: isSelfHosted ? 0 : cost.ram,
    device: own,
    pageTables: cost.pageTables,
    structPages: cost.structPages,
    blocks: {
      size: blockSize,
      count: bytes / blockSize,
      head: blocks.start - data.start,
      tail: data.end - blocks.end,
      zones,
      memmap: isSelfHosted ? "the blocks themselves" : "RAM of the target node"
    },
    notes: isSelfHosted && kernel.memmapOnMemory === undefined ? [unknownParameter] : []
  }, { ...lost, metadata: lost.metadata + own, trimmed: PfnRange.length(data) - bytes })
}
