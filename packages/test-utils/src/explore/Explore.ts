/**
 * Every schedule of a small program, up to a bound; or some, by chance. A program is run again for each: it stops before every step
 * (`Steps`), and here it is decided who goes on.
 *
 * Steps that commute, for they are different contexts' and access different objects or only read, need not be tried in both orders: of
 * schedules that differ by such swaps one is run (sleep sets), unless bounds left something out behind it: then that may be what the
 * other leads to. Whatever is no step of a context, such as a fiber that was woken, commutes with nothing, nor does a step after which
 * somebody is woken or waits. So whatever contexts share has to be a step's object, or something that one waits for.
 *
 * Works for any Effect program: this module knows nothing of memory.
 *
 * @since 0.1.0
 */
import type * as Steps from "@vmemmap/core/kernel/Steps"
import * as Execution from "./Execution.ts"
import * as Minimal from "./Minimal.ts"
import * as Schedule from "./Schedule.ts"

/**
 * - `preemptions`: how often a context may be left although it could go on, or something else that is ready may go on out of turn
 * - `schedules`: how many are run at most
 * - `depth`: steps of one schedule at most; one that is longer goes on without being explored further
 * - `reduce`: whether schedules that only swap what commutes are left out
 * - `stop`: at the first violation
 * - `until` says when it is enough, asked before each step: a schedule that is under way then does not count
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound {
  readonly preemptions?: number | undefined
  readonly schedules?: number | undefined
  readonly depth?: number | undefined
  readonly reduce?: boolean | undefined
  readonly stop?: boolean | undefined
  readonly until?: (() => boolean) | undefined
}

/**
 * A schedule that ends in violations: as it was found, and the shortest that was found to end in the same rule's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Finding {
  readonly violations: ReadonlyArray<Execution.Violation>
  readonly schedule: string
  readonly execution: Execution.Execution
}

/**
 * What was run: `schedules` to their end, `cut` ones that were given up because another leads to the same, the `states` they ended in
 * and the steps of the longest. `exhaustive`: there is no other within the bounds; `complete`: nor beyond them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Explored {
  readonly schedules: number
  readonly cut: number
  readonly states: ReadonlySet<string>
  readonly depth: number
  readonly exhaustive: boolean
  readonly complete: boolean
  readonly findings: ReadonlyArray<Finding>
}

/** A context that need not go on here: it did so before, and nothing since minds. */
type Sleep = ReadonlyMap<number, Steps.Step | null>

/** A point at which somebody had to be chosen. */
interface Node {
  readonly tasks: number
  readonly contexts: ReadonlyArray<Execution.Waiting>
  sleep: Sleep
  /** Places that were or are tried. */
  readonly tried: Array<boolean>
  readonly last: number | null
  readonly preemptions: number
  chosen: number
  /** Who was chosen minded others by its step alone. */
  isAlone: boolean
  /** Bounds left somebody out below who is chosen, or below who was. */
  isCut: boolean
  wasCut: boolean
}

/** What a context does before its first step minds no step; who begins first may matter to others that begin. */
const commute = (a: Steps.Step | null, b: Steps.Step | null): boolean =>
  a === null || b === null
    ? a !== b
    : a.object !== b.object || (a.access === "read" && b.access === "read")

const none: Sleep = new Map()

/** Who still sleeps once somebody of a node has gone on. */
const sleepAfter = ({ chosen, contexts, isAlone, sleep, tasks }: Node): Sleep => {
  if (chosen < tasks || !isAlone) return none
  const gone = contexts[chosen - tasks]
  if (gone === undefined || sleep.size === 0) return none
  const rest = new Map<number, Steps.Step | null>()
  for (const [key, step] of sleep) if (key !== gone.key && commute(step, gone.step)) rest.set(key, step)
  return rest
}

/** Whoever went on last goes on; when it cannot, what else is ready does in its order, and then any context. */
const isPreempted = ({ contexts, last, tasks }: Node, place: number): boolean => {
  const canGoOn = contexts.some(({ key }) => key === last)
  if (place < tasks) return place > 0 || canGoOn
  return contexts[place - tasks]?.key !== last && (tasks > 0 || canGoOn)
}

/** The next place of a node that is worth a try; -1: none is. The context that went on last comes first. */
const next = (node: Node, most: number): number => {
  const { contexts, last, sleep, tasks, tried } = node
  const places = tasks + contexts.length
  const isFree = (place: number) => {
    if (tried[place] === true) return false
    const context = contexts[place - tasks]
    if (place >= tasks && context !== undefined && sleep.has(context.key)) return false
    return node.preemptions < most || !isPreempted(node, place)
  }
  const same = contexts.findIndex(({ key }) => key === last)
  if (same >= 0 && isFree(tasks + same)) return tasks + same
  for (let place = 0; place < places; place++) if (isFree(place)) return place
  return -1
}

/** Whether bounds keep from being tried who does not sleep. */
const isBoundedAt = ({ contexts, sleep, tasks, tried }: Node): boolean => {
  const isLeft = (place: number) => tried[place] !== true && !sleep.has(contexts[place - tasks]?.key ?? -1)
  for (let place = 0; place < tasks + contexts.length; place++) if (isLeft(place)) return true
  return false
}

const lastAfter = (node: Node | undefined): number | null =>
  node === undefined || node.chosen < node.tasks ? null : node.contexts[node.chosen - node.tasks]?.key ?? null

const preemptionsAfter = (node: Node | undefined): number =>
  node === undefined ? 0 : node.preemptions + (isPreempted(node, node.chosen) ? 1 : 0)

const choicesOf = ({ events }: Execution.Execution) => events.map(({ choice }) => choice)

const isSame = (a: ReadonlyArray<Execution.Violation>, b: ReadonlyArray<Execution.Violation>): boolean =>
  a.some(({ rule }) => b.some((other) => other.rule === rule))

/**
 * A violation, on the shortest schedule to one of the same rule that was found.
 *
 * @category constructors
 * @since 0.1.0
 */
export const finding = <E>(program: Execution.Program<E>, execution: Execution.Execution): Finding => {
  const shortest = Minimal.shorten(
    choicesOf(execution),
    (choices) => {
      const run = replay(program, choices)
      return isSame(run.violations, execution.violations) ? choicesOf(run) : null
    }
  )
  const found = replay(program, shortest)
  return { violations: found.violations, schedule: Schedule.format(choicesOf(found)), execution: found }
}

/**
 * A search that can be left between two schedules, and gone on with: each turn runs one, and tells how many there were.
 *
 * @category models
 * @since 0.1.0
 */
export type Search<A> = Generator<number, A, void>

/**
 * Goes through a search to its end.
 *
 * @category running
 * @since 0.1.0
 */
export const drain = <A>(search: Search<A>): A => {
  let next = search.next()
  while (next.done !== true) next = search.next()
  return next.value
}

/**
 * Every schedule of a program within bounds.
 *
 * @category running
 * @since 0.1.0
 */
export const exhaustive = <E>(program: Execution.Program<E>, bound: Bound = {}): Explored =>
  drain(search(program, bound))

/**
 * The search that {@link exhaustive} goes through.
 *
 * @category constructors
 * @since 0.1.0
 */
export const search = function*<E>(program: Execution.Program<E>, bound: Bound = {}): Search<Explored> {
  const { depth: deepest = 10_000, preemptions = Infinity, reduce = true, schedules: most = Infinity } = bound
  const { stop = true, until = () => false } = bound
  const run = Execution.runner()
  const stack: Array<Node> = []
  const states = new Set<string>()
  const findings: Array<Finding> = []
  let schedules = 0
  let cut = 0
  let depth = 0
  let isBounded = false

  /** Bounds left out somebody below this node: what was left out with it may be reached by no other way. */
  const cutBelow = (node: Node | undefined): void => {
    isBounded = true
    if (node !== undefined) node.isCut = true
  }

  const runOnce = (): Execution.Execution => {
    let at = 0
    return run(program, ({ contexts, isAlone, tasks }) => {
      if (until()) return -1
      const last = stack[at - 1]
      if (last !== undefined) last.isAlone = isAlone
      const known = stack[at]
      if (known !== undefined) {
        at++
        return known.chosen
      }
      if (at >= deepest) {
        cutBelow(last)
        return 0
      }
      const before = last
      const node: Node = {
        tasks,
        contexts: contexts.map(({ context, fiber, key, step }) => ({ context, fiber, key, step })),
        sleep: before === undefined || !reduce ? none : sleepAfter(before),
        tried: [],
        last: lastAfter(before),
        preemptions: preemptionsAfter(before),
        chosen: -1,
        isAlone: false,
        isCut: false,
        wasCut: false
      }
      node.chosen = next(node, preemptions)
      if (node.chosen < 0 && isBoundedAt(node)) cutBelow(before)
      if (node.chosen < 0) return -1
      node.tried[node.chosen] = true
      stack.push(node)
      at++
      return node.chosen
    })
  }

  /** The deepest point at which somebody else can still be tried; nothing is left: `false`. */
  const backtrack = (): boolean => {
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      const done = node.contexts[node.chosen - node.tasks]
      // Only who was followed to every end need not go on later.
      if (reduce && node.isAlone && !node.isCut && done !== undefined) {
        node.sleep = new Map([...node.sleep, [done.key, done.step]])
      }
      node.wasCut ||= node.isCut
      node.isCut = false
      node.chosen = next(node, preemptions)
      if (node.chosen >= 0) {
        node.tried[node.chosen] = true
        return true
      }
      stack.pop()
      if (node.wasCut || isBoundedAt(node)) cutBelow(stack.at(-1))
    }
    return false
  }

  let isLeft = true
  while (isLeft && schedules < most && !until()) {
    const execution = runOnce()
    if (execution.end === "given up" && until()) break
    if (execution.end === "given up") cut++
    else {
      schedules++
      depth = Math.max(depth, execution.events.length)
      if (execution.state !== undefined) states.add(execution.state)
      if (execution.violations.length > 0) {
        findings.push(finding(program, execution))
        if (stop) return { schedules, cut, states, depth, exhaustive: false, complete: false, findings }
      }
    }
    isLeft = backtrack()
    yield schedules
  }
  return { schedules, cut, states, depth, exhaustive: !isLeft, complete: !isLeft && !isBounded, findings }
}

/**
 * A run of a schedule: who goes on as it says, as far as it says; behind that whoever went on last, or the first that can. A choice
 * that cannot be is left out.
 *
 * @category running
 * @since 0.1.0
 */
export const replay = <E>(
  program: Execution.Program<E>,
  choices: ReadonlyArray<Schedule.Choice>
): Execution.Execution => {
  let at = 0
  let last: number | null = null
  return Execution.run(program, ({ contexts, tasks }) => {
    const go = (place: number): number => {
      last = place < tasks ? null : contexts[place - tasks]?.key ?? null
      return place
    }
    while (at < choices.length) {
      const choice = choices[at++]
      if (choice === undefined) break
      const place = choice._tag === "Task"
        ? choice.task < tasks ? choice.task : -1
        : contexts.findIndex(({ context, fiber }) => context === choice.context && fiber === choice.fiber)
      if (place < 0) continue
      return go(choice._tag === "Task" ? place : tasks + place)
    }
    const same = contexts.findIndex(({ key }) => key === last)
    return go(same >= 0 ? tasks + same : 0)
  })
}
