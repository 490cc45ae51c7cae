/**
 * One run of a program of several contexts, which stop before every step and go on when they are told to.
 *
 * @since 0.1.0
 */
import * as Steps from "@vmemmap/core/kernel/Steps"
import type { Deadlock } from "@vmemmap/core/time/Deadlock"
import * as VirtualTime from "@vmemmap/core/time/VirtualTime"
import { Name } from "@vmemmap/core/time/Waiting"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type * as Choice from "./Schedule.ts"
import * as Stopped from "./Stopped.ts"
import { ofCause, type Violation } from "./Violation.ts"

export type { Violation } from "./Violation.ts"

/**
 * What a program says in its end: what is wrong, and what its state is, for comparison with the ends of other runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly violations: ReadonlyArray<Violation>
  readonly state?: string | undefined
}

/**
 * What a program can do while it is explored.
 *
 * - `contexts` runs some effects side by side until all have ended, however: each stops before its first operation, and before every
 *   step. Exits in their order. Interrupted, those that have not begun never do, and operations that have begun end first
 * - `watch` has something looked at whenever somebody is about to go on; what it finds ends the run
 * - `guard` looks at every step before which somebody of the `contexts` behind it stops, with the fiber that is about to do it
 *
 * @category models
 * @since 0.1.0
 */
export interface Explored {
  readonly contexts: <A, E, R>(
    effects: Readonly<Record<string, Effect.Effect<A, E, R>>>
  ) => Effect.Effect<ReadonlyArray<Exit.Exit<A, E>>, never, R>
  readonly watch: (look: () => ReadonlyArray<Violation>) => Effect.Effect<void>
  readonly guard: (check: Guard) => Effect.Effect<void>
}

/**
 * What is wrong with a fiber doing a step.
 *
 * @category models
 * @since 0.1.0
 */
export type Guard = (step: Steps.Step, fiber: Fiber.Fiber<unknown, unknown>) => ReadonlyArray<Violation>

/**
 * A program that can be run again and again, and is the same each time but for who goes on when.
 *
 * @category models
 * @since 0.1.0
 */
export type Program<E = never> = (explored: Explored) => Effect.Effect<Report, E>

/**
 * Something that went on: a context, by its number and name, up to the step before which it stopped, which it then did; `null`: it
 * began. Of what is no context the name is that of the fiber that went on, or of its context; empty where it has none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Event {
  readonly choice: Choice.Choice
  readonly name: string
  readonly step: Steps.Step | null
}

/**
 * Who could go on: contexts that stopped, with the step each is about to do, behind `tasks` other things. `isAlone`: whoever went on last
 * woke nobody, and stopped again or ended, so that others know of it by its step alone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ready {
  readonly tasks: number
  readonly contexts: ReadonlyArray<Waiting>
  readonly isAlone: boolean
}

/**
 * A context that stopped before a step; `null`: before it began. `key` names the fiber among all of the run, in the order in which they
 * first stopped; `fiber` is its place among those of its context that have stopped now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Waiting {
  readonly key: number
  readonly context: number
  readonly fiber: number
  readonly step: Steps.Step | null
}

/**
 * Who goes on: its place, tasks first; less than 0: nobody, the run is given up.
 *
 * @category models
 * @since 0.1.0
 */
export type Decide = (ready: Ready) => number

/**
 * How a run ended: `given up` where whoever decides did so. `events` in their order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Execution {
  readonly names: ReadonlyArray<string>
  readonly events: ReadonlyArray<Event>
  readonly end: "ended" | "given up"
  readonly violations: ReadonlyArray<Violation>
  readonly state: string | undefined
}

/**
 * Runs programs one after the other: for who runs one again and again, as {@link run} does once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runner = (limit = 100_000): <E>(program: Program<E>, decide: Decide) => Execution => {
  let current: VirtualTime.Driver | null = null
  const driver: VirtualTime.Driver = {
    count: () => current?.count() ?? 0,
    decide: (tasks, own) => current?.decide(tasks, own) ?? 0,
    resume: (index) => current?.resume(index),
    runs: (fiber) => current?.runs?.(fiber)
  }
  const time = VirtualTime.runner({ driver, limit })
  return (program, decide) =>
    execute(program, decide, (effect, driver) => {
      current = driver
      return time(effect).exit
    })
}

/**
 * Runs a program once; `limit` of wake-ups, beyond which it counts as one that never ends.
 *
 * A failure of the program, a defect, a deadlock and what `watch` finds are violations.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <E>(program: Program<E>, decide: Decide, limit?: number): Execution => runner(limit)(program, decide)

const execute = <E>(
  program: Program<E>,
  decide: Decide,
  drive: (
    effect: Effect.Effect<Report, E>,
    driver: VirtualTime.Driver
  ) => Exit.Exit<Report, E | Deadlock>
): Execution => {
  const stopped: Array<Stopped.Stopped> = []
  const events: Array<{ choice: Choice.Choice; name: string; step: Steps.Step | null }> = []
  const contextOf = new Map<Steps.Granularity, number>()
  const looks: Array<() => ReadonlyArray<Violation>> = []
  const guards: Array<Guard> = []
  const guarded: Array<Violation> = []
  let names: ReadonlyArray<string> = []
  let isOver = false
  const keys = new Map<number, number>()
  let known = 0
  let ended = 0
  /** Contexts that have not ended, and still can. */
  let open = 0
  /** What there was when somebody was let go on last: tasks, and contexts that had stopped or ended. */
  let tasksBefore = 0
  let restBefore = 0
  let found: ReadonlyArray<Violation> = []

  const keyOf = (id: number): number => {
    const key = keys.get(id) ?? known++
    keys.set(id, key)
    return key
  }

  const park = (context: number, id: number, step: Steps.Step): Effect.Effect<void> =>
    Effect.callback<void>((resume) => {
      const waiting: Stopped.Stopped = { key: keyOf(id), context, fiber: 0, step, resume: () => resume(Effect.void) }
      Stopped.add(stopped, waiting)
      return Effect.asVoid(Effect.sync(() => Stopped.remove(stopped, waiting)))
    })

  const guard = (step: Steps.Step, fiber: Fiber.Fiber<unknown, unknown>): void => {
    for (const check of guards) guarded.push(...check(step, fiber))
  }

  const at = (context: number) => (step: Steps.Step): Effect.Effect<void> =>
    isOver ? Effect.void : Effect.withFiber((fiber) => {
      guard(step, fiber)
      return park(context, fiber.id, step)
    })

  const pass = <A>(op: Steps.Op<A>, fiber: Fiber.Fiber<unknown, unknown>): A => {
    let next = op.next()
    for (; next.done !== true; next = op.next()) guard(next.value, fiber)
    return next.value
  }

  /** Passes one step of an operation after the other, whenever it is let go on. */
  const passing = <A>(
    make: () => Steps.Op<A>,
    fiber: Fiber.Fiber<unknown, unknown> | null,
    end: (exit: Exit.Exit<A>) => void
  ): Stopped.Stopped["resume"] => {
    let op: Steps.Op<A> | null = null
    return (waiting) => {
      try {
        op ??= make()
        const next = op.next()
        if (next.done === true) {
          end(Exit.succeed(next.value))
          return
        }
        if (fiber !== null) guard(next.value, fiber)
        waiting.step = next.value
        Stopped.add(stopped, waiting)
      } catch (defect) {
        end(Exit.die(defect))
      }
    }
  }

  /** All steps of an operation, whose fiber is not woken before it has ended: nothing but the operation can tell. */
  const perform = (context: number) => <A>(op: Steps.Op<A>, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<A> => {
    if (isOver) return Effect.succeed(pass(op, fiber))
    const first = op.next()
    if (first.done === true) return Effect.succeed(first.value)
    const { value: step } = first
    guard(step, fiber)
    return Effect.callback<A>((resume) => {
      Stopped.add(stopped, { key: keyOf(fiber.id), context, fiber: 0, step, resume: passing(() => op, fiber, resume) })
    })
  }

  /** How operations run in a context, and in all that it begins. */
  const stepped = (context: number): Steps.Granularity => {
    const granularity = { ...Steps.stepped(at(context)), perform: perform(context) }
    contextOf.set(granularity, context)
    return granularity
  }

  const explored: Explored = {
    contexts: <A, E, R>(effects: Readonly<Record<string, Effect.Effect<A, E, R>>>) =>
      Effect.contextWith((services: Context.Context<R>) =>
        Effect.callback<ReadonlyArray<Exit.Exit<A, E>>>((resume) => {
          const own = Object.keys(effects)
          const first = names.length
          names = [...names, ...own]
          open += own.length
          let left = own.length
          const exits: Array<Exit.Exit<A, E>> = []
          const fibers: Array<Fiber.Fiber<A, E>> = []
          const dispatcher = Context.get(services, Scheduler.Scheduler).makeDispatcher()
          let whenEnded = () => resume(Effect.succeed(exits))
          /** Whoever waits for all is ready once they have ended, and does not go on inside the last of them. */
          const end = () => dispatcher.scheduleTask(() => whenEnded(), 0)
          if (left === 0) end()
          const begins = (effect: Effect.Effect<A, E, R>, place: number): Stopped.Stopped => {
            const context = first + place
            const key = known++
            const ends = (exit: Exit.Exit<A, E>): void => {
              exits[place] = exit
              ended++
              open--
              if (--left === 0) end()
            }
            // Nobody asks for the fiber of what is an operation and nothing else.
            const operation = guards.length > 0 ? null : Steps.made(effect)
            if (operation !== null) {
              return { key, context, fiber: 0, step: null, resume: passing(() => operation(1), null, ends) }
            }
            const begun = Effect.withFiber((fiber: Fiber.Fiber<unknown, unknown>) => {
              keys.set(fiber.id, key)
              return effect
            })
            const begin = () => {
              const fiber = Effect.runForkWith(Context.add(services, Steps.Steps, stepped(context)))(begun)
              fibers.push(fiber)
              fiber.addObserver(ends)
            }
            return { key, context, fiber: 0, step: null, resume: begin }
          }
          const all = own.map((name, place) => {
            const waiting = begins(effects[name] as Effect.Effect<A, E, R>, place)
            Stopped.add(stopped, waiting)
            return waiting
          })
          return Effect.suspend(() => {
            for (const waiting of all) {
              // Nobody lets an operation go on any more where all is over.
              if ((waiting.step !== null && !isOver) || !Stopped.remove(stopped, waiting)) continue
              left--
              open--
            }
            return Effect.andThen(
              Fiber.interruptAll(fibers),
              Effect.callback<void>((resume) => {
                whenEnded = () => resume(Effect.void)
                if (left === 0) whenEnded()
              })
            )
          })
        })
      ),
    watch: (look) =>
      Effect.sync(() => {
        looks.push(look)
      }),
    guard: (check) =>
      Effect.sync(() => {
        guards.push(check)
      })
  }

  const looked = (): boolean => {
    if (guarded.length > 0) found = guarded
    if (guarded.length > 0) return true
    for (const look of looks) {
      const violations = look()
      if (violations.length === 0) continue
      found = violations
      return true
    }
    return false
  }

  const driver: VirtualTime.Driver = {
    count: () => stopped.length,
    decide: (tasks, own) => {
      // Nothing to decide: there is no context yet or any more, or one thing is ready.
      if (open === 0 || (own === 0 && tasks === 1)) return 0
      if (looked()) {
        isOver = true
        return -1
      }
      const rest = stopped.length + ended
      const index = decide({ tasks, contexts: stopped, isAlone: tasks === tasksBefore && rest === restBefore })
      tasksBefore = index < tasks ? tasks - 1 : tasks
      restBefore = rest
      if (index < 0) isOver = true
      else if (index < tasks) events.push({ choice: { _tag: "Task", task: index }, name: "", step: null })
      return index
    },
    runs: (fiber) => {
      const last = events.at(-1)
      if (last?.choice._tag !== "Task" || last.name !== "") return
      last.name = fiber.getRef(Name) ?? names[contextOf.get(fiber.getRef(Steps.Steps)) ?? -1] ?? ""
    },
    resume: (index) => {
      const waiting = stopped[index]
      if (waiting === undefined) return
      const { context, fiber, step } = waiting
      Stopped.remove(stopped, waiting, index)
      events.push({ choice: { _tag: "Context", context, fiber }, name: names[context] ?? "", step })
      waiting.resume(waiting)
    }
  }

  const exit = drive(program(explored), driver)
  if (found.length > 0) return { names, events, end: "ended", violations: found, state: undefined }
  if (isOver) return { names, events, end: "given up", violations: [], state: undefined }
  return Exit.isSuccess(exit)
    ? { names, events, end: "ended", violations: exit.value.violations, state: exit.value.state }
    : { names, events, end: "ended", violations: ofCause(exit.cause), state: undefined }
}
