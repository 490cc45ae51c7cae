/**
 * Processors and memories whose speed is divided among those that use them at the same time.
 *
 * A job does a number of like units. Each unit takes a time on a processor of one pool and moves bytes to one memory. Where
 * more jobs run than a pool has processors, they get equal parts of it; where jobs want more of a memory than it can take,
 * each gets an equal part, and what one cannot use others may (max-min fairness). A job of weight 3 gets three parts.
 *
 * This module knows nothing of memory hotplug: it serves any program.
 *
 * @since 0.1.0
 */

/**
 * What a job needs: `unitNanos` on a processor of `pool` when alone, and `unitBytes` to `memory`; `weight` is above 0, 1 unless
 * said otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export interface Demand {
  readonly pool: string
  readonly memory: string
  readonly unitNanos: number
  readonly unitBytes: number
  readonly weight?: number | undefined
}

/**
 * `processors` of a pool and bytes per nanosecond that a memory takes; `Infinity` where there is no limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capacity {
  readonly processors: (pool: string) => number
  readonly bandwidth: (memory: string) => number
}

/**
 * What a job gets: the part of a processor, and units per nanosecond.
 *
 * @category models
 * @since 0.1.0
 */
export interface Share {
  readonly processor: number
  readonly rate: number
}

const group = (demands: ReadonlyArray<Demand>, key: (demand: Demand) => string): ReadonlyMap<string, Array<number>> => {
  const groups = new Map<string, Array<number>>()
  demands.forEach((demand, i) => {
    const name = key(demand)
    const found = groups.get(name)
    if (found === undefined) groups.set(name, [i])
    else found.push(i)
  })
  return groups
}

/** Of some who want something: how much each wants, what it weighs, and how many are alike. */
interface Wants {
  readonly wanted: (i: number) => number
  readonly weight: (i: number) => number
  readonly count: (i: number) => number
}

/**
 * Divides `capacity` among those that want something: in proportion to their weights, nobody more than it wants. Calls back with
 * each one's part.
 */
const fill = (
  members: ReadonlyArray<number>,
  { count, wanted, weight }: Wants,
  capacity: number,
  give: (i: number, part: number) => void
): void => {
  let left = capacity
  let weights = members.reduce((sum, i) => sum + count(i) * weight(i), 0)
  const poorestFirst = members.length === 1
    ? members
    : members.toSorted((a, b) => wanted(a) / weight(a) - wanted(b) / weight(b) || a - b)
  for (const i of poorestFirst) {
    const part = left === Infinity ? wanted(i) : Math.min(wanted(i), left * weight(i) / weights)
    give(i, part)
    left -= count(i) * part
    weights -= count(i) * weight(i)
  }
}

/**
 * What each of the jobs gets that run now, in their order; `counts` says how many want the same, one each unless said otherwise.
 * Cost: n log n.
 *
 * @category queries
 * @since 0.1.0
 */
export const divide = (
  demands: ReadonlyArray<Demand>,
  capacity: Capacity,
  counts?: ReadonlyArray<number>
): ReadonlyArray<Share> => {
  const processor = demands.map(() => 0)
  const rate = demands.map(() => 0)
  const at = (i: number) => demands[i] as Demand
  const weight = (i: number) => at(i).weight ?? 1
  const count = (i: number) => counts?.[i] ?? 1
  for (const [pool, members] of group(demands, (demand) => demand.pool)) {
    fill(members, { wanted: () => 1, weight, count }, capacity.processors(pool), (i, part) => {
      const { unitNanos } = at(i)
      processor[i] = part
      rate[i] = unitNanos === 0 ? Infinity : part / unitNanos
    })
  }
  for (const [memory, members] of group(demands, (demand) => demand.memory)) {
    const bandwidth = capacity.bandwidth(memory)
    if (bandwidth === Infinity) continue
    const wanted = (i: number) => at(i).unitBytes === 0 ? 0 : (rate[i] as number) * at(i).unitBytes
    fill(members, { wanted, weight, count }, bandwidth, (i, bytes) => {
      const { unitBytes } = at(i)
      if (unitBytes > 0) rate[i] = Math.min(rate[i] as number, bytes / unitBytes)
    })
  }
  return demands.map((_, i) => ({ processor: processor[i] as number, rate: rate[i] as number }))
}
