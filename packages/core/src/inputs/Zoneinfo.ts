/**
 * Reads `/proc/zoneinfo` of any release (ZON-11, ZON-14): what each zone spans and holds.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Decoding from "./Decoding.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"

/**
 * A zone of a node, in pages. `start` is a pfn, `undefined` where the kernel prints none; `free` and `managed` are as of when the
 * text was read, `free` is `undefined` where it is not told.
 *
 * @category models
 * @since 0.1.0
 */
export interface Zone {
  readonly node: number
  readonly zone: string
  readonly spanned: number
  readonly present: number
  readonly managed: number
  readonly start: number | undefined
  readonly free: number | undefined
}

/**
 * Most zones read: 1024 nodes with six of them.
 *
 * @category constants
 * @since 0.1.0
 */
export const zoneLimit = 6144

const headForm = /^Node ([0-9]{1,6}), zone +([A-Za-z0-9]{1,20})$/

const lineForm = /^ +(?:(spanned|present|managed|start_pfn):? +|pages (free) +)([0-9]{1,15})$/

type Open = { -readonly [K in keyof Zone]: Zone[K] }

/** Puts the value of a line in; `false` when it was there already. */
const take = (zone: Open, seen: Set<string>, key: string, value: number): boolean => {
  if (seen.has(key)) return false
  seen.add(key)
  if (key === "start_pfn") zone.start = value
  else if (key === "spanned" || key === "present" || key === "managed" || key === "free") zone[key] = value
  return true
}

/**
 * The zones in the order printed. Refuses a text without zones, a zone that is there twice or says a number twice, and one whose
 * present pages are more than it spans.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string, text: string): Result.Result<ReadonlyArray<Zone>, InputError> =>
  Result.gen(function*() {
    const lines = (yield* JsonText.checkSize(source, text)).split("\n")
    const unchanged = "give the unchanged text of /proc/zoneinfo"
    const zones: Array<Open> = []
    const names = new Set<string>()
    let said = new Set<string>()
    for (let index = 0; index < lines.length; index++) {
      const line = (lines[index] ?? "").trimEnd()
      const place = { source, at: `line ${index + 1}` }
      const head = headForm.exec(line)
      const open = zones.at(-1)
      if (head !== null) {
        const [, node = "", zone = ""] = head
        if (names.has(`${node} ${zone}`)) {
          return yield* Decoding.failAt(place, "has a zone for the second time", unchanged)
        }
        if (zones.length >= zoneLimit) {
          return yield* Decoding.failAt(place, `has more than ${zoneLimit} zones`, unchanged)
        }
        names.add(`${node} ${zone}`)
        said = new Set()
        zones.push({ node: Number(node), zone, spanned: 0, present: 0, managed: 0, start: undefined, free: undefined })
        continue
      }
      const match = lineForm.exec(line)
      if (match === null || open === undefined) continue
      const [, key = match[2] ?? "", , value = ""] = match
      if (!take(open, said, key, Number(value))) return yield* Decoding.failAt(place, `says ${key} twice`, unchanged)
    }
    const odd = zones.find(({ managed, present, spanned }) => present > spanned || managed > present)
    if (odd !== undefined) {
      return yield* Decoding.failAt(
        { source, at: `node ${odd.node}, zone ${odd.zone}` },
        "has more pages than it spans",
        unchanged
      )
    }
    return zones.length === 0
      ? yield* Decoding.failAt({ source, at: "" }, "has no line 'Node N, zone Z'", unchanged)
      : zones
  })
