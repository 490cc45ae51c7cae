/**
 * Runs of vmemmap leaves (SPW-10): those backed by devices exactly; of those in RAM all but physical placement and how it splits
 * them.
 *
 * A run in RAM must begin where the one before ends, with leaves of the size and in the memory that the engine has there. So it
 * is known where every run has to begin, and which of its figures is wrong if one is.
 *
 * @since 0.1.0
 */
import * as JsonTree from "../inputs/JsonTree.ts"
import type { Given } from "./Given.ts"
import * as LeafPath from "./LeafPath.ts"
import * as Scope from "./Scope.ts"
import * as TreeComparison from "./TreeComparison.ts"
import * as Verdict from "./Verdict.ts"

/** The columns of a run. */
const virtColumn = 0
const leafColumn = 1
const physColumn = 2
const countColumn = 3
const strideColumn = 4
const memoryColumn = 5
const columns = 6

/** A record keeps so many runs of a longer list. */
const keptAtStart = 24
const kept = 32

/** Leaves of one size in one kind of memory: `[start, end)` relative to the vmemmap. */
interface Stretch {
  readonly start: number
  readonly end: number
  readonly leaf: number
  readonly memory: unknown
}

/**
 * Whether a memory is RAM: `ram`, or `ramN` for a node.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isRam = (memory: unknown): boolean => typeof memory === "string" && /^ram[0-9]*$/.test(memory)

const numbers = (row: unknown, length: number): ReadonlyArray<number> | undefined => {
  if (!Array.isArray(row)) return undefined
  const figures = row.slice(0, length)
  return figures.length === length && figures.every((figure) => Number.isSafeInteger(figure)) ? figures : undefined
}

const fromRuns = (runs: unknown): ReadonlyArray<Stretch> =>
  (Array.isArray(runs) ? runs : []).flatMap((run) => {
    const [start, leaf] = numbers(run, 2) ?? []
    const count = LeafPath.member(run, countColumn)
    if (start === undefined || leaf === undefined || typeof count !== "number") return []
    return [{ start, end: start + leaf * count, leaf, memory: LeafPath.member(run, memoryColumn) }]
  })

const fromLeafRuns = (leafRuns: unknown): ReadonlyArray<Stretch> =>
  (Array.isArray(leafRuns) ? leafRuns : []).flatMap((row) => {
    const [start, end] = numbers(row, 2) ?? []
    if (start === undefined || end === undefined) return []
    const leaf = LeafPath.member(row, 2)
    return [{ start, end, leaf: typeof leaf === "number" ? leaf : 0, memory: LeafPath.member(row, 3) ?? null }]
  })

/** Everything the engine has mapped in a snapshot: `leafRuns` if it says so, else what its `runs` show. */
const stretches = (vmemmap: unknown): ReadonlyArray<Stretch> => {
  const leafRuns = LeafPath.member(vmemmap, "leafRuns")
  return leafRuns === undefined ? fromRuns(LeafPath.member(vmemmap, "runs")) : fromLeafRuns(leafRuns)
}

interface Run {
  readonly virt: number
  readonly count: number
  readonly cells: ReadonlyArray<unknown>
}

const runOf = (row: unknown): Run => {
  const cells: ReadonlyArray<unknown> = Array.isArray(row) ? row : []
  const figure = (column: number) => typeof cells[column] === "number" ? cells[column] : Number.NaN
  return { virt: figure(virtColumn), count: figure(countColumn), cells }
}

/** Where each run has to begin, and the runs whose count does not lead to the next one. */
interface Chain {
  readonly starts: ReadonlyArray<number>
  readonly wrongCounts: ReadonlySet<number>
}

type LeafAt = (virt: number, run: Run) => number

/** Whether the count before would be wrong by no more than half or all of it. */
const isNear = ({ virt }: Run, before: Run | undefined, leaf: number): boolean =>
  before === undefined || Math.abs((virt - before.virt) / leaf - before.count) <= before.count + 1

/** Whether a run that does not begin where the one before ends is right all the same: it leads to the next one. */
const leadsOn = (
  run: Run,
  leafAt: LeafAt,
  { before, bound, next }: {
    readonly before: Run | undefined
    readonly next: number | undefined
    readonly bound: number
  }
): boolean => {
  const leaf = leafAt(run.virt, run)
  return next === undefined
    ? run.virt % leaf === 0 && run.virt < bound && isNear(run, before, leaf)
    : run.virt + run.count * leaf === next
}

/**
 * Follows runs from `begin` to `end`, each known or not; `bound` lies beyond all of them. Where a run does not begin at the end
 * of the one before, the count before is wrong if the run leads to the next one, else its own start is.
 */
const follow = (
  runs: ReadonlyArray<Run>,
  leafAt: LeafAt,
  { begin, bound, end }: {
    readonly begin: number | undefined
    readonly end: number | undefined
    readonly bound: number
  }
): Chain => {
  const starts: Array<number> = []
  const wrongCounts = new Set<number>()
  let expected = begin
  for (const [index, run] of runs.entries()) {
    const next = runs[index + 1]?.virt ?? end
    const isRight = expected === undefined || run.virt === expected ||
      (index > 0 && leadsOn(run, leafAt, { before: runs[index - 1], next, bound }))
    const start = isRight ? run.virt : expected ?? run.virt
    if (index > 0 && start !== expected) wrongCounts.add(index - 1)
    starts.push(start)
    expected = start + run.count * leafAt(start, run)
  }
  if (end !== undefined && expected !== end) wrongCounts.add(runs.length - 1)
  return { starts, wrongCounts }
}

/** Runs that were left out of a longer list, in the middle. */
const isCut = (runs: ReadonlyArray<unknown>, total: unknown): boolean => runs.length === kept && total !== kept

/** The whole list, or both parts of one that was cut: the end of the first and the beginning of the second are not known. */
const chainOf = (runs: ReadonlyArray<Run>, leafAt: LeafAt, known: ReadonlyArray<Stretch>, cut: boolean): Chain => {
  const begin = known[0]?.start
  const end = known.at(-1)?.end
  const bound = end ?? Infinity
  if (!cut) return follow(runs, leafAt, { begin, bound, end })
  const [first, second] = [runs.slice(0, keptAtStart), runs.slice(keptAtStart)]
  const head = follow(first, leafAt, { begin, bound: Math.min(second[0]?.virt ?? bound, bound), end: undefined })
  const tail = follow(second, leafAt, { begin: undefined, bound, end })
  // the first run after the gap ends where the second begins, wherever it says it begins
  const [open] = second
  const next = tail.starts[1]
  const isMoved = open !== undefined && next !== undefined && !leadsOn(open, leafAt, { before: undefined, next, bound })
  return {
    starts: [...head.starts, ...(isMoved ? [next - 1] : tail.starts.slice(0, 1)), ...tail.starts.slice(1)],
    wrongCounts: new Set([...head.wrongCounts, ...[...tail.wrongCounts].map((index) => index + keptAtStart)])
  }
}

/** Columns next to where runs were left out: whether they are right cannot be told. */
const isOpen = (index: number, column: number): boolean =>
  (column === countColumn && (index === keptAtStart - 1 || index === keptAtStart)) ||
  (column === virtColumn && index === keptAtStart)

/**
 * `runs` of a snapshot that has leaves in RAM. `kernel` and `engine` are both `vmemmap` of it; `anyNode` leaves open in which
 * node's RAM leaves are.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inRam = (
  given: Given,
  path: LeafPath.LeafPath,
  kernel: unknown,
  engine: unknown,
  anyNode: boolean
): Verdict.Verdicts => {
  const exact = TreeComparison.exact(given)
  const [rows, engineRows] = [LeafPath.member(kernel, "runs"), LeafPath.member(engine, "runs")]
  if (!Array.isArray(rows) || !Array.isArray(engineRows)) return exact(path, rows, engineRows)
  const runs = rows.map(runOf)
  const known = stretches(engine)
  const stretchAt = (virt: number): Stretch | undefined => known.find(({ end, start }) => virt >= start && virt < end)
  const sameStart = Map.groupBy(engineRows, (run) => LeafPath.member(run, virtColumn))
  const exactAt = (virt: number): unknown => isRam(stretchAt(virt)?.memory) ? undefined : sameStart.get(virt)?.[0]
  const leafAt: LeafAt = (virt) => {
    const leaf = LeafPath.member(exactAt(virt), leafColumn) ?? stretchAt(virt)?.leaf
    return typeof leaf === "number" ? leaf : Number.NaN
  }
  const cut = isCut(rows, LeafPath.member(kernel, "runsTotal"))
  const engineCut = isCut(engineRows, LeafPath.member(engine, "runsTotal"))
  const { starts, wrongCounts } = chainOf(runs, leafAt, known, cut)

  const cellVerdict = (index: number, column: number, stretch: Stretch): Verdict.Verdict => {
    const cell = runs[index]?.cells[column]
    const at = LeafPath.inside(path, index, column)
    const start = starts[index] ?? Number.NaN
    const make = (isEqual: boolean, expected: unknown) => Verdict.make(at, isEqual, cell, expected)
    const ram = isRam(stretch.memory)
    if (ram && cut && isOpen(index, column)) return { _tag: "OutOfScope", path: at, scope: Scope.entries.sampling }
    switch (column) {
      case virtColumn:
        return make(cell === start, start)
      case leafColumn:
        return make(cell === stretch.leaf, stretch.leaf)
      case physColumn:
        return ram || engineCut
          ? { _tag: "OutOfScope", path: at, scope: ram ? Scope.entries.placement : Scope.entries.sampling }
          : make(false, undefined)
      case countColumn:
        return make(!wrongCounts.has(index), ((starts[index + 1] ?? known.at(-1)?.end ?? start) - start) / stretch.leaf)
      case strideColumn:
        return make(cell === stretch.leaf || cell === 0, stretch.leaf)
      default:
        return make(cell === stretch.memory || (anyNode && isRam(cell) && ram), stretch.memory)
    }
  }

  return rows.flatMap((row, index) => {
    const at = LeafPath.inside(path, index)
    const start = starts[index] ?? Number.NaN
    const counterpart = exactAt(start)
    if (counterpart !== undefined) return exact(at, row, counterpart)
    const stretch = stretchAt(start)
    const cells = runs[index]?.cells ?? []
    return stretch === undefined || cells.length !== columns
      ? [Verdict.make(at, false, row, undefined)]
      : cells.map((_, column) => cellVerdict(index, column, stretch))
  })
}

/**
 * Whether any leaf of the engine's `vmemmap` is in RAM.
 *
 * @category predicates
 * @since 0.1.0
 */
export const touchesRam = (vmemmap: unknown): boolean => {
  const backing = LeafPath.member(vmemmap, "backing")
  return JsonTree.isRecord(backing) && Object.keys(backing).some(isRam)
}
