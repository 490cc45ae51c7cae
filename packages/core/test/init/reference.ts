/**
 * Background initialisation written a second time, naively: one sub-range after the other, processes that sleep and poll, states
 * page by page, mutexes that are queues. Enough processors for everybody, so that a page always costs the same.
 */
import type * as PfnRange from "../../src/geometry/PfnRange.ts"
import type * as SubRanges from "../../src/init/SubRanges.ts"

/** `every` nanoseconds of writing and of mapping one page; times in nanoseconds. */
export interface Setup {
  readonly range: PfnRange.PfnRange
  readonly pages: PfnRange.PfnRange
  readonly shares: ReadonlyArray<SubRanges.Share>
  readonly help: "none" | "wait for the worker" | "steal sub-ranges" | "steal exactly"
  readonly populate: "under the lock" | "one barrier" | "section by section"
  readonly section: number
  readonly store: number
  readonly map: number
}

export interface Ask extends PfnRange.PfnRange {
  readonly at: number
}

/** A process sleeps for so long, or until something is so. */
type Wait = number | (() => boolean)
type Process = Generator<Wait, void, void>

/** Runs processes until all have ended; what is due at one instant happens in the order of the list. */
const run = (clock: { now: number }, processes: ReadonlyArray<Process>): void => {
  const waits: Array<{ process: Process; until: number; when: (() => boolean) | null } | null> = processes.map(
    (process) => ({ process, until: 0, when: null })
  )
  for (;;) {
    for (let i = 0; i < waits.length; i++) {
      const wait = waits[i]
      if (wait === null || wait === undefined) continue
      if (wait.when === null ? wait.until > clock.now : !wait.when()) continue
      const { done, value } = wait.process.next()
      if (done === true) waits[i] = null
      else {waits[i] = typeof value === "number"
          ? { process: wait.process, until: clock.now + value, when: null }
          : { process: wait.process, until: Infinity, when: value }}
      i = -1
    }
    const next = Math.min(...waits.map((wait) => wait === null ? Infinity : wait.until))
    if (next === Infinity) {
      if (waits.every((wait) => wait === null)) return
      throw new Error("the reference is deadlocked")
    }
    clock.now = next
  }
}

/** Pages in units, each pending, busy or done; who works on a run of them can be made to stop after its unit. */
class Pages {
  readonly #states = new Map<number, "busy" | "done">()
  readonly #claims = new Set<{ at: number; end: number }>()
  readonly #waits = new Set<PfnRange.PfnRange>()
  readonly #nanos: number
  readonly #unitEnd: (pfn: number) => number

  constructor(nanos: number, unitEnd: (pfn: number) => number) {
    this.#nanos = nanos
    this.#unitEnd = unitEnd
  }

  isDone({ end, start }: PfnRange.PfnRange): boolean {
    for (let pfn = start; pfn < end; pfn++) if (this.#states.get(pfn) !== "done") return false
    return true
  }

  /** The first pending pages of a range from a page on. */
  pending({ end, start }: PfnRange.PfnRange, from = start): PfnRange.PfnRange | null {
    for (let pfn = Math.max(start, from); pfn < end; pfn++) {
      if (this.#states.has(pfn)) continue
      let to = pfn
      while (to < end && !this.#states.has(to)) to++
      return { start: pfn, end: to }
    }
    return null
  }

  yields({ end, start }: PfnRange.PfnRange): void {
    for (const claim of this.#claims) {
      if (claim.at >= end || claim.end <= start) continue
      this.#end(claim, Math.max(this.#unitEnd(claim.at), start))
    }
  }

  #end(claim: { end: number }, to: number): void {
    for (let pfn = to; pfn < claim.end; pfn++) this.#states.delete(pfn)
    claim.end = Math.min(claim.end, to)
  }

  *run(range: PfnRange.PfnRange): Process {
    const { start } = range
    // It ends where somebody waits already.
    const ends = [...this.#waits].filter((wait) => wait.start < range.end && start < wait.end)
      .map((wait) => this.#unitEnd(wait.end - 1))
    const end = Math.min(range.end, ...ends)
    const claim = { at: start, end }
    this.#claims.add(claim)
    for (let pfn = start; pfn < end; pfn++) this.#states.set(pfn, "busy")
    while (claim.at < claim.end) {
      const to = Math.min(claim.end, this.#unitEnd(claim.at))
      yield (to - claim.at) * this.#nanos
      for (let pfn = claim.at; pfn < to; pfn++) this.#states.set(pfn, "done")
      claim.at = to
    }
    this.#claims.delete(claim)
  }

  *take(range: PfnRange.PfnRange): Process {
    while (!this.isDone(range)) {
      const next = this.pending(range)
      if (next !== null) {
        yield* this.run(next)
        continue
      }
      // Who is busy with more than is waited for ends where that does; somebody else may do the rest.
      for (const claim of this.#claims) {
        if (claim.at >= range.end || claim.end <= range.start || claim.end <= range.end) continue
        this.#end(claim, Math.max(this.#unitEnd(claim.at), this.#unitEnd(range.end - 1)))
      }
      this.#waits.add(range)
      yield () => this.isDone(range) || this.pending(range) !== null
      this.#waits.delete(range)
    }
  }
}

class Mutex {
  *lock(): Generator<Wait, () => void, void> {
    const ticket = {}
    this.#queue.push(ticket)
    yield () => this.#queue[0] === ticket
    return () => void this.#queue.shift()
  }
  readonly #queue: Array<object> = []
}

const cut = (a: PfnRange.PfnRange, b: PfnRange.PfnRange) => ({
  start: Math.max(a.start, b.start),
  end: Math.min(a.end, b.end)
})

/** When everything was done, and how long each ask took. */
export const simulate = (setup: Setup, asks: ReadonlyArray<Ask>) => {
  const { help, map, pages, populate, range, section, shares, store } = setup
  const clock = { now: 0 }
  const unitEnd = (pfn: number): number => {
    const share = shares.find((share) => share.start <= pfn && pfn < share.end)
    if (share === undefined) throw new Error(`no share has ${pfn}`)
    return Math.min(share.end, share.origin + (Math.floor((pfn - share.origin) / share.unit) + 1) * share.unit)
  }
  const unitsOf = (share: PfnRange.PfnRange) => {
    const units: Array<PfnRange.PfnRange> = []
    for (let at = share.start; at < share.end; at = unitEnd(at)) units.push({ start: at, end: unitEnd(at) })
    return units
  }
  const granuleEnd = (pfn: number) => Math.min(range.end, (Math.floor(pfn / section) + 1) * section)
  const mapping = new Pages(map, granuleEnd)
  const writing = new Pages(store, unitEnd)
  const mutexes = shares.map(() => new Mutex())
  const cursors = shares.map(({ start }) => start)
  const latencies = asks.map(() => NaN)
  let ready = 0
  let isMapped = populate === "under the lock"

  function* need(part: PfnRange.PfnRange): Process {
    if (populate !== "section by section") {
      yield () => isMapped
      return
    }
    const start = Math.max(range.start, Math.floor(part.start / section) * section)
    const whole = { start, end: granuleEnd(part.end - 1) }
    if (mapping.isDone(whole)) return
    mapping.yields(whole)
    yield* mapping.take(whole)
  }

  function* underMutex(i: number, unit: PfnRange.PfnRange): Process {
    const unlock = yield* (mutexes[i] ?? new Mutex()).lock()
    if (writing.pending(unit) !== null) yield* writing.run(unit)
    unlock()
  }

  function* worker(share: SubRanges.Share, i: number): Process {
    if (share.start === share.end) return
    yield* need(share)
    if (help === "steal exactly") {
      while (!writing.isDone(share)) {
        const next = writing.pending(share, cursors[i]) ?? writing.pending(share)
        if (next === null) yield () => writing.isDone(share) || writing.pending(share) !== null
        else yield* writing.run(next)
      }
    } else {
      // It takes the next sub-range that is pending when it has the mutex, and wastes no turn on one that is not (ASY-6).
      while (!writing.isDone(share)) {
        const unlock = help === "steal sub-ranges" ? yield* (mutexes[i] ?? new Mutex()).lock() : () => {}
        const next = writing.pending(share)
        if (next !== null) yield* writing.run({ start: next.start, end: Math.min(next.end, unitEnd(next.start)) })
        unlock()
      }
    }
    ready = Math.max(ready, clock.now)
  }

  function* helped(ask: PfnRange.PfnRange): Process {
    // What is done is known only under the mutex.
    if (writing.isDone(ask) && help !== "steal sub-ranges") return
    yield* need(ask)
    const touched = shares.map((share, i) => ({ share, i, part: cut(share, ask) })).filter(({ part }) =>
      part.end > part.start
    )
    switch (help) {
      case "none":
        yield () => writing.isDone(ask)
        return
      case "wait for the worker":
        for (const { share } of touched) yield () => writing.isDone(share)
        return
      case "steal sub-ranges":
        for (const { i, share } of touched) {
          for (const unit of unitsOf(share)) {
            const isAsked = unit.start < ask.end && ask.start < unit.end
            if (isAsked) yield* underMutex(i, unit)
          }
        }
        return
      case "steal exactly":
        for (const { i, part } of touched) cursors[i] = part.end
        for (const { share } of touched) writing.yields(share)
        for (const { part } of touched) yield* writing.take(part)
    }
  }

  function* asker(ask: Ask, i: number): Process {
    yield ask.at
    yield* helped(ask)
    latencies[i] = clock.now - ask.at
  }

  function* mapper(): Process {
    yield (range.end - range.start) * map
    isMapped = true
  }

  run(clock, [
    ...(populate === "one barrier" ? [mapper()] : []),
    ...shares.map(worker),
    ...asks.map(asker)
  ])
  return { ready, latencies, isComplete: writing.isDone(pages) }
}
