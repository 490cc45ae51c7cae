/**
 * Reads `/proc/buddyinfo`: free blocks of each order by zone.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Decoding from "./Decoding.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"

/**
 * Free pages of a zone, and the number of free blocks by order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Free {
  readonly node: number
  readonly zone: string
  readonly pages: number
  readonly blocks: ReadonlyArray<number>
}

const lineForm = /^Node ([0-9]{1,6}), zone +([A-Za-z0-9]{1,20})((?: +[0-9]{1,12}){1,24}) *$/

/**
 * The zones in the order printed.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string, text: string): Result.Result<ReadonlyArray<Free>, InputError> =>
  Result.gen(function*() {
    const lines = (yield* JsonText.checkSize(source, text)).split("\n").map((line) => line.trimEnd())
    const found: Array<Free> = []
    for (const [index, line] of lines.entries()) {
      if (line === "") continue
      const match = lineForm.exec(line)
      if (match === null) {
        return yield* Decoding.failAt(
          { source, at: `line ${index + 1}` },
          "is no line 'Node N, zone Z' with counts",
          "give the unchanged text of /proc/buddyinfo"
        )
      }
      const blocks = (match[3] ?? "").trim().split(/ +/).map(Number)
      found.push({
        node: Number(match[1]),
        zone: match[2] ?? "",
        pages: blocks.reduce((sum, count, order) => sum + count * 2 ** order, 0),
        blocks
      })
    }
    return found
  })
