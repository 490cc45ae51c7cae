/**
 * Schedules a second of a program of three contexts, a short one and one as long as scenarios are: explored as Effects, and as plain
 * generators by a loop that does nothing else; and what the steps of the engine cost where nobody looks at them.
 */
import * as Pagemaps from "@vmemmap/core/hotplug/Pagemaps"
import * as Steps from "@vmemmap/core/kernel/Steps"
import * as Machine from "@vmemmap/core/machine/Machine"
import type * as Execution from "@vmemmap/test-utils/explore/Execution"
import * as Explore from "@vmemmap/test-utils/explore/Explore"
import * as Effect from "effect/Effect"
import { median, row } from "./Measure.ts"

const contexts = 3
const rounds = 9
/** More schedules tell no more. */
const most = 30_000

interface State {
  count: number
}

function* operation(state: State, steps: number): Steps.Op<void> {
  for (let i = 0; i < steps; i++) {
    yield Steps.write("counter.add", "counter")
    state.count++
  }
}

const program = (steps: number): Execution.Program => (explored) =>
  Effect.suspend(() => {
    const state = { count: 0 }
    const count = Steps.run(() => operation(state, steps))
    return Effect.map(explored.contexts({ a: count, b: count, c: count }), () => ({
      violations: [],
      state: `${state.count}`
    }))
  })

/** The same without fibers: who goes on is counted up, the last place first; schedules and states are noted, as by whoever explores. */
const plain = (steps: number): number => {
  const chosen: Array<number> = []
  const open: Array<number> = []
  const states = new Set<string>()
  let schedules = 0
  do {
    const state = { count: 0 }
    const events: Array<{ readonly context: number; readonly step: Steps.Step | null }> = []
    const ready = Array.from({ length: contexts }, (_, context) => ({
      context,
      running: operation(state, steps),
      step: null as Steps.Step | null
    }))
    for (let at = 0; ready.length > 0; at++) {
      const place = chosen[at] ?? 0
      chosen[at] = place
      open[at] = ready.length
      const one = ready[place]
      if (one === undefined) break
      events.push({ context: one.context, step: one.step })
      const next = one.running.next()
      if (next.done === true) ready.splice(place, 1)
      else one.step = next.value
    }
    states.add(`${state.count} ${events.length}`)
    if (++schedules >= most) return schedules
    while (chosen.length > 0 && (chosen.at(-1) as number) + 1 >= (open.at(-1) as number)) {
      chosen.pop()
      open.pop()
    }
    if (chosen.length > 0) chosen[chosen.length - 1] = (chosen.at(-1) as number) + 1
  } while (chosen.length > 0)
  return schedules
}

/** Nanoseconds for each of the schedules that somebody runs. */
const each = (run: () => number): number => {
  const began = performance.now()
  const schedules = run()
  return (performance.now() - began) * 1e6 / schedules
}

const TiB = 2 ** 40

const boots = Machine.layer({ kernel: "6.1", ranges: [{ kind: "ram", node: 0, start: 2 ** 20, size: TiB - 2 ** 20 }] })

/** A device of 1 TiB comes and goes. */
const device = Effect.flatMap(Pagemaps.Pagemaps, (pagemaps) =>
  Effect.scoped(
    pagemaps.memremap({
      name: "dax0.0",
      type: "generic",
      node: 0,
      order: 9,
      ranges: [{ start: 2 * TiB, end: 3 * TiB }]
    })
  ))

/** How long the device takes, and how many steps that passes. */
const engine = () =>
  Effect.runPromise(
    Effect.gen(function*() {
      let passed = 0
      const counting = { limit: Infinity, at: () => Effect.sync(() => void passed++) }
      yield* Effect.provideService(device, Steps.Steps, counting)
      const times: Array<number> = []
      for (let i = 0; i < 20; i++) {
        const began = performance.now()
        yield* device
        times.push((performance.now() - began) * 1e6)
      }
      return { nanos: median(times), passed }
    }).pipe(Effect.provide(boots))
  )

/** What it costs to pass one step. */
const stepNanos = (): number => {
  const count = 1_000_000
  const began = performance.now()
  Steps.drain((function*() {
    for (let i = 0; i < count; i++) yield Steps.write("section.set-bits", "section:64")
  })())
  return (performance.now() - began) * 1e6 / count
}

export const exploration = async (): Promise<void> => {
  for (const steps of [3, 20]) {
    const times = Array.from({ length: rounds }, () => ({
      explored: each(() => Explore.exhaustive(program(steps), { reduce: false, schedules: most }).schedules),
      plain: each(() => plain(steps))
    }))
    const ours = median(times.map(({ explored }) => explored))
    const yardstick = median(times.map(({ plain }) => plain))
    row(
      `schedules of ${contexts} contexts with ${steps} steps`,
      `${(ours / 1e3).toFixed(1)} us each`,
      `${(yardstick / ours).toFixed(3)} × the schedules a second of plain generators (${
        (yardstick / 1e3).toFixed(2)
      } us)`
    )
  }
  const { nanos, passed } = await engine()
  const step = stepNanos()
  row(
    "steps that nobody observes",
    `${step.toFixed(1)} ns each`,
    `a device of 1 TiB passes ${passed} of them in ${(nanos / 1e3).toFixed(0)} us: ${
      (100 * passed * step / nanos).toFixed(1)
    } %`
  )
}
