/**
 * Compound pages of a range as a reader of its struct pages meets them: how many tails there are and what they point to
 * (SPW-5, SPW-6).
 *
 * Counted by runs: heads that follow each other at equal distance are one item, however many they are.
 *
 * @since 0.1.0
 */
import type * as PfnRange from "../geometry/PfnRange.ts"
import type { Memmap } from "../memmap/Memmap.ts"
import * as Run from "../memmap/Run.ts"

/**
 * `count` tails with `minDelta` … `maxDelta` pfns from their heads; `tailsPerHead` says of how many heads there are so and so
 * many tails, for the eight smallest numbers.
 *
 * @category models
 * @since 0.1.0
 */
export interface CompoundFacts {
  readonly count: number
  readonly minDelta: number
  readonly maxDelta: number
  readonly heads: number
  readonly firstHead: number
  readonly lastHead: number
  readonly tailsPerHead: Readonly<Record<string, number>>
}

/** Heads every `step` pfns, each with `tails` tails; those of `without` have their own item. */
interface Heads {
  readonly first: number
  readonly step: number
  readonly count: number
  tails: number
  readonly without: Set<number>
}

const shown = 8

const lastOf = ({ count, first, step }: Heads): number => first + (count - 1) * step

const contains = (heads: Heads, head: number): boolean =>
  head >= heads.first && head <= lastOf(heads) && (head - heads.first) % heads.step === 0

/** What is gathered while runs are looked at. */
interface Found {
  count: number
  minDelta: number
  maxDelta: number
  readonly single: Map<number, number>
  readonly many: Map<string, Heads>
}

const headOf = (memmap: Pick<Memmap["Service"], "read">, pfn: number): number | null => {
  const page = memmap.read(pfn)
  return page._tag === "Initialised" && page.links._tag === "Tail" ? page.links.head : null
}

/** Whole periods, or a part of one. */
const gather = (found: Found, memmap: Pick<Memmap["Service"], "read">, run: Run.Run): void => {
  const { end, period, start } = run
  const times = Math.max(1, Math.floor((end - start) / period))
  for (const { count, first, last } of Run.alike({ ...run, end: Math.min(end, start + period) })) {
    const head = headOf(memmap, first)
    if (head === null) continue
    // In the next period tails have a head of their own, or share the page that all of them repeat.
    const step = times === 1 ? 0 : (headOf(memmap, first + period) ?? head) - head
    const end = step === 0 ? last + (times - 1) * period : last
    found.count += count * times
    found.minDelta = Math.min(found.minDelta, first - head)
    found.maxDelta = Math.max(found.maxDelta, end - head)
    if (step === 0) {
      found.single.set(head, (found.single.get(head) ?? 0) + count * times)
      continue
    }
    const key = `${head} ${step} ${times}`
    const known = found.many.get(key)
    if (known === undefined) found.many.set(key, { first: head, step, count: times, tails: count, without: new Set() })
    else known.tails += count
  }
}

/**
 * The compounds of ranges (pfns, disjoint) whose struct pages are mapped; `undefined` when there is no tail.
 *
 * @category queries
 * @since 0.1.0
 */
export const take = (
  memmap: Pick<Memmap["Service"], "read" | "runs">,
  ranges: ReadonlyArray<PfnRange.PfnRange>
): CompoundFacts | undefined => {
  const found: Found = { count: 0, minDelta: Infinity, maxDelta: -Infinity, single: new Map(), many: new Map() }
  for (const { end, start } of ranges) {
    for (const run of memmap.runs(start, end)) {
      for (const part of Run.periods(run)) gather(found, memmap, part)
    }
  }
  if (found.count === 0) return undefined
  const many = [...found.many.values()]
  // A compound may reach beyond the run that holds its head.
  for (const [head, tails] of found.single) {
    const own = many.find((heads) => contains(heads, head))
    if (own === undefined) continue
    own.without.add(head)
    found.single.set(head, tails + own.tails)
  }
  const histogram = new Map<number, number>()
  const tally = (tails: number, heads: number) => {
    if (heads > 0) histogram.set(tails, (histogram.get(tails) ?? 0) + heads)
  }
  for (const tails of found.single.values()) tally(tails, 1)
  for (const { count, tails, without } of many) tally(tails, count - without.size)
  const all = [...found.single.keys(), ...many.flatMap((heads) => [heads.first, lastOf(heads)])]
  return {
    count: found.count,
    minDelta: found.minDelta,
    maxDelta: found.maxDelta,
    heads: found.single.size + many.reduce((sum, { count, without }) => sum + count - without.size, 0),
    firstHead: all.reduce((least, head) => Math.min(least, head)),
    lastHead: all.reduce((most, head) => Math.max(most, head)),
    tailsPerHead: Object.fromEntries([...histogram].toSorted(([a], [b]) => a - b).slice(0, shown))
  }
}
