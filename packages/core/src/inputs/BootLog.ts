/**
 * Reads a kernel log from its beginning: `dmesg` with or without times, `journalctl -k`, a serial console. Spec OBS-7 …
 * OBS-9, OBS-30, 20.3.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Pfn from "../geometry/Pfn.ts"
import type * as PfnRange from "../geometry/PfnRange.ts"
import { KiB, MiB } from "../geometry/Units.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as BootMap from "./BootMap.ts"
import * as Check from "./Check.ts"
import * as Decoding from "./Decoding.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"
import * as KernelBanner from "./KernelBanner.ts"
import * as OldLogLine from "./OldLogLine.ts"

/**
 * Most map, update and node lines read per boot: the kernel's own table ends at 3200 entries.
 *
 * @category constants
 * @since 0.1.0
 */
export const lineLimit = 4096

/** What the lines of one boot said so far; a second `Linux version` begins anew. */
interface Boot {
  /** Which table the map is from: a later one replaces an earlier one. */
  table: string
  map: ReadonlyArray<BootMap.Entry>
  lines: number
  readonly ram: Array<BootMap.OnNode>
  readonly affinity: Array<BootMap.OnNode>
  readonly nodes: Set<number>
  /** The node ranges are all there: what the kernel prints after them has been seen. */
  complete: boolean
  banner: string
  cmdline: string | undefined
  hypervisor: boolean
  blockSize: number | undefined
  memory: { readonly available: number; readonly total: number } | undefined
}

const begin = (banner: string): Boot => ({
  table: "",
  map: [],
  lines: 0,
  ram: [],
  affinity: [],
  nodes: new Set(),
  complete: false,
  banner,
  cmdline: undefined,
  hypervisor: false,
  blockSize: undefined,
  memory: undefined
})

const memory = String.raw`\[mem 0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})\]`
const mapLine = new RegExp(String.raw`(?:^|\s)(BIOS-e820|user|modified|extended|reserve setup_data): ${memory}\s+(.+)$`)
const updateLine = new RegExp(String.raw`e820: update ${memory} (.+) ==> (.+)$`)
const removeLine = new RegExp(String.raw`e820: remove ${memory} (.+)$`)
const nodeLine = new RegExp(String.raw`(?:^|\s)node\s+([0-9]{1,6}): ${memory}`)
const affinityLine = new RegExp(String.raw`SRAT: Node ([0-9]{1,6}) PXM [0-9]+ ${memory}`)
const memorylessLine = /Initmem setup node ([0-9]{1,6}) as memoryless/
const totalLine = /(?:^|\s)Memory: ([0-9]{1,12})[kK]\/([0-9]{1,12})[kK] available \(([^)]*)/
const blockLine = /Memory block size: ([0-9]{1,9})MB/
const commandLine = /(?:Kernel command line|Command line): (.*)$/
const bannerLine = /(?:^|\s)Linux version (.*)$/

const rangeOf = (first: string | undefined, last: string | undefined): PfnRange.PfnRange => ({
  start: Number.parseInt(first ?? "", 16),
  end: Number.parseInt(last ?? "", 16) + 1
})

const isSane = ({ end, start }: PfnRange.PfnRange): boolean => start < end && end <= Pfn.addressLimit

/** Takes one line about a range in; `false` when its range is impossible. */
const takeRange = (boot: Boot, line: string): boolean => {
  const entry = mapLine.exec(line)
  if (entry !== null) {
    const [, table = "", first, last, type = ""] = entry
    const range = rangeOf(first, last)
    if (table !== boot.table) boot.map = []
    boot.table = table
    boot.map = [...boot.map, { ...range, type: type.slice(0, 60) }]
    boot.lines++
    return isSane(range)
  }
  const change = updateLine.exec(line) ?? removeLine.exec(line)
  if (change !== null) {
    const range = rangeOf(change[1], change[2])
    boot.map = BootMap.convert(boot.map, range, change[3] ?? "", change[4])
    boot.lines++
    // `mem=` removes everything up to the last address there is
    return range.start < range.end
  }
  const affinity = affinityLine.exec(line)
  if (affinity !== null) {
    boot.affinity.push({ ...rangeOf(affinity[2], affinity[3]), node: Number(affinity[1]) })
    boot.lines++
    return true
  }
  const node = nodeLine.exec(line)
  if (node === null) return true
  const range = rangeOf(node[2], node[3])
  boot.ram.push({ ...range, node: Number(node[1]) })
  boot.nodes.add(Number(node[1]))
  boot.lines++
  return isSane(range)
}

const takeFact = (boot: Boot, line: string): void => {
  const total = totalLine.exec(line)
  if (total !== null) {
    const absent = /([0-9]{1,12})k absent/.exec(total[3] ?? "")?.[1] ?? "0"
    boot.memory = { available: Number(total[1]) * KiB, total: (Number(total[2]) - Number(absent)) * KiB }
  }
  const block = blockLine.exec(line)
  if (block !== null) boot.blockSize = Number(block[1]) * MiB
  const command = commandLine.exec(line)
  if (command !== null) boot.cmdline ??= (command[1] ?? "").slice(0, 4096)
  const memoryless = memorylessLine.exec(line)
  if (memoryless !== null) boot.nodes.add(Number(memoryless[1]))
  if (line.includes("Hypervisor detected")) boot.hypervisor = true
  if (boot.ram.length > 0 && /\bBuilt [0-9]+ zonelists/.test(line)) boot.complete = true
}

/**
 * Firmware ranges where there is a map, with the node of each part; else (no e820) the RAM ranges of the nodes. Once the log
 * goes on to zones, usable memory on no node is memory the kernel did not take.
 */
const rangesOf = (boot: Boot): ReadonlyArray<MachineSpec.Range> => {
  if (boot.map.length === 0) {
    return boot.ram.map(({ end, node, start }) => ({ start, size: end - start, kind: "ram", node }))
  }
  const ram = BootMap.disjoint(boot.ram)
  const affinity = BootMap.disjoint(boot.affinity)
  const partsOf = (entry: BootMap.Entry, kind: MachineSpec.RangeKind) =>
    kind === "ram" && boot.complete && ram.length > 0
      ? BootMap.onNodes(entry, ram)
      : BootMap.byNode(entry, kind === "ram" ? ram : kind === "reserved" || kind === "other" ? [] : affinity)
  return boot.map.toSorted((a, b) => a.start - b.start).flatMap((entry) => {
    const kind = BootMap.kindOf(entry.type)
    return partsOf(entry, kind).map(({ end, node, start }) => ({
      start,
      size: end - start,
      kind,
      name: entry.type,
      ...(node === undefined ? {} : { node })
    }))
  })
}

const nodesOf = (boot: Boot): ReadonlyArray<MachineSpec.Node> => {
  const totals = new Map([...boot.nodes].map((node) => [node, 0]))
  for (const { end, node, start } of boot.ram) totals.set(node, (totals.get(node) ?? 0) + end - start)
  return [...totals].toSorted(([a], [b]) => a - b).map(([node, total]) =>
    totals.size === 1 && boot.memory !== undefined && boot.memory.total >= boot.memory.available
      ? { node, ...boot.memory }
      : { node, total }
  )
}

const toSpec = (boot: Boot): MachineSpec.MachineSpec => {
  const ranges = rangesOf(boot)
  const devices = BootMap.devices(ranges)
  const nodes = nodesOf(boot)
  const kernel = KernelBanner.kernel(boot.banner)
  const arch = boot.table === "" ? KernelBanner.arch(boot.banner) : "x86_64"
  return {
    ...(kernel === undefined ? {} : { kernel }),
    ...(arch === undefined ? {} : { arch }),
    ...(boot.hypervisor ? { hypervisor: true } : {}),
    ...(boot.blockSize === undefined || boot.blockSize === 0 ? {} : { blockSize: boot.blockSize }),
    ...(boot.cmdline === undefined ? {} : { cmdline: boot.cmdline }),
    ranges,
    ...(nodes.length === 0 ? {} : { nodes }),
    ...(devices.length === 0 ? {} : { devices })
  }
}

/**
 * Reads the text of a boot log.
 *
 * The last table printed counts (the user-defined one over the firmware's), with every `e820: update` and `remove` after it;
 * of several boots, the last. RAM is cut at node borders, and to the nodes' own ranges where the log has them all.
 * Persistent and soft reserved ranges become devices named by address. `nodes` has what each node's ranges add up to, or on
 * a machine with one node what the `Memory:` line says.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const lines = (yield* JsonText.checkSize(source, text)).split("\n")
    let boot = begin("")
    for (let index = 0; index < lines.length; index++) {
      const line = OldLogLine.modern((lines[index] ?? "").trimEnd().slice(0, 8192))
      const banner = bannerLine.exec(line)
      if (banner !== null) boot = begin(banner[1] ?? "")
      else if (!line.includes("[mem 0x")) takeFact(boot, line)
      else if (!takeRange(boot, line)) {
        return yield* Decoding.failAt(
          { source, at: `line ${index + 1}` },
          "has a range that ends before it starts or above 2^52",
          "give the unchanged kernel log"
        )
      }
      if (boot.lines > lineLimit) {
        return yield* Decoding.failAt(
          { source, at: `line ${index + 1}` },
          `has more than ${lineLimit} memory ranges`,
          "give the log of one boot"
        )
      }
    }
    const spec = toSpec(boot)
    if (spec.ranges?.length === 0) {
      return yield* Decoding.failAt(
        { source, at: "" },
        "has no memory map: neither 'BIOS-e820:' nor 'node N: [mem' lines",
        "give the log from the very start of the boot: journalctl -k -b, or dmesg before the buffer wrapped"
      )
    }
    return yield* Check.machine(source, spec)
  })
