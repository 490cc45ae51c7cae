/**
 * A captured `/proc` and `/sys` tree, or this machine's own, as sources.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as BootLog from "../inputs/BootLog.ts"
import * as BootTotals from "../inputs/BootTotals.ts"
import * as Buddyinfo from "../inputs/Buddyinfo.ts"
import * as CpuInfo from "../inputs/CpuInfo.ts"
import type { InputError } from "../inputs/InputError.ts"
import * as Iomem from "../inputs/Iomem.ts"
import * as KernelBanner from "../inputs/KernelBanner.ts"
import * as Meminfo from "../inputs/Meminfo.ts"
import * as ResourceText from "../inputs/ResourceText.ts"
import * as Zoneinfo from "../inputs/Zoneinfo.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as CapturedTree from "../sysfs/CapturedTree.ts"
import * as NodeMask from "../sysfs/NodeMask.ts"
import type * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as LsmemBlocks from "../userland/LsmemBlocks.ts"
import * as Capture from "./Capture.ts"
import type { Blocks, Part } from "./MachineView.ts"
import * as TreeDevices from "./TreeDevices.ts"

const node = "sys/devices/system/node"

/** Zones as the kernel names them; `none` where the tool says so. */
const zoneOf = (zones: ReadonlyArray<string>): string => {
  const zone = zones.join(" ")
  return zone === "None" ? "none" : zone
}

const blocksOf = Effect.fnUntraced(function*(root: SysfsTree.Directory) {
  const listed = yield* LsmemBlocks.list({ root }, {
    root: "",
    typed: "",
    all: false,
    split: new Set(["STATE", "NODE", "ZONES"])
  })
  if (Result.isFailure(listed)) return undefined
  const { blockSize, hasNodes, rows } = listed.success
  const sane = blockSize > 0n && blockSize < 2n ** 52n &&
    rows.every(({ count, index }) => (index + count) * blockSize <= 2n ** 52n)
  if (!sane) return undefined
  const blocks: Blocks = {
    size: Number(blockSize),
    runs: rows.map(({ count, index, node: on, state, zones }) => ({
      first: Number(index),
      last: Number(index + count) - 1,
      state: state === "on->off" ? "going-offline" : state,
      zone: zoneOf(zones),
      node: hasNodes && on >= 0 ? on : null
    }))
  }
  return blocks
})

const kernelOf = (files: TreeDevices.Files): MachineSpec.MachineSpec => {
  const version = files.get("proc/version")?.replace(/^Linux version /, "")
  const kernel = version === undefined ? undefined : KernelBanner.kernel(version)
  const arch = version === undefined ? undefined : KernelBanner.arch(version)
  const cpuinfo = files.get("proc/cpuinfo")
  const cmdline = files.get("proc/cmdline")
  return {
    ...(kernel === undefined ? {} : { kernel }),
    ...(arch === undefined ? {} : { arch }),
    ...(cpuinfo === undefined ? {} : { hypervisor: CpuInfo.isVirtual(cpuinfo) }),
    ...(cmdline === undefined ? {} : { cmdline: cmdline.trim().slice(0, 65536) })
  }
}

/**
 * Whether all addresses of a `/proc/iomem` are zero, as the kernel shows it to unprivileged readers.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isHidden = (text: string): boolean =>
  text.split("\n").filter((line) => line.trim() !== "").every((line) => /^ *0{8,16}-0{8,16} : /.test(line))

/** Resources whose addresses the kernel hides are left out, and that is said. */
const iomemOf = (source: string, text: string): Result.Result<Part, InputError> => {
  if (isHidden(text)) {
    const note = `${source}: all addresses are zero, as unprivileged readers see them: left out; read it as root`
    return Result.succeed({ source, notes: [note] })
  }
  return Result.gen(function*() {
    return { source, spec: yield* Iomem.read(source, text), iomem: yield* ResourceText.parse(source, text) }
  })
}

/** Meminfo of all nodes, one after another. */
const nodesText = (files: TreeDevices.Files): string =>
  [...files].filter(([path]) => /^sys\/devices\/system\/node\/node[0-9]+\/meminfo$/.test(path))
    .map(([, text]) => text).join("\n")

/**
 * What a tree says. Files that are absent say nothing; those that are there must be sound. RAM is taken from `/proc/iomem`, or
 * from the memory blocks where its addresses are hidden.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toParts = (
  source: string,
  files: TreeDevices.Files
): Effect.Effect<ReadonlyArray<Part>, InputError> =>
  Effect.gen(function*() {
    const listed = yield* blocksOf(yield* Effect.fromResult(CapturedTree.fromFiles(source, files)))
    return yield* Effect.fromResult(Result.gen(function*() {
      const at = (path: string) => source === "" ? `/${path}` : `${source}/${path}`
      const parts: Array<Part> = []
      const nodes = nodesText(files)
      const found = new Map(NodeMask.names.flatMap((name) => {
        const text = files.get(`${node}/${name}`)
        return text === undefined ? [] : [[name, text.trim().slice(0, 4096)] as const]
      }))
      const devices = TreeDevices.read(files)
      parts.push({
        source: at("sys"),
        spec: { ...kernelOf(files), ...(devices.length === 0 ? {} : { devices }) },
        ...(listed === undefined ? {} : { blocks: listed }),
        ...(found.size === 0 ? {} : { masks: found })
      })
      const text = (path: string) => files.get(path)
      const iomem = text("proc/iomem")
      const tree = iomem === undefined ? undefined : yield* iomemOf(at("proc/iomem"), iomem)
      if (tree !== undefined) parts.push(tree)
      if (tree?.iomem === undefined && listed !== undefined) {
        parts.push({
          source: at("sys/devices/system/memory"),
          spec: {
            ranges: listed.runs.map(({ first, last, node: on }) => ({
              start: first * listed.size,
              size: (last + 1 - first) * listed.size,
              kind: "ram",
              ...(on === null ? {} : { node: on })
            }))
          },
          notes: [
            "RAM is taken from the memory blocks, which have no holes: zones and totals may differ by what is reserved"
          ]
        })
      }
      const zoneinfo = text("proc/zoneinfo")
      if (zoneinfo !== undefined) {
        parts.push({ source: at("proc/zoneinfo"), zones: yield* Zoneinfo.parse(at("proc/zoneinfo"), zoneinfo) })
      }
      const buddyinfo = text("proc/buddyinfo")
      if (buddyinfo !== undefined) {
        parts.push({ source: at("proc/buddyinfo"), free: yield* Buddyinfo.parse(at("proc/buddyinfo"), buddyinfo) })
      }
      const meminfo = text("proc/meminfo")
      if (meminfo !== undefined) parts.push(yield* Capture.meminfo(at("proc/meminfo"), meminfo))
      if (nodes !== "") {
        const parsed = yield* Meminfo.parse(at(node), nodes)
        parts.push({
          source: at(node),
          spec: { nodes: parsed },
          nodeTotals: new Map(parsed.map(({ node: on, total = 0 }) => [on, total]))
        })
      }
      const vmstat = text("proc/vmstat")
      if (vmstat !== undefined) parts.push(Capture.vmstat(at("proc/vmstat"), vmstat))
      const dmesg = text("var/log/dmesg")
      if (dmesg !== undefined && /BIOS-e820: /.test(dmesg)) {
        parts.push({
          source: at("var/log/dmesg"),
          spec: yield* BootLog.read(at("var/log/dmesg"), dmesg),
          log: yield* BootTotals.read(at("var/log/dmesg"), dmesg)
        })
      }
      return parts
    }))
  })
