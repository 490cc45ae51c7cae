/**
 * Files the user asks for with an option: a record, a picture, a trace.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { WrongUse } from "../Failure.ts"
import * as Sources from "../sources/Sources.ts"

/** Why, by the code of the system. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is no folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "its file system is read-only",
  ENOSPC: "no space is left there",
  EDQUOT: "no space is left to this user there",
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links lead in a circle"
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "make space, or name a file elsewhere",
  EDQUOT: "make space, or name a file elsewhere"
}

const unwritable = (flag: string, file: string) => ({ cause, reason }: PlatformError.PlatformError): WrongUse => {
  const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : reason._tag
  const remedy = remedies[code] ?? "name a file in a folder you may write to"
  return new WrongUse({ problem: `${flag}: ${file} cannot be written: ${reasons[code] ?? code}; ${remedy}` })
}

/**
 * Writes `text` to the file named by `flag`. Fails with `WrongUse` that names both where it cannot be written.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function*(flag: string, file: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.mapError(fs.writeFileString(yield* Sources.resolve(file), text), unwritable(flag, file))
})

/**
 * Fails as {@link write} would, for who has much to do before there is a text; changes nothing.
 *
 * @category validation
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function*(flag: string, file: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Sources.resolve(file)
  yield* Effect.gen(function*() {
    const isThere = yield* fs.exists(path)
    yield* Effect.scoped(fs.open(path, { flag: "a" }))
    if (!isThere) yield* fs.remove(path)
  }).pipe(Effect.mapError(unwritable(flag, file)))
})

/** Characters written at once: many small writes are slow. */
const pieceLength = 2 ** 18

const pieces = function*(parts: Iterable<string>): Generator<string, void> {
  let piece: Array<string> = []
  let length = 0
  for (const part of parts) {
    piece.push(part)
    length += part.length
    if (length < pieceLength) continue
    yield piece.join("")
    piece = []
    length = 0
  }
  yield piece.join("")
}

/**
 * The same with a text in parts, which is never in memory as a whole.
 *
 * @category operations
 * @since 0.1.0
 */
export const writeParts = Effect.fnUntraced(function*(flag: string, file: string, parts: Iterable<string>) {
  const fs = yield* FileSystem.FileSystem
  yield* Stream.fromIterable(pieces(parts), { chunkSize: 1 }).pipe(
    Stream.encodeText,
    Stream.run(fs.sink(yield* Sources.resolve(file))),
    Effect.mapError(unwritable(flag, file))
  )
})
