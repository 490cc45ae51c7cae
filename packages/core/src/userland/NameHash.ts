/**
 * The order in which libndctl and libdaxctl list siblings: descending by a hash of the sysfs name (OBS-20).
 *
 * @since 0.1.0
 */

const multiplier = 0x61c8864680b583ebn

/**
 * The hash of a name, below 2^31: `region0` is `0x3d39bbb2`.
 *
 * @category queries
 * @since 0.1.0
 */
export const of = (name: string): number => {
  let hash = 0n
  for (const byte of new TextEncoder().encode(name)) {
    hash = BigInt.asUintN(64, (hash + BigInt(16 * byte + Math.floor(byte / 16))) * 11n)
  }
  return Number(BigInt.asUintN(31, BigInt.asUintN(64, hash * multiplier) >> 32n))
}

/**
 * Names in listing order. Namespaces go as 0.2, 0.4, 0.1, 0.3, 0.5, 0.0; regions, DIMMs as 1, 0, 2.
 *
 * @category queries
 * @since 0.1.0
 */
export const order = (names: ReadonlyArray<string>): ReadonlyArray<string> => orderBy(names, (name) => name)

/**
 * Things in the listing order of their names.
 *
 * @category queries
 * @since 0.1.0
 */
export const orderBy = <A>(things: ReadonlyArray<A>, nameOf: (thing: A) => string): ReadonlyArray<A> =>
  things.map((thing) => ({ thing, hash: of(nameOf(thing)) })).toSorted((a, b) => b.hash - a.hash)
    .map(({ thing }) => thing)
