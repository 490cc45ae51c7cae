import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import * as FairShare from "../../src/time/FairShare.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import * as Workload from "../../src/time/Workload.ts"
import { type Next, random } from "../random.ts"

/** Nanoseconds but for units. */
interface Planned {
  readonly demand: FairShare.Demand
  readonly units: number
  readonly begin: number
  readonly shorten: { readonly at: number; readonly to: number } | null
  readonly stop: number
}

interface Outcome {
  readonly end: number
  readonly done: number
  readonly processorNanos: number
}

const capacityOf = (next: Next): FairShare.Capacity => {
  const processors = [1 + next(2), 1 + next(4)]
  const bandwidths = [1 + next(4), Infinity]
  return {
    processors: (pool) => processors[Number(pool)] ?? 0,
    bandwidth: (memory) => bandwidths[Number(memory)] ?? 0
  }
}

const plan = (next: Next): ReadonlyArray<Planned> =>
  Array.from({ length: 1 + next(8) }, () => {
    const begin = next(4) * next(60)
    const units = 1 + next(30)
    return {
      demand: {
        pool: `${next(2)}`,
        memory: `${next(2)}`,
        unitNanos: 1 + next(12),
        unitBytes: next(3) * next(20),
        weight: 1 + next(3)
      },
      units,
      begin,
      shorten: next(4) === 0 ? { at: begin + next(150), to: next(2 * units) / 2 } : null,
      stop: next(4) === 0 ? begin + 1 + next(150) : Infinity
    }
  })

/** The same nanosecond by nanosecond: all who run advance by what they get until the next. */
const stepByStep = (jobs: ReadonlyArray<Planned>, capacity: FairShare.Capacity): ReadonlyArray<Outcome> => {
  const state = jobs.map(({ units }) => ({ units, end: Infinity, done: 0, processorNanos: 0 }))
  for (let now = 0; state.some(({ end }) => end === Infinity); now++) {
    const running = jobs.flatMap((job, i) => {
      const one = state[i]
      if (one === undefined || one.end !== Infinity || job.begin > now) return []
      if (job.shorten?.at === now) one.units = Math.min(one.units, Math.max(one.done, job.shorten.to))
      const finished = one.done > one.units - 1e-9
      if (finished) one.done = one.units
      if (finished || job.stop === now) one.end = now
      return one.end === Infinity ? [{ demand: job.demand, one }] : []
    })
    FairShare.divide(running.map(({ demand }) => demand), capacity).forEach(({ processor, rate }, i) => {
      const one = running[i]?.one
      if (one === undefined) return
      one.done = Math.min(one.units, one.done + rate)
      one.processorNanos += processor
    })
  }
  return state
}

const fluid = (jobs: ReadonlyArray<Planned>, capacity: FairShare.Capacity, options: VirtualTime.Options) => {
  const sleep = (nanos: number) => Effect.sleep(Duration.nanos(BigInt(nanos)))
  const program = Effect.gen(function*() {
    const begin = yield* Workload.make(capacity)
    const one = Effect.fnUntraced(function*(planned: Planned) {
      if (planned.begin > 0) yield* sleep(planned.begin)
      const job = begin(planned.demand, planned.units)
      const waiting = yield* Effect.forkChild(job.finished, { startImmediately: true })
      if (planned.shorten !== null) {
        const { at, to } = planned.shorten
        yield* Effect.forkChild(Effect.andThen(sleep(at - planned.begin), Effect.sync(() => job.shorten(to))))
      }
      if (planned.stop < Infinity) {
        yield* Effect.forkChild(Effect.andThen(sleep(planned.stop - planned.begin), Fiber.interrupt(waiting)))
      }
      yield* Fiber.await(waiting)
      const end = Number(yield* Clock.monotonicTimeNanos)
      return { end, done: job.done(), processorNanos: job.processorNanos() }
    })
    return yield* Effect.forEach(jobs, one, { concurrency: "unbounded" })
  })
  return VirtualTime.run(Effect.scoped(program), options)
}

describe("Workload", () => {
  it.effect("is what a simulation of every nanosecond comes to, whatever happens when", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 250; seed++) {
        const next = random(seed)
        const capacity = capacityOf(next)
        const jobs = plan(next)
        const expected = stepByStep(jobs, capacity)
        const { exit, left } = yield* fluid(
          jobs,
          capacity,
          seed % 2 === 0 ? {} : { choose: (ready) => next(ready.length) }
        )
        const found = exit._tag === "Success" ? exit.value : []
        assert.deepStrictEqual(left, [])
        assert.deepStrictEqual(found.map(({ end }) => end), expected.map(({ end }) => end), `seed ${seed}`)
        expected.forEach(({ done, processorNanos }, i) => {
          assert.approximately(found[i]?.done ?? Number.NaN, done, 1e-9)
          assert.approximately(found[i]?.processorNanos ?? Number.NaN, processorNanos, 1e-9)
        })
      }
    }))
})
