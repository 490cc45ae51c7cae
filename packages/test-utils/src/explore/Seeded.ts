/**
 * Some schedules of a program, by chance: the same seed, the same schedules.
 *
 * @since 0.1.0
 */
import * as Execution from "./Execution.ts"
import * as Explore from "./Explore.ts"

/**
 * How it is decided who goes on:
 *
 * - `uniform`: everybody who can is as likely
 * - `preemptions`: whoever goes on does so until it cannot, but for `preemptions` points by chance
 * - `pct`: everybody has a priority by chance, and the highest goes on; at `preemptions` points by chance the one who would gets the
 *   lowest (probabilistic concurrency testing)
 *
 * @category models
 * @since 0.1.0
 */
export type How = "uniform" | "preemptions" | "pct"

/**
 * `schedules` are run at most, `until` says when it is enough, asked before each step; `steps` a schedule is taken to have, 64 unless said
 * otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly seed: number
  readonly schedules: number
  readonly how?: How | undefined
  readonly preemptions?: number | undefined
  readonly steps?: number | undefined
  readonly until?: (() => boolean) | undefined
}

/**
 * Numbers from 0 to below 1: a small generator of good quality (splitmix), the same everywhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const random = (seed: number): () => number => {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    mixed ^= mixed >>> 15
    return (mixed >>> 0) / 2 ** 32
  }
}

/** Places by chance, of so many steps. */
const points = (next: () => number, count: number, steps: number): Set<number> =>
  new Set(Array.from({ length: count }, () => Math.floor(next() * steps)))

const uniform = (next: () => number): Execution.Decide => ({ contexts, tasks }) =>
  Math.floor(next() * (contexts.length + tasks))

const preempting = (next: () => number, count: number, steps: number): Execution.Decide => {
  const switches = points(next, count, steps)
  let last: number | null = null
  let step = 0
  return ({ contexts, tasks }) => {
    const same = contexts.findIndex(({ key }) => key === last)
    const isSwitch = switches.has(step++)
    const place = same >= 0 && !isSwitch ? tasks + same : Math.floor(next() * (contexts.length + tasks))
    last = place < tasks ? null : contexts[place - tasks]?.key ?? null
    return place
  }
}

const byPriority = (next: () => number, count: number, steps: number): Execution.Decide => {
  const changes = points(next, count, steps)
  const priorities = new Map<number, number>()
  let lowest = 0
  let step = 0
  const of = (key: number): number => {
    const known = priorities.get(key) ?? next()
    priorities.set(key, known)
    return known
  }
  return ({ contexts, tasks }) => {
    // What is no context has no priority: it runs at once or not before others, as likely.
    if (tasks > 0 && (contexts.length === 0 || next() < 0.5)) return Math.floor(next() * tasks)
    const highest = () => contexts.reduce((best, { key }, i) => of(key) > of(contexts[best]?.key ?? key) ? i : best, 0)
    if (changes.has(step++)) priorities.set(contexts[highest()]?.key ?? 0, --lowest)
    return tasks + highest()
  }
}

const decider = (how: How, next: () => number, count: number, steps: number): Execution.Decide =>
  how === "uniform" ? uniform(next) : how === "pct" ? byPriority(next, count, steps) : preempting(next, count, steps)

/**
 * What was run until a schedule ended in a violation, or enough were run: as it was found, `null` if none was.
 *
 * @category models
 * @since 0.1.0
 */
export interface First {
  readonly schedules: number
  readonly states: ReadonlySet<string>
  readonly depth: number
  readonly execution: Execution.Execution | null
}

/**
 * Runs schedules until one ends in a violation, or enough were run, and makes it no shorter.
 *
 * @category running
 * @since 0.1.0
 */
export const first = <E>(program: Execution.Program<E>, options: Options): First =>
  Explore.drain(search(program, options))

/**
 * The search that {@link first} goes through.
 *
 * @category constructors
 * @since 0.1.0
 */
export const search = function*<E>(
  program: Execution.Program<E>,
  { how = "uniform", preemptions = 2, schedules: most, seed, steps = 64, until = () => false }: Options
): Explore.Search<First> {
  const next = random(seed)
  const run = Execution.runner()
  const states = new Set<string>()
  let schedules = 0
  let depth = 0
  while (schedules < most && !until()) {
    const decide = decider(how, next, preemptions, steps)
    const execution = run(program, (ready) => until() ? -1 : decide(ready))
    if (execution.end === "given up") break
    schedules++
    depth = Math.max(depth, execution.events.length)
    if (execution.state !== undefined) states.add(execution.state)
    if (execution.violations.length > 0) return { schedules, states, depth, execution }
    yield schedules
  }
  return { schedules, states, depth, execution: null }
}

/**
 * The same, with the shortest schedule to a violation that was found.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <E>(program: Execution.Program<E>, options: Options): Explore.Explored =>
  shortened(program, first(program, options))

/**
 * What was run, with the shortest schedule to the violation.
 *
 * @category conversions
 * @since 0.1.0
 */
export const shortened = <E>(
  program: Execution.Program<E>,
  { depth, execution, schedules, states }: First
): Explore.Explored => {
  const findings = execution === null ? [] : [Explore.finding(program, execution)]
  return { schedules, cut: 0, states, depth, exhaustive: false, complete: false, findings }
}
