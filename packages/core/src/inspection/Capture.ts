/**
 * Sources as `inspect` takes them, recognised by content: whatever describes a machine, and besides `/proc/zoneinfo`,
 * `/proc/buddyinfo`, `/proc/vmstat`, `/proc/cmdline` and records.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as BootTotals from "../inputs/BootTotals.ts"
import * as Buddyinfo from "../inputs/Buddyinfo.ts"
import type { InputError } from "../inputs/InputError.ts"
import * as JsonText from "../inputs/JsonText.ts"
import * as Meminfo from "../inputs/Meminfo.ts"
import * as ResourceText from "../inputs/ResourceText.ts"
import * as Source from "../inputs/Source.ts"
import * as Zoneinfo from "../inputs/Zoneinfo.ts"
import * as KernelRecord from "../records/KernelRecord.ts"
import * as HostRecord from "./HostRecord.ts"
import type { Part } from "./MachineView.ts"

/** Kinds no machine description is made of, by how they begin. */
const kindOf = (text: string): "zoneinfo" | "buddyinfo" | "vmstat" | "cmdline" | "record" | undefined => {
  const head = text.slice(0, 64 * 1024)
  if (/^Node [0-9]+, zone +\w+ *\n/.test(head)) return "zoneinfo"
  if (/^Node [0-9]+, zone +\w+ +[0-9]/.test(head)) return "buddyinfo"
  if (/^nr_free_pages [0-9]+$/m.test(head)) return "vmstat"
  if (KernelRecord.isRecord(text)) return "record"
  return text.length <= 8192 && /^[^\n]+\n?$/.test(text) &&
      /(?:^| )(?:BOOT_IMAGE|root|console|memmap|mem)=/.test(text) &&
      !/^[\s[{]/.test(text)
    ? "cmdline"
    : undefined
}

/**
 * `nr_memmap_boot_pages` of `/proc/vmstat` (kernels from 6.11 on), as a part.
 *
 * @category parsing
 * @since 0.1.0
 */
export const vmstat = (source: string, text: string): Part => {
  const pages = /^nr_memmap_boot_pages ([0-9]{1,15})$/m.exec(text)?.[1]
  return { source, ...(pages === undefined ? {} : { bootMemmapPages: Number(pages) }) }
}

/**
 * `/proc/meminfo`, or those of nodes one after another.
 *
 * @category parsing
 * @since 0.1.0
 */
export const meminfo = (source: string, text: string): Result.Result<Part, InputError> =>
  Result.map(Meminfo.parse(source, text), (nodes): Part =>
    /^MemTotal:/m.test(text)
      ? { source, spec: { nodes }, memTotal: nodes[0]?.total ?? 0 }
      : { source, spec: { nodes }, nodeTotals: new Map(nodes.map(({ node, total = 0 }) => [node, total])) })

/**
 * Reads one source of any kind; `source` is its name in errors.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<ReadonlyArray<Part>, InputError> =>
  Result.gen(function*() {
    yield* JsonText.checkSize(source, text)
    switch (kindOf(text)) {
      case "zoneinfo":
        return [{ source, zones: yield* Zoneinfo.parse(source, text) }]
      case "buddyinfo":
        return [{ source, free: yield* Buddyinfo.parse(source, text) }]
      case "vmstat":
        return [vmstat(source, text)]
      case "cmdline":
        return [{ source, spec: { cmdline: text.trim() } }]
      case "record":
        return yield* HostRecord.toParts(source, yield* KernelRecord.parse(source, text))
      case undefined:
        break
    }
    switch (Source.detect(text)) {
      case "iomem":
        return [{ source, spec: yield* Source.read(source, text), iomem: yield* ResourceText.parse(source, text) }]
      case "boot-log":
        return [{ source, spec: yield* Source.read(source, text), log: yield* BootTotals.read(source, text) }]
      case "meminfo":
        return [yield* meminfo(source, text)]
      default:
        return [{ source, spec: yield* Source.read(source, text) }]
    }
  })
