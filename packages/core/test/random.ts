/** Numbers below a bound. */
export type Next = (below: number) => number

/** mulberry32: what is drawn from a seed is the same everywhere. */
export const random = (seed: number): Next => {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * below)
  }
}

/** One of the lowest `bits` of the character at a place changed; at the end a new one. */
export const flip = (text: string, at: number, bits: number, next: Next): string =>
  text.slice(0, at) + String.fromCharCode((text.charCodeAt(at) || 32) ^ (1 << next(bits))) + text.slice(at + 1)
