import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as Timeline from "../../src/time/Timeline.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"

const track = { group: "node 0", lane: "worker 1" }

const entry = (name: string, start: number, end: number, details: Timeline.Details = {}): Timeline.Entry => ({
  ...track,
  kind: "span",
  name,
  start,
  end,
  details
})

/** What a program notes, in virtual milliseconds. */
const noted = <A, E>(program: Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    const timeline = Timeline.make()
    return Effect.map(
      VirtualTime.run(Effect.provideService(program, Timeline.Current, timeline)),
      ({ exit }) => ({
        exit,
        entries: timeline.entries.map((one) => ({ ...one, start: one.start / 1e6, end: one.end / 1e6 }))
      })
    )
  })

describe("Timeline", () => {
  it.effect("notes when a span began and ended, in the order in which they ended", () =>
    Effect.gen(function*() {
      const { entries, exit } = yield* noted(Effect.gen(function*() {
        yield* Effect.sleep(3)
        return yield* Timeline.span(
          Effect.andThen(Effect.sleep(1), Timeline.span(Effect.as(Effect.sleep(5), "result"), track, "inner")),
          track,
          "outer",
          () => ({ pages: 4, how: "bulk" })
        )
      }))
      assert.deepStrictEqual(exit, Exit.succeed("result"))
      assert.deepStrictEqual(entries, [entry("inner", 4, 9), entry("outer", 3, 9, { pages: 4, how: "bulk" })])
    }))

  it.effect("notes spans that failed, died or were interrupted, and lets them end as they did", () =>
    Effect.gen(function*() {
      const { entries, exit } = yield* noted(Effect.gen(function*() {
        const failed = yield* Effect.exit(
          Timeline.span(Effect.andThen(Effect.sleep(1), Effect.fail("no")), track, "failed")
        )
        const died = yield* Effect.exit(
          Timeline.span(Effect.andThen(Effect.sleep(1), Effect.die("bug")), track, "died")
        )
        const asleep = yield* Effect.forkChild(Timeline.span(Effect.sleep(100), track, "interrupted"))
        yield* Effect.sleep(2)
        yield* Fiber.interrupt(asleep)
        const late = yield* Effect.timeoutOption(Timeline.span(Effect.never, track, "timed out"), 3)
        return [failed, died, yield* Fiber.await(asleep).pipe(Effect.map(Exit.hasInterrupts)), late._tag]
      }))
      assert.deepStrictEqual(exit, Exit.succeed([Exit.fail("no"), Exit.die("bug"), true, "None"]))
      assert.deepStrictEqual(entries, [
        entry("failed", 0, 1),
        entry("died", 1, 2),
        entry("interrupted", 2, 4),
        entry("timed out", 4, 7)
      ])
    }))

  it.effect("asks for the details at the end, and notes cleaning up as part of the span", () =>
    Effect.gen(function*() {
      let pages = 0
      const work = Effect.onInterrupt(Effect.forever(Effect.andThen(Effect.sleep(1), Effect.sync(() => pages++))), () =>
        Effect.sleep(10))
      const { entries } = yield* noted(
        Effect.timeoutOption(Timeline.span(work, track, "work", () => ({ pages })), "5500 micros")
      )
      assert.deepStrictEqual(entries, [entry("work", 0, 15.5, { pages: 5 })])
    }))

  it.effect("notes instants", () =>
    Effect.gen(function*() {
      const { entries } = yield* noted(Effect.gen(function*() {
        yield* Timeline.mark(track, "begun")
        yield* Effect.sleep(2)
        yield* Timeline.mark({ group: "lock", lane: "" }, "taken", { by: "worker 1" })
      }))
      assert.deepStrictEqual(entries, [
        { ...entry("begun", 0, 0), kind: "instant" },
        { ...entry("taken", 2, 2, { by: "worker 1" }), kind: "instant", group: "lock", lane: "" }
      ])
    }))

  it.effect("nothing is noted, and nobody asked, unless there is a timeline", () =>
    Effect.gen(function*() {
      const work = Effect.succeed(1)
      const span = Timeline.span(work, track, "work", () => assert.fail("asked for details"))
      assert.strictEqual(yield* Effect.andThen(Timeline.mark(track, "begun"), span), 1)
    }))

  it.effect("children note on their parent's timeline, each span on its own track", () =>
    Effect.gen(function*() {
      const { entries } = yield* noted(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const workers = yield* Effect.forEach([2, 1], (n) =>
          Effect.forkChild(Timeline.span(
            Effect.andThen(Deferred.await(gate), Effect.sleep(n)),
            { group: "node", lane: `${n}` },
            `${n}`
          )))
        yield* Effect.sleep(1)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.joinAll(workers)
      }))
      assert.deepStrictEqual(entries.map(({ end, lane, start }) => [lane, start, end]), [["1", 0, 2], ["2", 0, 3]])
    }))
})
