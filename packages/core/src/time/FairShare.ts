/**
 * Processors and memories whose speed is divided among those that use them at the same time.
 *
 * A job does a number of like units. Each unit takes a time on a processor of one pool and moves bytes to one memory. Where
 * more jobs run than a pool has processors, they get equal parts of it; where jobs want more of a memory than it can take,
 * each gets an equal part, and what one cannot use others may (max-min fairness).
 *
 * This module knows nothing of memory hotplug: it serves any program.
 *
 * @since 0.1.0
 */

/**
 * What a job needs: `unitNanos` on a processor of `pool` when alone, and `unitBytes` to `memory`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Demand {
  readonly pool: string
  readonly memory: string
  readonly unitNanos: number
  readonly unitBytes: number
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

/**
 * What each of the jobs gets that run now, in their order. Cost: n log n.
 *
 * @category queries
 * @since 0.1.0
 */
export const divide = (demands: ReadonlyArray<Demand>, capacity: Capacity): ReadonlyArray<Share> => {
  const processor = new Float64Array(demands.length)
  const rate = new Float64Array(demands.length)
  for (const [pool, members] of group(demands, (demand) => demand.pool)) {
    const part = Math.min(1, capacity.processors(pool) / members.length)
    for (const i of members) {
      const { unitNanos } = demands[i] as Demand
      processor[i] = part
      rate[i] = unitNanos === 0 ? Infinity : part / unitNanos
    }
  }
  for (const [memory, members] of group(demands, (demand) => demand.memory)) {
    const wanted = (i: number) => {
      const { unitBytes } = demands[i] as Demand
      return unitBytes === 0 ? 0 : (rate[i] as number) * unitBytes
    }
    let left = capacity.bandwidth(memory)
    if (left === Infinity) continue
    let others = members.length
    for (const i of members.toSorted((a, b) => wanted(a) - wanted(b) || a - b)) {
      const bytes = Math.min(wanted(i), left / others)
      const { unitBytes } = demands[i] as Demand
      if (unitBytes > 0) rate[i] = Math.min(rate[i] as number, bytes / unitBytes)
      left -= bytes
      others--
    }
  }
  return demands.map((_, i) => ({ processor: processor[i] as number, rate: rate[i] as number }))
}
