import { assert, describe, it } from "@effect/vitest"
import * as FairShare from "../../src/time/FairShare.ts"
import { type Next, random } from "../random.ts"

const { divide } = FairShare

const machine = (processors: number, bandwidth: number): FairShare.Capacity => ({
  processors: () => processors,
  bandwidth: () => bandwidth
})

const demand = (unitNanos: number, unitBytes: number, pool = "p", memory = "m"): FairShare.Demand => ({
  pool,
  memory,
  unitNanos,
  unitBytes
})

const rates = (demands: ReadonlyArray<FairShare.Demand>, capacity: FairShare.Capacity): ReadonlyArray<number> =>
  divide(demands, capacity).map(({ rate }) => rate)

const close = (actual: number, expected: number, what: string, relative = 1e-12): void => {
  assert.approximately(actual, expected, relative * expected, what)
}

const weightOf = ({ weight = 1 }: FairShare.Demand): number => weight

/** Water rises for all, as fast as they weigh, until they have what they want or it is all gone; in small drops. */
const filled = (
  members: ReadonlyArray<FairShare.Demand>,
  wants: ReadonlyArray<number>,
  content: number
): ReadonlyArray<number> => {
  const weights = members.map(weightOf)
  const step = content / 2000 / weights.reduce((a, b) => a + b)
  const has = wants.map(() => 0)
  for (let left = content; left > step / 100;) {
    const thirsty = wants.flatMap((want, i) => (has[i] ?? 0) < want ? [i] : [])
    if (thirsty.length === 0) break
    for (const i of thirsty) {
      const drop = Math.min(step * (weights[i] ?? 0), (wants[i] ?? 0) - (has[i] ?? 0), left)
      has[i] = (has[i] ?? 0) + drop
      left -= drop
    }
  }
  return has
}

const naive = (demands: ReadonlyArray<FairShare.Demand>, capacity: FairShare.Capacity): ReadonlyArray<number> => {
  const jobs = demands.map((demand) => ({ demand, rate: 0 }))
  const within = (key: "pool" | "memory") => Map.groupBy(jobs, ({ demand }) => demand[key])
  for (const [pool, members] of within("pool")) {
    const parts = filled(members.map(({ demand }) => demand), members.map(() => 1), capacity.processors(pool))
    members.forEach((job, i) => {
      job.rate = (parts[i] ?? 0) / job.demand.unitNanos
    })
  }
  for (const [memory, members] of within("memory")) {
    const bytes = filled(
      members.map(({ demand }) => demand),
      members.map(({ demand, rate }) => rate * demand.unitBytes),
      capacity.bandwidth(memory)
    )
    members.forEach((job, i) => {
      if (job.demand.unitBytes > 0) job.rate = (bytes[i] ?? 0) / job.demand.unitBytes
    })
  }
  return jobs.map(({ rate }) => rate)
}

const some = (
  next: Next
): { readonly demands: ReadonlyArray<FairShare.Demand>; readonly capacity: FairShare.Capacity } => {
  const processors = [1 + next(3), 1 + next(8), 0.5]
  const bandwidths = [1 + next(20), (1 + next(100)) / 10, Infinity]
  return {
    demands: Array.from(
      { length: 1 + next(12) },
      () => ({
        ...demand(1 + next(50), next(4) * next(100), `${next(3)}`, `${next(3)}`),
        weight: next(2) === 0 ? undefined : (1 + next(40)) / 4
      })
    ),
    capacity: {
      processors: (pool) => processors[Number(pool)] ?? 0,
      bandwidth: (memory) => bandwidths[Number(memory)] ?? 0
    }
  }
}

const eachRandom = (
  count: number,
  check: (
    demands: ReadonlyArray<FairShare.Demand>,
    capacity: FairShare.Capacity,
    shares: ReadonlyArray<FairShare.Share>,
    next: Next
  ) => void
): void => {
  for (let seed = 0; seed < count; seed++) {
    const next = random(seed)
    const { capacity, demands } = some(next)
    check(demands, capacity, divide(demands, capacity), next)
  }
}

const bytesOf = (demands: ReadonlyArray<FairShare.Demand>, shares: ReadonlyArray<FairShare.Share>) =>
  demands.map(({ unitBytes }, i) => unitBytes * (shares[i]?.rate ?? 0))

describe("FairShare", () => {
  it("parts are in proportion to weights, of processors and of memory, and nobody gets more than it can use", () => {
    const weighty = (weight: number, unitNanos = 1, unitBytes = 0) => ({ ...demand(unitNanos, unitBytes), weight })
    assert.deepStrictEqual(rates([weighty(3), weighty(1)], machine(1, Infinity)), [0.75, 0.25])
    assert.deepStrictEqual(rates([weighty(3, 0.01, 1), weighty(1, 0.01, 1)], machine(2, 8)), [6, 2])
    const crowd = rates([weighty(1000), ...Array.from({ length: 6 }, () => weighty(1))], machine(4, Infinity))
    assert.deepStrictEqual(crowd, [1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
  })

  it("a job alone has a processor, and the memory as far as it takes it", () => {
    assert.deepStrictEqual(divide([demand(10, 20)], machine(4, Infinity)), [{ processor: 1, rate: 0.1 }])
    assert.deepStrictEqual(divide([demand(10, 20)], machine(4, 1)), [{ processor: 1, rate: 0.05 }])
    assert.deepStrictEqual(divide([], machine(4, 1)), [])
  })

  it("processors are shared equally once there are more jobs than processors", () => {
    const jobs = (count: number) => Array.from({ length: count }, () => demand(10, 0))
    assert.deepStrictEqual(rates(jobs(2), machine(2, 1)), [0.1, 0.1])
    assert.deepStrictEqual(rates(jobs(4), machine(2, 1)), [0.05, 0.05, 0.05, 0.05])
    assert.deepStrictEqual(rates(jobs(3), machine(Infinity, 1)), [0.1, 0.1, 0.1])
  })

  it("what one cannot use of a memory others may", () => {
    // wants: 0.5, 2 and 4 bytes a nanosecond
    const demands = [demand(10, 40), demand(10, 5), demand(10, 20)]
    assert.deepStrictEqual(rates(demands, machine(9, 9)), [0.1, 0.1, 0.1])
    assert.deepStrictEqual(rates(demands, machine(9, 4.5)), [2 / 40, 0.1, 2 / 20])
    assert.deepStrictEqual(rates(demands, machine(9, 0.75)), [0.25 / 40, 0.25 / 5, 0.25 / 20])
  })

  it("pools and memories do not concern each other", () => {
    const demands = [demand(10, 10, "a", "x"), demand(10, 10, "b", "x"), demand(10, 10, "b", "y")]
    const capacity = { processors: () => 1, bandwidth: (memory: string) => memory === "x" ? 0.6 : 9 }
    assert.deepStrictEqual(divide(demands, capacity), [
      { processor: 1, rate: 0.03 },
      { processor: 0.5, rate: 0.03 },
      { processor: 0.5, rate: 0.05 }
    ])
  })

  it("what costs nothing is done at once, as far as the memory allows; nothing is no number", () => {
    const free = [demand(0, 0), demand(0, 8), demand(0, 8)]
    assert.deepStrictEqual(rates(free, machine(1, Infinity)), [Infinity, Infinity, Infinity])
    assert.deepStrictEqual(rates(free, machine(1, 32)), [Infinity, 2, 2])
    assert.deepStrictEqual(rates([demand(10, 8), ...free], machine(0, 32)), [0, Infinity, 2, 2])
    assert.deepStrictEqual(rates(free, machine(1, 0)), [Infinity, 0, 0])
  })

  it("no pool and no memory gives more than it has", () => {
    eachRandom(500, (demands, capacity, shares) => {
      const bytes = bytesOf(demands, shares)
      for (const name of ["0", "1", "2"]) {
        const sum = (key: "pool" | "memory", values: ReadonlyArray<number>) =>
          values.reduce((total, value, i) => total + (demands[i]?.[key] === name ? value : 0), 0)
        assert.isAtMost(sum("pool", shares.map(({ processor }) => processor)), capacity.processors(name) + 1e-9)
        assert.isAtMost(sum("memory", bytes), capacity.bandwidth(name) + 1e-9)
      }
    })
  })

  it("who gets less than it could use has as much for its weight as anybody, and nothing is left over", () => {
    eachRandom(500, (demands, capacity, shares) => {
      const bytes = bytesOf(demands, shares)
      const parts = shares.map(({ processor }) => processor)
      const limited = (i: number, key: "pool" | "memory", has: ReadonlyArray<number>, content: number) => {
        const others = demands.flatMap((demand, other) => demand[key] === demands[i]?.[key] ? [other] : [])
        const forItsWeight = (one: number) => (has[one] ?? 0) / weightOf(demands[one] ?? demand(0, 0))
        assert.isAtMost(Math.max(...others.map(forItsWeight)), forItsWeight(i) * (1 + 1e-12))
        close(others.reduce((sum, other) => sum + (has[other] ?? 0), 0), content, `${key} is used`)
      }
      demands.forEach(({ memory, pool, unitBytes, unitNanos }, i) => {
        const { processor, rate } = shares[i] ?? { processor: 0, rate: 0 }
        const wanted = processor / unitNanos
        assert.isAtMost(processor, 1)
        assert.isAtMost(rate, wanted * (1 + 1e-12))
        if (processor < 1 - 1e-12) limited(i, "pool", parts, capacity.processors(pool))
        if (unitBytes > 0 && rate < wanted * (1 - 1e-12)) limited(i, "memory", bytes, capacity.bandwidth(memory))
      })
    })
  })

  it("nobody is faster in company than alone", () => {
    eachRandom(300, (demands, capacity, shares) => {
      demands.forEach((one, i) => {
        assert.isAtMost(shares[i]?.rate ?? 0, (rates([one], capacity)[0] ?? 0) * (1 + 1e-12))
      })
    })
  })

  it("like jobs are equally fast, in whatever order they come", () => {
    eachRandom(300, (demands, capacity, _, next) => {
      const twice = [...demands, ...demands]
      const order = twice.map((_, i) => ({ i, key: next(1000) })).toSorted((a, b) => a.key - b.key).map(({ i }) => i)
      const straight = rates(twice, capacity)
      const shuffled = rates(order.map((i) => twice[i] ?? demand(0, 0)), capacity)
      demands.forEach((_, i) => close(straight[i] ?? 0, straight[i + demands.length] ?? 0, "its double"))
      order.forEach((i, at) => close(shuffled[at] ?? 0, straight[i] ?? 0, "in another order"))
    })
  })

  it("one demand of several jobs is as many demands of one", () => {
    eachRandom(300, (demands, capacity, _, next) => {
      const many = demands.map((one) => ({ ...one, count: 1 + next(5) }))
      const each = many.flatMap(({ count, ...one }) => Array.from({ length: count }, () => one))
      const shares = rates(many, capacity)
      const expected = rates(each, capacity)
      let at = 0
      many.forEach(({ count }, i) => {
        for (let end = at + count; at < end; at++) close(shares[i] ?? 0, expected[at] ?? 0, `job ${at}`, 1e-9)
      })
    })
  })

  it("is what small drops to everybody come to", () => {
    eachRandom(60, (demands, capacity, shares) => {
      const finite = { ...capacity, bandwidth: (memory: string) => Math.min(1e6, capacity.bandwidth(memory)) }
      naive(demands, finite).forEach((expected, i) => {
        close(shares[i]?.rate ?? 0, expected, `job ${i}`, 5e-3)
      })
    })
  })

  it("divides among many in no time", () => {
    const next = random(5)
    const demands = Array.from({ length: 100_000 }, () => demand(1 + next(50), next(100), `${next(8)}`, `${next(8)}`))
    const shares = divide(demands, machine(64, 100))
    close(bytesOf(demands, shares).reduce((a, b) => a + b), 800, "all memories are used", 1e-9)
  })
})
