/**
 * What `ndctl` itself says to an option before the kernel is asked (OBS-25): a choice the kernel would take may still be out
 * of the tool's reach.
 *
 * @since 0.1.0
 */
import * as CreateNamespace from "../devices/CreateNamespace.ts"
import type { Choice, Refusal } from "./PlanOption.ts"
import type { Kernel, Target } from "./Target.ts"

/** Without labels the region is one raw (or natively mapped) namespace from boot on: nothing has to be created. */
const isThereAlready = (choice: Choice, target: Target): boolean =>
  !target.labels && (choice.mode === "raw" || choice.native)

/**
 * The tool's refusal to create the choice over the whole target: as a new namespace on a labelled region, else by
 * `-f -e` on the namespace there is. `null` when it has no objection, or no part in it (dynamic device-dax).
 *
 * @category queries
 * @since 0.1.0
 */
export const refusal = (choice: Choice, target: Target, { arch }: Kernel): Refusal | null => {
  if (target.kind === "dax" || isThereAlready(choice, target)) return null
  const mode = choice.mode === "system-ram" ? "devdax" : choice.mode
  const isDax = mode === "fsdax" || mode === "devdax"
  const seedAlign = arch.daxAligns.find((align) => align >= arch.compatAlign) ?? arch.pageSize
  const refused = CreateNamespace.toolChecks({
    mode,
    map: isDax && choice.map !== "none" ? choice.map : undefined,
    align: choice.align === null ? undefined : { bytes: choice.align, text: String(choice.align) },
    sectorSize: choice.sectorSize ?? undefined,
    force: !target.labels,
    existing: target.labels
      ? undefined
      : { name: "namespace", start: target.start, size: target.size, mode: "raw", active: false }
  }, {
    region: {
      name: target.name,
      start: target.start,
      size: target.size,
      align: target.regionAlign,
      mappings: target.ways,
      labels: target.labels ? "initialised" : "none",
      pagemap: target.kind !== "pmem",
      allocations: []
    },
    pageSize: arch.pageSize,
    supportedAligns: arch.daxAligns,
    seedAlign,
    candidate: "namespace"
  })
  return refused === null
    ? null
    : { errno: refused.errno, rule: refused.rule, message: refused.text, remedy: refused.remedy }
}
