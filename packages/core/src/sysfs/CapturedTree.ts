/**
 * A captured `/sys` and `/proc` tree as the files of a machine: programs that read this machine's files read it alike.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Decoding from "../inputs/Decoding.ts"
import type { InputError } from "../inputs/InputError.ts"
import * as JsonText from "../inputs/JsonText.ts"
import type * as SysfsTree from "./SysfsTree.ts"

/**
 * Text by path from the root of the tree, without a slash at the beginning. A path that ends with a slash is a directory whose
 * contents do not matter, as the link `memory0/node0/`; its text is passed over.
 *
 * @category models
 * @since 0.1.0
 */
export type Files = ReadonlyMap<string, string>

/**
 * Most files of a tree: sixteen for each block of a machine with 16 TiB in blocks of 128 MiB.
 *
 * @category constants
 * @since 0.1.0
 */
export const fileLimit = 2 ** 21

/** Longest path, in names. */
const depthLimit = 32

interface Folder {
  readonly entries: Map<string, Folder | string>
}

const folder = (): Folder => ({ entries: new Map() })

const remedy = "give the files of one machine's /sys and /proc, as 'inspect --record' or 'cp -r' take them"

/** Puts one file in; the problem when its path is none or taken. */
const put = (root: Folder, path: string, text: string): string | undefined => {
  const isFolder = path.endsWith("/")
  const names = (isFolder ? path.slice(0, -1) : path).split("/")
  if (names.length > depthLimit) return `is more than ${depthLimit} folders deep`
  if (names.some((name) => name === "" || name === "." || name === ".." || name.includes("\u0000"))) {
    return "is no plain path below the root"
  }
  let at = root
  for (let i = 0; i < names.length - (isFolder ? 0 : 1); i++) {
    const name = names[i] ?? ""
    const inner = at.entries.get(name) ?? folder()
    if (typeof inner === "string") return "lies below a file"
    at.entries.set(name, inner)
    at = inner
  }
  const name = names.at(-1) ?? ""
  if (isFolder) return undefined
  if (at.entries.has(name)) return "is there twice"
  at.entries.set(name, text)
  return undefined
}

const toDirectory = ({ entries }: Folder): SysfsTree.Directory => ({
  _tag: "Directory",
  names: () => [...entries.keys()],
  entry: (name) => {
    const found = entries.get(name)
    return found === undefined
      ? undefined
      : typeof found === "string"
      ? { _tag: "File", read: Effect.succeed(found), write: null }
      : toDirectory(found)
  }
})

/**
 * The root directory of a captured tree; every file can be read, none written. Refuses more than {@link fileLimit} files, paths that
 * leave the root or nest deeply, one path twice, and texts that together are larger than a source may be.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFiles = (source: string, files: Files): Result.Result<SysfsTree.Directory, InputError> =>
  Result.gen(function*() {
    if (files.size > fileLimit) {
      return yield* Decoding.failAt({ source, at: "" }, `has more than ${fileLimit} files`, remedy)
    }
    const root = folder()
    let total = 0
    for (const [path, text] of files) {
      const at = path.slice(0, 200)
      total += text.length
      if (total > JsonText.sizeLimit) return yield* Decoding.failAt({ source, at }, "makes the tree too large", remedy)
      const problem = put(root, path, text)
      if (problem !== undefined) return yield* Decoding.failAt({ source, at }, problem, remedy)
    }
    return toDirectory(root)
  })
