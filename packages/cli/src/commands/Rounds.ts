/**
 * How often something is measured, and what its time is then.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/** What takes less than `nanos` is at the mercy of whatever else happens, and is cheap to repeat. */
const short = { nanos: 5e6, rounds: 41 }

const usual = 5

/**
 * Measures `rounds` times after once to warm up; unless told 5 times, and 41 times what took less than 5 ms at its fastest so far,
 * warming up included: under load single rounds may take any time.
 *
 * @category running
 * @since 0.1.0
 */
export const measure = Effect.fnUntraced(
  function*<A extends { readonly nanos: number }, E, R>(round: Effect.Effect<A, E, R>, rounds: number | undefined) {
    let fastest = (yield* round).nanos
    const measured: Array<A> = []
    while (measured.length < (rounds ?? (fastest < short.nanos ? short.rounds : usual))) {
      const one = yield* round
      fastest = Math.min(fastest, one.nanos)
      measured.push(one)
    }
    return measured
  }
)

/**
 * The time in the middle; of an even number the mean of the two there.
 *
 * @category queries
 * @since 0.1.0
 */
export const median = (times: ReadonlyArray<number>): number => {
  const sorted = times.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1] ?? 0, sorted[sorted.length >> 1] ?? 0]
  return (low + high) / 2
}
