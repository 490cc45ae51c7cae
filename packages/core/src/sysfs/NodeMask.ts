/**
 * Sets of nodes or CPUs as the kernel prints them: `0-2,5` (`%*pbl`).
 *
 * @since 0.1.0
 */

/**
 * Ascending numbers as ranges; the empty text for none.
 *
 * @category printing
 * @since 0.1.0
 */
export const toText = (numbers: ReadonlyArray<number>): string => {
  const runs: Array<{ first: number; last: number }> = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run !== undefined && run.last + 1 === number) run.last = number
    else runs.push({ first: number, last: number })
  }
  return runs.map(({ first, last }) => first === last ? String(first) : `${first}-${last}`).join(",")
}
