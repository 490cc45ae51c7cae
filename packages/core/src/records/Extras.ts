/**
 * What the engine's side of a comparison says beyond a record: it serves the comparison and is no part of a record.
 *
 * @since 0.1.0
 */
import * as JsonTree from "../inputs/JsonTree.ts"

/**
 * Keys of `observed` that only the engine has.
 *
 * @category constants
 * @since 0.1.0
 */
export const keys: ReadonlySet<string> = new Set(["dmesg_all", "notModelled", "outOfMemory"])

const inVmemmap: ReadonlySet<string> = new Set(["leafRuns"])

/**
 * Keys of `structPages` that only the engine has.
 *
 * @category constants
 * @since 0.1.0
 */
export const inStructPages: ReadonlySet<string> = new Set(["online", "neverWritten", "selfHosted"])

type Fields = Readonly<Record<string, unknown>>

/**
 * An object without some keys.
 *
 * @category combinators
 * @since 0.1.0
 */
export const without = (fields: Fields, some: ReadonlySet<string>): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => !some.has(key)))

const ofPart = (part: unknown, some: ReadonlySet<string>): unknown =>
  JsonTree.isRecord(part) ? without(part, some) : part

const ofSnapshot = (snapshot: unknown): unknown =>
  JsonTree.isRecord(snapshot)
    ? {
      ...snapshot,
      vmemmap: ofPart(snapshot["vmemmap"], inVmemmap),
      structPages: ofPart(snapshot["structPages"], inStructPages)
    }
    : snapshot

/**
 * An observation of the engine as a record has it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const strip = (observed: Fields): Fields => {
  const { snapshots } = observed
  const rest = without(observed, keys)
  return JsonTree.isRecord(snapshots)
    ? {
      ...rest,
      snapshots: Object.fromEntries(Object.entries(snapshots).map(([label, one]) => [label, ofSnapshot(one)]))
    }
    : rest
}
