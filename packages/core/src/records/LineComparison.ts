/**
 * Kernel lines against what the engine said (OBS-9, OBS-29).
 *
 * The kernel's lists hold lines of other subjects too; those are out of scope. A line that stands where the engine says
 * something else is that line altered, whatever it has become.
 *
 * @since 0.1.0
 */
import * as KernelLine from "./KernelLine.ts"
import * as LeafPath from "./LeafPath.ts"
import * as Pairing from "./Pairing.ts"
import * as Scope from "./Scope.ts"
import * as Verdict from "./Verdict.ts"

type Line = KernelLine.KernelLine

const failedMigration = "page dumped because: migration failure"

/** Whether some process had a page that was to be migrated is no one's to predict; the kernel tries again. */
const withoutMigration = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> =>
  lines.some(({ key }) => key === failedMigration)
    ? lines.map((line, i) =>
      line.key === failedMigration ||
        (line.key?.startsWith("page of section ") === true && lines[i + 1]?.key === failedMigration)
        ? { ...line, key: undefined }
        : line
    )
    : lines

/**
 * The lines of a value that is a list of texts, or none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lines = (value: unknown, needsTime: boolean): ReadonlyArray<Line> =>
  Array.isArray(value)
    ? withoutMigration(
      value.map((line) => KernelLine.read(typeof line === "string" ? line : JSON.stringify(String(line)), needsTime))
    )
    : []

/** What the engine said of this subject. */
const said = (value: unknown): ReadonlyArray<Line> => lines(value, false).filter(({ key }) => key !== undefined)

/** Indices of kernel lines that have found theirs. */
type Found = Map<number, number>

const leftOver = (count: number, taken: ReadonlySet<number>): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, index) => index).filter((index) => !taken.has(index))

/** The kernel line among `candidates` that the engine's may have become. */
const mostAlike = (
  kernel: ReadonlyArray<Line>,
  candidates: ReadonlyArray<number>,
  engine: Line
): number | undefined => {
  let best: number | undefined
  let most = 0
  for (const index of candidates) {
    const line = kernel[index]
    const likeness = line === undefined ? 0 : KernelLine.likeness(line, engine)
    if (likeness > most) [best, most] = [index, likeness]
  }
  return best
}

/** Pairs the rest of one gap: lines of this subject in order, then lines that have become something else. */
const fillGap = (
  kernel: ReadonlyArray<Line>,
  engine: ReadonlyArray<Line>,
  left: ReadonlyArray<number>,
  right: ReadonlyArray<number>
): Found => {
  const found: Found = new Map()
  const own = left.filter((index) => kernel[index]?.key !== undefined)
  const count = Math.min(own.length, right.length)
  for (let i = 0; i < count; i++) found.set(own[i] ?? 0, right[i] ?? 0)
  for (const index of right.slice(count)) {
    const line = engine[index]
    const others = left.filter((other) => kernel[other]?.key === undefined && !found.has(other))
    const best = line === undefined ? undefined : mostAlike(kernel, others, line)
    if (best !== undefined) found.set(best, index)
  }
  return found
}

/** Places between anchors: `[left, right]` lists of what each gap holds. */
const gaps = (
  anchors: ReadonlyArray<readonly [number, number]>,
  left: ReadonlyArray<number>,
  right: ReadonlyArray<number>
): ReadonlyArray<readonly [ReadonlyArray<number>, ReadonlyArray<number>]> => {
  const ends = [...anchors, [Infinity, Infinity] as const]
  return ends.map(([endLeft, endRight], i) => {
    const [startLeft, startRight] = ends[i - 1] ?? [-1, -1]
    return [
      left.filter((index) => index > startLeft && index < endLeft),
      right.filter((index) => index > startRight && index < endRight)
    ]
  })
}

/** Beyond so many lines that belong nowhere they are not looked at one by one. */
const gapLimit = 512

type Anchors = ReadonlyArray<readonly [number, number]>

/** Equal lines in the order of both sides. */
const anchorsOf = (kernel: ReadonlyArray<Line>, engine: ReadonlyArray<Line>): Anchors => {
  const own = [...kernel.keys()].filter((index) => kernel[index]?.key !== undefined)
  return Pairing.equals(own.map((index) => kernel[index]?.key ?? ""), engine.map(({ key }) => key ?? ""))
    .map(([left, right]) => [own[left] ?? 0, right] as const)
}

/** Of several equal lines the last ones: found from the end. */
const lastAnchorsOf = (kernel: ReadonlyArray<Line>, engine: ReadonlyArray<Line>): Anchors =>
  anchorsOf(kernel.toReversed(), engine.toReversed())
    .map(([left, right]) => [kernel.length - 1 - left, engine.length - 1 - right] as const)
    .toReversed()

/** The anchors, and equal lines that have changed places. */
const withSwapped = (kernel: ReadonlyArray<Line>, engine: ReadonlyArray<Line>, anchors: Anchors): Found => {
  const found: Found = new Map(anchors)
  const free = Map.groupBy(leftOver(engine.length, new Set(found.values())), (index) => engine[index]?.key ?? "")
  for (const [index, { key }] of kernel.entries()) {
    const same = key === undefined || found.has(index) ? undefined : free.get(key)?.shift()
    if (same !== undefined) found.set(index, same)
  }
  return found
}

/** Lines that are taken to be of this subject, `places`, one by one from the end, as far as they have not changed places. */
const pairFromEnd = (
  kernel: ReadonlyArray<Line>,
  engine: ReadonlyArray<Line>,
  places: ReadonlyArray<number>,
  anyOrder: boolean
): Found => {
  const offset = engine.length - places.length
  const inOrder = places.map((index, i) => [index, offset + i] as const)
    .filter(([index, other]) => kernel[index]?.key !== undefined && kernel[index]?.key === engine[other]?.key)
  const found: Found = anyOrder ? withSwapped(kernel, engine, inOrder) : new Map(inOrder)
  const free = leftOver(engine.length, new Set(found.values()))
  const others = places.filter((index) => !found.has(index))
  for (const [i, index] of others.entries()) {
    const other = free[free.length - others.length + i]
    if (other !== undefined) found.set(index, other)
  }
  return found
}

/** One way to pair lines up. `lacking`: the engine's lines that the kernel should have said and did not. */
interface Paired {
  readonly kernel: ReadonlyArray<Line>
  readonly engine: ReadonlyArray<Line>
  readonly found: Found
  readonly lacking: ReadonlyArray<number>
}

/** Lines at `places` and paired ones that are not what the engine said, and lines of its that the kernel lacks. */
const mistakes = ({ engine, found, kernel, lacking }: Paired, places: ReadonlyArray<number>): number => {
  const wrong = [...new Set([...places, ...found.keys()])].filter((index) => {
    const key = kernel[index]?.key
    return key === undefined || key !== engine[found.get(index) ?? -1]?.key
  })
  return wrong.length + lacking.length
}

/** Equal lines, and between them what else there is. */
const pairByAnchors = (kernel: ReadonlyArray<Line>, engine: ReadonlyArray<Line>, anyOrder: boolean): Found => {
  const anchors = anchorsOf(kernel, engine)
  const found: Found = anyOrder ? withSwapped(kernel, engine, anchors) : new Map(anchors)
  const left = leftOver(kernel.length, new Set(found.keys())).slice(0, gapLimit)
  const right = leftOver(engine.length, new Set(found.values())).slice(0, gapLimit)
  if (right.length === 0) return found
  for (const [someLeft, someRight] of gaps(anyOrder ? [] : anchors, left, right)) {
    for (const [index, other] of fillGap(kernel, engine, someLeft, someRight)) found.set(index, other)
  }
  return found
}

const pairUp = (kernel: ReadonlyArray<Line>, engine: ReadonlyArray<Line>, anyOrder: boolean): Found => {
  // a line that has lost its brackets was altered; it may have been of this subject
  const places = [...kernel.keys()].filter((index) =>
    kernel[index]?.key !== undefined || kernel[index]?.time === undefined
  )
  const own = places.filter((index) => kernel[index]?.key !== undefined)
  const paired = (found: Found) => ({
    kernel,
    engine,
    found,
    lacking: leftOver(engine.length, new Set(found.values()))
  })
  const inTurn = paired(pairFromEnd(kernel, engine, places, anyOrder))
  const anchored = paired(pairByAnchors(kernel, engine, anyOrder))
  return places.length === engine.length && mistakes(inTurn, own) <= mistakes(anchored, own)
    ? inTurn.found
    : anchored.found
}

const verdictOf = (path: LeafPath.LeafPath, kernel: Line, engine: Line | undefined): Verdict.Verdict =>
  kernel.key === undefined && engine === undefined
    ? { _tag: "OutOfScope", path, scope: Scope.entries.lines }
    : Verdict.make(path, kernel.key === engine?.key, kernel.raw, engine?.raw)

/**
 * A list of kernel lines against the lines the engine said in the same time. With `anyOrder` neither order is wrong: devices
 * that are probed side by side end in either (23.7).
 *
 * @category combinators
 * @since 0.1.0
 */
export const compare = (
  path: LeafPath.LeafPath,
  kernel: unknown,
  engine: unknown,
  anyOrder: boolean
): Verdict.Verdicts => {
  const [left, right] = [lines(kernel, true), said(engine)]
  const found = pairUp(left, right, anyOrder)
  const used = new Set(found.values())
  return [
    ...left.map((line, index) => verdictOf(LeafPath.inside(path, index), line, right[found.get(index) ?? -1])),
    ...leftOver(right.length, used).map((index) =>
      Verdict.make(LeafPath.inside(path, left.length + index), false, undefined, right[index]?.raw)
    )
  ]
}

/** Whether a line of another subject must have been one of this: one was printed at its time, or where it has no time. */
const isAltered = (tail: ReadonlyArray<Line>, index: number, own: ReadonlyArray<Line>): boolean => {
  const line = tail[index]
  if (line === undefined || line.key !== undefined) return false
  if (line.time !== undefined) {
    const atThatTime = (some: ReadonlyArray<Line>) =>
      some.filter(({ key, time }) => key !== undefined && time === line.time).length
    return atThatTime(own) > atThatTime(tail)
  }
  const [before, after] = [tail[index - 1]?.time, tail[index + 1]?.time]
  const times = new Set(tail.map(({ time }) => time))
  return own.some(({ time }) =>
    time !== undefined && !times.has(time) && Number(time) >= Number(before ?? 0) &&
    Number(time) <= Number(after ?? Infinity)
  )
}

/** Places in the tail of lines of this subject, altered ones included. */
const placesIn = (tail: ReadonlyArray<Line>, own: ReadonlyArray<Line>, engineCount: number): ReadonlyArray<number> => {
  const times = new Set(own.map(({ time }) => time))
  // said after the kernel's other lists were taken, and hence nowhere but here
  const late = Math.min(engineCount - own.length, tail.length)
  const isShort = tail.filter(({ key, time }) => key !== undefined && !times.has(time)).length < late
  return [...tail.keys()].filter((index) =>
    tail[index]?.key !== undefined || isAltered(tail, index, own) || (isShort && tail[index]?.time === undefined)
  )
}

/** Where the tail is not what the engine said last: equal lines, and between and after them what else there is. */
const pairTail = (tail: ReadonlyArray<Line>, last: ReadonlyArray<Line>, places: ReadonlyArray<number>): Found => {
  const anchors = lastAnchorsOf(tail, last)
  const found = withSwapped(tail, last, anchors)
  const left = leftOver(tail.length, new Set(found.keys()))
  const right = leftOver(last.length, new Set(found.values()))
  for (const [gap, [someLeft, someRight]] of gaps(anchors, left, right).entries()) {
    const ours = someLeft.filter((index) => places.includes(index))
    const pairs = gap > 0
      ? fillGap(tail, last, someLeft, someRight)
      : ours.map((index, i) => [index, someRight[someRight.length - ours.length + i] ?? -1] as const)
    for (const [index, other] of pairs) found.set(index, other)
  }
  return found
}

/**
 * Whether the kernel said a line as often as the engine, wherever the record has it. Devices probed side by side may have said it
 * before the tail begins.
 */
const isHeard = (line: Line | undefined, all: ReadonlyArray<Line>, kernel: ReadonlyArray<Line>): boolean => {
  const times = new Set(kernel.filter(({ key }) => key !== undefined && key === line?.key).map(({ time }) => time))
  return times.size > 0 && times.size >= all.filter(({ key }) => key === line?.key).length
}

/** As many of the engine's lines come before all that were found: they may have been longer ago. */
const earlierThan = (found: Found): number => found.size === 0 ? Infinity : Math.min(...found.values())

/**
 * The last lines of everything: those of this subject must be the last the engine said. `others` are the kernel's lines
 * elsewhere in the record, which tell what an altered line was. What the engine said before the first of them may have been
 * longer ago; between and after them it may not.
 *
 * @category combinators
 * @since 0.1.0
 */
export const compareTail = (
  path: LeafPath.LeafPath,
  kernel: unknown,
  engineAll: unknown,
  others: ReadonlyArray<Line>
): Verdict.Verdicts => {
  const tail = lines(kernel, true)
  const own = others.filter(({ key }) => key !== undefined)
  const all = said(engineAll)
  const places = placesIn(tail, own, all.length)
  const few = all.slice(Math.max(0, all.length - places.length))
  const many = all.slice(Math.max(0, all.length - tail.length))
  const lacking = (engine: ReadonlyArray<Line>, found: Found, earlier: number) =>
    leftOver(engine.length, new Set(found.values())).slice(earlier)
      .filter((index) => !isHeard(engine[index], all, [...own, ...tail]))
  const turns = pairFromEnd(tail, few, places, true)
  const inTurn = { kernel: tail, engine: few, found: turns, lacking: lacking(few, turns, 0) }
  const anchors = pairTail(tail, many, places)
  const anchored = {
    kernel: tail,
    engine: many,
    found: anchors,
    lacking: lacking(many, anchors, earlierThan(anchors))
  }
  const best = mistakes(inTurn, places) <= mistakes(anchored, places) ? inTurn : anchored
  const { engine: last, found } = best
  return [
    ...tail.map((line, index): Verdict.Verdict => {
      const at = LeafPath.inside(path, index)
      const other = found.get(index)
      return other === undefined
        ? verdictOf(at, line, undefined)
        : Verdict.make(at, line.key !== undefined && line.key === last[other]?.key, line.raw, last[other]?.raw)
    }),
    ...best.lacking.map((index) =>
      Verdict.make(LeafPath.inside(path, tail.length + index), false, undefined, last[index]?.raw)
    )
  ]
}
