/**
 * Phases of a script: what was read from the machine at one moment.
 *
 * @since 0.1.0
 */
import type * as PfnRange from "../geometry/PfnRange.ts"
import * as JsonTree from "../inputs/JsonTree.ts"
import * as CounterComparison from "./CounterComparison.ts"
import type { Given } from "./Given.ts"
import { givenPhase } from "./KernelRecord.ts"
import * as LeafPath from "./LeafPath.ts"
import * as LineComparison from "./LineComparison.ts"
import * as Scope from "./Scope.ts"
import * as SnapshotComparison from "./SnapshotComparison.ts"
import * as TreeComparison from "./TreeComparison.ts"
import * as Verdict from "./Verdict.ts"

/** The phase that a later one is said to be the same as. */
const earlier: Readonly<Record<string, string>> = { boot: givenPhase, final: "boot" }

interface Sides {
  readonly given: Given
  readonly kernel: Readonly<Record<string, unknown>>
  readonly engine: Readonly<Record<string, unknown>>
}

const phaseOf = (observed: unknown, name: string): unknown => LeafPath.member(LeafPath.member(observed, "phases"), name)

/** What `sameAs` calls a field: the text of a list goes with the list. */
const nameInSameAs = (key: string): string => key === "iomemText" ? "iomem" : key

const sameAsOf = (observed: unknown, name: string, key: string): unknown =>
  LeafPath.member(LeafPath.member(phaseOf(observed, name), "sameAs"), nameInSameAs(key))

/** What a phase has under a key, wherever it is kept. Names that lead back or nowhere resolve to nothing. */
const resolve = (observed: unknown, name: string, key: string): unknown => {
  const kept = LeafPath.member(phaseOf(observed, name), key)
  if (kept !== undefined) return kept
  const other = sameAsOf(observed, name, key)
  return typeof other === "string" && other === earlier[name] ? resolve(observed, other, key) : undefined
}

const bootRam = ({ engine, given, kernel }: Sides): ReadonlyArray<PfnRange.PfnRange> =>
  CounterComparison.bootRam(given, resolve(engine, givenPhase, "iomem") ?? resolve(kernel, givenPhase, "iomem"))

/** Every kernel line that a record holds but for the tail. */
const allLines = ({ kernel }: Sides) => {
  const commands = kernel["commands"]
  return [
    ...Object.values(JsonTree.isRecord(kernel["phases"]) ? kernel["phases"] : {})
      .flatMap((phase) => LineComparison.lines(LeafPath.member(phase, "dmesg_new"), true)),
    ...(Array.isArray(commands) ? commands : [])
      .flatMap((command) => LineComparison.lines(LeafPath.member(command, "dmesg"), true))
  ]
}

/** How a field of a phase is compared, once both sides have it. */
const compareOf = (sides: Sides, name: string, key: string): TreeComparison.Compare => {
  const { engine, given } = sides
  switch (key) {
    case "meminfo":
      return CounterComparison.meminfo(given)
    case "iomem":
      return CounterComparison.iomem(given)
    case "zoneinfo":
      return CounterComparison.zoneinfo(given, bootRam(sides))
    case "dmesg_new":
      return (path, left, right) => LineComparison.compare(path, left, right, name === "boot")
    case "dmesg_tail":
      return (path, left) => LineComparison.compareTail(path, left, engine["dmesg_all"], allLines(sides))
    case "pcp_pages":
      return (path, left) => Verdict.outOfScope(Scope.entries.pcpPages, path, left)
    default:
      return key.startsWith("kpageflags:") &&
          SnapshotComparison.isOnline(LeafPath.member(engine["snapshots"], key.slice("kpageflags:".length)))
        ? (path, left) => Verdict.outOfScope(Scope.entries.onlinePages, path, left)
        : TreeComparison.exact(given)
  }
}

/** Fields that are compared even if the engine has none: lists of lines, and what is out of scope. */
const isOptional = (key: string): boolean => /^(?:dmesg_new|dmesg_tail|pcp_pages|kpageflags:.*)$/.test(key)

/**
 * That a field is as it was earlier: the name must be that of the phase before, and the engine must not have changed the field
 * since, as far as it is compared at all.
 */
const compareSameAs = (sides: Sides, name: string) =>
(
  key: string,
  path: LeafPath.LeafPath,
  kernel: unknown,
  engine: unknown
): Verdict.Verdicts => {
  const before = earlier[name]
  if (kernel === undefined) return []
  if (before === undefined || kernel !== before) return [Verdict.make(path, false, kernel, engine ?? before)]
  if (engine === kernel) return [Verdict.make(path, true, kernel, engine)]
  const now = resolve(sides.engine, name, key)
  const then = resolve(sides.engine, before, key) ?? (before === givenPhase ? now : undefined)
  const isUnchanged = now !== undefined &&
    compareOf(sides, name, key)(path, then, now).every(({ _tag }) => _tag !== "Different")
  return [Verdict.make(path, isUnchanged, kernel, now)]
}

const compareField = (sides: Sides, name: string) =>
(
  key: string,
  path: LeafPath.LeafPath,
  kernel: unknown,
  engine: unknown
): Verdict.Verdicts => {
  if (key === "sameAs") {
    return JsonTree.isRecord(kernel)
      ? TreeComparison.members(path, kernel, JsonTree.isRecord(engine) ? engine : {}, compareSameAs(sides, name))
      : kernel === undefined
      ? []
      : [Verdict.make(path, false, kernel, engine)]
  }
  const compare = compareOf(sides, name, key)
  if (kernel === undefined) {
    const isLeftOut = LeafPath.leaves(engine).every(({ value }) => value === "" || value === null)
    const isSaid = isLeftOut || sameAsOf(sides.kernel, name, key) !== undefined
    return isSaid || (isOptional(key) && key !== "dmesg_new") ? [] : compare(path, kernel, engine)
  }
  const theirs = engine ?? resolve(sides.engine, name, key)
  return theirs === undefined && !isOptional(key)
    ? [Verdict.make(path, false, kernel, theirs)]
    : compare(path, kernel, theirs)
}

/**
 * `phases` of two observations. The phase before drivers is given; `sameAs` is compared by what it stands for.
 *
 * @category combinators
 * @since 0.1.0
 */
export const compare = (
  given: Given,
  kernel: Readonly<Record<string, unknown>>,
  engine: Readonly<Record<string, unknown>>
): TreeComparison.Compare =>
(path, left, right) => {
  if (!JsonTree.isRecord(left) || !JsonTree.isRecord(right)) return TreeComparison.exact(given)(path, left, right)
  const before = { [givenPhase]: LeafPath.member(left, givenPhase), ...right }
  const sides = { given, kernel, engine: { ...engine, phases: before } }
  return TreeComparison.members(path, left, right, (name, inner, one, other) =>
    name === givenPhase
      ? Verdict.outOfScope(Scope.entries.given, inner, one)
      : JsonTree.isRecord(one) && JsonTree.isRecord(other)
      ? TreeComparison.members(inner, one, other, compareField(sides, name))
      : TreeComparison.exact(given)(inner, one, other))
}
