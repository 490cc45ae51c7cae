/**
 * What the kernel did against what the engine did: every leaf of `observed`, except those of {@link Scope}. In the record of a dry
 * run the engine stands on both sides, so that nothing is out of scope.
 *
 * The engine's side has the shape of `observed`. It may lack what is out of scope, and may say more than a record can:
 *
 * - `dmesg_all`: all its kernel lines since boot, against which `dmesg_tail` is held
 * - `snapshots[…].vmemmap.leafRuns`, `snapshots[…].online`: see {@link SnapshotComparison}
 * - `notModelled`: `[{path, why}]`, parts it does not model; differences there are counted apart
 * - `outOfMemory`: present when an allocation failed. What then depends on the memory free at that moment the engine leaves out
 *   of its side from there on, and what only one side has is out of scope in such a record. What the engine does say of it, such
 *   as the errno and the kind of line, is compared as ever.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as BlockComparison from "./BlockComparison.ts"
import * as CounterComparison from "./CounterComparison.ts"
import * as Crash from "./Crash.ts"
import * as Extras from "./Extras.ts"
import * as Given from "./Given.ts"
import * as HostComparison from "./HostComparison.ts"
import type { KernelRecord } from "./KernelRecord.ts"
import * as LateLines from "./LateLines.ts"
import * as LeafPath from "./LeafPath.ts"
import * as LineComparison from "./LineComparison.ts"
import * as PhaseComparison from "./PhaseComparison.ts"
import * as Scope from "./Scope.ts"
import * as SnapshotComparison from "./SnapshotComparison.ts"
import * as TreeComparison from "./TreeComparison.ts"
import * as Verdict from "./Verdict.ts"

/**
 * A leaf, or a part one side lacks (`undefined` there), by its path as text.
 *
 * @category models
 * @since 0.1.0
 */
export interface Difference {
  readonly path: string
  readonly kernel: unknown
  readonly engine: unknown
}

/**
 * A part the engine says it does not model.
 *
 * @category models
 * @since 0.1.0
 */
export interface NotModelled {
  readonly path: string
  readonly why: string
}

/**
 * The outcome for one record, in leaves: `compared` is `equal` plus the number of differences.
 *
 * @category models
 * @since 0.1.0
 */
export interface Comparison {
  readonly compared: number
  readonly equal: number
  readonly outOfScope: number
  readonly different: ReadonlyArray<Difference>
  readonly notModelled: ReadonlyArray<NotModelled>
}

type Observed = Readonly<Record<string, unknown>>

const reprobes = /\b(?:modprobe|enable-region)\b/

const command = (given: Given.Given): TreeComparison.Compare =>
  TreeComparison.byKey(given, ({ engine, exact }) => (key, inner, left, right) => {
    switch (key) {
      case "seconds":
        return Verdict.outOfScope(Scope.entries.seconds, inner, left)
      case "dmesg":
        return LineComparison.compare(inner, left, right, reprobes.test(String(engine["command"])))
      default:
        return exact(inner, left, right)
    }
  })

const commands = (given: Given.Given): TreeComparison.Compare => (path, kernel, engine) => {
  if (!Array.isArray(kernel) || !Array.isArray(engine)) return TreeComparison.exact(given)(path, kernel, engine)
  return Array.from({ length: Math.max(kernel.length, engine.length) }, (_, index) => index).flatMap((index) =>
    command(given)(LeafPath.inside(path, index), kernel[index], engine[index])
  )
}

/** `hex` of a block wherever it is; everything else exactly. */
const withBlock = (given: Given.Given): TreeComparison.Compare =>
  TreeComparison.byKey(
    given,
    ({ exact }) => (key, inner, left, right) =>
      key === "hex" && typeof left === "string" && typeof right === "string"
        ? [Verdict.make(inner, BlockComparison.isSame(given, left, right), left, right)]
        : exact(inner, left, right)
  )

const byLabel = (given: Given.Given, each: TreeComparison.Compare): TreeComparison.Compare =>
  TreeComparison.byKey(given, () => (_label, inner, left, right) => each(inner, left, right))

/** What the recorder says it could not read is missing on its side only. */
const readable = (
  { snapshotErrors }: Observed,
  each: TreeComparison.Compare
): TreeComparison.Compare =>
(path, left, right) =>
  left === undefined && Array.isArray(snapshotErrors) &&
    snapshotErrors.some((error) => String(error).startsWith(`infoblock ${path.at(-1)} `))
    ? Verdict.outOfScope(Scope.entries.recorder, path, right)
    : each(path, left, right)

/** What the phases of a side make of a figure of `delta`. */
const deltaOf = ({ phases }: Observed) => (key: string): number | undefined => {
  const figure = (phase: string) => LeafPath.member(LeafPath.member(LeafPath.member(phases, phase), "meminfo"), key)
  const [final, boot] = [figure("final"), figure("boot")]
  return typeof final === "number" && typeof boot === "number" ? final - boot : undefined
}

const machineField =
  (given: Given.Given, kernel: Observed, engine: Observed): TreeComparison.Each => (key, path, left, right) => {
    switch (key) {
      case "console":
        return Verdict.outOfScope(Scope.entries.console, path, left)
      case "snapshotErrors":
        return Verdict.outOfScope(Scope.entries.recorder, path, left)
      case "commands":
        return commands(given)(path, left, right)
      case "phases":
        return PhaseComparison.compare(given, kernel, engine)(path, left, right)
      case "delta":
        return CounterComparison.delta(given, deltaOf(kernel))(path, left, right)
      case "snapshots":
        return byLabel(given, SnapshotComparison.compare(given))(path, left, right)
      case "infoblocks":
        return byLabel(given, readable(kernel, withBlock(given)))(path, left, right)
      default:
        return TreeComparison.exact(given)(path, left, right)
    }
  }

const withoutExtras = (engine: Observed): Observed => Extras.without(engine, Extras.keys)

const excuse = (verdict: Verdict.Verdict): Verdict.Verdict =>
  verdict._tag === "Different" &&
    (verdict.engine === undefined || verdict.kernel === undefined ||
      // a guest that ran out of memory may be lost
      (LeafPath.print(verdict.path) === "status" && verdict.kernel === Crash.status))
    ? { _tag: "OutOfScope", path: verdict.path, scope: Scope.entries.outOfMemory }
    : verdict

/**
 * The verdict on every leaf, in the order of the record. `record` is the kernel's, `engine` what the engine observed.
 *
 * @category queries
 * @since 0.1.0
 */
export const verdicts = (record: KernelRecord, engine: Observed): Verdict.Verdicts => {
  const given = Given.make(record)
  const kernel = record.observed
  switch (given.kind) {
    case "Host":
      return HostComparison.compare(given, kernel, engine)
    case "InfoblockTool":
      return withBlock(given)([], kernel, withoutExtras(engine))
    case "Described":
      return TreeComparison.exact(given)([], kernel, Extras.strip(engine))
    case "Machine": {
      const settled = LateLines.settle(kernel, engine)
      const all = TreeComparison.members([], kernel, withoutExtras(settled), machineField(given, kernel, settled))
      return engine["outOfMemory"] === undefined ? all : all.map(excuse)
    }
  }
}

interface Excuse {
  readonly path: LeafPath.LeafPath
  readonly why: string
}

const notModelledOf = (engine: Observed): ReadonlyArray<Excuse> => {
  const parts = engine["notModelled"]
  return (Array.isArray(parts) ? parts : []).flatMap((part) => {
    const [path, why] = [LeafPath.member(part, "path"), LeafPath.member(part, "why")]
    const parsed = typeof path === "string" ? Result.getOrUndefined(LeafPath.parse(path)) : undefined
    return parsed === undefined ? [] : [{ path: parsed, why: String(why) }]
  })
}

/**
 * Holds the engine's side against a record.
 *
 * @category queries
 * @since 0.1.0
 */
export const compare = (record: KernelRecord, engine: Observed): Comparison => {
  const excuses = notModelledOf(engine)
  const different: Array<Difference> = []
  const notModelled: Array<NotModelled> = []
  let equal = 0
  let outOfScope = 0
  for (const verdict of verdicts(record, engine)) {
    if (verdict._tag === "Equal") equal++
    else if (verdict._tag === "OutOfScope") outOfScope++
    else {
      const path = LeafPath.print(verdict.path)
      const excused = excuses.find((part) =>
        LeafPath.startsWith(verdict.path, part.path) ||
        (verdict.engine === undefined && LeafPath.startsWith(part.path, verdict.path))
      )
      if (excused === undefined) different.push({ path, kernel: verdict.kernel, engine: verdict.engine })
      else notModelled.push({ path, why: excused.why })
    }
  }
  return { compared: equal + different.length, equal, outOfScope, different, notModelled }
}
