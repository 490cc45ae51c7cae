/**
 * Stretches of time added up in columns: any number of them in as much memory as there are columns.
 *
 * A stretch costs the same however long it is: parts of columns are added at its ends, whole ones where they begin
 * and stop.
 *
 * @since 0.1.0
 */

/**
 * What is in each column: parts of it, and how many more stretches fill it than filled the one before.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimeColumns {
  readonly parts: Float64Array
  readonly steps: Float64Array
}

/**
 * `count` empty columns.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (count: number): TimeColumns => ({
  parts: new Float64Array(count + 1),
  steps: new Float64Array(count + 1)
})

/**
 * What a stretch that takes no time is taken for, in columns.
 *
 * @category constants
 * @since 0.1.0
 */
export const trace = 1e-9

const increase = (array: Float64Array, at: number, by: number): void => {
  array[at] = (array[at] ?? 0) + by
}

/**
 * Adds a stretch; both ends count in columns, and what is outside of them is cut off.
 *
 * @category operations
 * @since 0.1.0
 */
export const add = ({ parts, steps }: TimeColumns, from: number, to: number): void => {
  const count = parts.length - 1
  const start = Math.min(Math.max(from, 0), count - trace)
  const end = Math.min(Math.max(to, start + trace), count)
  const first = Math.floor(start)
  const last = Math.floor(end)
  if (first === last) {
    increase(parts, first, end - start)
  } else {
    increase(parts, first, first + 1 - start)
    increase(steps, first + 1, 1)
    increase(steps, last, -1)
    increase(parts, last, end - last)
  }
}

/**
 * What was added to each column: 1 is all of it, once.
 *
 * @category queries
 * @since 0.1.0
 */
export const sums = ({ parts, steps }: TimeColumns): ReadonlyArray<number> => {
  let whole = 0
  return Array.from(parts.subarray(0, -1), (part, i) => {
    whole += steps[i] ?? 0
    return whole + part
  })
}
