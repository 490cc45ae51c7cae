/**
 * What somebody who mistyped a name may have meant.
 *
 * @since 0.1.0
 */

/** A longer one is no name. */
const longest = 64

/** How many letters have to be added, left out or changed. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const changed = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/**
 * The name that is nearest to the text, capitals or not; `undefined` where none is near.
 *
 * @category queries
 * @since 0.1.0
 */
export const find = (text: string, names: ReadonlyArray<string>): string | undefined => {
  if (text.length > longest) return undefined
  const typed = text.toLowerCase()
  let best: string | undefined
  let least = Math.floor(text.length / 3)
  for (const name of names) {
    const far = distance(typed, name.toLowerCase())
    if (far > least || (far === least && best !== undefined)) continue
    best = name
    least = far
  }
  return best
}

/**
 * The same as a question to be added to a sentence; empty where nothing is near.
 *
 * @category printing
 * @since 0.1.0
 */
export const question = (text: string, names: ReadonlyArray<string>): string => {
  const name = find(text, names)
  return name === undefined ? "" : ` (did you mean '${name}'?)`
}
