/**
 * `/sys/devices/system/node`: node masks and the memory of each node (OBS-10, OBS-12).
 *
 * @since 0.1.0
 */
import type { Architecture } from "../geometry/Architecture.ts"
import * as Nodes from "../hotplug/Nodes.ts"
import type { Zones } from "../zones/Zones.ts"
import * as MemoryFiles from "./MemoryFiles.ts"
import * as NodeMask from "./NodeMask.ts"
import * as SysfsTree from "./SysfsTree.ts"

/**
 * What the files are read from. `free` are the pages of a node's zones that nobody uses.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source extends Pick<MemoryFiles.Source, "blocks"> {
  readonly nodes: Nodes.Nodes["Service"]
  readonly zones: Zones["Service"]
  readonly free: (node: number) => number
  readonly arch: Architecture
}

/**
 * Managed pages of a node, or of the machine: MemTotal (OBS-10).
 *
 * @category queries
 * @since 0.1.0
 */
export const managed = ({ zones }: Pick<Source, "zones">, node?: number): number =>
  zones.all().reduce((sum, zone) => sum + (node === undefined || zone.node === node ? zone.managed : 0), 0)

const kilobytes = (pages: number, arch: Architecture): string => String(pages * arch.pageSize / 1024).padStart(8)

const meminfo = (source: Source, node: number): string => {
  const total = managed(source, node)
  const free = Math.min(total, source.free(node))
  const line = (name: string, pages: number) =>
    `Node ${node} ${`${name}:`.padEnd(15)} ${kilobytes(pages, source.arch)} kB`
  return [line("MemTotal", total), line("MemFree", free), line("MemUsed", total - free)].join("\n")
}

const blocksOf = ({ blocks }: Source, node: number): ReadonlyArray<readonly [string, SysfsTree.Entry]> =>
  blocks.runs().filter(({ value }) => value.nodes.includes(node)).flatMap(({ end, start }) =>
    Array.from(
      { length: end - start },
      (_, i) => [`memory${start + i}`, { _tag: "Link", target: `${MemoryFiles.path}/memory${start + i}` }] as const
    )
  )

const node = (source: Source, number: number): SysfsTree.Directory => {
  const fixed = SysfsTree.directory({
    meminfo: SysfsTree.attribute(() => meminfo(source, number)),
    cpulist: SysfsTree.attribute(() => source.nodes.cpus().includes(number) ? String(number) : "")
  })
  return {
    _tag: "Directory",
    names: () => [...fixed.names(), ...blocksOf(source, number).map(([name]) => name)],
    entry: (name) => fixed.entry(name) ?? new Map(blocksOf(source, number)).get(name)
  }
}

/**
 * The directory of nodes: those online have one of their own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (source: Source): SysfsTree.Directory => {
  const { nodes, zones } = source
  const mask = (numbers: () => ReadonlyArray<number>) => SysfsTree.attribute(() => NodeMask.toText(numbers()))
  const masks = {
    online: mask(nodes.online),
    possible: mask(nodes.possible),
    has_memory: mask(() => Nodes.withMemory(zones.all())),
    has_normal_memory: mask(() => Nodes.withNormalMemory(zones.all())),
    has_cpu: mask(nodes.cpus)
  }
  return SysfsTree.dynamic(() =>
    new Map<string, SysfsTree.Entry>([
      ...Object.entries(masks),
      ...nodes.online().map((number) => [`node${number}`, node(source, number)] as const)
    ])
  )
}
