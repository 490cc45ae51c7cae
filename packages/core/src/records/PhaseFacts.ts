/**
 * What a machine shows at one moment, in the words of a record's phases.
 *
 * Read as the recorder reads it: attributes by name through the files of the machine, lists by running the tools.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as NodeMask from "../sysfs/NodeMask.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import type { Input, Tool } from "../userland/Tool.ts"
import * as MemoryFacts from "./MemoryFacts.ts"
import * as RecordText from "./RecordText.ts"

/** Attributes of a device by name; what cannot be read is `!`. */
type Attributes = Readonly<Record<string, string | number>>

type Tree = SysfsTree.SysfsTree["Service"]

/** The recorder reads these as hex numbers. */
const hexNames = new Set(["resource", "start", "end", "page_offset", "align"])

const valueOf = (name: string, text: string): string | number =>
  hexNames.has(name) && /^0x[0-9a-f]+$/.test(text)
    ? Number.parseInt(text, 16)
    : /^-?[0-9]+$/.test(text)
    ? Number(text)
    : text

/** The named attributes of a directory that are there, in that order. */
const attributesOf = Effect.fnUntraced(function*(tree: Tree, path: string, names: ReadonlyArray<string>) {
  const found: Record<string, string | number> = {}
  for (const name of names) {
    if (SysfsTree.lookup(tree, `${path}/${name}`)?._tag !== "File") continue
    const text = yield* Effect.result(SysfsTree.read(tree, `${path}/${name}`))
    found[name] = Result.isFailure(text) ? "!" : valueOf(name, text.success.trim())
  }
  return found
})

const driverOf = (tree: Tree, path: string): Readonly<Record<string, string>> => {
  const target = SysfsTree.target(tree, `${path}/driver`)
  return target === undefined ? {} : { driver: target.slice(target.lastIndexOf("/") + 1) }
}

const regionNames = [
  "size",
  "available_size",
  "max_available_extent",
  "align",
  "resource",
  "numa_node",
  "target_node",
  "mappings",
  "mapping0",
  "init_namespaces",
  "read_only",
  "pfn_seed",
  "dax_seed",
  "btt_seed",
  "namespace_seed",
  "persistence_domain",
  "nstype"
]

const namespaceNames = [
  "size",
  "resource",
  "mode",
  "force_raw",
  "holder",
  "holder_class",
  "type",
  "nstype",
  "uuid",
  "alt_name",
  "sector_size",
  "numa_node",
  "target_node"
]

const instanceNames = [
  "mode",
  "align",
  "supported_alignments",
  "resource",
  "size",
  "namespace",
  "uuid",
  "sector_size",
  "numa_node",
  "target_node",
  "log_zero_flags"
]

const nd = "/sys/bus/nd/devices"

const kinds: ReadonlyArray<readonly [RegExp, ReadonlyArray<string>, boolean]> = [
  [/^region/, regionNames, false],
  [/^namespace/, namespaceNames, true],
  [/^(pfn|dax)/, instanceNames, true],
  [/^btt/, instanceNames, true]
]

const ndSysfs = Effect.fnUntraced(function*(tree: Tree) {
  const found: Record<string, Attributes> = {}
  const all = SysfsTree.list(tree, nd)
  for (const [pattern, names, hasDriver] of kinds) {
    for (const name of all.filter((one) => pattern.test(one))) {
      const path = `${nd}/${name}`
      found[name] = { ...(yield* attributesOf(tree, path, names)), ...(hasDriver ? driverOf(tree, path) : {}) }
    }
  }
  return found
})

const dax = "/sys/bus/dax/devices"

const daxSysfs = Effect.fnUntraced(function*(tree: Tree) {
  const found: Record<string, Attributes> = {}
  const names = SysfsTree.list(tree, dax)
  for (const name of names) {
    const path = `${dax}/${name}`
    const own = yield* attributesOf(tree, path, ["size", "align", "resource", "numa_node", "target_node", "modalias"])
    const mappings = SysfsTree.list(tree, path).filter((one) => /^mapping[0-9]+$/.test(one))
    // The recorder asks the last mapping, not the device, for its driver.
    found[name] = { ...own, ...(mappings.length === 0 ? driverOf(tree, path) : {}) }
    for (const mapping of mappings) {
      found[`${name}/${mapping}`] = yield* attributesOf(tree, `${path}/${mapping}`, ["start", "end", "page_offset"])
    }
  }
  for (const name of names) {
    const place = SysfsTree.target(tree, `${dax}/${name}`) ?? ""
    const region = `${place.slice(0, place.lastIndexOf("/"))}/dax_region`
    found[region] = yield* attributesOf(tree, region, ["id", "size", "align", "available_size"])
  }
  return found
})

const blockNames = ["size", "queue/dax", "queue/logical_block_size", "queue/physical_block_size"]

const pmemBlock = Effect.fnUntraced(function*(tree: Tree) {
  const found: Record<string, Attributes> = {}
  for (const name of SysfsTree.list(tree, "/sys/block")) {
    found[name] = yield* attributesOf(tree, `/sys/block/${name}`, blockNames)
  }
  return found
})

const nodesText = Effect.fnUntraced(function*(tree: Tree) {
  const at = "/sys/devices/system/node"
  const lines: Array<string> = []
  const names = SysfsTree.list(tree, at).filter((name) => /^node[0-9]+$/.test(name))
  for (const name of names) {
    const text = yield* SysfsTree.read(tree, `${at}/${name}/meminfo`)
    lines.push(...text.split("\n").filter((line) => /MemTotal|MemFree/.test(line)))
  }
  for (const mask of NodeMask.names) {
    lines.push(`${mask}=${(yield* SysfsTree.read(tree, `${at}/${mask}`)).trim()}`)
  }
  return lines.join("\n")
})

const meminfo = Effect.fnUntraced(function*(tree: Tree) {
  const text = yield* SysfsTree.read(tree, "/proc/meminfo")
  return Object.fromEntries(
    [...text.matchAll(/^(\S+):\s+([0-9]+) kB$/gm)].map(([, name = "", kilobytes]) => [name, Number(kilobytes) * 1024])
  )
})

/** JSON a tool printed; nothing where it printed nothing. */
const listing = (stdout: string): unknown =>
  stdout.trim() === "" ? undefined : Result.getOrUndefined(RecordText.parse("tool", stdout))

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === "" ||
  (typeof value === "object" && value !== null && Object.keys(value).length === 0)

/**
 * Facts without those that are empty, which records leave out.
 *
 * @category conversions
 * @since 0.1.0
 */
export const withoutEmpty = (facts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => !isEmpty(value)))

/**
 * The tools whose lists a phase holds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tools {
  readonly ndctl: Tool
  readonly daxctl: Tool
  readonly input: Input
}

/**
 * A phase: everything but kernel lines; what is empty is left out. `meminfo` has only what the model knows.
 *
 * @category operations
 * @since 0.1.0
 */
export const take = Effect.fnUntraced(function*({ daxctl, input, ndctl }: Tools) {
  const tree = yield* SysfsTree.SysfsTree
  const phase = {
    meminfo: yield* meminfo(tree),
    iomemText: (yield* SysfsTree.read(tree, "/proc/iomem")).trimEnd(),
    ...(yield* MemoryFacts.take),
    nodes: yield* nodesText(tree),
    ndctl_list: listing((yield* ndctl(["list", "-RNDvvvi"], input)).stdout),
    ndctl_list_human: listing((yield* ndctl(["list", "-RNDXu"], input)).stdout),
    daxctl_list: listing((yield* daxctl(["list", "-DRi"], input)).stdout),
    nd_sysfs: yield* ndSysfs(tree),
    dax_sysfs: yield* daxSysfs(tree),
    pmem_block: yield* pmemBlock(tree)
  }
  return withoutEmpty(phase)
})
