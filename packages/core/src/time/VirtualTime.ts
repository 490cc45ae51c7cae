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
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Deadlock from "./Deadlock.ts"
import * as Preemption from "./Preemption.ts"
import * as Sleep from "./Sleep.ts"
import * as Sleepers from "./Sleepers.ts"
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
 * Whoever decides what runs next among everything that is ready, and has things of its own that could run: fibers that it
 * stopped at some point, say.
 *
 * - `count` of its own things that are ready now
 * - `decide` among `tasks`, by their number, and its own behind them; an answer below 0 ends the run. Asked before every wake-up, also
 *   where there is no choice; sleepers wake when nothing else is ready
 * - `resume` lets one of its own run, up to where it waits again
 * - `runs` is told which fiber it is that was let run, if one is
 *
 * @category models
 * @since 0.1.0
 */
export interface Driver {
  readonly count: () => number
  readonly decide: (tasks: number, own: number) => number
  readonly resume: (index: number) => void
  readonly runs?: ((fiber: Fiber.Fiber<unknown, unknown>) => void) | undefined
}

/**
 * - `choose` is asked for the index of what runs next whenever more than one thing is ready
 * - `preempt` is asked once before every operation of a fiber whether it should let others run first; without it fibers yield
 *   as usual, after 2048 operations
 * - `driver` decides instead. Whoever is woken or begun inside another fiber then goes on when it is chosen, not there and then
 * - `seed` of the random numbers the program draws; without it the surrounding generator is used
 * - `limit` of wake-ups, for programs that might never end
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly choose?: ((ready: ReadonlyArray<Ready>) => number) | undefined
  readonly preempt?: (() => boolean) | undefined
  readonly driver?: Driver | undefined
  readonly seed?: string | number | undefined
  readonly limit?: number | undefined
}

/**
 * How a run ended: the program's exit, which is an interruption where the driver ended it, the virtual nanoseconds and wake-ups it
 * took to its end or its deadlock, and who was still there when it had ended. Fibers that never began to run are not among them.
 * Times are exact up to 2^53 nanoseconds, which are 104 days.
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

/** Wake-ups that finalizers of a program get which does not end. */
const mostFinal = 1_000_000

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
 * Runs a program to its end in virtual time, beginning at 0, and says how it ended. Runs are independent of each other, also
 * one inside another. The program is given the services of the caller but the clock and the scheduler. A `Queue` or a
 * `PubSub` that was made outside wakes its waiters outside: whoever waits for one counts as waiting for ever.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<Run<A, E>, never, R> =>
  Effect.contextWith((context: Context.Context<R>) => Effect.sync(() => makeRunner(context, options)(effect)))

/**
 * Runs programs one after the other, at once and each as {@link run} does. For who runs many that are small: what they run on is made
 * once, so that none may be run by another, nor wake what another left.
 *
 * @category running
 * @since 0.1.0
 */
export const runner = (options: Options = {}): <A, E>(effect: Effect.Effect<A, E>) => Run<A, E> =>
  makeRunner(Context.empty(), options)

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

const makeRunner = <R>(
  surrounding: Context.Context<R>,
  { choose, driver, limit = Infinity, preempt, seed }: Options
): <A, E>(effect: Effect.Effect<A, E, R>) => Run<A, E> => {
  let timers = TimerQueue.make()
  let tasks = makeTasks()
  let sleepers = Sleepers.make()
  const isForeign = driver === undefined ? undefined : Preemption.foreign(driver.runs)
  let now = 0
  let events = 0
  /** The driver has nothing to say any more. */
  let isStopped = false

  const preempted = preempt === undefined ? undefined : Preemption.asked(preempt)

  /** Who fell asleep last. */
  let latest: Sleepers.Sleeper | null = null
  /** For how long, while they do so: what the dispatcher is given then is no task, but what wakes them. */
  let falling = 0
  const dispatcher: Scheduler.SchedulerDispatcher = {
    scheduleTask: (run, priority) => {
      if (falling > 0 && latest !== null) TimerQueue.add(timers, now + falling, latest, run)
      else tasks.add({ run, priority, order: timers.sequence++ })
    },
    flush: () => {}
  }
  /** Asked before every operation. A fiber that runs does not sleep: it was woken, or interrupted, at the latest while it fell asleep. */
  const yields = (fiber: Fiber.Fiber<unknown, unknown>): boolean => {
    const { currentOpCount } = fiber
    if (currentOpCount === 1 || latest?.fiber === fiber) TimerQueue.remove(timers, sleepers.of(fiber))
    return currentOpCount >= fiber.cache.maxOpsBeforeYield
  }
  const yieldsIfAsked = (fiber: Fiber.Fiber<unknown, unknown>): boolean => {
    const isTired = yields(fiber)
    return isForeign?.asks(fiber) === true || (preempted === undefined ? isTired : preempted(fiber))
  }
  const scheduler: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: isForeign === undefined && preempted === undefined ? yields : yieldsIfAsked,
    makeDispatcher: () => dispatcher
  }
  /** The sleep of a fiber on another scheduler, or one that is not asked whether it yields: nobody sees it run. */
  const unseen = (length: number): Effect.Effect<void> =>
    Effect.callback<void>((resume) => {
      const queue = timers
      const timer = TimerQueue.timer()
      TimerQueue.add(queue, now + length, timer, () => resume(Effect.void))
      return Effect.sync(() => TimerQueue.remove(queue, timer))
    })
  const asleep: Sleep.How = (length, fiber) => {
    const { cache } = fiber
    if (cache.scheduler !== scheduler || cache.preventYield) return unseen(length)
    latest = sleepers.of(fiber)
    TimerQueue.remove(timers, latest)
    falling = length
    const suspended = Sleep.suspended(fiber)
    falling = 0
    return suspended
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
      const length = Sleep.nanosOf(duration)
      if (length <= 0) return Effect.yieldNow
      if (length === Infinity) return Effect.never
      return new Sleep.Sleep(length, asleep)
    }
  }
  const context = surrounding.pipe(
    Context.add(Scheduler.Scheduler, scheduler),
    Context.add(Scheduler.PreventSchedulerYield, false),
    Context.add(Clock.Clock, clock)
  )
  /** Runs the thing that was chosen among those that are ready, of which there are some. */
  const chosen = (choose: NonNullable<Options["choose"]>): void => {
    const due = TimerQueue.due(timers, now)
    const ready: ReadonlyArray<Ready> = [
      ...tasks.all().map(({ order }): Ready => ({ kind: "task", order })),
      ...due.map(({ sequence }): Ready => ({ kind: "sleeper", order: sequence }))
    ]
    const asked = ready.length === 1 ? 0 : Math.trunc(choose(ready)) || 0
    const index = Math.min(ready.length - 1, Math.max(0, asked))
    if (index < tasks.size()) tasks.take(index)()
    else TimerQueue.take(timers, due[index - tasks.size()])()
  }

  /** What the driver decides: whether anything was ready, `null` where it ends the run. */
  const driven = (driver: Driver): boolean | null => {
    const waiting = tasks.size()
    const own = driver.count()
    if (waiting + own === 0) return false
    const index = driver.decide(waiting, own)
    if (index < 0) return null
    events++
    isForeign?.begin()
    if (index < waiting) tasks.take(index)()
    else driver.resume(index - waiting)
    return true
  }

  const first = (): void => {
    if (tasks.size() > 0) tasks.take(0)()
    else TimerQueue.take(timers)()
  }

  /** It is as late as whoever is next says (`null`), unless nobody is, or nobody may. */
  const moveOn = (most: number): Deadlock.Deadlock["reason"] | null => {
    const at = tasks.size() > 0 ? now : TimerQueue.next(timers)
    if (at === Infinity) return "everybody waits"
    if (events >= most) return "too many wake-ups"
    now = at
    events++
    return null
  }

  /** Runs until the program has ended (`null`), or says why it will not: whoever is first, where nobody decides. */
  const inOrder = (fiber: Fiber.Fiber<unknown, unknown>, most: number): Deadlock.Deadlock["reason"] | null => {
    while (fiber.pollUnsafe() === undefined) {
      const stuck = moveOn(most)
      if (stuck !== null) return stuck
      first()
    }
    return null
  }

  /** As {@link inOrder}, but whoever was chosen. */
  const asDecided = (
    fiber: Fiber.Fiber<unknown, unknown>,
    most: number
  ): Deadlock.Deadlock["reason"] | "stopped" | null => {
    while (fiber.pollUnsafe() === undefined) {
      if (driver !== undefined && !isStopped && events < most) {
        const ran = driven(driver)
        if (ran === null) return "stopped"
        if (ran) continue
      }
      isForeign?.begin()
      const stuck = moveOn(most)
      if (stuck !== null) return stuck
      if (choose === undefined) first()
      else chosen(choose)
    }
    return null
  }

  const drive = choose === undefined && driver === undefined ? inOrder : asDecided

  const begin = (): void => {
    timers = TimerQueue.make()
    tasks = makeTasks()
    sleepers = Sleepers.make()
    latest = null
    now = 0
    events = 0
    isStopped = false
    isForeign?.begin()
  }

  const fork = Effect.runForkWith(context)

  return <A, E>(effect: Effect.Effect<A, E, R>): Run<A, E> => {
    begin()
    const fiber = fork(seed === undefined ? effect : Random.withSeed(effect, seed))
    const waiters = () => Deadlock.waiters(sleepers.alive(), fiber)
    const reason = drive(fiber, limit)
    const exit = fiber.pollUnsafe()
    if (reason === null && exit !== undefined) return { exit, nanos: now, events, left: waiters() }
    isStopped = true
    const reached = { nanos: now, events }
    const why = reason === "stopped"
      ? Exit.interrupt()
      : Exit.fail(new Deadlock.Deadlock({ reason: reason ?? "everybody waits", nanos: now, waiters: waiters() }))
    // Finalizers get their chance; whoever waits in one of them, or goes on for ever, is left.
    fiber.interruptUnsafe()
    drive(fiber, events + Math.min(limit, mostFinal))
    return { exit: why, ...reached, left: waiters() }
  }
}
