/**
 * A live machine as a record: what `inspect` and `verify` can look at elsewhere.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as CpuInfo from "../inputs/CpuInfo.ts"
import type { InputError } from "../inputs/InputError.ts"
import * as KernelBanner from "../inputs/KernelBanner.ts"
import * as ResourceText from "../inputs/ResourceText.ts"
import * as Zoneinfo from "../inputs/Zoneinfo.ts"
import type * as KernelRecord from "../records/KernelRecord.ts"
import * as PhaseFacts from "../records/PhaseFacts.ts"
import * as NodeMask from "../sysfs/NodeMask.ts"
import * as TreeCapture from "./TreeCapture.ts"
import type { Files } from "./TreeDevices.ts"

type Value = Readonly<Record<string, unknown>>

/** `depth`, `start`, inclusive `end` and `name` of every resource. */
const flat = (resources: ReadonlyArray<ResourceText.Resource>, depth = 0): ReadonlyArray<Value> =>
  resources.flatMap(({ children, name, size, start }) => [
    { depth, start, end: start + size - 1, name },
    ...flat(children, depth + 1)
  ])

const meminfo = (text: string): Value =>
  Object.fromEntries(
    [...text.matchAll(/^(\S{1,40}):\s+([0-9]{1,12}) kB$/gm)].map(([, name = "", kib]) => [name, Number(kib) * 1024])
  )

const counters = (text: string): Value =>
  Object.fromEntries(
    [...text.matchAll(/^(nr_(?:free_pages|page_table_pages|memmap_\w+)) ([0-9]{1,15})$/gm)]
      .map(([, name = "", count]) => [name, Number(count)])
  )

/** Words of the command line that have to do with memory: the rest is nobody's business. */
const memoryWord =
  /^(?:mem|memmap|kernelcore|movablecore|movable_node|numa|memhp_default_state|vm_debug|nokaslr|deferred_init|hugepagesz|hugepages|memory_hotplug\..*|page_reporting\..*)(?:=|$)/

/** Lines of the log that tell of memory; host names before them are taken away. */
const memoryLine =
  /e820|last_pfn|Zone ranges|\[mem 0x|totalpages|pages used for memmap|pages reserved|pages, LIFO|unavailable ranges|zonelists|Memory: |pages in|deferred|Memory block size|Linux version|Hypervisor detected|SRAT|  (?:DMA|DMA32|Normal|Movable|Device) +empty/

const linesOf = (log: string): ReadonlyArray<string> =>
  log.split("\n").filter((line) => memoryLine.test(line)).slice(0, 16384)
    .map((line) => line.trimEnd().slice(0, 1000).replace(/^(\[ *[0-9.]+\] )\S+ kernel: /, "$1"))

const folder = "sys/module/memory_hotplug/parameters/"

const parameters = (files: Files): Value =>
  Object.fromEntries(
    [...files].filter(([path]) => path.startsWith(folder))
      .map(([path, text]) => [path.slice(folder.length), text.trim().slice(0, 200)])
  )

/** Attributes of the devices of a bus, links to drivers by the driver's name. */
const attributes = (files: Files, bus: "nd" | "dax"): Value => {
  const root = `sys/bus/${bus}/devices/`
  const found: Record<string, Record<string, string | number>> = {}
  for (const [path, text] of files) {
    if (!path.startsWith(root)) continue
    const [device = "", name = ""] = path.slice(root.length).split("/")
    const own = (found[device] ??= {})
    const value = text.trim().slice(0, 400)
    if (path.endsWith("/driver/")) own["driver"] = value.slice(value.lastIndexOf("/") + 1)
    else if (!path.endsWith("/")) own[name] = /^(?:0x[0-9a-f]{1,13}|-?[0-9]{1,15})$/.test(value) ? Number(value) : value
  }
  return found
}

const memory = "sys/devices/system/memory"

const blockSizeOf = (files: Files): number | undefined => {
  const text = files.get(`${memory}/block_size_bytes`)?.trim() ?? ""
  return /^[0-9a-f]{1,13}$/.test(text) ? Number.parseInt(text, 16) : undefined
}

interface Block {
  readonly number: number
  readonly attributes: Readonly<Record<string, string | ReadonlyArray<string>>>
}

/** Blocks in the order of their numbers, neighbours that read the same as one. */
const blocksOf = (files: Files): ReadonlyArray<Value> => {
  const nodes = Map.groupBy(
    [...files.keys()].flatMap((path) => {
      const [, block, node] = /^sys\/devices\/system\/memory\/memory([0-9]{1,15})\/(node[0-9]{1,9})\/$/.exec(path) ?? []
      return block === undefined || node === undefined ? [] : [{ block, node }]
    }),
    ({ block }) => block
  )
  const all = [...files].flatMap(([path, state]): ReadonlyArray<Block> => {
    const block = /^sys\/devices\/system\/memory\/memory([0-9]{1,15})\/state$/.exec(path)?.[1]
    if (block === undefined) return []
    const own = (name: string) => files.get(`${memory}/memory${block}/${name}`)?.trim().slice(0, 200) ?? ""
    return [{
      number: Number(block),
      attributes: {
        state: state.trim().slice(0, 40),
        validZones: own("valid_zones"),
        physDevice: own("phys_device"),
        removable: own("removable"),
        nodes: (nodes.get(block) ?? []).map(({ node }) => node)
      }
    }]
  }).toSorted((a, b) => a.number - b.number)
  const runs: Array<{ first: number; last: number; key: string; attributes: Block["attributes"] }> = []
  for (const { attributes: own, number } of all) {
    const key = JSON.stringify(own)
    const last = runs.at(-1)
    if (last !== undefined && last.key === key && last.last + 1 === number) last.last = number
    else runs.push({ first: number, last: number, key, attributes: own })
  }
  return runs.map(({ attributes: own, first, last }) => ({ first, last, ...own }))
}

const nodeFolder = "sys/devices/system/node"

const nodesOf = (files: Files): string => {
  const totals = [...files].filter(([path]) => /^sys\/devices\/system\/node\/node[0-9]+\/meminfo$/.test(path))
    .flatMap(([, text]) => text.split("\n").filter((line) => /MemTotal|MemFree/.test(line)).map((line) => line.trim()))
  const masks = NodeMask.names.flatMap((name) => {
    const text = files.get(`${nodeFolder}/${name}`)
    return text === undefined ? [] : [`${name}=${text.trim()}`]
  })
  return [...totals, ...masks].join("\n")
}

const release = (files: Files): string => {
  const version = files.get("proc/version") ?? ""
  return /^Linux version (\S{1,200})/.exec(version)?.[1] ?? "unknown"
}

const encodeZone = ({ free: _free, start, ...zone }: Zoneinfo.Zone) => ({
  ...zone,
  ...(start === undefined ? {} : { start_pfn: start })
})

const orAbsent = <A>(
  files: Files,
  path: string,
  parse: (text: string) => Result.Result<A, InputError>
): Result.Result<A | undefined, InputError> => {
  const text = files.get(path)
  return text === undefined ? Result.succeed(undefined) : parse(text)
}

/**
 * The record of the machine whose files these are; `log` is the kernel's log of its boot, if there is one.
 *
 * Host names, other words of the command line and lines that have nothing to do with memory are left out. Resources whose
 * addresses the kernel hides are left out, too. `arch` counts where the kernel's version does not tell.
 *
 * Fails with an `InputError` where `/proc/iomem` or `/proc/zoneinfo` is not what it should be.
 *
 * @category conversions
 * @since 0.1.0
 */
export const make = (
  source: string,
  files: Files,
  arch: string,
  log: string | undefined
): Result.Result<KernelRecord.KernelRecord, InputError> =>
  Result.gen(function*() {
    const iomemText = files.get("proc/iomem") ?? ""
    const isHidden = TreeCapture.isHidden(iomemText)
    const resources = isHidden || iomemText.trim() === ""
      ? []
      : yield* ResourceText.parse(`${source}/proc/iomem`, iomemText)
    const zones = yield* orAbsent(
      files,
      "proc/zoneinfo",
      (text) => Zoneinfo.parse(`${source}/proc/zoneinfo`, text)
    )
    const blockSize = blockSizeOf(files)
    const banner = (files.get("proc/version") ?? "").replace(/^Linux version /, "")
    const ownArch = KernelBanner.arch(banner) ?? arch
    const observed = {
      uname: `Linux ${release(files)} ${ownArch}`,
      meminfo: meminfo(files.get("proc/meminfo") ?? ""),
      vmstat: counters(files.get("proc/vmstat") ?? ""),
      iomemText: isHidden ? "" : iomemText,
      iomem: flat(resources),
      zoneinfo: zones?.map(encodeZone),
      memory_blocks: blockSize === undefined ? undefined : {
        blockSizeBytes: blockSize,
        autoOnline: files.get(`${memory}/auto_online_blocks`)?.trim(),
        runs: blocksOf(files)
      },
      memory_blocks_present: blockSize !== undefined,
      module_params: parameters(files),
      nodes: nodesOf(files),
      nd_sysfs: attributes(files, "nd"),
      dax_sysfs: attributes(files, "dax"),
      dmesg: log === undefined ? undefined : linesOf(log)
    }
    const cpuinfo = files.get("proc/cpuinfo")
    const words = (files.get("proc/cmdline") ?? "").trim().split(/\s+/).filter((word) => memoryWord.test(word))
    return {
      case: `host-${/^[0-9]+\.[0-9]+/.exec(release(files))?.[0] ?? "unknown"}`,
      category: "host",
      about: "a live machine",
      input: {
        arch: ownArch,
        kernel: KernelBanner.kernel(banner) ?? release(files),
        memoryOptions: words.join(" "),
        ...(cpuinfo === undefined ? {} : { hypervisor: CpuInfo.isVirtual(cpuinfo) })
      },
      observed: PhaseFacts.withoutEmpty(observed)
    }
  })
