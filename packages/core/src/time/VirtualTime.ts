/**
 * Deterministic time for any Effect program: a clock and a single-threaded scheduler in which every sleep, timeout and wake-up
 * happens in one order, and time jumps to the next event as soon as all fibers are idle.
 *
 * Nothing depends on wall time: a program that sleeps for a day ends at once, and ends the same way every time. When everybody
 * waits and nobody sleeps the program is deadlocked, which is reported at once with who waits for what.
 *
 * All fibers share one dispatcher. What is ready at an instant are the tasks it was given, in order of priority and arrival,
 * then the sleepers that are due, in the order in which they fell asleep; `choose` picks one of them, the first unless said
 * otherwise. A `Deferred`, `Fiber.await` and every `Effect.callback` wake their waiter inside the fiber that completes them and
 * so are not ready by themselves: a program that wants others to run there yields around the completion.
 *
 * Real input, output and promises have no place inside: whoever waits for one counts as waiting for ever.
 *
 * This module knows nothing of memory: it serves any program.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Deadlock from "./Deadlock.ts"
import * as TimerQueue from "./TimerQueue.ts"

/**
 * Something that could run now: a task given to the dispatcher, or a sleeper that is due. `order` grows with the time at which
 * it was given or fell asleep.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ready {
  readonly kind: "task" | "sleeper"
  readonly order: number
}

/**
 * - `choose` is asked for the index of what runs next whenever more than one thing is ready
 * - `preempt` is asked before every operation of a fiber whether it should let others run first; without it fibers yield as
 *   usual, after 2048 operations
 * - `seed` of the random numbers the program draws; without it the surrounding generator is used
 * - `limit` of wake-ups, for programs that might never end
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly choose?: ((ready: ReadonlyArray<Ready>) => number) | undefined
  readonly preempt?: (() => boolean) | undefined
  readonly seed?: string | number | undefined
  readonly limit?: number | undefined
}

/**
 * How a run ended: the program's exit, the virtual nanoseconds it took, wake-ups, and who was still there when it ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run<A, E> {
  readonly exit: Exit.Exit<A, E | Deadlock.Deadlock>
  readonly nanos: number
  readonly events: number
  readonly left: ReadonlyArray<Deadlock.Waiter>
}

interface Task {
  readonly run: () => void
  readonly priority: number
  readonly order: number
}

const nanosOf = ({ value }: Duration.Duration): number => {
  switch (value._tag) {
    case "Millis":
      return Math.round(value.millis * 1e6)
    case "Nanos":
      return Number(value.nanos)
    case "Infinity":
      return Infinity
    case "NegativeInfinity":
      return 0
  }
}

/** The tasks of all fibers: FIFO within a priority, which is nearly always 0. */
const makeTasks = () => {
  let tasks: Array<Task> = []
  let first = 0
  return {
    size: () => tasks.length - first,
    add: (task: Task) => {
      let at = tasks.length
      while (at > first && (tasks[at - 1] as Task).priority > task.priority) at--
      if (at === tasks.length) tasks.push(task)
      else tasks.splice(at, 0, task)
    },
    take: (index: number): () => void => {
      const { run } = tasks[first + index] as Task
      if (index > 0) {
        tasks.splice(first + index, 1)
      } else if (++first === tasks.length) {
        tasks = []
        first = 0
      } else if (first > 1024 && first * 2 > tasks.length) {
        tasks = tasks.slice(first)
        first = 0
      }
      return run
    },
    all: (): ReadonlyArray<Task> => tasks.slice(first)
  }
}

/**
 * Fibers seen running. The latest, by their number, are only noted in passing; those that have not ended by the time others
 * are the latest are kept.
 */
const makeFibers = () => {
  const window = 4096
  const kept = new Set<Fiber.Fiber<unknown, unknown>>()
  let latest: Array<Fiber.Fiber<unknown, unknown> | undefined> = []
  let base = -1
  const alive = () => {
    for (const fiber of latest) if (fiber !== undefined) kept.add(fiber)
    for (const fiber of kept) if (fiber.pollUnsafe() !== undefined) kept.delete(fiber)
    return [...kept]
  }
  const next = (fiber: Fiber.Fiber<unknown, unknown>) => {
    if (fiber.id < base) {
      kept.add(fiber)
      return
    }
    alive()
    latest = [fiber]
    base = fiber.id
  }
  return {
    alive: () => alive().toSorted((a, b) => a.id - b.id),
    saw: (fiber: Fiber.Fiber<unknown, unknown>) => {
      const index = fiber.id - base
      if (base >= 0 && index >= 0 && index < window) latest[index] = fiber
      else next(fiber)
    }
  }
}

/**
 * Runs a program to its end in virtual time, beginning at 0, and says how it ended. Runs are independent of each other, also
 * one inside another. The program is given the services of the caller but the clock and the scheduler.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<Run<A, E>, never, R> =>
  Effect.contextWith((context: Context.Context<R>) => Effect.sync(() => runUnsafe(effect, context, options)))

/**
 * Runs a program to its end in virtual time, and ends as it ended. Deadlock is a failure of its own.
 *
 * @category running
 * @since 0.1.0
 */
export const provide = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options?: Options
): Effect.Effect<A, E | Deadlock.Deadlock, R> => Effect.flatMap(run(effect, options), ({ exit }) => exit)

const runUnsafe = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  surrounding: Context.Context<R>,
  { choose, limit = Infinity, preempt, seed }: Options
): Run<A, E> => {
  const timers = TimerQueue.make()
  const tasks = makeTasks()
  const fibers = makeFibers()
  let now = 0
  let events = 0

  const dispatcher: Scheduler.SchedulerDispatcher = {
    scheduleTask: (run, priority) => tasks.add({ run, priority, order: timers.sequence++ }),
    flush: () => {}
  }
  const scheduler: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: (fiber) => {
      fibers.saw(fiber)
      return preempt === undefined ? fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield : preempt()
    },
    makeDispatcher: () => dispatcher
  }
  const millis = () => Math.floor(now / 1e6)
  const nanos = () => BigInt(now)
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => {
      const length = nanosOf(duration)
      if (length <= 0) return Effect.yieldNow
      if (length === Infinity) return Effect.never
      return Effect.callback<void>((resume) => TimerQueue.add(timers, now + length, resume).cancel)
    }
  }
  const context = Context.mergeAll(
    surrounding,
    Context.make(Clock.Clock, clock),
    Context.make(Scheduler.Scheduler, scheduler)
  )
  const seeded = seed === undefined ? effect : Random.withSeed(effect, seed)
  const fiber = Effect.runForkWith(context)(seeded)

  /** Runs one of the things that are ready now, if any. */
  const chosen = (choose: NonNullable<Options["choose"]>): boolean => {
    const due = TimerQueue.due(timers, now)
    const ready: ReadonlyArray<Ready> = [
      ...tasks.all().map(({ order }): Ready => ({ kind: "task", order })),
      ...due.map(({ sequence }): Ready => ({ kind: "sleeper", order: sequence }))
    ]
    if (ready.length === 0) return false
    const index = ready.length === 1 ? 0 : Math.min(ready.length - 1, Math.max(0, Math.trunc(choose(ready))))
    if (index < tasks.size()) tasks.take(index)()
    else TimerQueue.take(timers, due[index - tasks.size()])(Effect.void)
    return true
  }

  const first = (): boolean => {
    if (tasks.size() > 0) {
      tasks.take(0)()
      return true
    }
    if (TimerQueue.next(timers) > now) return false
    TimerQueue.take(timers)(Effect.void)
    return true
  }

  /** Runs until the program has ended (`true`), or nothing more can happen. */
  const drive = (): boolean => {
    while (fiber.pollUnsafe() === undefined) {
      if (events >= limit) return false
      if (choose === undefined ? first() : chosen(choose)) {
        events++
        continue
      }
      const at = TimerQueue.next(timers)
      if (at === Infinity) return false
      now = at
    }
    return true
  }

  const waiters = () => Deadlock.waiters(fibers.alive(), fiber)
  const ended = (exit: Run<A, E>["exit"]): Run<A, E> => ({ exit, nanos: now, events, left: waiters() })
  if (drive()) return ended(fiber.pollUnsafe() ?? Exit.void as never)
  const reason = events >= limit ? "too many wake-ups" : "everybody waits"
  const deadlock = new Deadlock.Deadlock({ reason, nanos: now, waiters: waiters() })
  const at = now
  // Finalizers get their chance; whoever waits in one of them is left.
  fiber.interruptUnsafe()
  events = 0
  drive()
  return { exit: Exit.fail(deadlock), nanos: at, events, left: waiters() }
}
