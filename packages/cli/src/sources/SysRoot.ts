/**
 * The files of `/proc` and `/sys` that tell of memory, gathered below a root: this machine's, or those of a captured tree.
 *
 * Bounded in number and size. Links are followed only as far as they stay below the root.
 *
 * @since 0.1.0
 */
import * as JsonText from "@vmemmap/core/inputs/JsonText"
import * as CapturedTree from "@vmemmap/core/sysfs/CapturedTree"
import * as NodeMask from "@vmemmap/core/sysfs/NodeMask"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import { WrongUse } from "../Failure.ts"

/**
 * Text by path without a slash at the beginning; a path that ends with one is a link, its text where it points. `unreadable` are
 * files that are there and cannot be read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gathered {
  readonly files: ReadonlyMap<string, string>
  readonly unreadable: ReadonlyArray<string>
}

/** Longest text of a file, in bytes: what is longer is no attribute, and no `/proc` file of any machine. */
const longest = JsonText.sizeLimit / 4

const memory = "sys/devices/system/memory"

/** Files by name, and of the entries of a folder whose names match: these attributes, these links. */
interface Folder {
  readonly path: string
  readonly names: RegExp
  readonly files: ReadonlyArray<string>
  readonly links: RegExp
}

const none = /^$/

const blockFolder: Folder = {
  path: memory,
  names: /^memory[0-9]{1,20}$/,
  files: ["state", "valid_zones", "removable", "phys_device"],
  links: /^node[0-9]{1,9}$/
}

const nd = "sys/bus/nd/devices"

const driver = /^driver$/

const folders: ReadonlyArray<Folder> = [
  blockFolder,
  { path: "sys/devices/system/node", names: /^node[0-9]{1,9}$/, files: ["meminfo"], links: none },
  {
    path: nd,
    names: /^region[0-9]{1,9}$/,
    files: [
      "size",
      "available_size",
      "max_available_extent",
      "align",
      "resource",
      "numa_node",
      "target_node",
      "mappings",
      "read_only",
      "nstype"
    ],
    links: driver
  },
  {
    path: nd,
    names: /^namespace[0-9]{1,9}\.[0-9]{1,9}$/,
    files: ["size", "resource", "mode", "holder", "holder_class", "nstype", "sector_size", "numa_node", "target_node"],
    links: driver
  },
  {
    path: nd,
    names: /^(?:pfn|dax|btt)[0-9]{1,9}\.[0-9]{1,9}$/,
    files: ["mode", "align", "resource", "size", "namespace", "sector_size", "numa_node"],
    links: driver
  },
  {
    path: "sys/bus/dax/devices",
    names: /^dax[0-9]{1,9}\.[0-9]{1,9}$/,
    files: ["size", "align", "resource", "numa_node", "target_node", "modalias"],
    links: driver
  }
]

const blockFiles = [`${memory}/block_size_bytes`, `${memory}/auto_online_blocks`]

const singleFiles = [
  ...["iomem", "zoneinfo", "meminfo", "buddyinfo", "vmstat", "cmdline", "version", "cpuinfo"].map((name) =>
    `proc/${name}`
  ),
  ...NodeMask.names.map((name) => `sys/devices/system/node/${name}`),
  ...["online_policy", "memmap_on_memory", "auto_movable_ratio", "auto_movable_numa_aware"]
    .map((name) => `sys/module/memory_hotplug/parameters/${name}`),
  ...blockFiles,
  "var/log/dmesg"
]

const isAbsent = ({ reason }: PlatformError.PlatformError): boolean => reason._tag === "NotFound"

const gather = Effect.fnUntraced(
  function*(root: string, singles: ReadonlyArray<string>, several: ReadonlyArray<Folder>) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const base = yield* Effect.mapError(
      fs.realPath(root),
      () => new WrongUse({ problem: `${root}: no such folder; --sysroot names one that has proc and sys in it` })
    )
    const files = new Map<string, string>()
    const unreadable: Array<string> = []
    let total = 0

    const isBelow = (real: string): boolean => base === "/" || real === base || real.startsWith(`${base}/`)

    const put = (name: string, text: string): Effect.Effect<void, WrongUse> => {
      files.set(name, text)
      total += text.length
      return total > JsonText.sizeLimit || files.size > CapturedTree.fileLimit
        ? Effect.fail(
          new WrongUse({ problem: `${root}: more files than any machine has; name the folder with its proc and sys` })
        )
        : Effect.void
    }

    const folders = new Map<string, boolean>()

    /** Whether a folder lies below the root, wherever links lead; asked once each. */
    const isFolderBelow = Effect.fnUntraced(function*(name: string) {
      const known = folders.get(name)
      if (known !== undefined) return known
      const below = yield* fs.realPath(path.join(base, name)).pipe(
        Effect.map(isBelow),
        Effect.orElseSucceed(() => false)
      )
      folders.set(name, below)
      return below
    })

    /** A regular file below the root; a link that leaves it is as good as absent. */
    const file = Effect.fnUntraced(function*(name: string) {
      const at = path.join(base, name)
      yield* Effect.gen(function*() {
        if (!(yield* isFolderBelow(path.dirname(name)))) return
        const own = yield* fs.lstat(at)
        const isLink = own.type === "SymbolicLink"
        if (isLink && !isBelow(yield* fs.realPath(at))) {
          unreadable.push(`${name} (a link out of ${root})`)
          return
        }
        const info = isLink ? yield* fs.stat(at) : own
        if (info.type !== "File") return
        // files of /proc say they are empty: what they hold is bounded by the kernel
        if (Number(info.size) > longest) unreadable.push(`${name} (too large)`)
        else yield* put(name, yield* fs.readFileString(at))
      }).pipe(Effect.catchTag("PlatformError", (error) =>
        Effect.sync(() => {
          if (!isAbsent(error)) unreadable.push(name)
        })))
    })

    const entries = (name: string): Effect.Effect<ReadonlyArray<string>> =>
      fs.realPath(path.join(base, name)).pipe(
        Effect.flatMap((real) => isBelow(real) ? fs.readDirectory(real) : Effect.succeed([])),
        Effect.orElseSucceed(() => [])
      )

    for (const name of singles) yield* file(name)
    for (const folder of several) {
      for (const entry of (yield* entries(folder.path)).filter((each) => folder.names.test(each))) {
        const inside = `${folder.path}/${entry}`
        for (const name of folder.files) yield* file(`${inside}/${name}`)
        if (folder.links === none) continue
        for (const name of (yield* entries(inside)).filter((each) => folder.links.test(each))) {
          const target = yield* fs.readLink(path.join(base, inside, name)).pipe(Effect.orElseSucceed(() => ""))
          yield* put(`${inside}/${name}/`, target)
        }
      }
    }
    const gathered: Gathered = { files, unreadable }
    return gathered
  }
)

/**
 * Everything that tells of memory below `root`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const all = (root: string) => gather(root, singleFiles, folders)

/**
 * The memory blocks below `root` only.
 *
 * @category constructors
 * @since 0.1.0
 */
export const blocks = (root: string) => gather(root, blockFiles, [blockFolder])
