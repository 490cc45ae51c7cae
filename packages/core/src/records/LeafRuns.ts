/**
 * Leaves of page tables as runs of equal distance, as the recorder folds them: the first and the last of many, without
 * looking at each leaf (SPW-9, SPW-10).
 *
 * @since 0.1.0
 */

/**
 * `count` leaves of `leaf` bytes from `virt` on, whose memory begins at `phys` and goes on every `stride` bytes; `phys` and
 * `memory` are `null` where nothing is mapped.
 *
 * @category models
 * @since 0.1.0
 */
export interface LeafRun {
  readonly virt: number
  readonly leaf: number
  readonly phys: number | null
  readonly count: number
  readonly stride: number
  readonly memory: string | null
}

/**
 * Runs being folded: how many there are, the first ones, and the last ones with the one that may still grow.
 *
 * @category models
 * @since 0.1.0
 */
export interface LeafRuns {
  total: number
  readonly first: Array<LeafRun>
  readonly last: Array<LeafRun>
}

/** Up to so many runs are shown all, of more the first and the last. */
const shownAll = 48
const shownFirst = 24
const shownLast = 8

/**
 * No runs yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const empty = (): LeafRuns => ({ total: 0, first: [], last: [] })

const replaceLast = (runs: LeafRuns, run: LeafRun): void => {
  runs.last[runs.last.length - 1] = run
  if (runs.total <= shownAll) runs.first[runs.total - 1] = run
}

/** One leaf: it joins the open run when it lies behind it and goes on at its distance; a run of one takes any of the two. */
const addOne = (runs: LeafRuns, leaf: LeafRun): void => {
  const open = runs.last.at(-1)
  const isBehind = open !== undefined && open.leaf === leaf.leaf && open.virt + open.count * open.leaf === leaf.virt
  if (isBehind && open.phys === null && leaf.phys === null) {
    replaceLast(runs, { ...open, count: open.count + 1 })
    return
  }
  if (isBehind && open.phys !== null && leaf.phys !== null) {
    const distance = leaf.phys - open.phys
    if (open.count === 1 && (distance === 0 || distance === open.leaf)) {
      replaceLast(runs, { ...open, stride: distance, count: 2 })
      return
    }
    if (open.count > 1 && distance === open.count * open.stride) {
      replaceLast(runs, { ...open, count: open.count + 1 })
      return
    }
  }
  runs.total++
  const run = { ...leaf, count: 1, stride: leaf.phys === null ? 0 : leaf.leaf }
  if (runs.total <= shownAll) runs.first.push(run)
  runs.last.push(run)
  if (runs.last.length > shownLast) runs.last.shift()
}

/**
 * Adds neighbouring leaves: `count` of them at a distance of 0 or of their size.
 *
 * @category operations
 * @since 0.1.0
 */
export const add = (runs: LeafRuns, leaves: LeafRun): void => {
  const { count, leaf, phys, stride, virt } = leaves
  // After three the open run goes on as these leaves do, whatever came before them.
  const single = Math.min(count, 3)
  for (let i = 0; i < single; i++) {
    addOne(runs, { ...leaves, virt: virt + i * leaf, phys: phys === null ? null : phys + i * stride })
  }
  const open = runs.last.at(-1)
  if (open !== undefined && count > single) replaceLast(runs, { ...open, count: open.count + count - single })
}

/**
 * Adds `times` groups of leaves that are alike but for where they lie: `group(i)` adds the i-th. Those that can neither be shown
 * nor change what is shown are only counted; each group begins a run, and `virt` and `phys` are the bytes from one to the next.
 *
 * @category operations
 * @since 0.1.0
 */
export const addGroups = (
  runs: LeafRuns,
  times: number,
  group: (index: number) => void,
  { phys, virt }: { readonly virt: number; readonly phys: number }
): void => {
  for (let i = 0; i < times; i++) {
    const before = runs.total
    group(i)
    const skipped = times - i - 1 - 2 * shownLast
    const open = runs.last.at(-1)
    // The first group may join what came before it.
    if (i === 0 || runs.total <= shownAll || skipped <= 0 || open === undefined || open.phys === null) continue
    runs.total += skipped * (runs.total - before)
    replaceLast(runs, { ...open, virt: open.virt + skipped * virt, phys: open.phys + skipped * phys })
    i += skipped
  }
}

/**
 * What is shown of the runs.
 *
 * @category queries
 * @since 0.1.0
 */
export const shown = ({ first, last, total }: LeafRuns): ReadonlyArray<LeafRun> =>
  total <= shownAll ? first : [...first.slice(0, shownFirst), ...last]
