/**
 * Schedules made shorter while they still lead to the same.
 *
 * @since 0.1.0
 */
import type { Choice } from "./Schedule.ts"

const same = (a: Choice | undefined, b: Choice | undefined): boolean =>
  a !== undefined && b !== undefined && a._tag === b._tag &&
  (a._tag === "Task"
    ? a.task === (b as typeof a).task
    : a.context === (b as typeof a).context && a.fiber === (b as typeof a).fiber)

/** How often somebody else goes on than before. */
const switches = (choices: ReadonlyArray<Choice>): number =>
  choices.reduce((sum, choice, i) => i > 0 && !same(choice, choices[i - 1]) ? sum + 1 : sum, 0)

/** Fewer switches first, then fewer steps. */
const isBetter = (a: ReadonlyArray<Choice>, b: ReadonlyArray<Choice>): boolean => {
  const [x, y] = [switches(a), switches(b)]
  return x < y || (x === y && a.length < b.length)
}

/** Runs of like choices, as pieces that can be left out or moved. */
const pieces = (choices: ReadonlyArray<Choice>): ReadonlyArray<ReadonlyArray<Choice>> => {
  const out: Array<Array<Choice>> = []
  for (const choice of choices) {
    const last = out.at(-1)
    if (same(last?.[0], choice)) last?.push(choice)
    else out.push([choice])
  }
  return out
}

const candidates = function*(choices: ReadonlyArray<Choice>): Generator<ReadonlyArray<Choice>> {
  const all = pieces(choices)
  // The end is whatever comes of the beginning.
  for (let length = 1; length < all.length; length++) yield all.slice(0, length).flat()
  for (let i = 0; i < all.length; i++) yield all.toSpliced(i, 1).flat()
  for (let i = 0; i + 1 < all.length; i++) {
    const [a = [], b = []] = [all[i], all[i + 1]]
    yield all.toSpliced(i, 2, b, a).flat()
  }
}

/**
 * The best that was found: `leads` answers the schedule that was really run where it still leads there, `null` where it does not. At
 * most `most` are tried.
 *
 * @category running
 * @since 0.1.0
 */
export const shorten = (
  choices: ReadonlyArray<Choice>,
  leads: (choices: ReadonlyArray<Choice>) => ReadonlyArray<Choice> | null,
  most = 400
): ReadonlyArray<Choice> => {
  let best = choices
  let tries = 0
  for (let isBetterFound = true; isBetterFound;) {
    isBetterFound = false
    for (const candidate of candidates(best)) {
      if (++tries > most) return best
      const found = leads(candidate)
      if (found === null || !isBetter(found, best)) continue
      best = found
      isBetterFound = true
      break
    }
  }
  return best
}
