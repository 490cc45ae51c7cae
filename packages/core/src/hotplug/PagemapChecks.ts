/**
 * What `memremap_pages()` refuses, in the kernel's order (MRP-1, MRP-2, ERR-4).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { Architecture } from "../geometry/Architecture.ts"
import { hex } from "../geometry/Pfn.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import * as KernelError from "../kernel/KernelError.ts"
import type { KernelLog } from "../kernel/KernelLog.ts"
import type { Config } from "../release/Kernel.ts"
import * as Port from "../release/Port.ts"
import * as ResourceTree from "../resources/ResourceTree.ts"
import * as PagemapIndex from "../sections/PagemapIndex.ts"
import type { Pagemap, Request } from "./Pagemap.ts"

type Answer = Result.Result<void, KernelError.KernelError>

const ok: Answer = Result.succeed(undefined)

const step = "memremap_pages"

/** What a type of device memory must bring along (spec 09, types). */
const missing = (request: Request): string | null => {
  const { ops, owner, type } = request
  if (type !== "private" && type !== "coherent") return null
  if (type === "private" && ops?.migrateToRam === undefined) return "ops.migrate_to_ram"
  if (ops?.pageFree === undefined) return "ops.page_free"
  return owner === undefined ? "an owner" : null
}

/**
 * The checks before any range is touched: EINVAL without a range or without what the type needs, ENXIO on a kernel without
 * ZONE_DEVICE (MRP-1, MRP-15).
 *
 * @category checks
 * @since 0.1.0
 */
export const request = (
  { arch, release }: Config,
  log: KernelLog["Service"],
  asked: Request
): Answer => {
  const warn = (text: string) => log.emit({ _tag: "Warn", where: step, rule: "MRP-1", text })
  if (!Port.hasZoneDevice(arch, release)) {
    warn("device memory has no struct pages on this kernel")
    return KernelError.fail({
      errno: "ENXIO",
      rule: "MRP-15",
      step,
      problem: `${arch.name} with ${release.name} cannot map device memory with struct pages`,
      remedy: "use a kernel and architecture with ZONE_DEVICE"
    })
  }
  if (asked.ranges.length === 0) {
    warn("no range")
    return KernelError.fail({
      errno: "EINVAL",
      rule: "MRP-1",
      step,
      problem: "no range to map",
      remedy: "give at least one range"
    })
  }
  if (asked.type === "coherent" && asked.ops === undefined) {
    log.emit({
      _tag: "Hazard",
      rule: "MRP-1",
      text: `${asked.name}: 6.1 asks for ops.page_free without asking for ops first`
    })
  }
  const lacking = missing(asked)
  if (lacking !== null) {
    warn(`Missing ${lacking}`)
    return KernelError.fail({
      errno: "EINVAL",
      rule: "MRP-1",
      step,
      problem: `${asked.type} memory needs ${lacking}`,
      remedy: "provide it"
    })
  }
  if (asked.type === "unset") warn("Invalid pgmap type 0")
  return ok
}

/**
 * The checks of one range, in pfns: an altmap on a later range (EINVAL), a live pagemap at either end (ENOMEM), System RAM
 * in it (ENXIO). Each WARNs, the last once per boot (ERR-2).
 *
 * @category checks
 * @since 0.1.0
 */
export const range = (
  { arch, index, iomem, log }: {
    readonly index: PagemapIndex.Index
    readonly iomem: ResourceTree.Resource
    readonly arch: Architecture
    readonly log: KernelLog["Service"]
  },
  pagemap: Pagemap,
  i: number,
  { end, start }: PfnRange
): Answer => {
  const warning = (rule: string, text: string) => ({ where: "pagemap_range", rule, text })
  if (pagemap.altmap !== null && i > 0) {
    log.emit({ _tag: "Warn", ...warning("ALT-7", "altmap not supported for multiple ranges") })
    return KernelError.fail({
      errno: "EINVAL",
      rule: "ALT-7",
      step: "pagemap_range",
      problem: "only one range of a pagemap can have an altmap",
      remedy: "map the ranges separately, or keep the memmap in RAM"
    })
  }
  const conflict = [start, end - 1].find((pfn) => PagemapIndex.findLive(index, pfn) !== undefined)
  if (conflict !== undefined) {
    log.emit({ _tag: "Warn", ...warning("MRP-4", "Conflicting mapping in same section") })
    return KernelError.fail({
      errno: "ENOMEM",
      rule: "MRP-4",
      step: "pagemap_range",
      problem: `Conflicting mapping in same section: pfn ${hex(conflict)} belongs to a live pagemap`,
      remedy: "unmap that one first, or use other bytes"
    })
  }
  const bytes = { start: start * arch.pageSize, size: (end - start) * arch.pageSize }
  const ram = ResourceTree.Flag.memory | ResourceTree.Flag.systemRam
  const overlap = ResourceTree.intersects(iomem, bytes.start, bytes.size, ram)
  if (overlap === "DISJOINT") return ok
  const problem = `attempted on ${overlap === "MIXED" ? "mixed" : "ram"} region ${hex(bytes.start)} size ${
    hex(bytes.size)
  }`
  log.once(warning("MRP-8", problem))
  return KernelError.fail({
    errno: "ENXIO",
    rule: "MRP-8",
    step: "pagemap_range",
    problem,
    remedy: "use bytes that are no System RAM"
  })
}

/**
 * `mhp_range_allowed()` for a pagemap: EINVAL outside the address range (MRP step 6).
 *
 * @category checks
 * @since 0.1.0
 */
export const allowed = (isAllowed: boolean, { end, start }: PfnRange): Answer =>
  isAllowed ? ok : KernelError.fail({
    errno: "EINVAL",
    rule: "SEC-9",
    step: "mhp_range_allowed",
    problem: `${hex(start)} to ${hex(end - 1)} exceeds the maximum addressable range`,
    remedy: "use a lower address, or an architecture with more physical address bits"
  })
