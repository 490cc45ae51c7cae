import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as Stage from "../../src/init/Stage.ts"
import * as SubRanges from "../../src/init/SubRanges.ts"
import * as CostModel from "../../src/time/CostModel.ts"
import * as Timeline from "../../src/time/Timeline.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import { random } from "../random.ts"

const actors = (many: number): ReadonlyArray<Stage.Actor> =>
  Array.from({ length: many }, (_, i) => ({ node: 0, track: { group: "g", lane: `worker ${i}` } }))

/** A stage of `pages` pages in sub-ranges of `unit`; lanes have speeds of their own. */
const stageOf = Effect.fnUntraced(function*(pages: number, unit: number, speed: (lane: string) => number) {
  const costs = yield* CostModel.make({ ...CostModel.nothing, processors: 5, ramBandwidth: 0.3 })
  const timeline = Timeline.make()
  const range = { start: 0, end: pages }
  const share: SubRanges.Share = { ...range, origin: 0, unit }
  const done: Array<PfnRange.PfnRange> = []
  const stage = Stage.make(
    range,
    [share],
    {
      name: "work",
      details: () => ({}),
      units: ({ end, start }) => end - start,
      reach: (from, units) => Math.min(pages, from + Math.floor(units)),
      begin: ({ track }, { end, start }) => ({
        job: costs.begin({ pool: "p", memory: "ram", unitNanos: 100 / speed(track.lane), unitBytes: 8 }, end - start),
        failure: () => null
      }),
      perform: (part) => Effect.sync(() => void done.push(part))
    },
    timeline
  )
  return { stage, share, timeline, done }
})

/** What each of a crew's members does as a fiber of its own. */
const alone = (stage: Stage.Stage, actor: Stage.Actor, share: SubRanges.Share) =>
  Effect.gen(function*() {
    for (
      let next = SubRanges.nextPending(stage.subRanges, share);
      next !== undefined;
      next = SubRanges.nextPending(stage.subRanges, share)
    ) {
      yield* stage.run(actor, share, { ...next, end: Math.min(next.end, SubRanges.unitEnd(share, next.start)) })
    }
  })

const entries = ({ entries }: Timeline.Timeline) =>
  entries.map(({ end, lane, start }) => `${lane}: ${start}-${end}`).toSorted()

describe("Crew", () => {
  it.effect("DEF-10: a crew does what a fiber of each member does, at the same instants", () =>
    Effect.gen(function*() {
      const next = random(7)
      for (let i = 0; i < 60; i++) {
        const [many, pages, unit] = [1 + next(9), 1 + next(4000), 1 + next(400)]
        const slow = next(3) === 0 ? 1 + next(many) : 0
        const speed = (lane: string) => lane === `worker ${slow - 1}` ? 0.4 : 1
        const run = (work: (stage: Stage.Stage, share: SubRanges.Share) => Effect.Effect<unknown, unknown>) =>
          VirtualTime.run(Effect.scoped(Effect.gen(function*() {
            const { share, stage, timeline } = yield* stageOf(pages, unit, speed)
            yield* work(stage, share)
            assert.isTrue(SubRanges.isDone(stage.subRanges, { start: 0, end: pages }))
            return entries(timeline)
          })))
        const crew = yield* run((stage, share) => stage.crew(actors(many), share))
        const fibers = yield* run((stage, share) =>
          Effect.forEach(actors(many), (actor) => alone(stage, actor, share), { concurrency: "unbounded" })
        )
        assert.deepStrictEqual(String(crew.exit), String(fibers.exit))
        assert.deepStrictEqual([crew.nanos, crew.left], [fibers.nanos, []])
      }
    }))

  it.effect("interrupted at any instant all stop: sub-ranges are done once or pending, and nobody is left", () =>
    Effect.gen(function*() {
      for (let at = 0; at < 60_000; at += 1777) {
        const { exit, left } = yield* VirtualTime.run(Effect.scoped(Effect.gen(function*() {
          const { done, share, stage } = yield* stageOf(1000, 30, () => 1)
          yield* Effect.timeoutOption(stage.crew(actors(4), share), `${at} nanos`)
          const total = done.reduce((sum, { end, start }) => sum + end - start, 0)
          const undone = SubRanges.undone(stage.subRanges, share)
          assert.isTrue(undone.every(({ value }) => value === "pending"))
          assert.strictEqual(total + undone.reduce((sum, { end, start }) => sum + end - start, 0), 1000)
          yield* stage.quiet
          yield* stage.crew(actors(2), share)
          assert.isTrue(SubRanges.isDone(stage.subRanges, share))
        })))
        assert.strictEqual(exit._tag, "Success", String(exit))
        assert.deepStrictEqual(left, [])
      }
    }))

  it.effect("who waits for one sub-range of it is told when that is done", () =>
    Effect.gen(function*() {
      const { exit } = yield* VirtualTime.run(Effect.scoped(Effect.gen(function*() {
        const { share, stage } = yield* stageOf(1000, 100, () => 1)
        const crew = yield* Effect.forkChild(stage.crew(actors(2), share), { startImmediately: true })
        yield* stage.done({ start: 150, end: 160 }, "it")
        assert.strictEqual(yield* Timeline.now, 10_000)
        assert.isUndefined(crew.pollUnsafe())
      })))
      assert.strictEqual(exit._tag, "Success", String(exit))
    }))
})
