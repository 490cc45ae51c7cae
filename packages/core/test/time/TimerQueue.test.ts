import { assert, describe, it } from "@effect/vitest"
import * as TimerQueue from "../../src/time/TimerQueue.ts"
import { random } from "../random.ts"

interface Sleeper {
  readonly id: number
  readonly at: number
  readonly timer: TimerQueue.Timer
}

/** The queue next to a list that is sorted anew at every question: `Array.sort` keeps the order of additions. */
const beside = () => {
  const queue = TimerQueue.make()
  let sleepers: ReadonlyArray<Sleeper> = []
  let ids = 0
  let woken = -1
  const inOrder = () => sleepers.toSorted((a, b) => a.at - b.at)
  return {
    queue,
    inOrder,
    add: (at: number) => {
      const id = ids++
      const timer = TimerQueue.timer()
      sleepers = [...sleepers, { id, at, timer }]
      TimerQueue.add(queue, at, timer, () => {
        woken = id
      })
    },
    /** Out of the list; the queue must wake the same one. */
    take: (sleeper: Sleeper | undefined, wake: TimerQueue.Timer["wake"]) => {
      woken = -1
      wake()
      assert.strictEqual(woken, sleeper?.id ?? -1)
      sleepers = sleepers.filter((other) => other !== sleeper)
    },
    forget: (sleeper: Sleeper) => {
      sleepers = sleepers.filter((other) => other !== sleeper)
    },
    check: (now: number) => {
      const expected = inOrder()
      assert.strictEqual(TimerQueue.next(queue), expected[0]?.at ?? Infinity)
      assert.deepStrictEqual(
        TimerQueue.due(queue, now),
        expected.filter(({ at }) => at <= now).map(({ timer }) => timer)
      )
      assert.strictEqual(queue.heap.length, expected.length)
    }
  }
}

describe("TimerQueue", () => {
  it("wakes like a sorted list whatever is added, taken and removed", () => {
    for (let seed = 0; seed < 60; seed++) {
      const next = random(seed)
      const instants = 1 + next(40)
      const { add, check, forget, inOrder, queue, take } = beside()
      for (let step = 0; step < 400; step++) {
        const sleepers = inOrder()
        const some = sleepers[next(sleepers.length || 1)]
        // the list is longer in the first half of the steps
        const what = step < 200 ? next(9) : 2 + next(7)
        if (what < 4) add(next(instants))
        else if (what < 6) take(sleepers[0], TimerQueue.take(queue))
        else if (some === undefined) take(undefined, TimerQueue.take(queue))
        else if (what < 7) {
          TimerQueue.remove(queue, some.timer)
          forget(some)
        } else if (what < 8) take(some, TimerQueue.take(queue, some.timer))
        else check(next(instants))
      }
      check(instants)
      for (const sleeper of inOrder()) take(sleeper, TimerQueue.take(queue))
      check(instants)
    }
  })

  it("equal instants are woken in the order of addition, at any size", () => {
    const { add, inOrder, queue, take } = beside()
    for (let i = 0; i < 1000; i++) add(i % 3)
    for (const sleeper of inOrder()) take(sleeper, TimerQueue.take(queue))
    assert.strictEqual(TimerQueue.next(queue), Infinity)
  })

  it("who sleeps again after a wake-up gets the place of the one that was taken", () => {
    const { add, check, inOrder, queue, take } = beside()
    for (let i = 0; i < 100; i++) add(i)
    for (let i = 0; i < 1000; i++) {
      take(inOrder()[0], TimerQueue.take(queue))
      assert.strictEqual(queue.heap.length, 100)
      add(i % 7 === 0 ? 0 : 100 + i)
      assert.strictEqual(queue.heap.length, 100)
    }
    check(50)
  })

  it("removing one that was taken changes nothing, whoever was added since", () => {
    const { add, check, inOrder, queue, take } = beside()
    const gone: Array<TimerQueue.Timer> = []
    for (let at = 0; at < 10; at++) add(at)
    for (let i = 0; i < 10; i++) {
      const taken = inOrder()[i % 3]
      gone.push(...taken === undefined ? [] : [taken.timer])
      take(taken, TimerQueue.take(queue, taken?.timer))
      check(20)
      add(3 * i)
      for (const timer of gone) {
        TimerQueue.remove(queue, timer)
        take(undefined, TimerQueue.take(queue, timer))
      }
      check(20)
    }
    assert.strictEqual(gone.length, 10)
  })

  it("grows with those who sleep, not with those who slept", () => {
    const { add, check, queue } = beside()
    for (let i = 0; i < 10; i++) add(i)
    const timer = TimerQueue.timer()
    for (let i = 0; i < 1_000_000; i++) {
      TimerQueue.add(queue, 5 + i % 11, timer, () => {})
      TimerQueue.remove(queue, timer)
    }
    assert.deepStrictEqual([queue.heap.length, queue.at.length], [10, 16])
    check(5)
    for (let i = 0; i < 1000; i++) add(i)
    assert.deepStrictEqual([queue.heap.length, queue.at.length], [1010, 1024])
    check(500)
  })

  it("an empty queue wakes nobody", () => {
    const queue = TimerQueue.make()
    assert.deepStrictEqual([TimerQueue.next(queue), TimerQueue.due(queue, 1e9)], [Infinity, []])
    TimerQueue.take(queue)()
    assert.isFalse(queue.vacant)
  })
})
