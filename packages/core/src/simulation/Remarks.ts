/**
 * What figures alone do not say of a simulation: which devices do not appear or never get ready, which nobody touched, which accesses
 * failed, and why.
 * Read from its timeline.
 *
 * @since 0.1.0
 */
import type * as Timeline from "../time/Timeline.ts"
import * as FaultPattern from "./FaultPattern.ts"

/**
 * Marks of a device, with `why` in their details.
 *
 * @category constants
 * @since 0.1.0
 */
export const missing = "never appeared"
/** @since 0.1.0 */
export const neverReady = "never got ready"
/** @since 0.1.0 */
export const notTouched = "stayed untouched"

/**
 * Spans of accesses; those that failed have `failed` in their details, those that came too early `unwritten`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAccess = ({ kind, name }: Timeline.Entry): boolean => kind === "span" && FaultPattern.isAccess(name)

/** As many names, and as many reasons, are told. */
const most = 4

const named = (names: ReadonlyArray<string>): string =>
  names.length <= most ? names.join(", ") : `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`

const marked = (entries: ReadonlyArray<Timeline.Entry>, name: string): ReadonlyArray<string> =>
  [...Map.groupBy(entries.filter((entry) => entry.name === name), ({ details }) => String(details["why"]))]
    .map(([why, own]) => `${named(own.map(({ group }) => group))} ${name}: ${why}`)

const failures = (entries: ReadonlyArray<Timeline.Entry>): ReadonlyArray<string> => {
  const accesses = entries.filter(isAccess)
  const failed = Map.groupBy(
    accesses.filter(({ details }) => details["failed"] !== undefined),
    ({ details }) => String(details["failed"])
  )
  const lines = [...failed].map(([why, own]) =>
    `${own.length} of ${accesses.length} accesses failed (${
      named([...new Set(own.map(({ group }) => group))])
    }): ${why}`
  )
  return lines.length <= most
    ? lines
    : [...lines.slice(0, most - 1), `accesses failed for ${lines.length - most + 1} more reasons`]
}

/** What strategies with mistakes let happen. */
const tooEarly = (entries: ReadonlyArray<Timeline.Entry>): ReadonlyArray<string> => {
  const accesses = entries.filter(isAccess)
  const early = accesses.filter(({ details }) => details["unwritten"] !== undefined)
  const pages = early.reduce((sum, { details }) => sum + Number(details["unwritten"]), 0)
  return early.length === 0
    ? []
    : [
      `${early.length} of ${accesses.length} accesses got pages whose struct pages nobody had initialised: ${pages} of them`
    ]
}

/**
 * Why devices did not appear or never got ready, one sentence for each reason.
 *
 * @category queries
 * @since 0.1.0
 */
export const unready = ({ entries }: Timeline.Timeline): ReadonlyArray<string> => [
  ...marked(entries, missing),
  ...marked(entries, neverReady)
]

/**
 * All there is to say, one sentence each.
 *
 * @category queries
 * @since 0.1.0
 */
export const all = (timeline: Timeline.Timeline): ReadonlyArray<string> => [
  ...unready(timeline),
  ...marked(timeline.entries, notTouched),
  ...failures(timeline.entries),
  ...tooEarly(timeline.entries)
]
