/**
 * Files the user asks for with an option: a record, a picture.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { WrongUse } from "../Failure.ts"
import * as Sources from "../sources/Sources.ts"

/**
 * Writes `text` to the file named by `flag`. Fails with `WrongUse` that names both where it cannot be written.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function*(flag: string, file: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.mapError(
    fs.writeFileString(yield* Sources.resolve(file), text),
    ({ reason }) =>
      new WrongUse({
        problem: `${flag}: ${file} cannot be written: ${
          reason._tag === "NotFound" ? "there is no such folder" : reason._tag
        }; name a file in a folder you may write to`
      })
  )
})
