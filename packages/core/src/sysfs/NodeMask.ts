/**
 * Sets of nodes or CPUs as the kernel prints them: `0-2,5` (`%*pbl`).
 *
 * @since 0.1.0
 */

/**
 * The sets of `/sys/devices/system/node` that this library knows, in the order recordings list them (OBS-12).
 *
 * @category constants
 * @since 0.1.0
 */
export const names = ["online", "possible", "has_memory", "has_normal_memory", "has_cpu"] as const

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
