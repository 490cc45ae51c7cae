/**
 * Which element of one list belongs to which of another, when some may be missing, added or altered.
 *
 * @since 0.1.0
 */

/**
 * Indices of two elements that belong together, or of one that stands alone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pair {
  readonly left: number | undefined
  readonly right: number | undefined
}

/** Beyond so many comparisons equal elements are taken in order as they come. */
const workLimit = 1 << 21

/** Lengths of the longest common subsequences of all suffixes, row by row. */
const suffixLengths = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): Uint32Array => {
  const columns = right.length + 1
  const table = new Uint32Array((left.length + 1) * columns)
  const at = (i: number, j: number): number => table[i * columns + j] ?? 0
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      table[i * columns + j] = left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  return table
}

const longest = (
  left: ReadonlyArray<string>,
  right: ReadonlyArray<string>
): ReadonlyArray<readonly [number, number]> => {
  const table = suffixLengths(left, right)
  const columns = right.length + 1
  const found: Array<readonly [number, number]> = []
  let i = 0
  let j = 0
  while (i < left.length && j < right.length) {
    if (left[i] === right[j]) found.push([i++, j++])
    else if ((table[(i + 1) * columns + j] ?? 0) >= (table[i * columns + j + 1] ?? 0)) i++
    else j++
  }
  return found
}

/** Each element of the left takes the next equal one of the right. */
const greedy = (
  left: ReadonlyArray<string>,
  right: ReadonlyArray<string>
): ReadonlyArray<readonly [number, number]> => {
  const places = Map.groupBy(right.keys(), (index) => right[index] ?? "")
  const used = new Map<string, number>()
  const found: Array<readonly [number, number]> = []
  let last = -1
  for (const [i, key] of left.entries()) {
    const candidates = places.get(key) ?? []
    let at = used.get(key) ?? 0
    while (at < candidates.length && (candidates[at] ?? 0) <= last) at++
    used.set(key, at + 1)
    const j = candidates[at]
    if (j === undefined) continue
    found.push([i, j])
    last = j
  }
  return found
}

/**
 * Pairs of equal elements in the order of both lists, as many as possible (fewer on lists too long for that).
 *
 * @category queries
 * @since 0.1.0
 */
export const equals = (
  left: ReadonlyArray<string>,
  right: ReadonlyArray<string>
): ReadonlyArray<readonly [number, number]> => {
  const shorter = Math.min(left.length, right.length)
  let head = 0
  while (head < shorter && left[head] === right[head]) head++
  let tail = 0
  while (tail < shorter - head && left.at(-1 - tail) === right.at(-1 - tail)) tail++
  const [innerLeft, innerRight] = [left.slice(head, left.length - tail), right.slice(head, right.length - tail)]
  const inner = innerLeft.length * innerRight.length <= workLimit
    ? longest(innerLeft, innerRight)
    : greedy(innerLeft, innerRight)
  return [
    ...Array.from({ length: head }, (_, i) => [i, i] as const),
    ...inner.map(([i, j]) => [i + head, j + head] as const),
    ...Array.from({ length: tail }, (_, i) => [left.length - tail + i, right.length - tail + i] as const)
  ]
}

/**
 * All elements of both lists, paired: equal ones, and between them what is left over, in order. Lists of one length are
 * paired by position where nothing equal says otherwise.
 *
 * @category queries
 * @since 0.1.0
 */
export const align = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): ReadonlyArray<Pair> => {
  const pairs: Array<Pair> = []
  let [i, j] = [0, 0]
  for (const [nextLeft, nextRight] of [...equals(left, right), [left.length, right.length] as const]) {
    while (i < nextLeft || j < nextRight) {
      pairs.push({ left: i < nextLeft ? i++ : undefined, right: j < nextRight ? j++ : undefined })
    }
    if (i < left.length && j < right.length) pairs.push({ left: i++, right: j++ })
  }
  return pairs
}
