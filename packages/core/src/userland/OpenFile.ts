/**
 * Files as programs open them: attributes and devices of the tree, `/dev/null` and `/dev/zero`, and the errors in between.
 *
 * Files that exist only on a real system (a home, `/tmp`, the names in `/proc` the model has not) are not modelled: whether they
 * are there is not known.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { MiB } from "../geometry/Units.ts"
import * as Errno from "../kernel/Errno.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as Reasons from "../kernel/Reasons.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import { bytesOf, textOf } from "./ShellCommand.ts"
import * as Tool from "./Tool.ts"

/**
 * What the kernel answered a program, and to which call; `text` as the C library prints it.
 *
 * A plain value: programs say it and go on, and many a script meets it in a loop.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refused {
  readonly _tag: "Refused"
  readonly call: "open" | "read" | "write"
  readonly errno: Errno.Errno
  readonly text: string
}

/**
 * `size` in bytes, infinite for `/dev/zero`. Reading past it gives fewer bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Readable {
  readonly size: number
  readonly read: (offset: number, length: number) => Effect.Effect<Uint8Array, Refused>
}

/**
 * `write` gives the number of bytes taken. An `attribute` takes every call for itself, whatever the offset, at most a page.
 * `size` is the furthest offset to go to, infinite where there is none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Writable {
  readonly attribute: boolean
  readonly size: number
  readonly write: (offset: number, bytes: Uint8Array) => Effect.Effect<number, Refused>
}

/**
 * Most bytes one command may move.
 *
 * @category constants
 * @since 0.1.0
 */
export const dataLimit = 16 * MiB

/**
 * Most calls to write one command may make to an attribute.
 *
 * @category constants
 * @since 0.1.0
 */
export const callLimit = 1024

/**
 * Refuses to move more than {@link dataLimit}.
 *
 * @category errors
 * @since 0.1.0
 */
export const tooMuch = new Tool.NotModelled({
  what: `moving more than ${dataLimit / MiB} MiB with one command`,
  modelled: "give a smaller bs= and count="
})

const refused = (call: Refused["call"], errno: Errno.Errno): Refused => ({
  _tag: "Refused",
  call,
  errno,
  text: Errno.text(errno)
})

const modelledFiles = "files are those of /sys, /proc and /dev that the model has, by their whole path"

const foreign = (path: string) =>
  Effect.fail(new Tool.NotModelled({ what: `the file '${path.slice(0, 200)}'`, modelled: modelledFiles }))

const isIn = (directory: string, path: string): boolean => path.startsWith(directory)

/** The most the kernel passes to an attribute with one call. */
const pageSize = 4096

/** `.`, `..` and doubled slashes off, as far as the path itself tells. */
const plain = (path: string): string => {
  const out: Array<string> = []
  for (const name of path.split("/")) {
    if (name === "..") out.pop()
    else if (name !== "" && name !== ".") out.push(name)
  }
  return `/${out.join("/")}`
}

/** Longest path the kernel takes. */
const pathLimit = 4096

/**
 * What a path of a program leads to; `undefined` for nothing, for a relative path, and for one too long.
 *
 * @category queries
 * @since 0.1.0
 */
export const find = (tree: SysfsTree.SysfsTree["Service"], path: string): ReturnType<typeof SysfsTree.lookup> =>
  path.startsWith("/") && path.length < pathLimit ? SysfsTree.lookup(tree, path) : undefined

const none = new Uint8Array(0)

const fromBytes = (bytes: Uint8Array): Readable => ({
  size: bytes.length,
  read: (offset, length) => Effect.succeed(bytes.subarray(offset, offset + length))
})

/** The call that an attribute which cannot be read refuses is already the one that opens it. */
const readFailure = ({ errno }: KernelError) => refused(errno === "EACCES" ? "open" : "read", errno)

/**
 * Standard input as a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofInput = ({ stdin }: Tool.Input): Readable => fromBytes(stdin)

/**
 * Opens a file for reading. An attribute is read at once.
 *
 * @category operations
 * @since 0.1.0
 */
export const forReading = (
  path: string
): Effect.Effect<Readable, Refused | Tool.NotModelled, SysfsTree.SysfsTree> =>
  Effect.flatMap(SysfsTree.SysfsTree, (tree): Effect.Effect<Readable, Refused | Tool.NotModelled> => {
    const name = plain(path)
    if (path === "") return Effect.fail(refused("open", "ENOENT"))
    if (name === "/dev/null") return Effect.succeed(fromBytes(none))
    if (name === "/dev/zero") {
      return Effect.succeed<Readable>({
        size: Infinity,
        read: (_offset, length) => Effect.sync(() => new Uint8Array(length))
      })
    }
    const found = find(tree, path)
    if (found === undefined) {
      return path.startsWith("/") && (isIn("/sys/", name) || isIn("/dev/", name))
        ? Effect.fail(refused("open", "ENOENT"))
        : foreign(path)
    }
    if (found._tag === "Directory") return Effect.fail(refused("read", "EISDIR"))
    if (found._tag === "File") {
      return Effect.mapBoth(found.read, {
        onSuccess: (text) => fromBytes(bytesOf(text)),
        onFailure: readFailure
      })
    }
    return Effect.succeed<Readable>({
      size: found.size,
      read: (offset, length) => Effect.mapError(found.read(offset, length), readFailure)
    })
  })

const writeFailure = ({ errno }: KernelError) => refused("write", errno)

const noFile = (tree: SysfsTree.SysfsTree["Service"], path: string) => {
  const name = plain(path)
  if (path === "") return Effect.fail(refused("open", "ENOENT"))
  if (!path.startsWith("/") || !isIn("/sys/", name)) return foreign(path)
  const parent = find(tree, name.slice(0, name.lastIndexOf("/")))
  // sysfs lets nobody make files
  if (parent?._tag === "Directory") return Effect.fail(refused("open", "EACCES"))
  return Effect.fail(refused("open", parent === undefined ? "ENOENT" : "ENOTDIR"))
}

const ofBytes = (size: number, write: NonNullable<SysfsTree.Bytes["write"]>): Writable => ({
  attribute: false,
  size,
  write: (offset, bytes) => {
    const taken = Math.min(bytes.length, size - offset)
    return taken <= 0
      ? Effect.fail(refused("write", "ENOSPC"))
      : Effect.mapBoth(write(offset, bytes.subarray(0, taken)), { onSuccess: () => taken, onFailure: writeFailure })
  }
})

const ofAttribute = (write: NonNullable<SysfsTree.File["write"]>): Writable => ({
  attribute: true,
  size: Infinity,
  write: (_offset, bytes) =>
    Effect.mapBoth(write(textOf(bytes)), { onSuccess: () => bytes.length, onFailure: writeFailure })
})

const refusing = (errno: Errno.Errno, size = Infinity): Writable => ({
  attribute: true,
  size,
  write: () => Effect.fail(refused("write", errno))
})

/**
 * Opens a file for writing. What cannot be written refuses in sysfs when it is opened, in `/proc` and on devices when it is
 * written, as root sees it.
 *
 * @category operations
 * @since 0.1.0
 */
export const forWriting = (
  path: string
): Effect.Effect<Writable, Refused | Tool.NotModelled, SysfsTree.SysfsTree> =>
  Effect.flatMap(SysfsTree.SysfsTree, (tree): Effect.Effect<Writable, Refused | Tool.NotModelled> => {
    const name = plain(path)
    if (name === "/dev/null" || name === "/dev/zero") {
      return Effect.succeed<Writable>({
        attribute: false,
        size: Infinity,
        write: (_offset, bytes) => Effect.succeed(bytes.length)
      })
    }
    const found = find(tree, path)
    if (found === undefined) return noFile(tree, path)
    if (found._tag === "Directory") return Effect.fail(refused("open", "EISDIR"))
    const inProc = isIn("/proc/", name)
    if (found._tag === "Bytes") {
      return Effect.succeed(
        found.write === null
          ? (inProc ? refusing("EIO") : refusing("EPERM", found.size))
          : ofBytes(found.size, found.write)
      )
    }
    const { write } = found
    if (write !== null) return Effect.succeed(ofAttribute((text) => Reasons.telling(write(text))))
    return inProc ? Effect.succeed(refusing("EIO")) : Effect.fail(refused("open", "EACCES"))
  })

/**
 * How far writing went, and what stopped it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Written {
  readonly bytes: number
  readonly refused: Refused | undefined
}

/**
 * Writes all of `bytes` from `offset` on; an attribute gets them in calls of at most `block`.
 *
 * @category operations
 * @since 0.1.0
 */
export const writeAll = Effect.fnUntraced(function*(
  file: Writable,
  bytes: Uint8Array,
  offset = 0,
  block = pageSize
): Effect.fn.Return<Written, Tool.NotModelled> {
  let written = 0
  for (let calls = 0; written < bytes.length; calls++) {
    if (calls >= callLimit) {
      return yield* new Tool.NotModelled({
        what: `writing one file in more than ${callLimit} calls`,
        modelled: "give a larger bs="
      })
    }
    const length = file.attribute ? Math.min(block - (written % block), pageSize) : bytes.length
    const result = yield* Effect.result(file.write(offset + written, bytes.subarray(written, written + length)))
    if (Result.isFailure(result)) return { bytes: written, refused: result.failure }
    written += result.success
  }
  return { bytes: written, refused: undefined }
})
