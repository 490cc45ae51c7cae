/**
 * Instants at which somebody wants to be woken, earliest first; equal instants in the order in which they were added.
 *
 * A binary heap whose keys lie side by side. Timers belong to whoever sleeps, so a program that only sleeps allocates nothing
 * here. Taking the first leaves a vacancy: whoever adds while it is woken, mostly the one who was woken, gets its place.
 * `next` closes it.
 *
 * @since 0.1.0
 */

/**
 * What one sleeper has in a queue, in one at a time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timer {
  /** Order of addition. */
  sequence: number
  /** Place in the heap; -1: in none. */
  index: number
  wake: () => void
}

/**
 * A mutable queue of timers; `at[i]` is the instant of `heap[i]`, finite and in range wherever an index is.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimerQueue {
  at: Float64Array
  readonly heap: Array<Timer>
  /** The first was taken and not yet replaced: it is still in its place. */
  vacant: boolean
  sequence: number
}

/** A queue gets memory when somebody sleeps. */
const nowhere = new Float64Array(0)

/**
 * A queue without timers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): TimerQueue => ({ at: nowhere, heap: [], vacant: false, sequence: 0 })

const nobody = (): void => {}

/**
 * A timer that is in no queue.
 *
 * @category constructors
 * @since 0.1.0
 */
export const timer = (): Timer => ({ sequence: 0, index: -1, wake: nobody })

const put = (at: Float64Array, heap: Array<Timer>, index: number, instant: number, timer: Timer): void => {
  at[index] = instant
  heap[index] = timer
  timer.index = index
}

const up = ({ at, heap }: TimerQueue, instant: number, timer: Timer, from: number): void => {
  const { sequence } = timer
  let index = from
  while (index > 0) {
    const parent = (index - 1) >> 1
    const other = at[parent] as number
    const above = heap[parent] as Timer
    if (instant > other || (instant === other && sequence > above.sequence)) break
    put(at, heap, index, other, above)
    index = parent
  }
  put(at, heap, index, instant, timer)
}

/** The lesser child of a place that has two, the left one being `left`: without a branch, which nobody could predict. */
const lesser = (at: Float64Array, heap: Array<Timer>, left: number): number => {
  const first = at[left] as number
  const second = at[left + 1] as number
  return first === second
    ? left + Number((heap[left + 1] as Timer).sequence < (heap[left] as Timer).sequence)
    : left + Number(second < first)
}

const down = ({ at, heap }: TimerQueue, instant: number, timer: Timer, from: number): void => {
  const last = heap.length - 1
  const { sequence } = timer
  let index = from
  for (let left = 2 * index + 1; left <= last; left = 2 * index + 1) {
    const child = left === last ? left : lesser(at, heap, left)
    const least = at[child] as number
    if (least > instant) break
    const below = heap[child] as Timer
    if (least === instant && below.sequence > sequence) break
    put(at, heap, index, least, below)
    index = child
  }
  put(at, heap, index, instant, timer)
}

const instantAt = ({ at }: TimerQueue, index: number): number => at[index] as number

/** The last timer takes the place `index`, from which one was taken. */
const fill = (queue: TimerQueue, index: number): void => {
  const last = queue.heap.pop()
  const { length } = queue.heap
  if (last === undefined || index >= length) return
  const instant = instantAt(queue, length)
  down(queue, instant, last, index)
  if (last.index === index) up(queue, instant, last, index)
}

const free = (timer: Timer): void => {
  timer.index = -1
  timer.wake = nobody
}

const settle = (queue: TimerQueue): void => {
  if (!queue.vacant) return
  queue.vacant = false
  fill(queue, 0)
}

/**
 * Takes a timer out without waking anybody; nothing happens where it is in no queue.
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = (queue: TimerQueue, timer: Timer): void => {
  if (timer.index === -1) return
  settle(queue)
  const { index } = timer
  free(timer)
  fill(queue, index)
}

/**
 * Adds a timer, which is in no queue, for whoever wants to be woken `at` an instant, which is finite.
 *
 * @category operations
 * @since 0.1.0
 */
export const add = (queue: TimerQueue, at: number, timer: Timer, wake: Timer["wake"]): void => {
  timer.sequence = queue.sequence++
  timer.wake = wake
  if (queue.vacant) {
    queue.vacant = false
    down(queue, at, timer, 0)
    return
  }
  const { length } = queue.heap
  if (length === queue.at.length) {
    const larger = new Float64Array(Math.max(8, 2 * length))
    larger.set(queue.at)
    queue.at = larger
  }
  queue.heap.push(timer)
  up(queue, at, timer, length)
}

/**
 * The earliest instant; `Infinity` when nobody sleeps. Ask between one wake-up and the next.
 *
 * @category queries
 * @since 0.1.0
 */
export const next = (queue: TimerQueue): number => {
  settle(queue)
  return queue.heap.length === 0 ? Infinity : instantAt(queue, 0)
}

/**
 * Sleepers due at `now`, in the order in which they would be woken.
 *
 * @category queries
 * @since 0.1.0
 */
export const due = (queue: TimerQueue, now: number): ReadonlyArray<Timer> => {
  settle(queue)
  const found: Array<Timer> = []
  const open = [0]
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const timer = queue.heap[index]
    if (timer === undefined || instantAt(queue, index) > now) continue
    found.push(timer)
    open.push(2 * index + 1, 2 * index + 2)
  }
  return found.toSorted((a, b) => instantAt(queue, a.index) - instantAt(queue, b.index) || a.sequence - b.sequence)
}

/**
 * Takes out the earliest timer, or `timer`, and returns what wakes it; nothing happens where there is none.
 *
 * @category operations
 * @since 0.1.0
 */
export const take = (queue: TimerQueue, timer?: Timer): Timer["wake"] => {
  settle(queue)
  const taken = timer ?? queue.heap[0]
  if (taken === undefined || taken.index === -1) return nobody
  const { index, wake } = taken
  if (index > 0) {
    remove(queue, taken)
  } else {
    free(taken)
    queue.vacant = true
  }
  return wake
}
