/**
 * The checksum of info blocks (22.2): two running sums over little-endian 32-bit words.
 *
 * @since 0.1.0
 */

const empty = new Uint8Array(0)

const sum = (hi: number, lo: number, bytes: Uint8Array): { readonly hi: number; readonly lo: number } => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let offset = 0; offset + 4 <= bytes.byteLength; offset += 4) {
    lo = (lo + view.getUint32(offset, true)) >>> 0
    hi = (hi + lo) >>> 0
  }
  return { hi, lo }
}

/**
 * The checksum of all whole words of `bytes`, followed by those of `rest`; the first part must be a multiple of 4 bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (bytes: Uint8Array, rest: Uint8Array = empty): bigint => {
  const first = sum(0, 0, bytes)
  const { hi, lo } = sum(first.hi, first.lo, rest)
  return (BigInt(hi) << 32n) | BigInt(lo)
}
