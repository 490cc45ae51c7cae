/**
 * What a running Linux says of itself in /proc and /sys, or a captured tree of both.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as CpuInfo from "@vmemmap/core/inputs/CpuInfo"
import * as Iomem from "@vmemmap/core/inputs/Iomem"
import * as KernelBanner from "@vmemmap/core/inputs/KernelBanner"
import * as Meminfo from "@vmemmap/core/inputs/Meminfo"
import * as Source from "@vmemmap/core/inputs/Source"
import * as TreeDevices from "@vmemmap/core/inspection/TreeDevices"
import type { MachineSpec, Node } from "@vmemmap/core/machine/MachineSpec"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import { orWrongUse, WrongUse } from "../Failure.ts"

/** Reads files below a root; absent or unreadable ones are `undefined`. */
const below = Effect.fnUntraced(function*(root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return {
    file: (name: string) =>
      fs.readFileString(path.join(root, name)).pipe(
        Effect.map((text) => text.trimEnd()),
        Effect.orElseSucceed(() => undefined)
      ),
    list: (name: string) =>
      fs.readDirectory(path.join(root, name)).pipe(Effect.orElseSucceed(() => [] as Array<string>))
  }
})

type Tree = Effect.Success<ReturnType<typeof below>>

const integer = (text: string | undefined): number | undefined => {
  const value = text === undefined ? Number.NaN : Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

const defined = <A extends Record<string, unknown>>(record: A): { [K in keyof A]: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as never

const nd = "sys/bus/nd/devices"

/** What is read of a region: only what a plan needs, not what is configured on it, which `ndctl list` tells. */
const regionAttributes = [
  "size",
  "mappings",
  "nstype",
  "resource",
  "numa_node",
  "target_node",
  "align",
  "available_size"
]

const regions = Effect.fnUntraced(function*(tree: Tree) {
  const files = new Map<string, string>()
  for (const name of (yield* tree.list(nd)).filter((each) => /^region[0-9]+$/.test(each))) {
    for (const attribute of regionAttributes) {
      const text = yield* tree.file(`${nd}/${name}/${attribute}`)
      if (text !== undefined) files.set(`${nd}/${name}/${attribute}`, text)
    }
  }
  return TreeDevices.read(files)
})

const nodes = Effect.fnUntraced(function*(tree: Tree) {
  const found: Array<Node> = []
  for (const name of yield* tree.list("sys/devices/system/node")) {
    const text = /^node[0-9]+$/.test(name) ? yield* tree.file(`sys/devices/system/node/${name}/meminfo`) : undefined
    if (text === undefined) continue
    const parsed = Meminfo.parse(name, text)
    if (Result.isSuccess(parsed)) found.push(...parsed.success)
  }
  if (found.length > 0) return found
  const meminfo = yield* tree.file("proc/meminfo")
  const parsed = meminfo === undefined ? undefined : Meminfo.parse("/proc/meminfo", meminfo)
  return parsed !== undefined && Result.isSuccess(parsed) ? parsed.success : []
})

/**
 * The architecture this command runs on: `process.arch` where the page size follows from it; arm64 tells its page size in smaps.
 * `undefined` for any other.
 *
 * @category constructors
 * @since 0.1.0
 */
export const architecture = Effect.gen(function*() {
  const machine = process.arch === "x64" ? "x86_64" : process.arch
  if (machine !== "arm64") return Architecture.fromName(machine)?.name
  const tree = yield* below("/")
  const kib = /^KernelPageSize:\s+(\d+) kB/m.exec((yield* tree.file("proc/self/smaps")) ?? "")?.[1]
  return kib === undefined ? undefined : Architecture.fromName(`arm64-${kib}k`)?.name
})

/**
 * The machine below `root`. Needs `/proc/iomem` with real addresses, which only a privileged user sees.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(root: string) {
  const tree = yield* below(root)
  const iomem = yield* tree.file("proc/iomem")
  if (iomem === undefined || iomem === "") {
    return yield* new WrongUse({
      problem: `${
        root === "/" ? "" : root
      }/proc/iomem cannot be read; name a SOURCE, give --range START+SIZE, or run on Linux as root`
    })
  }
  const ranges = yield* orWrongUse(Iomem.read("/proc/iomem", iomem))
  const blockSize = yield* tree.file("sys/devices/system/memory/block_size_bytes")
  // /proc/version also names the distribution's own release; a captured tree may only have the short form.
  const version = (yield* tree.file("proc/version"))?.replace(/^Linux version /, "") ??
    (yield* tree.file("proc/sys/kernel/osrelease"))
  const cpuinfo = yield* tree.file("proc/cpuinfo")
  const own: MachineSpec = defined({
    kernel: version === undefined ? undefined : KernelBanner.kernel(version),
    // a captured tree does not say it
    arch: root === "/" ? yield* architecture : undefined,
    cmdline: yield* tree.file("proc/cmdline"),
    hypervisor: cpuinfo === undefined ? undefined : CpuInfo.isVirtual(cpuinfo),
    blockSize: blockSize === undefined ? undefined : integer(`0x${blockSize}`),
    nodes: yield* nodes(tree),
    devices: yield* regions(tree)
  })
  return yield* orWrongUse(Source.merge([ranges, own]))
})
