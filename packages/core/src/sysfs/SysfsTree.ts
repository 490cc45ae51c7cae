/**
 * The files a kernel shows: `/sys`, `/proc` and block devices, as a tree that programs read and write by path.
 *
 * Programs that imitate an administrator's tools see nothing else of a machine, so the same program runs over a modelled machine
 * and over files gathered from a real one.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as KernelError from "../kernel/KernelError.ts"
import * as Reasons from "../kernel/Reasons.ts"

/**
 * An attribute. `read` gives its whole text; writing is `null` where the file cannot be written.
 *
 * @category models
 * @since 0.1.0
 */
export interface File {
  readonly _tag: "File"
  readonly read: Effect.Effect<string, KernelError.KernelError>
  readonly write: ((text: string) => Effect.Effect<void, KernelError.KernelError>) | null
}

/**
 * A block device, or another file of bytes. Offsets and lengths are in bytes; reading past `size` gives fewer bytes; writing is
 * `null` where the file cannot be written.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bytes {
  readonly _tag: "Bytes"
  readonly size: number
  readonly read: (offset: number, length: number) => Effect.Effect<Uint8Array, KernelError.KernelError>
  readonly write: ((offset: number, bytes: Uint8Array) => Effect.Effect<void, KernelError.KernelError>) | null
}

/**
 * A symbolic link: an absolute path.
 *
 * @category models
 * @since 0.1.0
 */
export interface Link {
  readonly _tag: "Link"
  readonly target: string
}

/**
 * `names` in the order a directory is listed; `entry` of a name that is not among them is `undefined`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Directory {
  readonly _tag: "Directory"
  readonly names: () => ReadonlyArray<string>
  readonly entry: (name: string) => Entry | undefined
}

/**
 * Whatever a path can lead to.
 *
 * @category models
 * @since 0.1.0
 */
export type Entry = File | Bytes | Link | Directory

/**
 * The root directory of the machine the program runs on.
 *
 * @category services
 * @since 0.1.0
 */
export class SysfsTree
  extends Context.Service<SysfsTree, { readonly root: Directory }>()("@vmemmap/core/sysfs/SysfsTree")
{}

/**
 * An attribute that is only read; a number gets its decimal text. The newline at the end is added.
 *
 * @category constructors
 * @since 0.1.0
 */
export const attribute = (value: () => string | number): File => ({
  _tag: "File",
  read: Effect.sync(() => `${value()}\n`),
  write: null
})

/**
 * An attribute that is read and written.
 *
 * @category constructors
 * @since 0.1.0
 */
export const writable = (
  value: () => string | number,
  write: (text: string) => Effect.Effect<void, KernelError.KernelError>
): File => ({ ...attribute(value), write })

/**
 * An attribute that can only be written, as `bind` and `eject`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const trigger = (write: (text: string) => Effect.Effect<void, KernelError.KernelError>): File => ({
  _tag: "File",
  read: Effect.suspend(() => Effect.fail(failure("EACCES", "the attribute can only be written", "write it"))),
  write
})

/**
 * A directory of known entries, in the order given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const directory = (entries: Readonly<Record<string, Entry>>): Directory => ({
  _tag: "Directory",
  names: () => Object.keys(entries),
  entry: (name) => Object.hasOwn(entries, name) ? entries[name] : undefined
})

/**
 * A directory whose entries come and go: `list` is asked every time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const dynamic = (list: () => ReadonlyMap<string, Entry>): Directory => ({
  _tag: "Directory",
  names: () => [...list().keys()],
  entry: (name) => list().get(name)
})

const failure = (errno: KernelError.KernelError["errno"], problem: string, remedy: string) =>
  new KernelError.KernelError({ errno, rule: "29", problem, remedy })

const absent = (path: string) => failure("ENOENT", `there is no ${path}`, "list the directory it should be in")

const isDirectory = (path: string) => failure("EISDIR", `${path} is a directory`, "name a file in it")

/** Links followed on one path before it is given up: ELOOP. */
const mostLinks = 40

const namesOf = (path: string): ReadonlyArray<string> => path.split("/").filter((name) => name !== "" && name !== ".")

/**
 * What a path leads to, links followed; `undefined` when there is nothing, or links go in circles. `..` goes back along the
 * path as written.
 *
 * @category queries
 * @since 0.1.0
 */
export const lookup = ({ root }: SysfsTree["Service"], path: string): Exclude<Entry, Link> | undefined => {
  const pending = namesOf(path).toReversed()
  let links = 0
  const walked: Array<Exclude<Entry, Link>> = [root]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "..") {
      if (walked.length > 1) walked.pop()
      continue
    }
    const at = walked.at(-1)
    const next = at?._tag === "Directory" ? at.entry(name) : undefined
    if (next === undefined) return undefined
    if (next._tag !== "Link") {
      walked.push(next)
      continue
    }
    if (++links > mostLinks) return undefined
    walked.length = 1
    pending.push(...namesOf(next.target).toReversed())
  }
  return walked.at(-1)
}

/**
 * The directory at a path as a tree of its own, for programs that look up very many names in it; an empty one where there is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const below = (tree: SysfsTree["Service"], path: string): SysfsTree["Service"] => {
  const found = lookup(tree, path)
  return { root: found?._tag === "Directory" ? found : directory({}) }
}

/**
 * Where the link at a path points, the path itself when it is no link (`readlink -f` of the last name only); `undefined` when
 * there is nothing.
 *
 * @category queries
 * @since 0.1.0
 */
export const target = (tree: SysfsTree["Service"], path: string): string | undefined => {
  const names = namesOf(path)
  const parent = lookup(tree, names.slice(0, -1).join("/"))
  const entry = parent?._tag === "Directory" ? parent.entry(names.at(-1) ?? "") : undefined
  return entry === undefined ? undefined : entry._tag === "Link" ? entry.target : `/${names.join("/")}`
}

/**
 * Names in a directory; empty when it is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const list = (tree: SysfsTree["Service"], path: string): ReadonlyArray<string> => {
  const found = lookup(tree, path)
  return found?._tag === "Directory" ? found.names() : []
}

/**
 * The whole text of an attribute. ENOENT without one, EISDIR for a directory, EINVAL for a file of bytes, else what reading
 * answers.
 *
 * @category operations
 * @since 0.1.0
 */
export const read = (
  tree: SysfsTree["Service"],
  path: string
): Effect.Effect<string, KernelError.KernelError> =>
  Effect.suspend(() => {
    const found = lookup(tree, path)
    if (found === undefined) return Effect.fail(absent(path))
    if (found._tag === "File") return found.read
    return Effect.fail(
      found._tag === "Directory"
        ? isDirectory(path)
        : failure("EINVAL", `${path} is a file of bytes`, "read it as bytes, as dd does")
    )
  })

/**
 * Writes an attribute. ENOENT without one, EISDIR for a directory, EACCES where it cannot be written, else what writing
 * answers.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = (
  tree: SysfsTree["Service"],
  path: string,
  text: string
): Effect.Effect<void, KernelError.KernelError> =>
  Effect.suspend(() => {
    const found = lookup(tree, path)
    if (found === undefined) return Effect.fail(absent(path))
    if (found._tag === "Directory") return Effect.fail(isDirectory(path))
    if (found._tag === "Bytes") {
      return Effect.fail(failure("EINVAL", `${path} is a file of bytes`, "write it as bytes, as dd does"))
    }
    return found.write === null
      ? Effect.fail(failure("EACCES", `${path} cannot be written`, "the kernel only shows it: change what it shows"))
      : found.write(text)
  }).pipe(Reasons.telling)
