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
 * said otherwise. `count` jobs, 1 unless said otherwise, need the same, each of them.
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
  readonly count?: number | undefined
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

/** What jobs that want the same get, each of them. */
interface Part {
  readonly demand: Demand
  readonly count: number
  readonly weight: number
  /** Of what is being divided. */
  wanted: number
  processor: number
  rate: number
}

const group = (parts: ReadonlyArray<Part>, key: "pool" | "memory"): Iterable<readonly [string, Array<Part>]> => {
  const groups = new Map<string, Array<Part>>()
  for (const part of parts) {
    const name = part.demand[key]
    const found = groups.get(name)
    if (found === undefined) groups.set(name, [part])
    else found.push(part)
  }
  return groups
}

/**
 * Divides `capacity` among those that want something: in proportion to their weights, nobody more than it wants. `give` tells
 * each what it gets.
 */
const fill = (
  parts: Array<Part>,
  capacity: number,
  wanted: (part: Part) => number,
  give: (part: Part, amount: number) => void
): void => {
  let all = 0
  let weights = 0
  for (const part of parts) {
    part.wanted = wanted(part)
    all += part.count * part.wanted
    weights += part.count * part.weight
  }
  if (all <= capacity) {
    for (const part of parts) give(part, part.wanted)
    return
  }
  let left = capacity
  const modestFirst = parts.length === 1 ? parts : parts.toSorted((a, b) => a.wanted / a.weight - b.wanted / b.weight)
  for (const part of modestFirst) {
    const { count, weight } = part
    const amount = Math.min(part.wanted, left * weight / weights)
    give(part, amount)
    left -= count * amount
    weights -= count * weight
  }
}

const oneProcessor = (): number => 1

const giveProcessor = (part: Part, processor: number): void => {
  const { unitNanos } = part.demand
  part.processor = processor
  part.rate = unitNanos === 0 ? Infinity : processor / unitNanos
}

const bytesWanted = ({ demand: { unitBytes }, rate }: Part): number => unitBytes === 0 ? 0 : rate * unitBytes

const giveBytes = (part: Part, bytes: number): void => {
  const { unitBytes } = part.demand
  if (unitBytes > 0) part.rate = Math.min(part.rate, bytes / unitBytes)
}

/**
 * What each of the jobs gets that run now, in the order of their demands. Cost: n log n.
 *
 * @category queries
 * @since 0.1.0
 */
export const divide = (demands: ReadonlyArray<Demand>, capacity: Capacity): ReadonlyArray<Share> => {
  const parts = demands.map((demand): Part => ({
    demand,
    count: demand.count ?? 1,
    weight: demand.weight ?? 1,
    wanted: 0,
    processor: 0,
    rate: 0
  }))
  for (const [pool, members] of group(parts, "pool")) {
    fill(members, capacity.processors(pool), oneProcessor, giveProcessor)
  }
  for (const [memory, members] of group(parts, "memory")) {
    const bandwidth = capacity.bandwidth(memory)
    if (bandwidth !== Infinity) fill(members, bandwidth, bytesWanted, giveBytes)
  }
  return parts.map(({ processor, rate }) => ({ processor, rate }))
}
